"""
What processes cost, by the operating system's accounting.

A component's processor time is that of its processes, of those they have started, and of
those that have ended meanwhile; all in seconds. Linux tells it exactly, and to 10 ms of what has
ended; others tell all of it as they do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import psutil
from redis import Redis

from tests.waiting import until

#: Components that stand for the world outside of a deployment.
OUTSIDE = frozenset({"sink", "gateway", "readers"})
#: Seconds in which processes that have nothing more to do use less than `STILL` of a core.
LOOK, STILL = 0.25, 0.15


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_of(processes: Iterable[psutil.Process]) -> float:
    """Return the seconds of processor time that processes, and those they waited for, used."""
    used = 0.0
    for one in processes:
        with suppress(psutil.NoSuchProcess, OSError):
            times = one.cpu_times()
            used += times.children_user + times.children_system
            used += _exactly(one.pid) if psutil.LINUX else times.user + times.system
    return used


def _exactly(pid: int) -> float:
    """Return what a process's threads used, by its clock; see clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(frozen=True, slots=True)
class Usage:
    """
    What was used until a moment.

    Attributes:
        at: The moment, by a clock that only goes forward.

        cpu: Seconds of processor time, by component.

        calls: Commands that the store has run, those within scripts included, by name.

        loop: Seconds in which the store's event loop was not waiting for anybody to ask it,
            but had work, waited for a core or for the disk; 0 of a server that does not tell.
    """

    at: float
    cpu: Mapping[str, float]
    calls: Mapping[str, int]
    loop: float

    def per(self, since: Usage, items: int, *, seconds: float) -> dict[str, float]:
        """
        Return what each of some items has cost since an earlier moment.

        Args:
            since: That moment.

            items: How many there were.

            seconds: How long they took; the rest of the time nothing was to be done.
        """
        spent = {name: self.cpu[name] - since.cpu.get(name, 0.0) for name in self.cpu}
        ours = sum(cost for name, cost in spent.items() if name not in OUTSIDE)
        calls = {
            name: count - since.calls.get(name, 0) for name, count in self.calls.items()
        }
        scripts = calls.pop("evalsha", 0) + calls.pop("eval", 0)
        return {
            "rate": items / seconds,
            **{f"cpu {name}": cost / items * 1e6 for name, cost in spent.items()},
            "cpu": ours / items * 1e6,
            "cores": sum(spent.values()) / seconds / (os.cpu_count() or 1),
            "loop": (self.loop - since.loop) / seconds,
            "commands": (sum(calls.values()) + scripts) / items,
            "scripts": scripts / items,
        }


def used(components: Mapping[str, Iterable[psutil.Process]], store: Redis) -> Usage:
    """Return what components have used until now."""
    cpu = {name: cpu_of(processes) for name, processes in components.items()}
    stats = cast("Mapping[str, Any]", store.info("stats"))
    loop = stats.get("eventloop_duration_sum", 0) / 1e6
    return Usage(time.monotonic(), cpu, calls_of(store), loop)


def calls_of(store: Redis) -> dict[str, int]:
    """Return how often the store has run each command."""
    stats = cast("Mapping[str, Any]", store.info("commandstats"))
    return {
        name.removeprefix("cmdstat_"): int(one["calls"]) for name, one in stats.items()
    }


def store_memory(store: Redis, processes: Iterable[psutil.Process]) -> dict[str, float]:
    """Return the store's memory as it counts itself, and as the system does; in bytes."""
    facts = cast("Mapping[str, Any]", store.info("memory"))
    rss = sum(one.memory_info().rss for one in processes)
    return {"used_memory": float(facts["used_memory"]), "rss": float(rss)}


def wait_until_still(processes: list[psutil.Process], *, within: float = 5.0) -> None:
    """Wait until processes have nothing more to do, or until the time is over."""
    seen = time.monotonic(), cpu_of(processes)

    def rest() -> bool:
        nonlocal seen
        (began, before), now = seen, time.monotonic()
        if now < began + LOOK:
            return False
        seen = now, cpu_of(processes)
        return seen[1] - before < STILL * (now - began)

    with suppress(AssertionError):
        until(rest, within_s=within)
