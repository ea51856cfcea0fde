"""Deliveries per second and latency, beside one Celery task per delivery."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from itertools import cycle
from statistics import quantiles

from celery import Celery

from benchmarks import arena, baseline
from benchmarks.recording import claim_all, ended
from bridge.adapters.broker.transport import broker_of
from bridge.app.ports import DueTask
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoints_of
from bridge.settings import Settings

ENDPOINTS = 50
SLOW = 3  # 5 % of 50, rounded up


def urls(sink: str, slow: int) -> dict[str, str]:
    names = [f"e{number}" for number in range(ENDPOINTS)]
    return {
        name: f"{sink}/{'slow' if place < slow else 'fast'}/{name}"
        for place, name in enumerate(names)
    }


def producer_for(settings: Settings, store: str) -> Celery:
    """A Celery app that can send wake-ups, as a poller's would."""
    broker = broker_of(store, settings.namespace)
    app = Celery("benchmark", broker=broker.url)
    app.conf.broker_transport_options = broker.options
    return app


async def _claimed(deployment: Deployment, numbers: range) -> list[DueTask]:
    """Track tasks and claim them, as a poller would before it asks about them."""
    await deployment.tasks.track("default", [str(number) for number in numbers], {})
    return await claim_all(deployment.tasks)


async def _record(
    deployment: Deployment, app: Celery, claimed: list[DueTask], names: Sequence[str]
) -> None:
    """Record one event for each task, every one for one endpoint in turn."""
    turns = cycle(names)
    for start in range(0, len(claimed), 100):
        results = [
            ended(due, arena.event(int(due.key.id)), [next(turns)])
            for due in claimed[start : start + 100]
        ]
        recorded = await deployment.tasks.record(results)
        if recorded.wake:
            app.send_task("mjbridge.deliver", queue="deliver", expires=5)


def ours(total: int, *, slow: int, window: float | None = None) -> float:
    """
    Deliveries per second, from the first record to the last 2xx.

    With a window: those that the healthy endpoints got within it.
    """
    with arena.store() as store, arena.sink() as sink:
        named = urls(sink, slow)
        settings, env = arena.settings_for(store, named)
        with arena.deliverers(env):
            began = asyncio.run(_begin(settings, store, total, list(named)))
            return _rate(sink, total, began, window)


async def _begin(
    settings: Settings, store: str, total: int, names: Sequence[str]
) -> float:
    app = producer_for(settings, store)
    async with Deployment(settings) as deployment:
        await deployment.admin.configure(endpoints_of(settings))
        claimed = await _claimed(deployment, range(total))
        began = time.monotonic()
        await _record(deployment, app, claimed, names)
        return began


def theirs(total: int, *, slow: int, window: float | None = None) -> float:
    """The same for one Celery task per delivery."""
    with arena.store() as store, arena.sink() as sink:
        broker = broker_of(store, "mjb").url
        baseline.app.conf.update(broker_url=broker)
        env = {"BASELINE_BROKER": broker}
        command = (
            "celery",
            "-A",
            "benchmarks.baseline",
            "worker",
            "-c",
            "2",
            "-l",
            "info",
        )
        quiet = (
            "--without-gossip",
            "--without-mingle",
            "-n",
            f"baseline-{os.getpid()}@%h",
        )
        with arena.running(*command, *quiet, env=env, says="ready."):
            turns = cycle(urls(sink, slow).values())
            began = time.monotonic()
            with baseline.app.connection_for_write(broker) as connection:
                producer = baseline.app.amqp.Producer(connection)
                for number in range(total):
                    event = arena.event(number)
                    args = (next(turns), event.id, event.body)
                    baseline.deliver.apply_async(args, producer=producer)
            return _rate(sink, total, began, window)


def _rate(sink: str, total: int, began: float, window: float | None) -> float:
    if window is None:
        done = arena.wait_until(lambda: arena.counts(sink)["fast"] >= total, within=120)
        spent = time.monotonic() - began
        if not done:
            msg = f"{arena.counts(sink)['fast']} of {total} arrived within 120 s"
            raise RuntimeError(msg)
        return total / spent
    arena.wait_until(lambda: False, within=max(0.0, began + window - time.monotonic()))
    return float(arena.counts(sink)["fast"]) / (time.monotonic() - began)


def latency(samples: int = 200, *, every: float = 0.05) -> tuple[float, float]:
    """Seconds from record to the receiver at low load: p50 and p99."""
    with arena.store() as store, arena.sink() as sink:
        named = urls(sink, 0)
        settings, env = arena.settings_for(store, named)
        with arena.deliverers(env):
            asyncio.run(_trickle(settings, store, list(named), samples, every))
            arena.wait_until(lambda: arena.counts(sink)["fast"] >= samples, within=10)
            delays = arena.counts(sink)["delays"][20:]
    cuts = quantiles(delays, n=100)
    return cuts[49], cuts[98]


async def _trickle(
    settings: Settings, store: str, names: Sequence[str], samples: int, every: float
) -> None:
    app = producer_for(settings, store)
    async with Deployment(settings) as deployment:
        await deployment.admin.configure(endpoints_of(settings))
        for number in range(samples):
            name = names[number % len(names)]
            claimed = await _claimed(deployment, range(number, number + 1))
            await _record(deployment, app, claimed, [name])
            await asyncio.sleep(every)
