"""Views of actions: presses of buttons and submissions."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from bridge.app.ports import ActionRow
from bridge.app.views import View, moment, moment_or_none
from bridge.core.action import ActionState


class Action(View):
    """A press of a button, or a submission, and what came of it."""

    id: str
    task_id: str | None = Field(
        description="Whose button is pressed; null for a submission."
    )
    upstream: str = Field(description="Where it is made.")
    kind: Literal["press", "submit"]
    custom_id: str | None = Field(description="The button's; null for a submission.")
    label: str | None = Field(description="What the button says, or what is submitted.")
    state: ActionState
    child_id: str | None = Field(description="The task that it made.")
    code: int | None = Field(description="The upstream's own, of its last answer.")
    reason: str | None = Field(description="Why it stands as it does.")
    by: str = Field(
        description="api, cli, program, dashboard, rule:<name>, link, slack:<user>, discord:<user>, telegram:<user>; gateway for a client's submission whose answer was not seen."
    )
    created_at: str = Field(description="RFC 3339, UTC.")
    sent_at: str | None
    ended_at: str | None

    @classmethod
    def of(cls, row: ActionRow) -> Self:
        """Show an action."""
        return cls(
            id=row.id,
            task_id=row.task.id if row.task else None,
            upstream=row.upstream,
            kind=row.kind,
            custom_id=row.custom_id,
            label=row.label,
            state=row.state,
            child_id=row.child,
            code=row.code,
            reason=row.reason,
            by=row.by,
            created_at=moment(row.created_at),
            sent_at=moment_or_none(row.sent_at),
            ended_at=moment_or_none(row.ended_at),
        )
