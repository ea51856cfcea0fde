"""How long it takes from record to receiver, and what a deployment uses with little to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from statistics import median

import uvloop

from benchmarks.arena import Arena, arrived, ask, deployment
from benchmarks.case import Case, Column, Figures, Group, Row, Size
from benchmarks.deliveries import flood, in_turn
from benchmarks.feed import Feed
from benchmarks.usage import Usage, wait_until_still
from bridge.runtime.deployment import Deployment
from tests.waiting import until

ENDPOINTS = [f"e{number}" for number in range(50)]
#: Times that a deployment is looked at with each load, and for how many seconds with none: beat's
#: rarest tick is among them each time.
TURNS, IDLE = 3, 15.0
#: Deliveries a second, and how many of them are sampled each time.
LOADS = ((1.0, 6), (20.0, 700))
#: Shares of what it can do that a deployment is given to do, and events each time.
SHARES, LOADED = (0.5, 1.0), 1000
#: Tasks that change, and how many do in a second.
CHANGED, CHANGES = 2100, 150.0


@contextmanager
def _deployment(*, web: bool = False) -> Iterator[Arena]:
    with deployment({name: f"0/{name}" for name in ENDPOINTS}, web=web) as arena:
        yield arena


def little(scale: float) -> Iterator[Row]:
    """Measure a deployment with nothing to do, and with little."""
    with _deployment(web=True) as arena:
        yield from uvloop.run(_little(arena, scale))


async def _little(arena: Arena, scale: float) -> list[Row]:
    found = []
    names = cycle(ENDPOINTS)
    async with Deployment(arena.settings) as bridge:
        feed = Feed(bridge)
        await feed.prepare(100)
        await feed.flood(list(islice(names, 100)))
        wait_until_still([one for each in arena.components().values() for one in each])
        feed.forget()  # the flood was for warmth only
        for _ in range(TURNS):
            start = arena.used()
            await asyncio.sleep(IDLE * scale)
            found.append(Row("idle", _shares(start, arena.used())))
            for rate, samples in LOADS:
                events = max(2, int(samples * scale))
                await feed.prepare(events)
                start = arena.used()
                await feed.pace(list(islice(names, events)), rate=rate)
                await asyncio.sleep(1 / rate)
                end = arena.used()
                figures = end.per(start, events, seconds=end.at - start.at)
                figures |= _shares(start, end)
                found.append(await _arrived(arena, feed, f"{rate:g} a second", figures))
    return found


def _shares(start: Usage, end: Usage) -> Figures:
    """Return the percentage of a core that each component has used."""
    seconds = end.at - start.at
    used = end.per(start, 1, seconds=seconds)
    feed = used["cpu feed"]
    shares = {
        name.replace("cpu", "share"): cost / seconds / 1e4
        for name, cost in {**used, "cpu": used["cpu"] - feed}.items()
        if name.startswith("cpu")
    }
    return {**shares, "commands a second": used["commands"] / seconds}


async def _arrived(arena: Arena, feed: Feed, name: str, figures: Figures) -> Row:
    """Wait until all that was recorded has arrived; return how long each took."""
    asked, recorded = feed.asked_at, feed.recorded_at
    feed.forget()

    def arrivals() -> dict[str, float]:
        return {event: at for event, _, at in ask(f"{arena.sink}/arrivals")}

    def all_have() -> bool:
        return recorded.keys() <= arrivals().keys()

    await asyncio.to_thread(until, all_have, within_s=60)
    arrived_at = arrivals()
    whole = median(arrived_at[event] - at for event, at in asked.items()) * 1e3
    # It may arrive before whoever recorded it has heard that the store has it.
    delays = [max(0.0, arrived_at[event] - at) * 1e3 for event, at in recorded.items()]
    return Row(name, {**figures, "whole": whole}, delays)


# --- under load -----------------------------------------------------------------------


def loaded(scale: float) -> Iterator[Row]:
    """Measure a deployment that has half of what it can do to do, and all of it."""
    with _deployment() as arena:
        yield from uvloop.run(_loaded(arena, int(LOADED * scale)))


async def _loaded(arena: Arena, events: int) -> list[Row]:
    found = []
    names = in_turn(ENDPOINTS, events)
    async with Deployment(arena.settings) as bridge:
        feed = Feed(bridge)
        for _ in range(2):  # the first one warms
            await feed.prepare(events)
            most = (await flood(arena, feed, names))["rate"]
        for share in SHARES * TURNS:
            feed.forget()
            await feed.prepare(events)
            await feed.pace(names, rate=most * share)
            found.append(await _arrived(arena, feed, f"at {share:.0%} of its most", {}))
    return found


# --- from an upstream's change --------------------------------------------------------


def changed(scale: float) -> Iterator[Row]:
    """Measure from the moment in which a task ends, and in which the gateway says so."""
    limits = {"poll_interval": 1, "rate_limit": "1000/s", "concurrency": 8}
    ids = [f"1730621826{number:06d}" for number in range(int(CHANGED * scale))]
    with deployment(
        {"one": "0/one"}, events="task.succeeded", upstream=limits
    ) as arena:
        began, step = time.time() + 4.0, 1 / CHANGES
        ask(f"{arena.gateway}/set/flips/{began},{step}")
        uvloop.run(_track(arena, ids))
        until(lambda: arrived(arena.sink, "0") >= len(ids), within_s=60)
        arrivals = {task: at for _, task, at in ask(f"{arena.sink}/arrivals")}
        shown = ask(f"{arena.gateway}/flips")
    ends = {one: began + int(one[-6:]) * step for one in ids}
    for name, since in (("the end of a task", ends), ("the answer", shown)):
        delays = [(arrivals[one] - since[one]) * 1e3 for one in ids]
        yield Row(f"from {name}", {}, delays)


async def _track(arena: Arena, ids: list[str]) -> None:
    async with Deployment(arena.settings) as bridge:
        await bridge.tasks.track("default", ids, {})


COLUMNS = (
    Column(figure="delays", title="p50 / p99, ms", digits=1),
    Column(figure="whole", title="p50 with\nrecording", digits=1),
    Column(figure="cpu", title="CPU each, us", spread=True),
    Column(figure="cpu deliverer", title="of it\ndeliverer"),
    Column(figure="cpu store", title="store"),
    Column(figure="cpu feed", title="feed"),
    Column(figure="share", title="% of a core", digits=1, spread=True),
    *(
        Column(figure=f"share {name}", title=title, digits=1)
        for name, title in (("deliverer", "of it\ndeliverer"), ("poller", "poller"), ("beat", "beat"),
                            ("store", "store"), ("web", "web"))
    ),
    Column(figure="commands a second", title="commands\na second"),
)  # fmt: skip
GROUP = Group(
    title="Latency: from record to receiver, and what a whole deployment uses",
    columns=COLUMNS,
    cases={
        "a deployment": Case(measure=little, size=Size.QUICK),
        "delivering": Case(measure=loaded),
        "polled each second": Case(measure=changed),
    },
)
