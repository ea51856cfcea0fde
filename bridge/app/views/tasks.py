"""Views of tasks, and of what tracking them came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field

from bridge.app.ports import EventRow, TaskRow
from bridge.app.views import View, moment, moment_or_none
from bridge.app.views.events import EventDetailView, Waits
from bridge.core.event_data import kept_json, lineage_json, snapshot_json
from bridge.core.task import TaskSnapshot

#: Events of a task that are shown with it.
MAX_EVENTS = 50

TrackingResult: TypeAlias = Literal[
    "tracked", "known", "rejected", "untracked", "not tracked"
]


class ButtonView(View):
    """A button of a task."""

    custom_id: str = Field(description="What the gateway is sent to press it.")
    label: str | None
    emoji: str | None
    kind: str = Field(description="upsample, variation, reroll, ...")
    index: int | None = Field(description="The picture's number.")
    needs_modal: bool


class TaskView(View):
    """A task: what its events carry, and how it is polled."""

    id: str = Field(description="The id that the gateway gave it.")
    upstream: str = Field(description="The upstream where it is polled.")
    sequence: int = Field(description="How many events there were.")
    action: str | None = Field(description="IMAGINE, UPSCALE, ...")
    status: str | None = Field(
        description="As in events; LOST for a lost task, null for one never seen."
    )
    progress: int | None = Field(description="0 to 100.")
    prompt: str | None
    prompt_en: str | None
    final_prompt: str | None
    description: str | None
    fail_reason: str | None = Field(description="Why it failed.")
    image_url: str | None
    image_expires_at: str | None = Field(description="As the URL says; RFC 3339, UTC.")
    video_urls: list[str]
    buttons: list[ButtonView]
    submit_time: str | None
    start_time: str | None
    finish_time: str | None
    state: str | None
    metadata: dict[str, Any] = Field(description="What it was tracked with.")
    parent_id: str | None = Field(
        default=None, description="The task whose button made it."
    )
    root_id: str | None = Field(default=None, description="The first of its tree.")
    action_id: str | None = Field(default=None, description="What made it.")
    by: str | None = Field(default=None, description="Who asked for it.")
    archived: list[dict[str, Any]] | None = Field(
        default=None,
        description="The files that were kept of its pictures, as in task.archived.",
    )
    active: bool = Field(description="Whether it is polled.")
    tracked_at: str = Field(description="When it was last tracked; RFC 3339, UTC.")
    seen_at: str | None = Field(description="When the bridge saw its last change.")
    next_look_at: str | None = Field(description="When it is polled next.")

    @classmethod
    def of(cls, row: TaskRow) -> Self:
        """Show a task."""
        return cls(**_task_fields(row))


class TaskDetailView(TaskView):
    """A task, its newest events, and the attempts to deliver them."""

    events: list[EventDetailView] = Field(description="Newest first, at most 50.")

    @classmethod
    def whole(
        cls, row: TaskRow, events: Sequence[EventRow], waits: Waits | None = None
    ) -> Self:
        """
        Show a task and its events.

        Args:
            row: The task.

            events: Its newest events, oldest first.

            waits: Why its open deliveries wait, as far as that was asked.
        """
        newest_first = [EventDetailView.of_row(one, waits) for one in reversed(events)]
        return cls(**_task_fields(row), events=newest_first[:MAX_EVENTS])


class TrackingView(View):
    """What tracking or untracking came to for one id."""

    id: str
    upstream: str
    result: TrackingResult


class TaskEndView(View):
    """How a task stands that nothing more will happen to."""

    id: str
    upstream: str
    status: str | None = Field(description="Null if the task was never seen.")
    progress: int | None

    @classmethod
    def of(cls, row: TaskRow) -> Self:
        """Show a task's end."""
        return cls(
            id=row.key.id,
            upstream=row.key.upstream,
            status=row.status,
            progress=row.snapshot.progress if row.snapshot else None,
        )


def _task_fields(row: TaskRow) -> dict[str, Any]:
    snapshot = row.snapshot or TaskSnapshot(id=row.key.id, status=None)
    return {
        **snapshot_json(snapshot),
        "id": row.key.id,
        "upstream": row.key.upstream,
        "status": row.status,
        "active": row.active,
        "sequence": row.sequence,
        "metadata": dict(row.metadata),
        **lineage_json(row.lineage),
        "trackedAt": moment(row.tracked_at),
        "seenAt": moment_or_none(row.seen_at),
        "nextLookAt": moment_or_none(row.next_look),
        "archived": row.archived and [kept_json(file) for file in row.archived.files],
    }
