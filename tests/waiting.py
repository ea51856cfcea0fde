"""Waiting for what must happen, instead of for a time in which it should have."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


def until(
    condition: Callable[[], T],
    *,
    within_s: float = 10.0,
    what: str | Callable[[], str] = "",
) -> T:
    """
    Ask *condition* until its answer is true, and return that; fail after *within_s*.

    Args:
        condition: What to ask.

        within_s: Seconds until the test fails.

        what: What was waited for, for whoever reads the failure.
    """
    deadline = monotonic() + within_s
    while not (answer := condition()):
        if monotonic() >= deadline:
            waited_for = what() if callable(what) else what
            msg = f"not within {within_s} s: {waited_for or 'what was waited for'}"
            raise AssertionError(msg)
        Event().wait(0.01)
    return answer


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
