"""Marks: what a message says of the presses of its buttons, read from the store each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import structlog

from bridge.app.actions import Actions
from bridge.app.links import LinkSource
from bridge.app.lookup import Lookup
from bridge.app.ports import ExpiringTexts, TaskRow
from bridge.app.views.actions import Action
from bridge.channels.interaction import Clicks, Interaction
from bridge.channels.offer import rows_of
from bridge.channels.strings import strings_of
from bridge.core.action import ActionState, is_pressed_once
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import snapshot_json
from bridge.core.http import Request
from bridge.core.task import TaskKey, TaskStatus
from bridge.core.token import Purpose

log = structlog.get_logger(__name__)

#: Seconds for which a process may change a message, and that others wait for it.
MARKING = 10.0
#: The part of that after which a change is broken off: nobody else changes the message before.
_BREAKS_OFF = 0.8
#: Presses that a message names, the newest.
_MAX_LINES = 5


@dataclass(kw_only=True)
class _Change:
    """A change of a message that has not begun, for all who ask for one meanwhile."""

    pressing: bool
    done: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Marks:
    """Changes the buttons of messages, one process at a time for each message."""

    def __init__(
        self,
        *,
        actions: Actions,
        links: LinkSource,
        lookup: Lookup,
        texts: ExpiringTexts,
        send: Callable[[Endpoint, Request], Awaitable[bool]],
        now: Callable[[], float],
        marking: float = MARKING,
    ) -> None:
        """
        Bind it to the services that it needs.

        Args:
            send: Sends a request to an endpoint's platform; returns whether it is worth nothing
                to try that again.

            now: Returns the time, in seconds since the epoch, by this machine's clock.

            marking: Seconds, see `MARKING`.
        """
        self._actions = actions
        self._links = links
        self._lookup = lookup
        self._texts = texts
        self._send = send
        self._now = now
        self._marking = marking
        self._waiting: dict[tuple[str, str], _Change] = {}

    async def mark(
        self,
        endpoint: Endpoint,
        platform: Clicks,
        interaction: Interaction,
        task: TaskKey,
        *,
        pressing: bool = False,
    ) -> bool:
        """
        Change a message's buttons to what the store knows now.

        Whoever asks while others wait for the message shares the change that they wait for: a
        button that a whole channel presses changes its message a few times, not once a click.

        Args:
            pressing: Whether something was pressed at this moment; no button is left meanwhile.

        Returns:
            Whether that is done, or it is worth nothing to try it again.
        """
        if not interaction.message:
            return True
        key = (endpoint.name, interaction.message)
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.pressing |= pressing
            return await asyncio.shield(waiting.done)
        change = self._waiting[key] = _Change(pressing=pressing)
        done = False
        try:
            done = await self._change(endpoint, platform, interaction, task, change)
        finally:
            self._begin(key, change)
            change.done.set_result(done)
        return done

    async def _change(
        self,
        endpoint: Endpoint,
        platform: Clicks,
        interaction: Interaction,
        task: TaskKey,
        change: _Change,
    ) -> bool:
        lease, holder = f"mark:{endpoint.name}:{interaction.message}", token_hex(8)
        if not await self._hold(lease, holder):
            return False
        try:
            async with asyncio.timeout(self._marking * _BREAKS_OFF):
                self._begin((endpoint.name, interaction.message), change)
                row = await self._lookup.find_task(task.id, task.upstream)
                presses = (await self._actions.list(task=task, limit=50)).items[::-1]
                newest = presses[-_MAX_LINES:]
                lines = [await self._line(one, endpoint) for one in newest]
                pressing = change.pressing
                left = () if pressing else await self._left(endpoint, row, presses)
                request = platform.mark(endpoint, interaction, lines, left)
                return request is None or await self._send(endpoint, request)
        except TimeoutError:
            log.warning("click.not_shown", endpoint=endpoint.name, reason="too slow")
            return False
        finally:
            await self._texts.release(lease, holder)

    def _begin(self, key: tuple[str, str], change: _Change) -> None:
        """Let nobody share a change any more that has read what the store knows."""
        if self._waiting.get(key) is change:
            del self._waiting[key]

    async def _hold(self, lease: str, holder: str) -> bool:
        for _ in range(100):
            if await self._texts.claim(lease, holder, self._marking):
                return True
            await asyncio.sleep(self._marking / 100)
        return False

    async def _left(
        self, endpoint: Endpoint, row: TaskRow, presses: Sequence[Action]
    ) -> Sequence[Any]:
        if row.snapshot is None or row.status != TaskStatus.SUCCESS:
            return ()
        buttons: Any = snapshot_json(row.snapshot)["buttons"]
        once = {one["customId"] for one in buttons if is_pressed_once(one["kind"])}
        gone = {ActionState.REFUSED, ActionState.CANCELLED}
        done = {one.custom_id for one in presses if one.state not in gone}
        return rows_of(
            buttons,
            await self._links.ready_for(row.key),
            row.key,
            endpoint=endpoint.name,
            purpose=Purpose(endpoint.kind),
            now=self._now(),
            without=once & {one for one in done if one},
        )

    async def _line(self, action: Action, endpoint: Endpoint) -> str:
        """Say who pressed what, and what came of it."""
        strings = strings_of(endpoint)
        kind, _, user = action.by.partition(":")
        who = await self._texts.kept(f"name:{action.by}") if user else None
        ends = {
            ActionState.ACCEPTED: strings.accepted,
            ActionState.REFUSED: f"{strings.refused} {action.reason or ''}".strip(),
            ActionState.UNKNOWN: strings.unsure,
            ActionState.CANCELLED: strings.undone,
        }
        end = ends.get(action.state, "…")
        return f"{action.label or '…'} · {who or user or kind} {end}"


def clicked_name(endpoint: str) -> str:
    """Return the name under which it is kept that somebody pressed a sample's button."""
    return f"clicked:{endpoint}"
