"""Actions in memory, for tests of those who press: what the service promises, and no upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.app.actions import Actions, TaskRef
from bridge.app.ports import ActionRow, Page
from bridge.app.views.actions import Action
from bridge.core.action import ActionState, press_id
from bridge.core.event_data import Json
from bridge.core.task import TaskKey
from bridge.errors import NotFound, Refused


@dataclass(frozen=True, kw_only=True)
class Press:
    """One call of `Actions.press`."""

    task: TaskKey
    button: str
    by: str
    prompt: str | None
    delay_s: float


class FakeActions(Actions):
    """
    Presses that are written down, and come to what a test says.

    Attributes:
        presses: Every call, in its order.

        refuses: What is said to every press; empty to take them.

        takes_any: Set while presses are written down; until then, they wait.

        fails: What is raised by the next calls of ``press`` and ``find``, by these names.
    """

    def __init__(self) -> None:
        self.presses: list[Press] = []
        self.rows: dict[str, ActionRow] = {}
        self.refuses = ""
        self.takes_any = asyncio.Event()
        self.takes_any.set()
        self.fails: dict[str, list[Exception]] = {"press": [], "find": []}

    async def press(
        self,
        task: TaskRef,
        button: str,
        *,
        by: str,
        prompt: str | None = None,
        mask: bytes | None = None,
        metadata: Mapping[str, Json] | None = None,
        hook: object = None,
        hook_format: object = None,
        key: str | None = None,
        delay_s: float = 0.0,
    ) -> tuple[Action, bool]:
        del mask, metadata, hook, hook_format
        assert isinstance(task, TaskKey)
        await self.takes_any.wait()
        if self.fails["press"]:
            raise self.fails["press"].pop(0)
        self.presses.append(
            Press(task=task, button=button, by=by, prompt=prompt, delay_s=delay_s)
        )
        if self.refuses:
            raise Refused(self.refuses)
        action_id = press_id(task, button, key or "")
        is_new = action_id not in self.rows
        if is_new:
            self.rows[action_id] = ActionRow(
                id=action_id,
                kind="press",
                upstream=task.upstream,
                task=task,
                custom_id=button,
                label=button.split("::")[2][0].upper() + button.split("::")[3],
                state=ActionState.PENDING,
                child=None,
                code=None,
                reason=None,
                by=by,
                created_at=1_795_000_000.0,
            )
        return Action.of(self.rows[action_id]), is_new

    async def find(self, action_id: str) -> Action | None:
        if self.fails["find"]:
            raise self.fails["find"].pop(0)
        row = self.rows.get(action_id)
        return None if row is None else Action.of(row)

    async def list(
        self,
        *,
        task: TaskRef | None = None,
        state: ActionState | str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Action]:
        del state, after
        found = [row for row in self.rows.values() if task in {None, row.task}]
        return Page(items=[Action.of(row) for row in found[::-1][:limit]])

    async def cancel(self, action_id: str) -> Action:
        row = self.rows.get(action_id)
        if row is None:
            msg = "no such action is kept"
            raise NotFound(msg)
        if row.state is not ActionState.PENDING:
            msg = f"it cannot be undone any more: it is {row.state}"
            raise Refused(msg)
        return self.comes_to(action_id, state=ActionState.CANCELLED)

    def comes_to(self, action_id: str, **known: Any) -> Action:
        """Change what is known of an action."""
        self.rows[action_id] = replace(self.rows[action_id], **known)
        return Action.of(self.rows[action_id])
