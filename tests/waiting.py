"""Waiting for what must happen, instead of for a time in which it should have."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

#: Seconds in which a process ends that is asked to: five are promised, and a machine that is
#: slow or has other things to do gets thrice as many. What is not broken off takes longer.
ENDS_WITHIN_S = 17.0


def until(
    condition: Callable[[], T],
    *,
    within_s: float = 20.0,
    what: str | Callable[[], str] = "",
) -> T:
    """
    Ask *condition* until its answer is true, and return that; fail after *within_s*.

    What has not come at once is asked for less and less often, a tenth later than need be at
    worst: to ask takes processor time that what is waited for could have.

    Args:
        condition: What to ask.

        within_s: Seconds until the test fails.

        what: What was waited for, for whoever reads the failure.
    """
    began = monotonic()
    while not (answer := condition()):
        waited = monotonic() - began
        if waited >= within_s:
            waited_for = what() if callable(what) else what
            msg = f"not within {within_s} s: {waited_for or 'what was waited for'}"
            raise AssertionError(msg)
        Event().wait(min(max(waited / 10, 0.01), 0.2))
    return answer


async def within(
    seconds: float, attempt: Callable[[], Awaitable[T]], *, tries: int = 5
) -> T:
    """
    Await what must not take longer than *seconds*, and return what comes of it.

    It may be late a few times: a machine that has other things to do makes anything late now
    and then. What waits for something that it need not wait for is late each time.
    """
    for _ in range(tries):
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await attempt()
    msg = f"it took longer than {seconds} s, {tries} times of {tries}"
    raise AssertionError(msg)


def last_for(seconds: float) -> None:
    """
    Let something last.

    That nothing more happens can be seen in no other way, and in nothing else is this one right:
    what does happen, `until` waits for.
    """
    end = monotonic() + seconds
    until(lambda: monotonic() > end, within_s=10 * seconds)


def runs(pid: int) -> bool:
    """Say whether there is such a process (one that only waits to be reaped has ended)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (
        state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"
    )
