"""Changes: what people and programs ask a deployment to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from bridge.app.ports.delivery import Waiting
from bridge.app.ports.polling import Tracked
from bridge.core.endpoint import Endpoint, Publication
from bridge.core.event_data import Json
from bridge.core.hook import Hook
from bridge.core.task import TaskKey

#: What became of the request to send an event again: it is queued; its first delivery is
#: still open; it was sent again a moment ago; it is no longer kept; it is not dead.
RedeliveryResult: TypeAlias = Literal["queued", "open", "recent", "unknown", "skipped"]


class Tracker(Protocol):
    """Takes tasks to be polled."""

    async def track(
        self,
        upstream: str,
        ids: Sequence[str],
        metadata: Mapping[str, Json],
        *,
        request: str | None = None,
        hook: Hook | None = None,
        hook_refused: str = "",
        max_origins: int = 0,
    ) -> Tracked:
        """
        Track tasks.

        Args:
            hook: A receiver of these tasks' events. A task that is tracked already takes it
                on if it has none, and keeps another one.

            hook_refused: Why the tasks have none, if one was asked for.

            max_origins: How many origins of hooks there may be.
        """


class Admin(Protocol):
    """
    Changes a deployment. Each method is one atomic step.

    What is done for a request (see `RequestStore`) is done once, however often it is asked
    for under the request's name, and replies as it did at first.
    """

    async def clock(self) -> float:
        """Return the store's clock."""

    async def secret_key(self, new: str) -> str:
        """Return the secret that the deployment keeps; *new*, from now on, if it has none."""

    async def configure(self, endpoints: Sequence[Endpoint]) -> Sequence[str]:
        """
        Note that these endpoints are configured.

        Returns:
            Those whose URL has changed; if they were disabled, they are enabled again.
        """

    async def untrack(self, key: TaskKey) -> bool | None:
        """Stop polling a task; false if it was not polled, ``None`` if it is unknown."""

    async def switch(
        self,
        endpoint: str,
        what: Literal["pause", "resume"],
        *,
        request: str | None = None,
    ) -> bool:
        """Pause or resume an endpoint; return whether that changed anything."""

    async def redeliver(
        self,
        deliveries: Sequence[tuple[str, str]],
        *,
        dead_only: bool = False,
        request: str | None = None,
    ) -> Sequence[RedeliveryResult]:
        """
        Queue events to be sent again; return for each whether it was queued, or why not.

        Args:
            deliveries: Each an event's id and an endpoint's name; a few hundred at most.

            dead_only: Whether to leave alone what was not given up.
        """

    async def open_at(
        self, endpoint: str, most: int, *, before: float | None = None
    ) -> Sequence[Waiting]:
        """
        List up to *most* deliveries that are open at an endpoint.

        Args:
            before: Only those of events that are as old as this time, or were asked to be
                sent again by then. They are searched for in as many lanes as one call may.
        """

    async def give_up(
        self,
        waiting: Sequence[Waiting],
        reason: str,
        notices: Sequence[Sequence[Publication]] = (),
        *,
        by_hand: bool = False,
    ) -> int:
        """
        Give up deliveries that nobody is attempting; return how many that were.

        Args:
            waiting: A few hundred at most.

            notices: For each, the operators' events about it.

            by_hand: Whether somebody wants it so: then metrics do not count it.
        """
