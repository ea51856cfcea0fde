"""How the core's objects are written into the store, and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.app.ports import Publication
from bridge.core.archive import Archived
from bridge.core.button import Button
from bridge.core.cadence import Loss
from bridge.core.change import ChangeType, TaskState
from bridge.core.event import Event
from bridge.core.hook import Hook, HookFormat
from bridge.core.task import NO_LINEAGE, Lineage, TaskSnapshot, TaskStatus

_BUTTON = ("custom_id", "label", "emoji", "kind", "index", "needs_modal")
_PLAIN = (
    "id",
    "progress",
    "action",
    "prompt",
    "prompt_en",
    "final_prompt",
    "description",
    "fail_reason",
    "image_url",
    "submit_time",
    "start_time",
    "finish_time",
    "state",
)

#: Characters of a task's prompts that are searched.
SEARCHED = 512

#: Made once: `json.dumps` would make one for each of the small texts that are written.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumps(value: object) -> str:
    """Write JSON without spaces."""
    return _ENCODER.encode(value)


def write_snapshot(snapshot: TaskSnapshot) -> str:
    """Write a snapshot; what is unset is left out."""
    row: dict[str, object] = {
        name: value for name in _PLAIN if (value := getattr(snapshot, name)) is not None
    }
    row["status"] = snapshot.status
    row["video_urls"] = snapshot.video_urls
    row["buttons"] = [
        [getattr(button, name) for name in _BUTTON] for button in snapshot.buttons
    ]
    return dumps(row)


def read_snapshot(text: str | None) -> TaskSnapshot | None:
    """Read a snapshot back; ``None`` for a task that was never seen."""
    if not text:
        return None
    row: dict[str, Any] = json.loads(text)
    status = row.pop("status")
    buttons = (
        Button(**dict(zip(_BUTTON, values, strict=True)))
        for values in row.pop("buttons")
    )
    return TaskSnapshot(
        status=None if status is None else TaskStatus(status),
        video_urls=tuple(row.pop("video_urls")),
        buttons=tuple(buttons),
        **row,
    )


def searchable(text: str) -> str:
    """Return a text as it is searched, and searched for."""
    return text.casefold()


def words_of(snapshot: TaskSnapshot) -> str:
    """Return a bounded part of what a task may be found by, besides its id."""
    texts = (snapshot.prompt, snapshot.prompt_en)
    return searchable(" ".join(text for text in texts if text)[:SEARCHED])


def shown_status(task_state: TaskState) -> str:
    """Return the status that people know a task by; empty if it was never seen."""
    return "LOST" if task_state.ended is ChangeType.LOST else task_state.status or ""


def write_task_state(task_state: TaskState) -> str:
    """Write a task's state."""
    return dumps(
        [
            task_state.status,
            task_state.progress,
            task_state.reported,
            task_state.ended,
            f"{task_state.digest} {task_state.row_digest} {task_state.kind}",
        ]
    )


def read_task_state(text: str | None) -> TaskState:
    """Read a task's state; the empty text is a task never seen."""
    if not text:
        return TaskState()
    status, progress, reported, ended, digests = json.loads(text)
    # Older versions have one digest there. What is in its place is another one to them.
    digest, row_digest, kind = f"{digests}  ".split(" ")[:3]
    return TaskState(
        status=None if status is None else TaskStatus(status),
        progress=progress,
        reported=reported,
        ended=None if ended is None else ChangeType(ended),
        digest=digest,
        row_digest=row_digest,
        kind=kind,
    )


def write_event(event: Event) -> dict[str, object]:
    """Write an event as the scripts take it."""
    row: dict[str, object] = {
        "id": event.id,
        "type": event.type,
        "subject": event.subject,
        "upstream": event.upstream or "",
        "sequence": event.sequence,
        "at": event.at,
        "body": event.body,
    }
    if event.loss is not None:
        row["loss"] = dumps([event.loss.cause, event.loss.seconds])
    return row


def write_publication(
    publication: Publication, *, body: int | None = None
) -> dict[str, object]:
    """
    Write an event and its recipients as the scripts take them.

    Args:
        body: Where the script is given the event's body, if that is beside this.
    """
    event = write_event(publication.event)
    if body is not None:
        event["body"] = body
    if publication.traceparent is not None:
        event["traceparent"] = publication.traceparent
    return {
        "event": event,
        "endpoints": list(publication.recipients),
        "hook": list(publication.hook),
    }


def write_hook(hook: Hook) -> str:
    """Write a hook; the same one is always the same text."""
    return dumps([hook.url, hook.format])


def read_hook(text: str | None) -> Hook | None:
    """Read a hook back; ``None`` if there is none."""
    if not text:
        return None
    url, form = json.loads(text)
    return Hook(url=url, format=HookFormat(form))


def read_archived(text: str | None) -> Archived | None:
    """Read what was kept of a task's pictures; ``None`` if that is not known."""
    return Archived.read(json.loads(text)) if text else None


def read_lineage(
    parent: str | None,
    root: str | None,
    action: str | None,
    by: str | None,
    depth: str | None,
) -> Lineage:
    """Read where a task comes from."""
    if action is None:
        return NO_LINEAGE
    return Lineage(
        parent_id=parent, root_id=root, action_id=action, by=by, depth=int(depth or 0)
    )


def read_event(event_id: str, row: Mapping[str, Any]) -> Event:
    """Read an event's hash."""
    loss = row.get("loss")
    return Event(
        id=event_id,
        type=row["type"],
        subject=row["subject"],
        upstream=row["upstream"] or None,
        sequence=int(row["sequence"]),
        at=float(row["at"]),
        body=row["body"],
        loss=Loss(*json.loads(loss)) if loss else None,
    )
