"""
Chaos: under load, every process is killed -9 again and again. A ledger is drawn up at the
end: what the gateway said, what the store holds, what each receiver took.

``MJBRIDGE_CHAOS_SECONDS`` says for how long, ``MJBRIDGE_CHAOS_SEED`` repeats a run's dice.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic

import pytest

from bridge.app.ports import EventRow
from bridge.errors import BridgeError
from bridge.sandbox.responses import CannedResponse
from tests.acceptance.checks import disorder, same_on_every_attempt
from tests.acceptance.harness import QUICK_UPSTREAM, Installation, Process
from tests.acceptance.stage import Gateway, Hooks, Stage, row
from tests.waiting import until

SECONDS = float(os.environ.get("MJBRIDGE_CHAOS_SECONDS", "90"))
SEED = int(os.environ.get("MJBRIDGE_CHAOS_SEED", "0")) or Random().randrange(1, 10**6)

#: Seconds between two kills, at least and at most.
BETWEEN_KILLS_S = (2.0, 6.0)
#: Seconds that everything gets to arrive after the last kill. Leases of 11 s are in it,
#: and suspects, which are tried one after the other.
SETTLES_WITHIN_S = 90.0

#: How receivers behave, by the path.
ENDPOINTS: Mapping[str, Mapping[str, object]] = {
    "steady": {"events": ["task.*"]},
    "flaky": {"events": ["task.*"]},
    "slow": {"concurrency": 10},
    "default": {},
}
STEPS = (
    ("NOT_START", ""),
    ("SUBMITTED", "0%"),
    ("IN_PROGRESS", "0%"),
    ("IN_PROGRESS", "31%"),
    ("IN_PROGRESS", "62%"),
)
ENDS = ("SUCCESS", "SUCCESS", "SUCCESS", "FAILURE", "CANCEL")
FINAL = {"task.succeeded", "task.failed", "task.cancelled"}


@dataclass(slots=True)
class Life:
    """A task at the gateway: where it is, and when it moves on."""

    id: str
    end: str
    moves_at: float
    step: int = 0

    @property
    def over(self) -> bool:
        return self.step > len(STEPS)

    def row(self) -> dict[str, object]:
        if self.step < len(STEPS):
            return row(self.id, *STEPS[self.step])
        reason = "it broke" if self.end == "FAILURE" else ""
        return row(self.id, self.end, failReason=reason)


@dataclass(slots=True)
class Load:
    """Tasks that come and move on, as users make them."""

    gateway: Gateway
    deployment: Installation
    dice: Random
    lives: list[Life] = field(default_factory=list)
    untracked: list[str] = field(default_factory=list)

    def go_on(self, *, more: bool) -> None:
        """Move on whoever's time has come, and begin some more."""
        now = monotonic()
        moved = [life for life in self.lives if not life.over and life.moves_at <= now]
        if more:
            begun = [
                Life(f"life-{len(self.lives) + n}", self.dice.choice(ENDS), now)
                for n in range(self.dice.randrange(4))
            ]
            self.lives += begun
            self.untracked += [life.id for life in begun]
            self.gateway.put(*(life.row() for life in begun))
        for life in moved:
            life.step += 1
            life.moves_at = now + self.dice.uniform(0.2, 2.5)
        self.gateway.put(*(life.row() for life in moved if not life.over))
        # A program that was told that the store is away asks again later.
        with suppress(BridgeError):
            self.deployment.track(*self.untracked)
            self.untracked.clear()


@dataclass(slots=True)
class Vandal:
    """Kills one process after the other, and starts each again as a supervisor would."""

    deployment: Installation
    dice: Random
    worker: Process
    beat: Process
    kills: Counter[str] = field(default_factory=Counter)

    def strike(self) -> None:
        victims = ("worker", "store", "beat", "child")
        victim = victims[self.kills.total() % len(victims)]
        self.kills[victim] += 1
        if victim == "child":
            # Its worker starts another.
            for child in self.worker.children()[:1]:
                os.kill(child, signal.SIGKILL)
        elif victim == "worker":
            self.worker.kill()
            self.worker = self.deployment.start_worker(wait=False)
        elif victim == "beat":
            self.beat.kill()
            self.beat = self.deployment.start_beat()
        else:
            self.deployment.kill_store()
            Event().wait(self.dice.uniform(0, 1))  # for how long it is away
            self.deployment.restart_store()

    def mend(self) -> None:
        """Start what could not start while the store was away."""
        if self.worker.popen.poll() is not None:
            self.worker = self.deployment.start_worker(wait=False)
        if self.beat.popen.poll() is not None:
            self.beat = self.deployment.start_beat()


