"""
What an operator can do to a deployment, whether from a terminal, a program or a page.

Names are checked before anything is changed. Callers print, or serve, what is returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.app.lookup import Lookup, check_ids, choose_upstream
from bridge.app.operator_events import death_notice, publications
from bridge.app.ports import (
    Admin,
    Publication,
    Queries,
    RedeliveryResult,
    Tracked,
    Tracker,
    Waiting,
)
from bridge.core.endpoint import Endpoint
from bridge.core.event import Json
from bridge.core.task import TaskKey, why_not_metadata
from bridge.errors import Misconfigured, NotFound

#: Deliveries given up in one call of a script, so that none blocks the store for long.
DROPPED_AT_ONCE = 200
#: Redeliveries that are asked for side by side.
REDELIVERED_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Untracked:
    """
    What became of the ids given to `Operations.untrack`.

    Attributes:
        stopped: By task, whether it was polled until now.

        unknown: For each id that is not known, a sentence that says so.
    """

    stopped: Mapping[TaskKey, bool]
    unknown: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """Whether pausing or resuming changed anything, and how many deliveries wait."""

    changed: bool
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivered:
    """What became of one event that was to be sent to one endpoint again."""

    event_id: str
    endpoint: str
    result: RedeliveryResult


class Operations:
    """The operator's commands on one deployment."""

    def __init__(
        self,
        *,
        tracker: Tracker,
        admin: Admin,
        queries: Queries,
        lookup: Lookup,
        upstreams: Sequence[str],
        endpoints: Sequence[Endpoint],
    ) -> None:
        """Bind the commands to a store, and to the configured upstreams and endpoints."""
        self._tracker = tracker
        self._admin = admin
        self._queries = queries
        self._lookup = lookup
        self._upstreams = upstreams
        self._endpoints = endpoints

    # --- tasks ------------------------------------------------------------------------

    async def track(
        self,
        ids: Sequence[object],
        *,
        upstream: str | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> Tracked:
        """
        Begin to poll tasks; all ids are checked before any is tracked.

        Raises:
            Misconfigured: An id, the upstream or the metadata is not valid.
        """
        wrong = why_not_metadata(metadata or {})
        if wrong is not None:
            raise Misconfigured(wrong)
        tracked, _wake = await self._tracker.track(
            choose_upstream(self._upstreams, upstream), check_ids(ids), metadata or {}
        )
        return tracked

    async def untrack(
        self, ids: Sequence[object], *, upstream: str | None = None
    ) -> Untracked:
        """
        Stop polling tasks; what is queued is still delivered.

        Raises:
            Misconfigured: An id or the upstream is not valid.

            Ambiguous: Several upstreams know an id, and none was named.
        """
        keys: list[TaskKey] = []
        unknown: list[str] = []
        for task_id in check_ids(ids):
            try:
                keys.append((await self._lookup.find_task(task_id, upstream)).key)
            except NotFound as error:
                unknown.append(str(error))
        stopped = {key: bool(await self._admin.untrack(key)) for key in keys}
        return Untracked(stopped=stopped, unknown=unknown)

    # --- endpoints --------------------------------------------------------------------

    async def pause(self, endpoint: str) -> Switched:
        """
        Hold an endpoint's deliveries; they go on collecting.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        return await self._switch(endpoint, "pause")

    async def resume(self, endpoint: str) -> Switched:
        """
        Deliver again to an endpoint that was paused, or disabled by a 410.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        return await self._switch(endpoint, "resume")

    async def _switch(
        self, endpoint: str, what: Literal["pause", "resume"]
    ) -> Switched:
        await self._lookup.check_endpoint(endpoint)
        changed, _wake = await self._admin.switch(endpoint, what)
        return Switched(changed=changed, pending=await self.pending_at(endpoint))

    async def pending_at(self, endpoint: str) -> int:
        """
        Return how many deliveries wait at an endpoint.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        await self._lookup.check_endpoint(endpoint)
        rows = await self._queries.endpoints(await self._admin.clock())
        return next((row.pending for row in rows if row.name == endpoint), 0)

    async def drop(self, endpoint: str) -> int:
        """
        Give up everything that waits at an endpoint; return how many deliveries that was.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        await self._lookup.check_endpoint(endpoint)
        dropped = 0
        while waiting := await self._admin.open_at(endpoint, DROPPED_AT_ONCE):
            now = await self._admin.clock()
            notices = [self._death_notices(one, now) for one in waiting]
            given_up = await self._admin.give_up(waiting, "dropped by hand", notices)
            if not given_up:
                break
            dropped += given_up
        return dropped

    def _death_notices(self, waiting: Waiting, now: float) -> Sequence[Publication]:
        """Announce a death, except to the endpoint where everything is being given up."""
        others = [one for one in self._endpoints if one.name != waiting.endpoint]
        notice = death_notice(
            waiting.endpoint, waiting.event, "dropped by hand", at=now
        )
        return publications([notice], others)

    # --- once more --------------------------------------------------------------------

    async def redeliver_event(
        self, event_id: str, endpoint: str | None = None, *, dead_only: bool = False
    ) -> AsyncIterator[Redelivered]:
        """
        Send an event again, to one endpoint or to all that it was for.

        Raises:
            NotFound: No such event is kept, or it was not for the endpoint.
        """
        await self._lookup.check_endpoint(endpoint)
        row = await self._lookup.find_event(event_id)
        names = [
            one.endpoint for one in row.deliveries if endpoint in {None, one.endpoint}
        ]
        if not names:
            whom = f"endpoint {endpoint}" if endpoint else "any endpoint"
            msg = f"event {event_id} was not for {whom}"
            raise NotFound(msg)
        pairs = [(event_id, name) for name in names]
        async for done in self._redeliver(pairs, dead_only=dead_only):
            yield done

    async def redeliver_since(
        self, endpoint: str, since: float, *, dead_only: bool = False
    ) -> AsyncIterator[Redelivered]:
        """
        Send an endpoint again what it was to get since a time, the oldest first.

        Progress that newer events superseded is left out.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        await self._lookup.check_endpoint(endpoint)
        found = []
        async for row in self._queries.deliveries(endpoint=endpoint):
            if row.at < since:
                break
            if row.state == "dead" or (not dead_only and row.state != "superseded"):
                found.append((row.event_id, endpoint))
        async for done in self._redeliver(found[::-1], dead_only=dead_only):
            yield done

    async def _redeliver(
        self, pairs: Sequence[tuple[str, str]], *, dead_only: bool
    ) -> AsyncIterator[Redelivered]:
        for start in range(0, len(pairs), REDELIVERED_AT_ONCE):
            some = pairs[start : start + REDELIVERED_AT_ONCE]
            done = await asyncio.gather(
                *(self._admin.redeliver(*pair, dead_only=dead_only) for pair in some)
            )
            for (event_id, endpoint), (result, _wake) in zip(some, done, strict=True):
                yield Redelivered(event_id=event_id, endpoint=endpoint, result=result)
