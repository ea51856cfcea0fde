"""Writing actions down, with what has to be there before a worker makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bridge.app.ports import ActionStore, Admin, Masks, NewAction
from bridge.app.tracking import Tracking
from bridge.app.views.actions import Action
from bridge.core.endpoint import Endpoint
from bridge.errors import Refused


class RoundOver(Exception):  # noqa: N818 - it is what happened, and not a mistake
    """A button that may be pressed again has come to another round meanwhile."""


class ActionWriter:
    """Writes actions down in the store."""

    def __init__(
        self,
        *,
        store: ActionStore,
        admin: Admin,
        tracking: Tracking,
        endpoints: Mapping[str, Endpoint],
        masks: Masks | None,
    ) -> None:
        """Bind it to a store; the arguments are those of `bridge.app.actions.Actions`."""
        self._store = store
        self._admin = admin
        self._tracking = tracking
        self._endpoints = endpoints
        self._masks = masks
        #: Upstreams whose limits the store has been given.
        self._configured: set[str] = set()

    @property
    def max_origins(self) -> int:
        """How many origins of hooks there may be at once."""
        return self._tracking.max_origins

    def check_upstream(self, name: str) -> None:
        """
        Check that actions can be made at an upstream.

        Raises:
            Refused: It is not configured here.
        """
        if name not in self._endpoints:
            msg = f"the task's upstream {name!r} is not configured here any more"
            raise Refused(msg)

    async def write(
        self, action: NewAction, mask: bytes | None = None
    ) -> tuple[Action, bool]:
        """
        Write an action down.

        Returns:
            It, or the one that exists, and whether it is new.

        Raises:
            Refused: Its mask cannot be kept here.

            RoundOver: Its button has come to another round.
        """
        if mask is not None:
            action = self._keep_mask(action, mask)
        # The lease has to be longer than the attempt, from the first one on.
        if action.upstream not in self._configured:
            await self._admin.configure([self._endpoints[action.upstream]])
            self._configured.add(action.upstream)
        await self._tracking.prepare(action.hook)
        created = await self._store.create(action)
        if created is None or not created[1]:
            self._forget_mask(action)
        if created is None:
            raise RoundOver
        row, is_new = created
        return Action.of(row), is_new

    def _keep_mask(self, action: NewAction, mask: bytes) -> NewAction:
        """Keep a mask, and have the action name it: the one that exists may have another."""
        name = self._masks.keep(action.id, mask) if self._masks is not None else None
        if name is None:
            msg = "the mask cannot be kept on this machine until it is sent"
            raise Refused(msg)
        return replace(action, order=replace(action.order, mask=name))

    def _forget_mask(self, action: NewAction) -> None:
        if action.order.mask is not None and self._masks is not None:
            self._masks.forget(action.order.mask)
