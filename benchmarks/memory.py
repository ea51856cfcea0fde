"""What the store's memory holds, by its own count and by the system's."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from redis import Redis

from benchmarks.case import Case, Column, Group, Row, Size
from benchmarks.feed import Feed
from benchmarks.usage import store_memory
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.runtime.deployment import Deployment
from bridge.settings import load_settings

#: Deliveries that wait.
PENDING = 20_000


def measure(scale: float) -> Iterator[Row]:
    """Measure what deliveries that wait take, each with an event and a task of its own."""
    count = int(PENDING * scale)
    with (
        tempfile.TemporaryDirectory(prefix="mjb") as folder,
        EmbeddedStore(Path(folder)) as store,
        Redis.from_url(store.url) as client,
    ):
        server = [psutil.Process(store.pid)]
        before = store_memory(client, server)
        asyncio.run(_record(store.url, count))
        after = store_memory(client, server)
        yield Row("", {name: (after[name] - before[name]) / count for name in after})


async def _record(url: str, count: int) -> None:
    env = {
        "BRIDGE_REDIS_URL": url,
        "BRIDGE_ENDPOINTS__ONE__URL": "http://127.0.0.1:9/hook",
    }
    async with Deployment(load_settings(environ=env, need_keys=False)) as bridge:
        feed = Feed(bridge)
        await feed.prepare(count)
        await feed.flood(["one"] * count)


GROUP = Group(
    title="Memory of an event of 2 kB, its task and its delivery, in bytes",
    columns=(
        Column(figure="used_memory", title="used_memory", spread=True),
        Column(figure="rss", title="RSS", spread=True),
    ),
    cases={"a delivery that waits": Case(measure=measure, size=Size.QUICK)},
)
