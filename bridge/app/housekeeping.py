"""
The sweep: what nothing else would notice. It runs every few seconds and does a bounded
piece of work each time. What the store has lost the place of is put back here.

Deliveries die here by age: what a paused or disabled endpoint holds for longer than
`retention`; what could not be delivered for longer than that and than any endpoint's
schedule; and what waits for an endpoint that no worker has had configured for an hour.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

import structlog

from bridge.app.operator_events import death_notices
from bridge.app.ports import Admin, StoreMemory, Waiting
from bridge.app.removed import GONE_AFTER
from bridge.app.store_memory import memory_log
from bridge.core.backoff import MAX_RETRY_AFTER, lifetime
from bridge.core.endpoint import Endpoint
from bridge.core.hook import HookPolicy

log = structlog.get_logger(__name__)

#: Deliveries that are given up in one step, and things that are forgotten.
SWEEP_BATCH = 200
#: Steps in which one sweep gives up deliveries of one kind: an endpoint that is held may
#: collect hundreds a second, and must not outgrow the store.
GIVE_UP_STEPS = 20
#: Steps in which one sweep forgets: as many as a busy deployment can need.
FORGET_STEPS = 100
#: Tasks in one step, and events in one sweep, that are examined for what has lost its place.
RESTORE_BATCH = 500
#: Steps in which one sweep moves what waits after the store's clock was set back.
CLOCK_STEPS = 500


class HousekeepingStore(Admin, Protocol):
    """What the sweep needs of the store, besides what people do to it."""

    async def was_emptied(self) -> bool:
        """Return, once, whether the store has lost all that it held."""

    async def beat(self, now: float) -> None:
        """Leave the heartbeat that proves beat, broker and a worker at once."""

    async def hook_endpoints(self) -> Sequence[str]:
        """Name the endpoints that stand for hooks of tasks that are kept."""

    async def action_endpoints(self) -> Sequence[str]:
        """Name the endpoints that stand for the upstreams of actions that there were."""

    async def open_before(self, cutoff: float, most: int) -> Sequence[Waiting]:
        """List open deliveries of events older than a time, the oldest first."""

    async def holding(self) -> Sequence[str]:
        """Name the endpoints that are paused or disabled."""

    async def unconfigured(self, since: float) -> Sequence[str]:
        """Name the endpoints that no worker has had configured since a time."""

    async def forget_endpoint(self, name: str, since: float) -> bool:
        """Forget an endpoint not configured since a time, unless something waits for it."""

    async def follow_clock(
        self, upstreams: Iterable[str], rules: Iterable[str], most: int
    ) -> int:
        """
        Where the store's clock was set back, move what waits back with it.

        Args:
            upstreams: Whose polls are moved, besides the deliveries of all endpoints.

            rules: Whose presses are moved that count towards their limits.

        Returns:
            How many times were moved; *most* if there may be more.
        """

    async def restore_tasks(
        self, upstream: str, passed: int, most: int
    ) -> tuple[int, int]:
        """
        Have tasks polled again that are tracked and nowhere due.

        Args:
            passed: How many to pass over.

        Returns:
            How many were examined, which is none where none can be missing; and how many of
            them are polled again.
        """

    async def restore_deliveries(self, most: int) -> int:
        """
        Have deliveries made that are open and waited nowhere; return how many.

        Up to *most* events are examined. It goes on where the last call ended, and from the
        last event to the oldest.
        """

    async def tidy(self, most: int) -> int:
        """Forget what was kept for `retention`, up to *most* of a kind; return how much."""

    async def watch_memory(self) -> StoreMemory | None:
        """
        Return how the store's memory stands; ``None`` if we may not know it.

        Above `NEARLY_FULL` polling pauses for the next 15 s, so that what is known can
        still be delivered.
        """


async def sweep(
    store: HousekeepingStore,
    endpoints: Sequence[Endpoint],
    *,
    hooks: HookPolicy | None = None,
    actions: Sequence[Endpoint] = (),
    upstreams: Iterable[str],
    rules: Iterable[str] = (),
    retention: float,
    on_a_tick: bool = True,
    thorough: bool = True,
) -> None:
    """
    Do one sweep's worth of housekeeping; running it twice at once does no harm.

    Args:
        store: The deployment's.

        endpoints: Those that are configured here.

        hooks: How hooks are delivered to; ``None`` if they are not.

        actions: The endpoints that stand for upstreams of actions.

        upstreams: Their names; those that are configured here.

        rules: The names of those that are configured here.

        retention: Seconds that what is over, or held, is kept.

        on_a_tick: Whether a tick of beat has led to it. Then it writes the heartbeat,
            which proves that beat, broker and worker work.

        thorough: Whether to go through all endpoints, too: that costs the more, the more
            there are, and what it finds is hours old.
    """
    now = await store.clock()
    if await store.was_emptied():
        log.error(
            "store.emptied",
            effect="all tasks and what was not delivered yet are forgotten; track the ids "
            "again, and their changes are delivered",
        )
    if on_a_tick:
        await store.beat(now)
    for _ in range(CLOCK_STEPS):
        if await store.follow_clock(upstreams, rules, SWEEP_BATCH) < SWEEP_BATCH:
            break
    if (memory := await store.watch_memory()) is not None:
        memory_log.note(memory)
    if thorough:
        await _configure(store, endpoints, hooks, actions)
        kinds = endpoints if hooks is None else [*endpoints, hooks.endpoint]
        longest = max(
            (lifetime(one.schedule) + MAX_RETRY_AFTER for one in kinds), default=0.0
        )
        await _give_up_old_deliveries(store, endpoints, retention, longest, now)
        await _forget_gone_endpoints(store, endpoints, now)
        await _restore(store, upstreams)
    for _ in range(FORGET_STEPS):
        if await store.tidy(SWEEP_BATCH) < SWEEP_BATCH:
            break


async def _restore(store: HousekeepingStore, upstreams: Iterable[str]) -> None:
    """Put back what nobody would look for any more: all tasks, and a part of what is open."""
    why = "the store had lost when they are due"
    for upstream in upstreams:
        passed = total = 0
        examined = RESTORE_BATCH
        while examined == RESTORE_BATCH:
            examined, restored = await store.restore_tasks(
                upstream, passed, RESTORE_BATCH
            )
            passed += examined
            total += restored
        if total:
            log.warning("tasks.restored", upstream=upstream, count=total, reason=why)
    if count := await store.restore_deliveries(RESTORE_BATCH):
        log.warning("deliveries.restored", count=count, reason=why)


async def _configure(
    store: HousekeepingStore,
    endpoints: Sequence[Endpoint],
    hooks: HookPolicy | None,
    actions: Sequence[Endpoint],
) -> None:
    known = await store.action_endpoints()
    used = [one for one in actions if one.name in known]
    for name in await store.configure([*endpoints, *used]):
        log.info("endpoint.url_changed", endpoint=name)
    if hooks is None:
        return
    names = await store.hook_endpoints()
    for start in range(0, len(names), SWEEP_BATCH):
        some = names[start : start + SWEEP_BATCH]
        await store.configure([hooks.endpoint_at(name) for name in some])


async def _give_up_old_deliveries(
    store: HousekeepingStore,
    endpoints: Sequence[Endpoint],
    retention: float,
    longest: float,
    now: float,
) -> None:
    for name in await store.holding():
        held = partial(store.open_at, name, SWEEP_BATCH, before=now - retention)
        await _give_up(store, held, f"held longer than {retention:g} s", endpoints, now)
    limit = max(retention, longest)
    old = partial(store.open_before, now - limit, SWEEP_BATCH)
    await _give_up(store, old, f"not delivered within {limit:g} s", endpoints, now)


async def _forget_gone_endpoints(
    store: HousekeepingStore, endpoints: Sequence[Endpoint], now: float
) -> None:
    since = now - GONE_AFTER
    for name in await store.unconfigured(since):
        waiting = partial(store.open_at, name, SWEEP_BATCH)
        await _give_up(store, waiting, "endpoint removed", endpoints, now)
        await store.forget_endpoint(name, since)


async def _give_up(
    store: HousekeepingStore,
    find: Callable[[], Awaitable[Sequence[Waiting]]],
    reason: str,
    endpoints: Sequence[Endpoint],
    now: float,
) -> None:
    """Give up what is found, a few hundred deliveries at a time, until nothing more is."""
    total = 0
    for _ in range(GIVE_UP_STEPS):
        waiting = (await find())[:SWEEP_BATCH]
        notices = [death_notices(one, reason, endpoints, at=now) for one in waiting]
        given_up = await store.give_up(waiting, reason, notices) if waiting else 0
        total += given_up
        if not given_up or len(waiting) < SWEEP_BATCH:
            break
    if total:
        log.warning("deliveries.given_up", count=total, reason=reason)
