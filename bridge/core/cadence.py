"""
Cadence: when to poll a task next, and when to stop waiting for it.

A poll costs the gateway something and its answer is rarely fresher than its own poll
of the proxy behind it (15 s on new-api), so an old task is polled less often than a
young one.

Two clocks are in use, on purpose. How *often* to poll depends on real time. Whether a
task is *lost* depends on the upstream's answering clock, which moves only while the
upstream gives valid answers: an outage of a day makes no task a day older.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.core.freshness import LifeStage, Sketch, closer, is_near
from bridge.core.task import TaskStatus

#: Seconds between two rounds of a process that is at work. What comes due sooner is waited for;
#: what comes due later is left to the ticks of beat.
TICK = 1.0
#: Seconds between two claims, at least.
MIN_PAUSE = 0.005
#: Seconds between two attempts to write to a store that is away.
STORE_RETRY = 0.5
#: Seconds after which it is read again how long an upstream's tasks take.
LEARN_EVERY = 30.0
#: Seconds after which a task is polled half as often.
SLOWER_AFTER = 600.0
#: Seconds after which a task is polled once in `OLD_INTERVAL`.
OLD_AFTER = 3600.0
#: Seconds between two polls of a task older than `OLD_AFTER`.
OLD_INTERVAL = 60.0
#: Seconds between two polls of a task that waits for a person, once it has waited that long:
#: gateways tell late that it was answered, and many answer at once.
MODAL_INTERVAL = 30.0
#: Valid answers without a task before it can be lost: one list may be a hiccup of the
#: gateway's database, which answers ``[]``.
MIN_MISSES = 5


@dataclass(frozen=True, slots=True)
class Loss:
    """
    Why a task was given up.

    Its text is the English ``failReason`` of the event; channels that write another
    language make their own sentence.

    Attributes:
        cause: The upstream no longer lists the task, or it outlived its time.

        seconds: The limit that it reached.
    """

    cause: Literal["missing", "expired"]
    seconds: float

    def __str__(self) -> str:
        if self.cause == "missing":
            return (
                f"missing: the upstream has not listed this task for {self.seconds:g} s"
            )
        return (
            f"expired: the task has not ended within {self.seconds:g} s "
            "of being tracked"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """
    How one upstream's tasks are polled; all in seconds.

    Attributes:
        poll_interval: Between two polls of a young, running task.

        missing_after: Of valid answers without a task, after which it is lost.

        max_age: Since tracking, after which a task that never ends is lost.

        batch_size: Tasks that one request may be about.

        sketches: How long its tasks take, by kind and stage, see `bridge.core.freshness`.
    """

    poll_interval: float = 5.0
    missing_after: float = 300.0
    max_age: float = 86400.0
    batch_size: int = 1
    sketches: Mapping[str, Sketch] = field(default_factory=dict)


def next_poll_in(
    status: TaskStatus | None,
    *,
    age: float,
    policy: PollPolicy,
    duration: float = 0.0,
    kind: str = "",
    shared: int = 1,
    due_count: int = 1,
) -> float:
    """
    Return in how many seconds to poll a task that has not ended; never more than is promised.

    Intervals are counted from request to request. A gateway that takes long to answer
    still gets a pause of half the interval.

    Args:
        status: The furthest one seen; ``None`` if the task was never seen.

        age: Seconds since it was tracked, or what it waited for was submitted.

        policy: The upstream's.

        duration: Seconds that this poll has taken.

        kind: The task's, see `bridge.core.freshness.kind_of`.

        shared: How many tasks the request was about.

        due_count: How many of them had to be polled then.
    """
    interval = _interval(status, age=age, shortest=policy.poll_interval)
    if status is not TaskStatus.MODAL:
        stage: LifeStage = "end" if status is TaskStatus.IN_PROGRESS else "start"
        if is_near(policy.sketches, kind, stage=stage, age=age, interval=interval):
            size = policy.batch_size
            interval = closer(
                interval, shared=shared, due_count=due_count, batch_size=size
            )
    return max(interval - duration, interval / 2)


def _interval(status: TaskStatus | None, *, age: float, shortest: float) -> float:
    if status is TaskStatus.MODAL and age >= MODAL_INTERVAL:
        return max(shortest, MODAL_INTERVAL)
    if age >= OLD_AFTER:
        return max(2 * shortest, OLD_INTERVAL)
    if age >= SLOWER_AFTER:
        return 2 * shortest
    return shortest


def max_clock_advance(policy: PollPolicy) -> float:
    """
    Return how many seconds the answering clock may advance from one valid answer to the next.

    That is twice the longest wait between two polls, so that the clock of an upstream
    whose tasks are polled rarely is not slower. A longer gap was an absence of ours, in
    which nothing was asked.
    """
    return 2 * max(2 * policy.poll_interval, OLD_INTERVAL)


def why_lost(
    *, misses: int, missing_for: float, age: float, policy: PollPolicy
) -> Loss | None:
    """
    Decide whether to give a task up; ``None`` to go on polling it.

    Args:
        misses: Valid answers in a row that did not list it, this one included.

        missing_for: Seconds of the answering clock since the first of them.

        age: Seconds of the answering clock since it was tracked.

        policy: The upstream's.
    """
    if misses >= MIN_MISSES and missing_for >= policy.missing_after:
        return Loss("missing", policy.missing_after)
    if age >= policy.max_age:
        return Loss("expired", policy.max_age)
    return None
