"""
How fresh a cadence is, against what it asks.

A simulation: tasks of realistic durations come to a gateway, and a poller asks about them.
Nothing else costs time, so what is measured is the cadence alone, by the rules of
`bridge.core`. Changes are a task's start and its end. Beside ours are pollers that look at each
task once in 2, 5 and 15 seconds, with batches of the same size and what comes due within 0.1 s
in one request, as ours has always done.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from benchmarks.case import Case, Column, Figures, Group, Row, Size
from bridge.core.cadence import PollPolicy, next_poll_in
from bridge.core.freshness import BOUNDS, Sketch, bucket_of
from bridge.core.task import TaskStatus

BATCH = 50
GATHER = 0.1
SEED = 20241103
#: (share, kind, median seconds until it begins, until it has ended from then on, and the
#: spread of both: sigma of a lognormal). After new-api's and the proxies' own figures: fast
#: grids of 30 to 60 s in steps of 6 to 7, upscales of seconds, relaxed queues of minutes.
MIXTURE = (
    (0.45, "IMAGINE:fast", 3.0, 42.0, 0.3),
    (0.10, "IMAGINE:turbo", 2.0, 16.0, 0.25),
    (0.15, "IMAGINE:relax", 40.0, 70.0, 0.6),
    (0.15, "UPSCALE", 2.0, 5.0, 0.5),
    (0.10, "VARIATION", 3.0, 38.0, 0.3),
    (0.05, "DESCRIBE", 1.0, 9.0, 0.4),
)


@dataclass(slots=True)
class Job:
    kind: str
    tracked: float
    starts: float
    ends: float
    due: float
    status: TaskStatus | None = None


@dataclass(slots=True)
class Polled:
    """What polling came to: seconds from each change until it was seen, and what it took."""

    requests: int = 0
    looks: int = 0
    delays: list[float] = field(default_factory=list)

    def figures(self, tasks: int) -> Figures:
        delays = sorted(self.delays)
        return {
            "median": median(delays),
            "p95": delays[int(len(delays) * 0.95)],
            "requests": self.requests / tasks,
            "looks": self.looks / tasks,
        }


def jobs(
    dice: random.Random, *, in_flight: float, count: int, step: float
) -> Iterator[Job]:
    """Make tasks as they come; *step*: seconds between two syncs of a gateway, 0 for none."""
    shares = [share for share, *_ in MIXTURE]
    mean = sum(share * (wait + run) * 1.1 for share, _, wait, run, _ in MIXTURE)
    now = 0.0
    for _ in range(count):
        now += dice.expovariate(in_flight / mean)
        _, kind, wait, run, spread = dice.choices(MIXTURE, shares)[0]
        starts = now + wait * dice.lognormvariate(0.0, spread)
        ends = starts + run * dice.lognormvariate(0.0, spread)
        shown = [at if not step else (at // step + 1) * step for at in (starts, ends)]
        yield Job(kind=kind, tracked=now, starts=shown[0], ends=shown[1], due=now)


def _sketches(counts: Counter[tuple[str, int]]) -> dict[str, Sketch]:
    kinds = {kind for kind, _ in counts}
    return {
        kind: Sketch.of([counts[kind, place] for place in range(len(BOUNDS))])
        for kind in kinds
    }


class Cadence:
    """A poller: when it looks at a task again, and who goes along with a request."""

    def __init__(self, interval: float, *, learns: bool) -> None:
        self.policy = PollPolicy(poll_interval=interval, batch_size=BATCH)
        self.ride = interval / 2 if learns else 0.0
        self._learns = learns
        self._counts: Counter[tuple[str, int]] = Counter()

    def wait(self, job: Job, now: float, *, shared: int, due_count: int) -> float:
        return next_poll_in(
            job.status,
            age=now - job.tracked,
            policy=self.policy,
            kind=job.kind,
            shared=shared,
            due_count=due_count,
        )

    def saw(self, job: Job, stage: str, now: float) -> None:
        if self._learns:
            self._counts[f"{job.kind}:{stage}", bucket_of(now - job.tracked)] += 1
            if sum(self._counts.values()) % 10 == 0:
                sketches = _sketches(self._counts)
                self.policy = replace(self.policy, sketches=sketches)


def run(cadence: Cadence, coming: list[Job], *, warm: int) -> Polled:
    """Poll until all tasks have ended; the first *warm* tasks are not counted."""
    polled, begun = Polled(), 0
    active: list[Job] = []
    counted_from = coming[warm].tracked
    while active or begun < len(coming):
        first = min(job.due for job in (*active, *coming[begun : begun + 1]))
        now = first + GATHER
        while begun < len(coming) and coming[begun].tracked <= now:
            active.append(coming[begun])
            begun += 1
        active.sort(key=lambda job: job.due)
        due = active[: bisect_left(active, now, key=lambda job: job.due)]
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            needed = len(batch)
            if needed < BATCH:
                ride = bisect_left(active, now + cadence.ride, key=lambda job: job.due)
                batch += active[len(due) : ride][: BATCH - needed]
            if now >= counted_from:
                polled.requests += 1
                polled.looks += len(batch)
            for job in batch:
                _look(job, now, cadence, polled, counted=job.tracked >= counted_from)
                job.due = now + cadence.wait(
                    job, now, shared=len(batch), due_count=needed
                )
        active = [job for job in active if job.status is not TaskStatus.SUCCESS]
    return polled


def _look(
    job: Job, now: float, cadence: Cadence, polled: Polled, *, counted: bool
) -> None:
    before = job.status
    job.status = TaskStatus.SUBMITTED
    for stage, at, status in (
        ("start", job.starts, TaskStatus.IN_PROGRESS),
        ("end", job.ends, TaskStatus.SUCCESS),
    ):
        if at <= now:
            job.status = status
            if before is None or before.rank < status.rank:
                cadence.saw(job, stage, now)
                if counted:
                    polled.delays.append(now - at)


#: By name: the interval, and whether it learns.
CADENCES = {
    "every 2 s": (2.0, False),
    "every 5 s": (5.0, False),
    "every 15 s": (15.0, False),
    "ours, poll_interval 5": (5.0, True),
}
#: Tasks that are simulated; the first fifth of them are learned from, and not counted.
TASKS = 600


def measure(in_flight: int, step: float, scale: float) -> Iterator[Row]:
    """Simulate each cadence over the same tasks."""
    tasks = int(TASKS * scale)
    warm = tasks // 5
    for name, (interval, learns) in CADENCES.items():
        dice = random.Random(SEED)
        coming = list(jobs(dice, in_flight=in_flight, count=tasks, step=step))
        polled = run(Cadence(interval, learns=learns), coming, warm=warm)
        yield Row(name, polled.figures(tasks - warm))


GROUP = Group(
    title="Freshness: from change to seen, by tasks in flight at a time; a simulation",
    columns=(
        Column(figure="median", title="median s", digits=2),
        Column(figure="p95", title="p95 s", digits=2),
        Column(figure="requests", title="requests\na task", digits=2),
        Column(figure="looks", title="looks\na task", digits=1),
    ),
    cases={
        f"{in_flight:,} in flight{syncs}": Case(
            measure=partial(measure, in_flight, step), size=Size.QUICK
        )
        for syncs, step in (("", 0.0), (", a gateway that syncs every 15 s", 15.0))
        for in_flight in (1, 5, 20, 100, 1000)
    },
)
