"""What polling costs: a gateway is asked over HTTP, in rows of 2 kB, and little has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from benchmarks.arena import Arena, ask, deployment
from benchmarks.case import Case, Column, Figures, Group, Row, Size
from benchmarks.usage import store_memory, wait_until_still
from bridge.runtime.deployment import Deployment
from bridge.settings import Settings
from tests.waiting import until

#: Seconds that a look at all tasks may take.
PATIENCE = 1800
FIRST_ID = 1730621826000000
#: Tasks whose next look is at least so many seconds away have been looked at.
DONE = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """
    Tasks that are looked at once in each phase.

    Attributes:
        tasks: How many.

        batch: Ids in a request.

        delay: Seconds that the gateway takes for an answer.

        phases: Of each the percentage of tasks that have ended by then, and whether links
            differ from answer to answer, as new-api's do.
    """

    tasks: int
    batch: int = 500
    delay: float = 0.0
    phases: tuple[tuple[int, bool], ...] = ((0, False),)


#: A few looks of each kind: nothing has ended, links or none; 1 % more have each time, then
#: 10 % of what is left each time; everything has.
MIXED = (
    *((0, False), (0, True)) * 3,
    *((1, False), (2, False), (3, False), (13, False), (22, False), (30, False)),
    (100, False),
)
LOOKS = {
    "1,000 tasks": Tracked(tasks=1_000, phases=((0, False),) * 3),
    "10,000 tasks": Tracked(tasks=10_000, phases=MIXED),
    "10,000 tasks, 50 a request": Tracked(
        tasks=10_000, batch=50, phases=((0, False),) * 3
    ),
    "100,000 tasks, after 100 ms": Tracked(
        tasks=100_000, delay=0.1, phases=((0, False),) * 3
    ),
    "100,000 tasks, mixed": Tracked(tasks=100_000, phases=MIXED),
    "1,000,000 tasks": Tracked(
        tasks=1_000_000,
        phases=(*((0, False),) * 3, (1, False), (11, False), (100, False)),
    ),
}


def measure(shape: Tracked, scale: float) -> Iterator[Row]:
    """Measure every phase of a shape."""
    limits = {
        "batch_size": shape.batch,
        # However much closer the cadence looks at some: far beyond `DONE`.
        "poll_interval": 86400,
        "rate_limit": "1000/s",
        "concurrency": 8,
    }
    with deployment(
        {"one": "0/one"}, events="task.succeeded", upstream=limits
    ) as arena:
        yield from asyncio.run(_measure(arena, shape, scale))


async def _measure(arena: Arena, shape: Tracked, scale: float) -> list[Row]:
    tasks = int(shape.tasks * scale)
    ids = [str(FIRST_ID + number) for number in range(tasks)]
    before = _memory(arena)
    found = []

    def taken() -> Figures:
        now = _memory(arena)
        return {name: (now[name] - before[name]) / tasks for name in now}

    async with Deployment(arena.settings) as bridge:
        with arena.frozen("deliverer"):
            with arena.frozen("poller"):
                await bridge.tasks.track("default", ids, {})
                found.append(Row("tracked", taken()))
            figures = await _look(arena, tasks)
            found.append(Row("seen first", {**figures, **taken()}))
            ended = 0
            ask(f"{arena.gateway}/set/delay/{shape.delay}")
            for percentage, rand in shape.phases:
                left = [one for one in ids if int(one[-2:]) >= ended]
                with arena.frozen("poller"):
                    await _make_due(bridge, left)
                    ask(f"{arena.gateway}/set/rand/{int(rand)}")
                    ask(f"{arena.gateway}/set/ended/{percentage}")
                name = f"{(percentage - ended) / (100 - ended):.0%} ended"
                name += ", links differ" if rand else ""
                found.append(Row(name, await _look(arena, len(left))))
                ended = percentage
    return found


def _memory(arena: Arena) -> Figures:
    return store_memory(arena.store, arena.components()["store"])


async def _look(arena: Arena, tasks: int) -> Figures:
    """Have all tasks, which are due, looked at once, until the last is recorded."""
    from bridge.tasks import poll

    start = arena.used()
    await asyncio.to_thread(poll.apply_async, expires=5.0)
    await asyncio.to_thread(until, lambda: _all_seen(arena), within_s=PATIENCE)
    seconds = time.monotonic() - start.at
    told = ask(f"{arena.gateway}/counts")
    if told["distinct"] != tasks:
        msg = f"{told['distinct']} of {tasks} were asked for"
        raise RuntimeError(msg)
    components = arena.components()
    wait_until_still([*components["poller"], *components["store"]])
    figures = arena.used().per(start, tasks, seconds=seconds)
    cpu = figures["cpu poller"] + figures["cpu store"]
    return {
        **figures,
        "cpu": cpu,
        "seconds": seconds,
        "a request": tasks / told["requests"],
    }


def _all_seen(arena: Arena) -> bool:
    soon = arena.store.zcount(_due(arena.settings), "-inf", time.time() + DONE)
    return soon == 0


def _due(settings: Settings) -> str:
    """Return where the store keeps when tasks are looked at next."""
    return f"{{{settings.namespace}}}:poll:default"


async def _make_due(bridge: Deployment, ids: list[str]) -> None:
    """Let a day pass for the poller, and only for it."""
    key = _due(bridge.settings)
    now = time.time()
    for start in range(0, len(ids), 5000):
        due = {f"default:{task_id}": now for task_id in ids[start : start + 5000]}
        await cast("Any", bridge.client).zadd(key, due)


COLUMNS = (
    Column(figure="rate", title="ids a second", spread=True),
    Column(figure="seconds", title="s in all", digits=2, spread=True),
    Column(figure="cpu", title="CPU an id, us", spread=True),
    Column(figure="cpu poller", title="of it\npoller"),
    Column(figure="cpu store", title="store"),
    Column(figure="cpu gateway", title="and the\ngateway"),
    Column(figure="cores", title="cores\nbusy", digits=2),
    Column(figure="commands", title="commands", digits=1),
    Column(figure="scripts", title="scripts", digits=3),
    Column(figure="used_memory", title="memory\na task, B"),
    Column(figure="rss", title="RSS\na task, B"),
)
_SIZES = {
    "10,000 tasks": Size.QUICK,
    "100,000 tasks, mixed": Size.FULL,
    "1,000,000 tasks": Size.FULL,
}
GROUP = Group(
    title="Polling: what an id costs, over HTTP in rows of 2 kB",
    columns=COLUMNS,
    cases={
        name: Case(measure=partial(measure, shape), size=_SIZES.get(name, Size.DEFAULT))
        for name, shape in LOOKS.items()
    },
)
