"""What the process ``web`` costs: its lists, streams beside deliveries, and the way through it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import httpx
import uvloop

from benchmarks.arena import Arena, arrived, deployment, running
from benchmarks.case import Case, Column, Figures, Group, Row, Size
from benchmarks.deliveries import Shape, flood, in_turn, steady
from benchmarks.feed import UPSTREAM, Feed
from benchmarks.report import quantile
from bridge.core.task import TaskStatus
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import web_url

#: How often each address is asked.
TIMES = 20
STATES = ("pending", "held", "delivered", "superseded", "dead")
#: Requests of each kind, by either way.
PASSED = 600
#: Clients that read the stream, deliveries meanwhile, and how often.
STREAMS, EVENTS, TURNS = 200, 3000, 3
#: Deliveries a second where they are no flood.
PACE = 500.0


def _addresses() -> Mapping[str, Sequence[str]]:
    """Return the lists with every value of every filter, also ones that match nothing."""
    statuses = [*(one.value for one in TaskStatus), "LOST"]
    endpoints = ["one", "nobody"]
    return {
        "tasks": [
            "tasks",
            *(f"tasks?status={one}" for one in statuses),
            *(f"tasks?active={one}" for one in ("true", "false")),
            *(f"tasks?upstream={one}" for one in (UPSTREAM, "nobody")),
            *(f"tasks?q={one}" for one in ("1", "nothing")),
            f"tasks?status=FAILURE&upstream={UPSTREAM}&active=true&q=nothing",
        ],
        "deliveries": [
            "deliveries",
            *(f"deliveries?state={one}" for one in STATES),
            *(f"deliveries?endpoint={one}" for one in endpoints),
            *(
                f"deliveries?endpoint={one}&state={state}"
                for one, state in product(endpoints, STATES)
            ),
        ],
    }


# --- lists ----------------------------------------------------------------------------


def lists(size: int, scale: float) -> Iterator[Row]:
    """Measure the first page of each list with so many tasks, and as many deliveries."""
    with (
        deployment({"one": "http://127.0.0.1:9/hook"}, web=True) as arena,
        arena.frozen("deliverer", "poller", "beat"),
    ):
        yield from asyncio.run(_lists(arena, int(size * scale)))


async def _lists(arena: Arena, size: int) -> list[Row]:
    found = []
    url = f"{web_url(arena.settings)}/api/v1/"
    async with (
        Deployment(arena.settings) as bridge,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        feed = Feed(bridge)
        await feed.prepare(size)
        await feed.flood(["one"] * size)
        for name, addresses in _addresses().items():
            cost = await _cost(client, addresses)
            found.append(Row(f"GET /{name}", cost))
    return found


async def _cost(client: httpx.AsyncClient, addresses: Sequence[str]) -> Figures:
    """Ask for the first page with every filter."""
    spent: dict[str, list[float]] = {}
    for address in addresses:
        (await client.get(address)).raise_for_status()
        ask = partial(client.get, address)
        spent[address] = [await _timed(ask) for _ in range(TIMES)]
    return {
        "p95": quantile([one for each in spent.values() for one in each], 0.95),
        "slowest": max(quantile(each, 0.95) for each in spent.values()),
    }


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    """Return the milliseconds that something takes."""
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1e3


# --- streams --------------------------------------------------------------------------


def streams(scale: float) -> Iterator[Row]:
    """Measure deliveries without and beside clients who read everything, in turn."""
    shape = Shape(events=int(EVENTS * scale))
    with deployment(shape.paths, web=True) as arena:
        uvloop.run(_delivered(arena, shape))
        url = str(web_url(arena.settings))
        for rate in (None, PACE) * TURNS:
            what = "a flood" if rate is None else f"{rate:g} a second"
            yield Row(what, uvloop.run(_delivered(arena, shape, rate)))
            count = str(STREAMS)
            with running("benchmarks.readers", url, count, says="ready") as readers:
                arena.pids["readers"] = readers.pid
                beside = uvloop.run(_delivered(arena, shape, rate))
                del arena.pids["readers"]
            yield Row(f"{what}, beside {STREAMS} streams", beside)


async def _delivered(arena: Arena, shape: Shape, rate: float | None = None) -> Figures:
    async with Deployment(arena.settings) as bridge:
        feed = Feed(bridge, first=arrived(arena.sink, "0"))
        await feed.prepare(shape.events)
        names = in_turn(shape.well, shape.events)
        if rate is None:
            return await flood(arena, feed, names)
        return await steady(arena, feed, names, rate=rate)


# --- the gateway ----------------------------------------------------------------------

#: What a client and the upstream know.
KEY = {"mj-api-secret": "sk-benchmark"}
PROMPT = {"prompt": "a lighthouse on a cliff above a stormy sea, oil on canvas"}


def gateway(scale: float) -> Iterator[Row]:
    """Measure what a client waits longer whose requests pass through, in turn with direct ones."""
    with (
        deployment({"one": "0/one"}, web=True) as arena,
        arena.frozen("deliverer", "poller", "beat"),
    ):
        yield from asyncio.run(_gateway(arena, int(PASSED * scale)))


async def _gateway(arena: Arena, times: int) -> list[Row]:
    through = str(web_url(arena.settings))
    async with (
        httpx.AsyncClient(base_url=arena.gateway, headers=KEY) as direct,
        httpx.AsyncClient(base_url=through, headers=KEY) as client,
    ):

        async def submit(by: httpx.AsyncClient) -> str:
            answer = await by.post("/mj/submit/imagine", json=PROMPT)
            return str(answer.raise_for_status().json()["result"])

        async def fetch(by: httpx.AsyncClient, task_id: str) -> None:
            answer = await by.get(f"/mj/task/{task_id}/fetch")
            assert answer.raise_for_status().json()["id"] == task_id

        for by in (direct, client):  # connections, modules
            for _ in range(20):
                await fetch(by, await submit(by))
        ids: list[str] = []

        async def submit_and_note(by: httpx.AsyncClient) -> None:
            ids.append(await submit(by))

        submitted = await _added(
            [partial(submit_and_note, client)] * times, partial(submit, direct)
        )
        # A question is not answered from the last second's answer: nobody asks one twice in it.
        fetched = [
            await _added(
                [partial(fetch, client, one) for one in ids],
                partial(fetch, direct, "1"),
            )
            for _ in ("its first news is recorded", "nothing is new")
        ]
    return [
        Row("a submission", submitted),
        Row("a fetch with news", fetched[0]),
        Row("a fetch", fetched[1]),
    ]


async def _added(
    passed: Sequence[Callable[[], Awaitable[Any]]], direct: Callable[[], Awaitable[Any]]
) -> Figures:
    """Time requests that pass through, each in turn with a direct one."""
    ways: dict[str, list[float]] = {"direct": [], "through": []}
    for one in passed:
        ways["direct"].append(await _timed(direct))
        ways["through"].append(await _timed(one))
    figures = {
        f"{way} p{share}": quantile(spent, share / 100)
        for way, spent in ways.items()
        for share in (50, 95)
    }
    added = {
        f"added p{share}": figures[f"through p{share}"] - figures[f"direct p{share}"]
        for share in (50, 95)
    }
    return {**figures, **added}


GROUP = Group(
    title="The process web: its lists, deliveries beside its streams, and what passes through",
    columns=(
        Column(figure="p95", title="p95, ms"),
        Column(figure="slowest", title="of the\nslowest filter"),
        Column(figure="rate", title="deliveries\na second", spread=True),
        Column(figure="cpu", title="CPU each, us", spread=True),
        Column(figure="cpu web", title="of it\nweb"),
        Column(figure="cpu readers", title="and the\nreaders"),
        Column(figure="direct p50", title="direct\np50, ms", digits=2),
        Column(figure="through p50", title="through\nweb", digits=2),
        Column(figure="added p50", title="added", digits=2),
        Column(figure="added p95", title="added\np95, ms", digits=2),
    ),
    cases={
        "lists of 100": Case(measure=partial(lists, 100), size=Size.FULL),
        "lists of 10,000": Case(measure=partial(lists, 10_000)),
        "lists of 100,000": Case(measure=partial(lists, 100_000), size=Size.FULL),
        "deliveries": Case(measure=streams),
        "gateway": Case(measure=gateway),
    },
)
