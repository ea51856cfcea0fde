"""What the store's memory holds, by its own count and by the system's."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from redis import Redis

from benchmarks.case import Case, Column, Group, Row, Size
from benchmarks.feed import BATCH, UPSTREAM, claim_all, ended, event
from benchmarks.usage import store_memory
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.runtime.deployment import Deployment
from bridge.settings import load_settings

#: Events that wait, each of a task of its own, and the bytes of each.
EVENTS, SIZE = 20_000, 2000
#: Endpoints that each of more events waits for.
MANY = 6


def measure(scale: float) -> Iterator[Row]:
    """Measure what events and their deliveries take that wait, without their tasks."""
    with (
        tempfile.TemporaryDirectory(prefix="mjb") as folder,
        EmbeddedStore(Path(folder)) as store,
        Redis.from_url(store.url) as client,
    ):
        yield from asyncio.run(_measure(store, client, int(EVENTS * scale)))


async def _measure(store: EmbeddedStore, client: Redis, count: int) -> list[Row]:
    server = [psutil.Process(store.pid)]
    endpoints = [f"e{number}" for number in range(MANY)]
    env = {"BRIDGE_REDIS_URL": store.url}
    for name in endpoints:
        env[f"BRIDGE_ENDPOINTS__{name.upper()}__URL"] = "http://127.0.0.1:9/hook"

    async with Deployment(load_settings(environ=env, need_keys=False)) as bridge:
        tasks, found = bridge.tasks, []
        for first, names in ((0, endpoints[:1]), (count, endpoints)):
            ids = [f"{number:016d}" for number in range(first, first + count)]
            await tasks.track(UPSTREAM, ids, {})
            results = [
                ended(due, event(int(due.key.id), SIZE), names)
                for due in await claim_all(tasks)
            ]
            before = store_memory(client, server)
            for start in range(0, count, BATCH):
                await tasks.record(results[start : start + BATCH])
            after = store_memory(client, server)
            found.append({name: (after[name] - before[name]) / count for name in after})
    one, many = found
    more = {name: (many[name] - one[name]) / (MANY - 1) for name in one}
    return [Row("that waits, with its event", one), Row("more of that event", more)]


GROUP = Group(
    title="Memory of a delivery of 2 kB, in bytes; its task is counted with polling",
    columns=(
        Column(figure="used_memory", title="used_memory", spread=True),
        Column(figure="rss", title="RSS", spread=True),
    ),
    cases={"a delivery": Case(measure=measure, size=Size.QUICK)},
)
