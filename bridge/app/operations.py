"""
What an operator can do to a deployment, whether from a terminal, a program or a page.

Names are checked before anything is changed. Callers print, or serve, what is returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.app.asked import check_metadata
from bridge.app.humanize import span
from bridge.app.lookup import Lookup, check_ids, choose_upstream
from bridge.app.operator_events import death_notices
from bridge.app.ports import (
    Admin,
    EndpointRow,
    Queries,
    Submitted,
    Tracked,
    Tracker,
)
from bridge.app.removed import how_held
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.hook import Hook, HookFormat, HookPolicy, is_hook
from bridge.core.task import TaskKey
from bridge.errors import Misconfigured, NotFound

#: Deliveries given up in one call of a script, so that none blocks the store for long.
DROPPED_AT_ONCE = 200


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
        hooks: HookPolicy | None = None,
        internal: Sequence[Endpoint] = (),
    ) -> None:
        """
        Bind the commands to a store, and to the configured upstreams and endpoints.

        Args:
            hooks: Which hooks are taken; ``None`` if none are.

            internal: Endpoints that no configuration names, and that are shown once
                something was delivered to them.
        """
        self._tracker = tracker
        self._admin = admin
        self._queries = queries
        self._lookup = lookup
        self._upstreams = upstreams
        self._endpoints = endpoints
        self._hooks = hooks
        self._internal = {one.name: one for one in internal}

    # --- tasks ------------------------------------------------------------------------

    def choose_upstream(self, name: str | None) -> str:
        """
        Return the name of the upstream that is meant.

        Raises:
            Misconfigured: It is not configured, or there are several and none was named.
        """
        return choose_upstream(self._upstreams, name)

    async def track(
        self,
        ids: Sequence[object],
        *,
        upstream: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        hook: object = None,
        hook_format: object = None,
        request: str | None = None,
    ) -> Tracked:
        """
        Begin to poll tasks; all ids are checked before any is tracked.

        Args:
            ids: The tasks' ids.

            upstream: Where they were submitted.

            metadata: What every event of theirs carries.

            hook: The URL of a receiver of these tasks' events.

            hook_format: The form of the body that it gets, see `HookFormat`.

            request: Names a request that may be repeated, see `RequestStore`.

        Raises:
            Misconfigured: An id, the upstream, the metadata or the hook is not valid.
        """
        wanted = self.read_hook(hook, hook_format)
        check_metadata(metadata)
        tracked = await self._tracker.track(
            self.choose_upstream(upstream),
            check_ids(ids),
            metadata or {},
            request=request,
            hook=wanted,
            max_origins=self.max_origins,
        )
        if tracked.tracked or tracked.known:
            await self.prepare(wanted)
        return tracked

    async def prepare(self, hook: Hook | None) -> None:
        """Have a hook's limits hold from the first delivery on, not from the next sweep."""
        if self._hooks is not None and hook is not None:
            await self._admin.configure([self._hooks.endpoint_at(hook.endpoint)])

    @property
    def max_origins(self) -> int:
        """How many origins hooks may have."""
        return self._hooks.max_origins if self._hooks else 0

    async def take_in(self, submitted: Submitted) -> Tracked:
        """
        Begin to poll tasks that a client has submitted through the gateway.

        Raises:
            Misconfigured: Their upstream is not configured any more.
        """
        tracked = await self._tracker.track(
            self.choose_upstream(submitted.upstream),
            submitted.ids,
            {},
            hook=submitted.hook,
            hook_refused=submitted.hook_refused,
            max_origins=self.max_origins,
        )
        if tracked.tracked or tracked.known:
            await self.prepare(submitted.hook)
        return tracked

    def read_hook(self, url: object, hook_format: object = None) -> Hook | None:
        """
        Return the hook that is asked for; ``None`` if none is.

        Raises:
            Misconfigured: It is not taken; the text says why, without the URL.
        """
        if url is None and hook_format is None:
            return None
        if self._hooks is None:
            msg = "hooks are not enabled here (hooks.enabled)"
            raise Misconfigured(msg)
        if url is None:
            msg = "the format of a hook needs the hook's URL"
            raise Misconfigured(msg)
        try:
            return self._hooks.read(url, hook_format or HookFormat.EVENT)
        except ValueError as error:
            raise Misconfigured(str(error)) from None

    async def untrack_one(self, task_id: str, *, upstream: str | None = None) -> bool:
        """
        Stop polling a task; return whether it was polled until now.

        Raises:
            Misconfigured: The id or the upstream is not valid.

            NotFound: No such task is known.

            Ambiguous: Several upstreams know it, and none was named.
        """
        row = await self._lookup.find_task(task_id, upstream)
        return bool(await self._admin.untrack(row.key))

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
