"""Ids per second through claim, diff and record; memory of what waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from benchmarks import arena
from benchmarks.recording import LIMITS, PATIENCE, claim_all, ended
from bridge.app.poll import PolledUpstream, Poller
from bridge.app.ports import FetchResult
from bridge.core.button import Button
from bridge.core.task import TaskSnapshot, TaskStatus
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoints_of

BUTTONS = tuple(
    Button.of(
        f"MJ::JOB::upsample::{n}::3785da15-4f70-4034-9128-f3ff1ac634fa", f"U{n}", None
    )
    for n in range(1, 5)
)


class Gateway:
    """An upstream that answers from memory: what is left is our own work."""

    def __init__(self, share_changed: float) -> None:
        self._share = share_changed
        self.asked = 0
        self.round = 0

    async def fetch(self, ids: Sequence[str]) -> FetchResult:
        self.asked += len(ids)
        return FetchResult(tasks={task_id: self._snapshot(task_id) for task_id in ids})

    def _snapshot(self, task_id: str) -> TaskSnapshot:
        changed = self.round and int(task_id) % 1000 < self._share * 1000
        running = TaskSnapshot(
            id=task_id,
            status=TaskStatus.IN_PROGRESS,
            progress=31,
            action="IMAGINE",
            prompt="pig --v 6.1",
            prompt_en="pig --v 6.1",
            submit_time=1730621826053,
            image_url=f"https://gw.example/mj/image/{task_id}?rand={time.monotonic_ns()}",
        )
        if not changed:
            return running
        return replace(
            running, status=TaskStatus.SUCCESS, progress=100, buttons=BUTTONS
        )

    async def aclose(self) -> None:
        pass


async def _cycle(tracked: int, share_changed: float) -> float:
    """Look at every task once, and time the second time around."""
    with arena.store() as url:
        settings, _ = arena.settings_for(url, {"one": "http://127.0.0.1:9/hook"})
        async with Deployment(settings) as deployment:
            ids = [str(1730621826053455 + number) for number in range(tracked)]
            await deployment.tasks.track("default", ids, {})
            gateway = Gateway(share_changed)
            poller = Poller(
                store=deployment.tasks,
                upstreams={
                    "default": PolledUpstream(
                        upstream=gateway,
                        limits=replace(LIMITS, concurrency=4),
                        policy=replace(PATIENCE, poll_interval=3600),
                    )
                },
                endpoints=endpoints_of(settings),
                progress_step=10,
                now=time.time,
                elapsed=time.monotonic,
                roll=lambda: 0.0,
                wake=_nobody,
            )
            await _once_around(poller)
            await _make_due(deployment, ids)
            gateway.round, gateway.asked = 1, 0
            began = time.monotonic()
            await _once_around(poller)
            return gateway.asked / (time.monotonic() - began)


async def _once_around(poller: Poller) -> None:
    await poller.poll()
    await poller.idle()


async def _make_due(deployment: Deployment, ids: list[str]) -> None:
    """Let an hour pass for the poller, and only for it."""
    key = f"{{{deployment.settings.namespace}}}:poll:default"
    for start in range(0, len(ids), 5000):
        due = {f"default:{task_id}": 0.0 for task_id in ids[start : start + 5000]}
        await cast("Any", deployment.client).zadd(key, due)


async def _nobody() -> None:
    pass


def ids_per_second(tracked: int, share_changed: float) -> float:
    return asyncio.run(_cycle(tracked, share_changed))


async def _fill(pending: int) -> float:
    with arena.store() as url:
        settings, _ = arena.settings_for(url, {"one": "http://127.0.0.1:9/hook"})
        async with Deployment(settings) as deployment:
            before = (await deployment.client.info("memory"))["used_memory"]
            for first in range(0, pending, 10_000):
                ids = [str(number) for number in range(first, first + 10_000)]
                await deployment.tasks.track("default", ids, {})
                claimed = await claim_all(deployment.tasks)
                results = [
                    ended(due, arena.event(int(due.key.id)), ["one"]) for due in claimed
                ]
                await deployment.tasks.record(results)
            after = (await deployment.client.info("memory"))["used_memory"]
            return float(after - before)


def memory_of(pending: int) -> float:
    """Bytes of the store for so many pending deliveries of 2 kB events, tasks included."""
    return asyncio.run(_fill(pending))
