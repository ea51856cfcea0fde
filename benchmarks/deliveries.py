"""What deliveries cost, by the shape of what receives them; events are recorded meanwhile."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import psutil
import uvloop
from redis import Redis

from benchmarks import baseline
from benchmarks.arena import (
    Arena,
    arrived,
    ask,
    deployment,
    running,
    server,
)
from benchmarks.case import Case, Column, Figures, Group, Row, Size
from benchmarks.feed import Feed, event
from benchmarks.usage import Usage, tree, used, wait_until_still
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.runtime.deployment import Deployment
from tests.waiting import until

#: Seconds that all deliveries of a phase may take.
PATIENCE = 120
#: Deliveries to each endpoint before anything is measured: each of two processes has met it by then.
WARM = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """
    Who receives, and how.

    Attributes:
        endpoints: How many there are in all.

        answer: After how many milliseconds most of them answer.

        others: How many of them do otherwise,

        other: and where they are: a kind of the sink's paths, or an address.

        waiting: Deliveries that wait at those from the beginning.

        phases: What is measured, one after the other: whether the events are recorded
            beforehand, and the bytes of each.

        events: In each phase.

        turns: How often the phases are measured.
    """

    endpoints: int = 50
    answer: int = 0
    others: int = 0
    other: str = ""
    waiting: int = 0
    phases: tuple[tuple[str, int], ...] = (("flood", 2000),)
    events: int = 6000
    turns: int = 1

    @property
    def paths(self) -> dict[str, str]:
        """By endpoint, where it is."""
        found = {}
        for number in range(self.endpoints):
            odd = number < self.others
            kind = self.other if odd else str(self.answer)
            found[f"e{number}"] = kind if "://" in kind else f"{kind}/e{number}"
        return found

    @property
    def well(self) -> list[str]:
        """The endpoints that do as most do."""
        return list(self.paths)[self.others :]

    @property
    def ill(self) -> list[str]:
        return list(self.paths)[: self.others]


#: Those that are compared with one another, each measured in turn with the others.
SHAPES = {
    "50 endpoints": Shape(phases=(("flood", 2000), ("drain", 2000))),
    "50, 3 take 2 s": Shape(others=3, other="2000"),
    "50, 1 dead with 10,000 waiting": Shape(
        others=1, other="http://127.0.0.1:9/hook", waiting=10_000
    ),
    "10 endpoints": Shape(endpoints=10),
    "1,000 endpoints": Shape(endpoints=1000, phases=(("flood", 2000), ("drain", 2000))),
}
#: The others.
MORE = {
    "1 endpoint": Shape(endpoints=1, turns=3),
    "50, and 550 B": Shape(phases=(("flood", 550),), turns=3),
    "50 that take 50 ms": Shape(answer=50, turns=3),
    "50, 1 silent": Shape(others=1, other="never", turns=3),
}


def in_turn(names: Iterable[str], count: int) -> list[str]:
    return list(islice(cycle(names), count))


def measure(shape: Shape, scale: float) -> Iterator[Row]:
    """Measure every phase of a shape."""
    with deployment(shape.paths) as arena:
        yield from uvloop.run(_measure(arena, shape, scale))


async def _measure(arena: Arena, shape: Shape, scale: float) -> list[Row]:
    found = []
    events = int(shape.events * scale)
    names = in_turn(shape.well if shape.waiting else shape.paths, events)
    async with Deployment(arena.settings) as bridge:
        feed = Feed(bridge)
        if shape.waiting:
            waiting = int(shape.waiting * scale)
            await feed.prepare(waiting)
            await feed.flood(in_turn(shape.ill, waiting))
        warm = max(200, WARM * len(shape.well))
        await feed.prepare(warm)
        await flood(arena, feed, in_turn(shape.well, warm))
        for kind, size in shape.phases * shape.turns:
            await feed.prepare(events)
            arena.compact()
            phase = flood if kind == "flood" else _drain
            figures = await phase(arena, feed, names, size=size)
            found.append(Row(f"{kind}, {size:,} B", figures))
    return found


async def flood(
    arena: Arena, feed: Feed, names: list[str], *, size: int = 2000
) -> Figures:
    """Record while they are delivered; count those whose receivers answer as most do."""
    waiting = _Waiting(arena, names)
    start = arena.used()
    await feed.flood(names, size=size)
    return await waiting.until_all(start)


async def steady(arena: Arena, feed: Feed, names: list[str], *, rate: float) -> Figures:
    """Record so many a second while they are delivered."""
    waiting = _Waiting(arena, names)
    start = arena.used()
    await feed.pace(names, rate=rate)
    return await waiting.until_all(start)


async def _drain(arena: Arena, feed: Feed, names: list[str], *, size: int) -> Figures:
    """Record everything while the deliverers stand still; count from when they go on."""
    waiting = _Waiting(arena, names)
    with arena.frozen("deliverer"):
        await feed.flood(names, size=size)
        start = arena.used()
    return await waiting.until_all(start)


class _Waiting:
    """Waits for the deliveries to endpoints of the kind that most are of."""

    def __init__(self, arena: Arena, names: list[str]) -> None:
        self._arena = arena
        kinds = {name: arena.kind(name) for name in set(names)}
        self._kind = kinds[names[-1]]
        self._counted = [name for name in names if kinds[name] == self._kind]
        self._before = self._arrived()

    def _arrived(self) -> int:
        return arrived(self._arena.sink, self._kind)

    def _are_there(self) -> bool:
        return self._arrived() - self._before >= len(self._counted)

    async def until_all(self, start: Usage) -> Figures:
        arena, count = self._arena, len(self._counted)
        await asyncio.to_thread(until, self._are_there, within_s=PATIENCE)
        seconds = ask(f"{arena.sink}/counts")["last"] - start.at
        components = arena.components()
        wait_until_still([*components["deliverer"], *components["store"]])
        figures = arena.used().per(start, count, seconds=seconds)
        each = figures["rate"] / len(set(self._counted))
        return {**figures, "rate an endpoint": each}


# --- one Celery task each -------------------------------------------------------------

#: How a worker of it runs: as quick as it was found to be on two cores.
POOLS = {
    "prefork": ("-P", "prefork", "-c", "4"),
    "40 threads": ("-P", "threads", "-c", "40"),
}
TASKS = 1000


def celery(pool: str, scale: float) -> Iterator[Row]:
    """Measure what `benchmarks.baseline` costs, in the place of a deployment."""
    events = int(TASKS * scale)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mjb"))
        embedded = stack.enter_context(EmbeddedStore(Path(folder), fsync="everysec"))
        sink, sink_pid = stack.enter_context(server("sink"))
        broker = embedded.url.replace("unix:", "redis+socket:", 1)
        app = baseline.app
        app.conf.update(broker_url=broker)
        command = ("celery", "-A", "benchmarks.baseline", "worker", *POOLS[pool], "-l", "info",
                   "--without-gossip", "--without-mingle")  # fmt: skip
        env = {"BASELINE_BROKER": broker}
        worker = stack.enter_context(running(*command, env=env, says="ready."))
        store = stack.enter_context(closing(Redis.from_url(embedded.url)))
        producer = app.amqp.Producer(stack.enter_context(app.connection_for_write()))

        def components() -> dict[str, list[psutil.Process]]:
            pids = {
                "sink": sink_pid,
                "deliverer": worker.pid,
                "store": embedded.pid or 0,
            }
            return {
                **{name: tree(pid) for name, pid in pids.items()},
                "feed": [psutil.Process()],
            }

        def publish(numbers: range) -> None:
            for number in numbers:
                made = event(number, 2000)
                url = f"{sink}/0/e{number % 50}"
                baseline.deliver.apply_async(
                    (url, made.id, made.body), producer=producer
                )
            until(lambda: arrived(sink, "0") >= numbers.stop, within_s=PATIENCE)

        warm = 100
        publish(range(warm))
        start = used(components(), store)
        publish(range(warm, warm + events))
        seconds = ask(f"{sink}/counts")["last"] - start.at
        figures = used(components(), store).per(start, events, seconds=seconds)
        yield Row("flood, 2,000 B", figures)


COLUMNS = (
    Column(figure="rate", title="a second", spread=True),
    Column(figure="cpu", title="CPU each, us", spread=True),
    Column(figure="cpu deliverer", title="of it\ndeliverer"),
    Column(figure="cpu store", title="store"),
    Column(figure="cpu feed", title="feed"),
    Column(figure="cpu sink", title="and the\nsink"),
    Column(figure="cores", title="cores\nbusy", digits=2),
    Column(figure="loop", title="store's\nloop", digits=2),
    Column(figure="commands", title="commands", digits=1),
    Column(figure="scripts", title="scripts", digits=3),
)
_QUICK = {"50 endpoints", "50, 3 take 2 s"}
GROUP = Group(
    title="Deliveries: what one costs, and how many there are in a second",
    columns=COLUMNS,
    cases={
        **{
            name: Case(
                measure=partial(measure, shape),
                size=Size.QUICK if name in _QUICK else Size.DEFAULT,
                rounds=3,
            )
            for name, shape in SHAPES.items()
        },
        **{
            f"Celery, {pool}": Case(
                measure=partial(celery, pool), size=Size.QUICK, rounds=3
            )
            for pool in POOLS
        },
        **{name: Case(measure=partial(measure, shape)) for name, shape in MORE.items()},
    },
)
