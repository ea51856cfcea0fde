"""
Endpoints as an operator sees and switches them, whether from a terminal, a program or a page.

Names are checked before anything is changed. Callers print, or serve, what is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.app.humanize import span
from bridge.app.lookup import Lookup
from bridge.app.operator_events import death_notices
from bridge.app.ports import Admin, EndpointRow, Queries
from bridge.app.removed import how_held
from bridge.core.endpoint import Endpoint
from bridge.core.hook import HookPolicy, is_hook

#: Deliveries given up in one call of a script, so that none blocks the store for long.
DROPPED_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """
    Whether pausing or resuming changed anything, and what waits.

    Attributes:
        held: See `bridge.app.removed.how_held`.

        later: Why what waits does not go at once all the same; nothing if it may.
    """

    changed: bool
    pending: int
    held: str
    later: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEndpoint:
    """
    An endpoint that is configured here, or that the store knows, or both.

    Attributes:
        endpoint: Its configuration; ``None`` if it is not configured here any more.

        row: What the store knows of it.
    """

    endpoint: Endpoint | None
    row: EndpointRow


class EndpointControl:
    """Lists the endpoints of one deployment, holds them and lets them go, and empties them."""

    def __init__(
        self,
        *,
        admin: Admin,
        queries: Queries,
        lookup: Lookup,
        endpoints: Sequence[Endpoint],
        hooks: HookPolicy | None = None,
        internal: Sequence[Endpoint] = (),
    ) -> None:
        """
        Bind it to a store, and to the endpoints that are configured.

        Args:
            hooks: How hooks are delivered to; ``None`` if none are taken.

            internal: Endpoints that no configuration names, and that are shown once
                something was delivered to them.
        """
        self._admin = admin
        self._queries = queries
        self._lookup = lookup
        self._endpoints = endpoints
        self._hooks = hooks
        self._internal = {one.name: one for one in internal}

    async def endpoints(self) -> Sequence[KnownEndpoint]:
        """Return every endpoint: those that are configured first, in that order."""
        kept = {
            row.name: row
            for row in await self._queries.endpoints(await self._admin.clock())
        }
        configured = {one.name: one for one in self._endpoints}
        configured |= {n: one for n, one in self._internal.items() if n in kept}
        if self._hooks is not None:
            hooks = filter(is_hook, kept)
            configured |= {name: self._hooks.endpoint_at(name) for name in hooks}
        return [
            KnownEndpoint(
                endpoint=configured.get(name),
                row=kept.get(name) or EndpointRow(name=name),
            )
            for name in dict.fromkeys([*configured, *kept])
        ]

    async def pause(self, endpoint: str, *, request: str | None = None) -> Switched:
        """
        Hold an endpoint's deliveries; they go on collecting.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        return await self._switch(endpoint, "pause", request)

    async def resume(self, endpoint: str, *, request: str | None = None) -> Switched:
        """
        Deliver again to an endpoint that was paused, or disabled by a 410, and try at once
        what waits for its next attempt.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        return await self._switch(endpoint, "resume", request)

    async def _switch(
        self, endpoint: str, what: Literal["pause", "resume"], request: str | None
    ) -> Switched:
        await self._lookup.check_endpoint(endpoint)
        changed = await self._admin.switch(endpoint, what, request=request)
        now = await self._admin.clock()
        row = await self._row(endpoint, now)
        here = {one.name for one in self._endpoints} | self._internal.keys()
        held = "" if endpoint in here else how_held(row, now)
        return Switched(
            changed=changed, pending=row.pending, held=held, later=why_later(row, now)
        )

    async def pending_at(self, endpoint: str) -> int:
        """
        Return how many deliveries wait at an endpoint.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        await self._lookup.check_endpoint(endpoint)
        return (await self._row(endpoint, await self._admin.clock())).pending

    async def _row(self, name: str, now: float) -> EndpointRow:
        rows = await self._queries.endpoints(now)
        return next((row for row in rows if row.name == name), EndpointRow(name=name))

    async def drop(self, endpoint: str) -> int:
        """
        Give up everything that waits at an endpoint; return how many deliveries that was.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        await self._lookup.check_endpoint(endpoint)
        # A death is announced, but not where everything is being given up.
        others = [one for one in self._endpoints if one.name != endpoint]
        reason, dropped = "dropped by hand", 0
        while waiting := await self._admin.open_at(endpoint, DROPPED_AT_ONCE):
            now = await self._admin.clock()
            notices = [death_notices(one, reason, others, at=now) for one in waiting]
            given_up = await self._admin.give_up(waiting, reason, notices, by_hand=True)
            if not given_up:
                break
            dropped += given_up
        return dropped


def why_later(row: EndpointRow, now: float) -> str:
    """Return what keeps an endpoint from being served though nobody holds it."""
    if row.until is None or row.until <= now:
        return ""
    rest = span(row.until - now)
    if row.state == "open":
        return f"the breaker is open, with a trial in {rest}"
    return f"it is left alone for another {rest}, as the receiver asked (Retry-After, a day at most)"
