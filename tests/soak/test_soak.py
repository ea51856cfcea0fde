"""
Soak: a steady load for long, and at the end every process is about as large as it was.

``MJBRIDGE_SOAK_SECONDS`` says for how long. Everything is kept for a minute only, so that
what has ended goes as fast as what is new comes, and only what leaks is left to grow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import median
from threading import Event
from time import monotonic

import pytest
from redis import Redis

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Gateway, Hooks, Stage, row
from tests.waiting import until

SECONDS = float(os.environ.get("MJBRIDGE_SOAK_SECONDS", "660"))
#: New tasks a second, each of which makes four events for three endpoints.
TASKS_PER_S = 10
#: Seconds that what has ended is kept.
RETENTION_S = 60
#: Seconds between two looks at how large everything is.
SAMPLE_S = 10.0
#: What may be added between the second and the last third of the run: a part, and some MB
#: that an allocator may take or leave.
GROWTH, SLACK_MB = 0.10, 8.0

STEPS = (
    ("NOT_START", ""),
    ("IN_PROGRESS", "0%"),
    ("IN_PROGRESS", "46%"),
    ("SUCCESS", ""),
)
#: Seconds from one step to the next.
STEP_S = 1.0


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 180)
def test_nothing_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Stage() as stage:
        gateway, hooks = stage.gateway(), stage.hooks(keep=5000)
        # A receiver that fails now and then, so that attempts and retries are in it too.
        dice = Random(1)
        hooks.answer("/flaky", *(dice.choice([204] * 9 + [500]) for _ in range(10**6)))
        with Installation(
            tmp_path,
            upstreams={"default": {**QUICK_UPSTREAM, "base_url": gateway.url}},
            endpoints={
                name: {
                    "url": f"{hooks.url}/{name}",
                    "events": ["task.*"],
                    "retry": [1] * 50,
                }
                for name in ("first", "second", "flaky")
            },
            retention=RETENTION_S,
        ) as deployment:
            beat = deployment.start_beat()
            worker = deployment.start_worker()
            until(lambda: len(worker.children()) == 2)
            sizes: dict[str, Callable[[], float]] = {
                "worker": lambda: _rss_mb(worker.pid),
                "beat": lambda: _rss_mb(beat.pid),
                "store": lambda: _store_mb(deployment),
            }
            for number, child in enumerate(worker.children(), 1):
                sizes[f"child {number}"] = lambda child=child: _rss_mb(child)  # type: ignore[misc]
            taken = _soak(deployment, gateway, hooks, sizes)
            with capsys.disabled():
                _show(taken)
            for name, samples in taken.items():
                third = len(samples) // 3
                before, after = (
                    median(samples[third : 2 * third]),
                    median(samples[-third:]),
                )
                assert after <= before * (1 + GROWTH) + SLACK_MB, (
                    f"{name} grows: {samples}"
                )


def _soak(
    deployment: Installation,
    gateway: Gateway,
    hooks: Hooks,
    sizes: Mapping[str, Callable[[], float]],
) -> dict[str, list[float]]:
    """Keep the load up; returns what was measured, by what it was measured of."""
    samples: dict[str, list[float]] = {name: [] for name in sizes}
    began = sampled_at = monotonic()
    batches: list[list[str]] = []
    while (now := monotonic()) < began + SECONDS:
        tasks = [f"soak-{len(batches)}-{number}" for number in range(TASKS_PER_S)]
        batches.append(tasks)
        for step, (status, progress) in enumerate(STEPS):
            if step < len(batches):
                moved = batches[-1 - step]
                gateway.put(*(row(task, status, progress) for task in moved))
        if len(batches) > 60:
            gateway.forget(*batches[-61])
        deployment.track(*tasks)
        if now >= sampled_at + SAMPLE_S:
            sampled_at = now
            for name, size in sizes.items():
                samples[name].append(size())
        Event().wait(max(0.0, now + STEP_S - monotonic()))
    last = batches[-len(STEPS) - 5][0]
    hooks.wait_for("/first", "task.succeeded", task=last, within_s=30)
    return samples


def _rss_mb(pid: int) -> float:
    """What a process has in memory, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _store_mb(deployment: Installation) -> float:
    """What the store's data takes, in MB."""
    with Redis.from_url(deployment.store.url) as client:
        return float(client.info("memory")["used_memory"]) / 1e6


def _show(taken: Mapping[str, Sequence[float]]) -> None:
    """Print a line for each, with a number for every tenth of the run."""
    out = sys.stdout
    out.write(
        f"\nsoak, {SECONDS:g} s, {TASKS_PER_S} new tasks a second; MB over time:\n"
    )
    for name, samples in taken.items():
        every = max(1, len(samples) // 10)
        numbers = " ".join(f"{size:7.1f}" for size in samples[::every])
        out.write(f"  {name:8} {numbers}\n")
