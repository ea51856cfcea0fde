"""
Freshness: when a closer look is worth it, and costs nothing.

How long tasks of one kind take is learned: a sketch counts, for tasks of an action and a
mode, how old they were when they began and when they ended. A task that is about to begin or
to end, by what is known of others, is polled more often than its interval promises. Never
more rarely: a sketch that is wrong makes nothing worse.

The looks in between are paid for by requests that are saved. One request asks about many tasks
at the price of one, and takes along what would come due soon. So the more tasks share a
request, the closer the looks, and tasks whose batches are full anyway get none.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Self, TypeAlias

from bridge.core.task import TaskSnapshot

#: What is learned about: until somebody worked on a task, and until it ended.
LifeStage: TypeAlias = Literal["start", "end"]

#: Lower bounds of a sketch's buckets, in seconds since tracking: each a third above the one before.
BOUNDS = (0.0, *(1.5 * (4 / 3) ** step for step in range(21)))
#: Tasks that a sketch has to know before anything follows from it.
ENOUGH = 8
#: The chance to change within one interval from which on a task is looked at closely.
NEAR = 0.2
#: The shortest interval, in seconds, unless the configured one is shorter.
CLOSEST = 1.0
#: Looks in the place of one: so many for each task that shares a request, and at most.
LOOKS_EACH = 2
MOST_LOOKS = 5
#: The share of a batch from which on its places are needed for other tasks.
FULL = 0.5

_ACTION = re.compile(r"[A-Za-z_]{1,32}")
_MODE = re.compile(r"--(fast|relax|turbo)\b")


@dataclass(frozen=True, slots=True)
class Sketch:
    """
    How old tasks of one kind were when they reached a stage.

    Attributes:
        older: For each of `BOUNDS`, how many were at least so old.
    """

    older: Sequence[int]

    @classmethod
    def of(cls, counts: Sequence[int]) -> Self:
        """Make a sketch of how many reached it between each of `BOUNDS` and the next."""
        return cls((*accumulate(reversed(counts)),)[::-1])

    def chance(self, age: float, within: float) -> float:
        """
        Return the chance that a task which has come to an age gets no older than a bit more.

        Args:
            age: Seconds since it was tracked.

            within: The bit, in seconds.

        Returns:
            0 to 1; 0 where too few tasks are known, or none has come to that age.
        """
        left = self._older_than(age)
        if self.older[0] < ENOUGH or left <= 0:
            return 0.0
        return 1.0 - self._older_than(age + within) / left

    def _older_than(self, age: float) -> float:
        """Return how many; within a bucket they are taken to lie evenly."""
        place = bucket_of(age)
        if place + 1 == len(BOUNDS):
            return self.older[place]
        low, high = BOUNDS[place], BOUNDS[place + 1]
        share = (age - low) / (high - low)
        return self.older[place] + share * (self.older[place + 1] - self.older[place])


def bucket_of(age: float) -> int:
    """Return the place of an age in `BOUNDS`; one below 0 counts as 0."""
    return max(0, bisect(BOUNDS, age) - 1)


def kind_of(snapshot: TaskSnapshot) -> str:
    """
    Return what tasks are alike in that take about as long: the action, and the mode if the
    prompt names one. It has no white space, and is empty where there is no plain action.
    """
    action = snapshot.action or ""
    if not _ACTION.fullmatch(action):
        return ""
    mode = _MODE.search(snapshot.final_prompt or snapshot.prompt or "")
    return f"{action}:{mode[1]}" if mode else action


def is_near(
    sketches: Mapping[str, Sketch],
    kind: str,
    *,
    stage: LifeStage,
    age: float,
    interval: float,
) -> bool:
    """
    Decide whether a task is about to change.

    Args:
        sketches: Of the upstream, each under its kind, a colon and the stage.

        kind: The task's, see `kind_of`.

        stage: The next one.

        age: Seconds since it was tracked.

        interval: Seconds until the next look, if it is not.
    """
    sketch = sketches.get(f"{kind}:{stage}")
    return sketch is not None and sketch.chance(age, interval) >= NEAR


def closer(interval: float, *, shared: int, due_count: int, batch_size: int) -> float:
    """
    Return the interval of a task that is about to change.

    Args:
        interval: What is promised, in seconds. The result is never longer.

        shared: How many tasks the last request was about.

        due_count: How many of them it had to be about.

        batch_size: How many it could have been about.
    """
    if due_count > FULL * batch_size:
        return interval
    return min(interval, max(CLOSEST, interval / min(LOOKS_EACH * shared, MOST_LOOKS)))
