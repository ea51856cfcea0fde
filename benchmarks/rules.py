"""What rules add to recording news: fifty of them, none of which fits, in turn with none."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from benchmarks.case import Case, Column, Group, Row
from benchmarks.feed import UPSTREAM
from benchmarks.gateway import PROMPT
from benchmarks.store import configured, spent
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.connection import connect
from bridge.adapters.store.tasks import StoredTasks
from bridge.app.interpreter import Interpreter
from bridge.app.poll_results import results_of
from bridge.app.ports import FetchResult
from bridge.app.recording import record
from bridge.core.button import Button
from bridge.core.cadence import PollPolicy
from bridge.core.endpoint import Endpoint
from bridge.core.rule import Rule
from bridge.core.rule_book import RuleBook
from bridge.core.task import TaskSnapshot, TaskStatus

#: Tasks that end in a turn, how many are recorded at once, and turns of each kind.
TASKS, BATCH, TURNS = 500, 100, 12
POLICY = PollPolicy(poll_interval=5, missing_after=300, max_age=86400)
BUTTONS = tuple(
    Button.of(f"MJ::JOB::{kind}::{number}::3f", f"{letter}{number}", None)
    for kind, letter in (("upsample", "U"), ("variation", "V"))
    for number in range(1, 5)
)


def _values(number: int) -> Rule:
    """Return a rule as most are: for one customer's pictures."""
    where = {"action": ("IMAGINE", "BLEND"), "metadata.customer": (f"c{number}",)}
    return Rule(name=f"r{number}", where=where, press=("U1", "U2"))


def _globs(number: int) -> Rule:
    """Return a rule that has to be looked into for each event."""
    where = {"prompt": (f"*--seed {number}*",), "action": ("!UPSCALE",)}
    return Rule(name=f"r{number}", where=where, press=("U1", "U2"))


#: What is measured in turn.
RULES = {
    "no rules": (),
    "50 rules for values": tuple(_values(number) for number in range(50)),
    "50 rules with globs": tuple(_globs(number) for number in range(50)),
}


def measure(scale: float) -> Iterator[Row]:
    """Measure every kind, in turn."""
    with (
        tempfile.TemporaryDirectory(prefix="mjb") as folder,
        EmbeddedStore(Path(folder)) as store,
    ):
        yield from asyncio.run(_measure(store.url, int(TASKS * scale)))


async def _measure(url: str, tasks: int) -> list[Row]:
    client = connect(url)
    keys, names = await configured(client, 1)
    store = StoredTasks(keys)
    endpoints = [Endpoint(name=name, url="http://r/") for name in names]
    kinds = {
        name: Interpreter(
            endpoints=endpoints,
            progress_step=10,
            now=time.time,
            roll=lambda: 0.5,
            kept=store.snapshot,
            rules=RuleBook(rules),
        )
        for name, rules in RULES.items()
    }
    numbers = count()
    found = []
    for turn in range(TURNS + 1):  # the first one warms
        for name, interpreter in kinds.items():
            ids = [f"{number:016d}" for number in islice(numbers, tasks)]
            await store.track(UPSTREAM, ids, {"customer": "somebody"})
            await _see(store, interpreter, ids, TaskStatus.IN_PROGRESS)
            before, began = await spent(client), time.process_time()
            await _see(store, interpreter, ids, TaskStatus.SUCCESS)
            ours, after = (time.process_time() - began) * 1e6, await spent(client)
            theirs = after["cpu"] - before["cpu"]
            cost = {"cpu poller": ours, "cpu store": theirs, "cpu": ours + theirs}
            figures = {name: used / tasks for name, used in cost.items()}
            if turn:
                found.append(Row(name, figures))
    await client.aclose()
    return found


async def _see(
    store: StoredTasks, interpreter: Interpreter, ids: list[str], status: TaskStatus
) -> None:
    """Record what a poller does once an upstream has said that tasks have some status."""
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        claim = await store.read_due(UPSTREAM, some)
        answer = FetchResult(tasks={one: _snapshot(one, status) for one in some})
        news, _ = await results_of(
            answer, claim=claim, interpreter=interpreter, duration=0.1, policy=POLICY
        )
        if len(news) != len(some):
            msg = f"{len(news)} of {len(some)} have news"
            raise RuntimeError(msg)
        await record(store, news)


def _snapshot(task_id: str, status: TaskStatus) -> TaskSnapshot:
    ended = status is TaskStatus.SUCCESS
    return TaskSnapshot(
        id=task_id,
        status=status,
        action="IMAGINE",
        prompt=PROMPT,
        progress=100 if ended else 0,
        image_url=f"https://cdn.example/{task_id}.png" if ended else None,
        buttons=BUTTONS if ended else (),
    )


GROUP = Group(
    title="Rules: what fifty of them, none of which fits, add to recording an end",
    columns=(
        Column(figure="cpu", title="CPU each, us", spread=True),
        Column(figure="cpu poller", title="of it\npoller", spread=True),
        Column(figure="cpu store", title="store"),
    ),
    cases={"an end": Case(measure=measure)},
)
