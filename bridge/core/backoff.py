"""
Backoff: when a failed delivery is tried again, and when it is given up.

Scheduled attempts have fixed places, counted from the first attempt. So an attempt that
was made early (because news arrived, or the endpoint came back) uses none of them up,
and a delivery that was held for hours does not catch up on the attempts it missed.

The schedule is a table, not a formula: an operator reads all of it at once, and it
cannot overflow.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TypeAlias

#: Seconds before the 2nd, 3rd, ... scheduled attempt.
Schedule: TypeAlias = tuple[float, ...]

#: Seconds before the 2nd, 3rd, ... 10th attempt; 76 hours in all.
#: Source: the Standard Webhooks specification, "Deliverability and reliability".
STANDARD_SCHEDULE: Schedule = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)

#: The largest fraction added to a delay, so that what failed together is not retried
#: together.
JITTER = 0.1

#: The longest wait that a receiver can ask for, in seconds: a bad ``Retry-After`` must
#: not park an endpoint for years.
MAX_RETRY_AFTER = 86400.0


def next_attempt_at(
    schedule: Schedule, *, first: float, started: float, due: float, roll: float
) -> float | None:
    """
    Return when the next scheduled attempt is.

    Args:
        schedule: The endpoint's.

        first: When the first attempt was made.

        started: When the attempt that just failed was made.

        due: When it was scheduled for. One made earlier leaves the schedule as it is.

        roll: A fresh random number in ``[0, 1)``.

    Returns:
        Seconds since the epoch, on the clock of the arguments; ``None`` to give up:
        the attempt was the last of the schedule, or the whole schedule is over.
    """
    if started < due:
        return due
    for delay, after in zip(schedule, accumulate(schedule), strict=True):
        if first + after > started:
            return first + after + delay * JITTER * roll
    return None


def lifetime(schedule: Schedule) -> float:
    """Return within how many seconds of the first attempt the last scheduled one is made."""
    return sum(schedule) + (schedule[-1] * JITTER if schedule else 0.0)


def poll_backoff(
    failures: int, *, interval: float, refused: bool, roll: float
) -> float:
    """
    Return how many seconds to leave an upstream alone that gave no valid answer.

    Args:
        failures: How many answers in a row were not valid, this one included.

        interval: Seconds between two polls while all is well.

        refused: Whether it refused the key. Insisting does not help then, and
            trueai's proxy blocks an address that insists.

        roll: A fresh random number in ``[0, 1)``, so that workers which failed together
            do not come back together.
    """
    longest = max(300.0 if refused else 60.0, interval)
    wait = min(longest, max(interval, 1.0) * 2.0 ** min(failures - 1, 10))
    return wait * (1.0 + JITTER * roll)
