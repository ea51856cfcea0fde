"""Actions in the store: written down, begun, undone, read. See `bridge.app.ports.ActionStore`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bridge.adapters.store import codec, rows
from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import ActionRow, Begun, Delivery, NewAction, Order, Page
from bridge.core.action import ActionState, endpoint_of
from bridge.core.event_data import iso
from bridge.core.rule import Rule
from bridge.core.task import TaskKey


class StoredActions:
    """The actions of one deployment, in Redis or Valkey."""

    def __init__(self, keys: Keyspace, *, patience: float) -> None:
        """
        Bind them to a store.

        Args:
            patience: Seconds for which an action is tried that the upstream does not take.
        """
        self._keys = keys
        self._patience = patience

    async def round_of(self, task: TaskKey, custom_id: str) -> int:
        """Return the round that a press of a button that may be pressed again belongs to."""
        return int(await self._keys.run("round_of", str(task), custom_id))

    async def create(self, action: NewAction) -> tuple[ActionRow, bool] | None:
        """Write an action down, see `ActionStore.create`."""
        given = written(action, await self._keys.clock())
        row, is_new = await self._keys.run("create_action", codec.dumps(given))
        if row is None:
            return None
        return _action_row(row), bool(is_new)

    async def find(self, action_id: str) -> ActionRow | None:
        """Return an action; ``None`` if none of this id is kept."""
        row = await self._keys.run("action", action_id)
        return _action_row(row) if row else None

    async def page(
        self,
        *,
        task: TaskKey | None = None,
        state: ActionState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ActionRow]:
        """List actions, the newest first."""
        facets = {} if state is None else {"state": [state]}
        given: dict[str, object] = {"list": "actions", "facets": facets, "limit": limit}
        if task is not None:
            given["subject"] = str(task)
        if cursor is not None:
            given["after"] = rows.read_cursor(cursor)
        score, row, found = await self._keys.run("page", codec.dumps(given))
        items = [_action_row(one) for one in found]
        return Page(items=items, next=rows.write_cursor(score, row))

    async def cancel(self, action_id: str) -> bool:
        """Undo an action that is pending and not being sent; return whether it was."""
        row = await self.find(action_id)
        if row is None:
            return False
        endpoint = endpoint_of(row.upstream)
        retention = self._keys.retention
        return bool(
            await self._keys.run("cancel_action", action_id, endpoint, retention)
        )

    async def begin(self, delivery: Delivery) -> Begun | None:
        """Note that an action is about to be sent, before anything of it is."""
        reply = await self._keys.run(
            "begin_action",
            delivery.event.id,
            delivery.endpoint,
            delivery.lane,
            delivery.token,
            self._patience,
        )
        if not reply:
            return None
        row, order, modal, looks, until, now = reply
        return Begun(
            row=_action_row(row),
            order=_order(order),
            modal=modal,
            searches=int(looks or 0),
            due_until=float(until),
            now=float(now),
        )

    async def note_modal(self, delivery: Delivery, task_id: str) -> bool:
        """Note the task that waits for the prompt; return whether the claim still stands."""
        noted = await self._keys.run(
            "note_modal",
            delivery.event.id,
            delivery.endpoint,
            delivery.lane,
            delivery.token,
            task_id,
        )
        return bool(noted)

    async def unknown_ids(self, upstream: str, ids: Sequence[str]) -> Sequence[str]:
        """Return those of some ids that are not tracked at an upstream."""
        if not ids:
            return []
        names = [str(TaskKey(upstream, task_id)) for task_id in ids]
        found = await self._keys.run("untracked", *names)
        return [TaskKey.read(name).id for name in found]


def written(action: NewAction, now: float) -> dict[str, object]:
    """Write an action as the scripts take it."""
    order = action.order
    given: dict[str, object | None] = {
        "id": action.id,
        "kind": action.kind,
        "upstream": action.upstream,
        "endpoint": endpoint_of(action.upstream),
        "task": str(action.task) if action.task else None,
        "custom_id": order.custom_id,
        "label": action.label,
        "by": action.by,
        "order": codec.dumps(
            [
                order.route,
                order.body,
                order.custom_id,
                order.prompt,
                order.mask,
                order.sent_at,
            ]
        ),
        "metadata": None
        if action.metadata is None
        else codec.dumps(dict(action.metadata)),
        "hook": codec.write_hook(action.hook) if action.hook else None,
        "hook_at": action.hook.endpoint if action.hook else None,
        "max_origins": action.max_origins,
        "delay": action.delay,
        "round": action.round,
        "subject": str(action.task) if action.task else f"@upstream:{action.upstream}",
        "body": _event_body(action, now),
        "limit": _limit(action.rule),
        "limited": codec.write_publication(action.limited) if action.limited else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _limit(rule: Rule | None) -> dict[str, object] | None:
    if rule is None or rule.limit is None:
        return None
    return {
        "name": rule.name,
        "most": rule.limit.most,
        "seconds": rule.limit.seconds,
        "waits": rule.waits,
    }


def _event_body(action: NewAction, now: float) -> str:
    """Return what lists of deliveries show of an action: nothing of what it sends."""
    data = {
        "id": action.id,
        "upstream": action.upstream,
        "taskId": action.task.id if action.task else None,
        "customId": action.order.custom_id,
        "label": action.label,
        "by": action.by,
    }
    body = {"type": "action", "timestamp": iso(now, milliseconds=True), "data": data}
    return codec.dumps(body)


def _order(text: str) -> Order:
    route, body, custom_id, prompt, mask, *more = json.loads(text)
    return Order(
        route=route,
        body=body,
        custom_id=custom_id,
        prompt=prompt,
        mask=mask,
        sent_at=more[0] if more else None,  # an earlier version did not write it
    )


def _action_row(reply: Sequence[Any]) -> ActionRow:
    (
        action_id,
        kind,
        upstream,
        task,
        custom_id,
        label,
        state,
        child,
        code,
        reason,
        by,
        created_at,
        sent_at,
        ended_at,
    ) = reply
    return ActionRow(
        id=action_id,
        kind=kind,
        upstream=upstream,
        task=TaskKey.read(task) if task else None,
        custom_id=custom_id,
        label=label,
        state=ActionState(state),
        child=child,
        code=None if code is None else int(code),
        reason=reason,
        by=by,
        created_at=float(created_at),
        sent_at=rows.moment(sent_at),
        ended_at=rows.moment(ended_at),
    )
