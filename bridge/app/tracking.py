"""
Tracking: tasks are polled from now on, or no more, whether a terminal, a program or a page asks.

Ids, upstreams and hooks are checked before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.app.asked import check_metadata
from bridge.app.lookup import Lookup, check_ids, choose_upstream
from bridge.app.ports import Admin, Submitted, Tracked, Tracker
from bridge.core.event_data import Json
from bridge.core.hook import Hook, HookFormat, HookPolicy
from bridge.core.task import TaskKey
from bridge.errors import Misconfigured, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Untracked:
    """
    What became of the ids given to `Tracking.untrack`.

    Attributes:
        stopped: By task, whether it was polled until now.

        unknown: For each id that is not known, a sentence that says so.
    """

    stopped: Mapping[TaskKey, bool]
    unknown: Sequence[str]


class Tracking:
    """Has the tasks of one deployment polled."""

    def __init__(
        self,
        *,
        tracker: Tracker,
        admin: Admin,
        lookup: Lookup,
        upstreams: Sequence[str],
        hooks: HookPolicy | None = None,
    ) -> None:
        """
        Bind it to a store, and to the upstreams that are configured.

        Args:
            hooks: Which hooks are taken; ``None`` if none are.
        """
        self._tracker = tracker
        self._admin = admin
        self._lookup = lookup
        self._upstreams = upstreams
        self._hooks = hooks

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
