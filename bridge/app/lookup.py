"""Finding what ids and names stand for, and refusing those that stand for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.app.ports import (
    DeliveryRow,
    DeliveryState,
    EventRow,
    Page,
    Queries,
    TaskRow,
    Wait,
)
from bridge.core.task import MAX_ID_LENGTH, TaskKey, why_not_an_id
from bridge.errors import Ambiguous, Misconfigured, NotFound

#: States of deliveries that have not ended.
OPEN = frozenset({"pending", "held"})
#: Ids that are not ids, of which an error names the reason.
REASONS_GIVEN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDelivery:
    """A delivery, and why it waits; ``None`` if it has ended."""

    row: DeliveryRow
    wait: Wait | None


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
            rows = await self._rows(task_id, await self._known_upstreams())
        if not rows:
            where = f" at upstream {upstream}" if upstream else ""
            msg = f"no task {task_id!r} is known{where}; `mjbridge tasks` lists what is"
            raise NotFound(msg)
        if len(rows) > 1:
            known = [row.key.upstream for row in rows]
            msg = f"task {task_id} is known at several upstreams ({', '.join(known)}); say which one with --upstream"
            raise Ambiguous(msg, upstreams=known)
        return rows[0]

    async def subject_of(self, task_id: str, upstream: str | None = None) -> str:
        """
        Return what the events of a task are kept under, whether or not it is known.

        Raises:
            Ambiguous: Several upstreams know the id, and none was named.
        """
        try:
            return str((await self.find_task(task_id, upstream)).key)
        except (Misconfigured, NotFound):
            return str(TaskKey(upstream or "", task_id))

    async def delivery_page(
        self,
        *,
        endpoint: str | None = None,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ExplainedDelivery]:
        """
        List deliveries as `Queries.delivery_page` does, and why those wait that do.

        Raises:
            InvalidCursor: The cursor does not come from a list.
        """
        page = await self._queries.delivery_page(
            endpoint=endpoint, state=state, cursor=cursor, limit=limit
        )
        waits = await self.waits_of(page.items)
        items = [
            ExplainedDelivery(row=row, wait=waits.get((row.event_id, row.endpoint)))
            for row in page.items
        ]
        return Page(items=items, next=page.next)

    async def waits_of(
        self, deliveries: Iterable[DeliveryRow]
    ) -> Mapping[tuple[str, str], Wait]:
        """Return why those deliveries wait that do, by event and endpoint."""
        names = [
            (one.event_id, one.endpoint) for one in deliveries if one.state in OPEN
        ]
        waits = await self._queries.waits(names) if names else ()
        return {
            name: wait
            for name, wait in zip(names, waits, strict=True)
            if wait is not None
        }

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
            known = [*self._upstreams, *await self._known_upstreams()]
            _check("upstream", name, known)

    async def _known_upstreams(self) -> Sequence[str]:
        return [row.name for row in await self._queries.upstreams(0.0)]

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
    right, wrong = sift_ids(ids)
    if wrong:
        reasons = "; ".join(
            f"{given[:40]!r}: {why}" for given, why in wrong[:REASONS_GIVEN]
        )
        rest = len(wrong) - REASONS_GIVEN
        msg = f"not a task id: {reasons}{f' (and {rest} more)' if rest > 0 else ''}"
        raise Misconfigured(msg)
    return right


def sift_ids(ids: Sequence[object]) -> tuple[list[str], list[tuple[str, str]]]:
    """
    Part ids from what cannot be one.

    Returns:
        Ids, each once, in their order, without white space around them; and the beginning
        of what is not an id, each with the reason.
    """
    right: dict[str, None] = {}
    wrong: list[tuple[str, str]] = []
    for value in ids:
        task_id = value.strip() if isinstance(value, str) else value
        why = why_not_an_id(task_id)
        if why is None:
            right[str(task_id)] = None
        else:
            shown = str(value)[:MAX_ID_LENGTH]
            wrong.append((shown.encode(errors="replace").decode(), why))
    return list(right), wrong


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
