"""
Actions: presses of buttons and submissions, through whichever door they come.

What is asked for is written down; a worker makes it, see `bridge.app.perform`.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex
from typing import TypeAlias

from bridge.app.action_writer import ActionWriter, RoundOver
from bridge.app.asked import button_of, check_body, check_metadata, check_modal
from bridge.app.lookup import Lookup
from bridge.app.ports import ActionStore, Admin, Masks, NewAction, Order, Page, TaskRow
from bridge.app.tracking import Tracking
from bridge.app.views.actions import Action
from bridge.core.action import (
    ActionState,
    is_pressed_once,
    press_body,
    press_id,
    submission_body,
    submission_id,
    why_not_submitted,
)
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.hook import Hook
from bridge.core.task import TaskKey
from bridge.errors import Misconfigured, NotFound, Refused

#: A task: its key, or its id where one upstream knows it.
TaskRef: TypeAlias = "TaskKey | str"

#: Rounds that are tried before it is given up to press a button at a time when thousands do.
_TRIES = 20


class Actions:
    """Presses of buttons and submissions, each made at its upstream at most once."""

    def __init__(
        self,
        *,
        store: ActionStore,
        admin: Admin,
        lookup: Lookup,
        tracking: Tracking,
        endpoints: Mapping[str, Endpoint],
        masks: Masks | None = None,
    ) -> None:
        """
        Bind the service to a store, and to the upstreams that are configured.

        Args:
            endpoints: Those that actions are delivered to, by the names of the upstreams.

            masks: Keeps masks on this machine; ``None`` if none are taken.
        """
        self._store = store
        self._lookup = lookup
        self._tracking = tracking
        self.writer = ActionWriter(
            store=store,
            admin=admin,
            tracking=tracking,
            endpoints=endpoints,
            masks=masks,
        )

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
        """
        Press a button of a task.

        Args:
            task: Its key, or its id.

            button: A label (``U1``), a kind with an index (``upsample:1``) or a ``customId``.

            by: Who presses, as `Action.by` shows it.

            prompt: For buttons that ask for one.

            mask: A picture, for buttons that ask for one.

            metadata: What the events of the task that comes of it carry; the parent's without.

            hook: The URL of a receiver of that task's events; the parent's without.

            hook_format: See `bridge.core.hook.HookFormat`.

            key: Tells presses of one button apart that are meant to be several.

            delay_s: Seconds in which it can still be undone.

        Returns:
            The action, and whether it is new.

        Raises:
            NotFound: No such task is known.

            Ambiguous: Several upstreams know the id.

            Refused: The task has no such button, or the button needs more than was given.

            Misconfigured: The metadata or the hook is not valid, or the upstream is not configured.
        """
        row = await self._find(task)
        pressed = button_of(row, button)
        self.writer.check_upstream(row.key.upstream)
        check_modal(pressed, prompt, masked=mask is not None)
        receiver = self._checked(metadata, hook, hook_format)

        def asked(action_id: str, round_: int) -> NewAction:
            return NewAction(
                id=action_id,
                kind="press",
                upstream=row.key.upstream,
                task=row.key,
                label=pressed.label or pressed.emoji,
                by=by,
                order=Order(
                    route="submit/action",
                    body=press_body(action_id, row.key.id, pressed.custom_id),
                    custom_id=pressed.custom_id,
                    prompt=prompt,
                ),
                round=round_,
                delay=delay_s,
                metadata=metadata,
                hook=receiver,
                max_origins=self._tracking.max_origins,
            )

        if key or is_pressed_once(pressed.kind):
            action = asked(press_id(row.key, pressed.custom_id, key or ""), 0)
            return await self.writer.write(action, mask)
        for _ in range(_TRIES):
            round_ = await self._store.round_of(row.key, pressed.custom_id)
            action_id = press_id(row.key, pressed.custom_id, str(round_))
            try:
                return await self.writer.write(asked(action_id, round_), mask)
            except RoundOver:
                continue
        msg = "the button is being pressed too often at this moment; try again"
        raise Refused(msg)

    async def submit(
        self,
        what: str,
        body: Mapping[str, Json],
        *,
        by: str,
        upstream: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        hook: object = None,
        hook_format: object = None,
        key: str | None = None,
        delay_s: float = 0.0,
    ) -> tuple[Action, bool]:
        """
        Submit something: an imagination, a blend, a description.

        Args:
            what: The last part of its route: ``imagine`` for ``/mj/submit/imagine``.

            body: As the route takes it. A ``notifyHook`` in it is not sent: `hook` is the way.

            by: As for `press`, like all others.

            upstream: Where; may be left out where there is one, or one that is called default.

            key: Makes asking twice one submission; without it, each is another.

        Returns:
            The action, and whether it is new.

        Raises:
            Misconfigured: The upstream, the route, the body, the metadata or the hook is not valid.
        """
        if (why := why_not_submitted(what)) is not None:
            raise Misconfigured(why)
        where = self._tracking.choose_upstream(upstream)
        receiver = self._checked(metadata, hook, hook_format)
        action_id = submission_id(where, what, key or token_hex(16))
        sent = submission_body(action_id, body)
        check_body(sent)
        return await self.writer.write(
            NewAction(
                id=action_id,
                kind="submit",
                upstream=where,
                task=None,
                label=what,
                by=by,
                order=Order(route=f"submit/{what}", body=sent),
                delay=delay_s,
                metadata=metadata,
                hook=receiver,
                max_origins=self._tracking.max_origins,
            )
        )

    async def find(self, action_id: str) -> Action | None:
        """Return an action; ``None`` if none of this id is kept."""
        row = await self._store.find(action_id) if action_id.isascii() else None
        return None if row is None else Action.of(row)

    async def list(
        self,
        *,
        task: TaskRef | None = None,
        state: ActionState | str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Action]:
        """
        List actions, the newest first.

        Args:
            task: Presses of this task's buttons.

            state: Those in this state.

            after: Where to go on, see `Page`.

            limit: 1 to 500.

        Raises:
            NotFound: No such task is known.

            InvalidCursor: `after` does not come from a list.
        """
        key = None if task is None else (await self._find(task)).key
        page = await self._store.page(
            task=key,
            state=None if state is None else ActionState(state),
            cursor=after,
            limit=limit,
        )
        return Page(items=[Action.of(row) for row in page.items], next=page.next)

    async def cancel(self, action_id: str) -> Action:
        """
        Undo an action while it is pending.

        Raises:
            NotFound: No such action is kept.

            Refused: It is not pending any more; the text says how it stands.
        """
        action = await self.find(action_id)
        if action is None:
            msg = f"no action {action_id[:64]!r} is kept; `mjbridge actions` lists those that are"
            raise NotFound(msg)
        cancelled = await self._store.cancel(action_id)
        action = await self.find(action_id) or action
        if not cancelled and action.state is not ActionState.CANCELLED:
            msg = f"it cannot be undone any more: it is {action.state}"
            raise Refused(msg)
        return action

    async def _find(self, task: TaskRef) -> TaskRow:
        if isinstance(task, TaskKey):
            return await self._lookup.find_task(task.id, task.upstream)
        return await self._lookup.find_task(task)

    def _checked(
        self, metadata: Mapping[str, Json] | None, hook: object, hook_format: object
    ) -> Hook | None:
        check_metadata(metadata)
        return self._tracking.read_hook(hook, hook_format)
