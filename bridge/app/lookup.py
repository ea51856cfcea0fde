"""Finding what ids and names stand for, and refusing those that stand for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.app.ports import EventRow, Queries, TaskRow
from bridge.core.task import TaskKey, why_not_an_id
from bridge.errors import Ambiguous, Misconfigured, NotFound

#: Ids that are not ids, of which an error names the reason.
REASONS_GIVEN = 5


class Lookup:
    """Resolves ids and names against the configuration and the store."""

    def __init__(
        self, queries: Queries, *, upstreams: Sequence[str], endpoints: Sequence[str]
    ) -> None:
        """Bind the lookup to a store, and to the names that are configured."""
        self._queries = queries
        self._upstreams = upstreams
        self._endpoints = endpoints

    async def find_task(self, task_id: str, upstream: str | None = None) -> TaskRow:
        """
        Find the one task that an id stands for.

        Raises:
            Misconfigured: It is not an id, or there is no such upstream.

            NotFound: No such task is known.

            Ambiguous: Several upstreams know it, and none was named.
        """
        [task_id] = check_ids([task_id])
        await self.check_upstream(upstream)
        rows = await self._rows(task_id, [upstream] if upstream else self._upstreams)
        if not rows and upstream is None:
            rows = await self._rows(task_id, await self._queries.upstreams())
        if not rows:
            where = f" at upstream {upstream}" if upstream else ""
            msg = f"no task {task_id!r} is known{where}; `mjbridge tasks` lists what is"
            raise NotFound(msg)
        if len(rows) > 1:
            known = ", ".join(row.key.upstream for row in rows)
            msg = f"task {task_id} is known at several upstreams ({known}); say which one with --upstream"
            raise Ambiguous(msg)
        return rows[0]

    async def _rows(self, task_id: str, upstreams: Iterable[str]) -> Sequence[TaskRow]:
        return await self._queries.rows([TaskKey(name, task_id) for name in upstreams])

    async def find_event(self, event_id: str) -> EventRow:
        """
        Find an event.

        Raises:
            NotFound: No such event is kept.
        """
        row = await self._queries.event(event_id) if event_id.isascii() else None
        if row is None:
            msg = f"no event {event_id[:64]!r} is kept; `mjbridge deliveries` lists those that are"
            raise NotFound(msg)
        return row

    async def check_upstream(self, name: str | None) -> None:
        """
        Check that an upstream is configured, or was when a task was tracked.

        Raises:
            Misconfigured: There is no such upstream.
        """
        if name is not None and name not in self._upstreams:
            known = [*self._upstreams, *await self._queries.upstreams()]
            _check("upstream", name, known)

    async def check_endpoint(self, name: str | None) -> None:
        """
        Check that an endpoint is configured, or that the store still knows it.

        Raises:
            Misconfigured: There is no such endpoint.
        """
        if name is not None and name not in self._endpoints:
            kept = [row.name for row in await self._queries.endpoints(0.0)]
            _check("endpoint", name, [*self._endpoints, *kept])


def _check(what: str, name: str, known: Iterable[str]) -> None:
    names = dict.fromkeys(known)
    if name not in names:
        msg = f"there is no {what} {name!r}; there are: {', '.join(names) or 'none'}"
        raise Misconfigured(msg)


def check_ids(ids: Sequence[object]) -> list[str]:
    """
    Return ids, each once, in their order, without white space around them.

    Raises:
        Misconfigured: Some are not ids; the first few reasons are given.
    """
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Sequence):
        msg = "task ids come as a list, also a single one"
        raise Misconfigured(msg)
    ids = [value.strip() if isinstance(value, str) else value for value in ids]
    wrong = [(value, why) for value in ids if (why := why_not_an_id(value)) is not None]
    if wrong:
        reasons = "; ".join(
            f"{str(value)[:40]!r}: {why}" for value, why in wrong[:REASONS_GIVEN]
        )
        rest = len(wrong) - REASONS_GIVEN
        msg = f"not a task id: {reasons}{f' (and {rest} more)' if rest > 0 else ''}"
        raise Misconfigured(msg)
    return list(dict.fromkeys(str(value) for value in ids))


def choose_upstream(configured: Sequence[str], name: str | None) -> str:
    """
    Return the name of the upstream that is meant.

    Raises:
        Misconfigured: It is not configured, or there are several and none was named.
    """
    if name is None and len(configured) == 1:
        return configured[0]
    if name is None and "default" in configured:
        return "default"
    known = ", ".join(configured)
    if name is None:
        msg = f"which upstream? {f'name one of {known}' if known else 'none is configured'}"
        raise Misconfigured(msg)
    if name not in configured:
        msg = f"there is no upstream {name!r}; configured: {known or 'none'}"
        raise Misconfigured(msg)
    return name
