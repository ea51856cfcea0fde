"""
What the steps of a delivery's life cost the store alone: processor time, and commands.

``python -m benchmarks store --beside CHECKOUT --rounds 9`` compares it with another version.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from benchmarks.case import Case, Column, Figures, Group, Row, Size
from benchmarks.feed import UPSTREAM, claim_all, ended, event
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.admin import StoreAdmin
from bridge.adapters.store.connection import connect
from bridge.adapters.store.deliveries import StoredDeliveries
from bridge.adapters.store.keyspace import Keyspace
from bridge.adapters.store.tasks import StoredTasks
from bridge.app.ports import ClaimLimits, Settlement
from bridge.core.delivery import Attempt, Disposition, Verdict
from bridge.core.endpoint import Endpoint, Rate

#: Deliveries of a round; how often each shape is measured.
DELIVERIES, TURNS = 400, 3
#: To so many endpoints each event goes, and so many deliveries are claimed and settled at once.
SHAPES = ((1, 1), (2, 10), (50, 50))
#: Bytes of an event.
SIZE = 2000
#: What the store itself is asked by clients, which no step does.
_OURS = {"cmdstat_evalsha", "cmdstat_info", "cmdstat_script|load"}


async def spent(client: Redis) -> Figures:
    """Return what the store has used so far: microseconds, and commands of its scripts."""
    facts: Any = await client.info("cpu")
    names = ("used_cpu_user_main_thread", "used_cpu_sys_main_thread")
    counts: Any = await client.info("commandstats")
    called = [one["calls"] for name, one in counts.items() if name not in _OURS]
    cpu = sum(float(facts[name]) for name in names) * 1e6
    return {"cpu": cpu, "commands": sum(called)}


async def configured(client: Redis, endpoints: int) -> tuple[Keyspace, list[str]]:
    """Begin a deployment whose endpoints take everything at once; return their names."""
    keys = Keyspace(client, namespace=f"cost{uuid4().hex[:6]}", retention=600.0)
    names = [f"endpoint{number}" for number in range(endpoints)]
    rate = Rate(per_second=1e6, burst=1e6)
    await StoreAdmin(keys).configure(
        [
            Endpoint(name=name, url="http://r/", concurrency=1000, rate=rate)
            for name in names
        ]
    )
    return keys, names


async def measured(url: str, endpoints: int, batch: int) -> list[Row]:
    """Measure one round of every step; return what a delivery takes."""
    client = connect(url)
    keys, names = await configured(client, endpoints)
    tasks, deliveries = StoredTasks(keys), StoredDeliveries(keys)
    events = DELIVERIES // endpoints
    ids = [f"{number:016d}" for number in range(events + 1)]
    await tasks.track(UPSTREAM, ids, {})
    results = [
        ended(due, event(int(due.key.id), SIZE), names)
        for due in await claim_all(tasks)
    ]
    await tasks.record([results.pop()])
    # An unproven endpoint gets a few at a time.
    await deliveries.settle(await _claim(deliveries, 1000))
    claimed: list[Settlement] = []

    async def record() -> None:
        at_once = max(1, batch // endpoints)
        for start in range(0, events, at_once):
            await tasks.record(results[start : start + at_once])

    async def claim() -> None:
        while some := await _claim(deliveries, batch):
            claimed.extend(some)

    async def settle() -> None:
        for start in range(0, DELIVERIES, batch):
            await deliveries.settle(claimed[start : start + batch])

    rows = []
    for step in (record, claim, settle):
        before = await spent(client)
        await step()
        after = await spent(client)
        figures = {name: (after[name] - before[name]) / DELIVERIES for name in after}
        name = f"{step.__name__}, {batch} at once, {endpoints} endpoints"
        rows.append(Row(name, figures))
    await client.aclose()
    return rows


async def _claim(deliveries: StoredDeliveries, most: int) -> list[Settlement]:
    claim = await deliveries.claim_deliveries(ClaimLimits(limit=most, slow_limit=most))
    return [
        Settlement(
            delivery=one,
            attempt=Attempt(started=one.now, duration=0.02, status=200),
            verdict=Verdict(disposition=Disposition.DELIVERED),
        )
        for one in claim.deliveries
    ]


def measure(_scale: float) -> Iterator[Row]:
    """Measure every shape."""
    with (
        tempfile.TemporaryDirectory(prefix="mjb") as folder,
        EmbeddedStore(Path(folder)) as store,
    ):
        for endpoints, batch in SHAPES * TURNS:
            yield from asyncio.run(measured(store.url, endpoints, batch))


GROUP = Group(
    title="The store alone: the steps of a delivery",
    columns=(
        Column(figure="cpu", title="CPU, us", digits=1, spread=True),
        Column(figure="commands", title="commands", digits=1),
    ),
    cases={"store": Case(measure=measure, size=Size.FULL)},
)