@pytest.mark.chaos
@pytest.mark.timeout(SECONDS + SETTLES_WITHIN_S + 120)
def test_nothing_is_lost_whatever_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = Random(SEED)
    with Stage() as stage:
        gateway, hooks = stage.gateway(), stage.hooks()
        hooks.answer(
            "/flaky", *(dice.choice([204, 204, 204, 500]) for _ in range(100_000))
        )
        hooks.answer("/slow", then=CannedResponse(delay=0.2))
        upstream = {**QUICK_UPSTREAM, "base_url": gateway.url, "timeout": 1}
        endpoint = {"timeout": 1, "retry": [1] * 20 + [20] * 30}
        with Installation(
            tmp_path,
            upstreams={"default": upstream},
            endpoints={
                name: {**endpoint, **told, "url": f"{hooks.url}/{name}"}
                for name, told in ENDPOINTS.items()
            },
        ) as deployment:
            load = Load(gateway, deployment, dice)
            vandal = Vandal(
                deployment, dice, deployment.start_worker(), deployment.start_beat()
            )
            _wreak_havoc(load, vandal)
            vandal.mend()
            _calm_down(load)
            everyone = [life.id for life in load.lives]
            stories = _stories_when_settled(deployment, everyone)

            ledger = draw_up(stories, hooks, gateway)
            with capsys.disabled():
                sys.stdout.write(
                    f"\nchaos, seed {SEED}, {SECONDS:g} s; killed: {dict(vandal.kills)}\n"
                    f"  {ledger}\n"
                )
            assert ledger.lost == []
            assert ledger.untold == []
            assert ledger.out_of_order == []
            for path in ENDPOINTS:
                same_on_every_attempt(hooks.received(f"/{path}"))


def _wreak_havoc(load: Load, vandal: Vandal) -> None:
    ends_at = monotonic() + SECONDS
    strikes_at = monotonic() + 5
    while monotonic() < ends_at:
        load.go_on(more=True)
        if monotonic() >= strikes_at:
            vandal.strike()
            strikes_at = monotonic() + vandal.dice.uniform(*BETWEEN_KILLS_S)
        vandal.mend()
        Event().wait(0.1)


def _calm_down(load: Load) -> None:
    """Let every task come to its end."""

    def ended() -> bool:
        load.go_on(more=False)
        return not load.untracked and all(life.over for life in load.lives)

    until(ended, within_s=60, what="all tasks have ended at the gateway")


def _stories_when_settled(
    deployment: Installation, tasks: Sequence[str]
) -> dict[str, Sequence[EventRow]]:
    """Wait until nothing is open; returns what the store tells of each task."""

    async def told(deployment: object) -> dict[str, Sequence[EventRow]]:
        queries = deployment.queries  # type: ignore[attr-defined]
        return {task: await queries.story(f"default:{task}") for task in tasks}

    def open_ones(stories: dict[str, Sequence[EventRow]]) -> list[str]:
        return [
            task
            for task, story in stories.items()
            if not story
            or story[-1].event.type not in FINAL
            or any(
                one.state == "pending" for event in story for one in event.deliveries
            )
        ]

    found: dict[str, Sequence[EventRow]] = {}

    def settled() -> bool:
        found.update(deployment.deployment(told))
        return not open_ones(found)

    until(
        settled,
        within_s=SETTLES_WITHIN_S,
        what=lambda: f"these are settled: {open_ones(found)[:20]}",
    )
    return found


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What came of a run."""

    tasks: int
    events: int
    deliveries: int
    superseded: int
    requests: int
    duplicates: int  #: Taken again by a receiver that had taken it.
    lost: list[
        str
    ]  #: Deliveries that a receiver never took, and that were not overtaken.
    untold: list[str]  #: Ends that the gateway said, and that nobody was told.
    out_of_order: list[str]  #: Attempts after a later event of their task.

    def __str__(self) -> str:
        return (
            f"{self.tasks} tasks, {self.events} events, {self.deliveries} deliveries "
            f"({self.superseded} superseded) in {self.requests} requests: "
            f"{len(self.lost)} lost, {len(self.untold)} ends untold, "
            f"{len(self.out_of_order)} out of order, {self.duplicates} duplicates"
        )


def draw_up(
    stories: dict[str, Sequence[EventRow]], hooks: Hooks, gateway: Gateway
) -> Ledger:
    """Compare what the gateway said, what the store holds and what receivers took."""
    taken = {name: [one.id for one in hooks.events(f"/{name}")] for name in ENDPOINTS}
    known = {name: set(ids) for name, ids in taken.items()}
    said = {one.id: one.status for one in gateway.said()}
    lost, untold, deliveries, superseded = [], [], 0, 0
    for task, story in stories.items():
        assert [one.event.sequence for one in story] == list(range(1, len(story) + 1))
        if f'"status":"{said[task]}"' not in story[-1].event.body:
            untold.append(task)
        for event in story:
            for delivery in event.deliveries:
                deliveries += 1
                overtaken = delivery.state == "superseded"
                assert not overtaken or event.event.is_progress
                superseded += overtaken
                if not overtaken and event.event.id not in known[delivery.endpoint]:
                    lost.append(f"{event.event.type} of {task} at {delivery.endpoint}")
    requests = [one for name in ENDPOINTS for one in hooks.received(f"/{name}")]
    return Ledger(
        tasks=len(stories),
        events=sum(map(len, stories.values())),
        deliveries=deliveries,
        superseded=superseded,
        requests=len(requests),
        duplicates=sum(one.taken and one.repeat for one in requests),
        lost=lost,
        untold=untold,
        out_of_order=[
            wrong
            for name in ENDPOINTS
            for wrong in disorder(hooks.received(f"/{name}"))
        ],
    )
