"""Signals as something to wait for, in a program whose main thread has nothing else to do."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def collected(
    *signals: signal.Signals,
) -> Iterator[tuple[Callable[[float | None], None], deque[tuple[int, float]]]]:
    """
    Collect *signals* instead of being interrupted by them. In the main thread only.

    A SIGHUP that is ignored stays so: that is how nohup asks to outlive the terminal.

    Yields:
        What waits for the next signal, for so many seconds at most, and the signals that
        came, each with its time on the monotonic clock. The interpreter itself writes to a
        pipe when one comes, so none slips in between looking at the list and falling asleep.
    """
    received: deque[tuple[int, float]] = deque()

    def note(signum: int, _frame: FrameType | None) -> None:
        received.append((signum, time.monotonic()))

    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)

        def wait(seconds: float | None) -> None:
            if not received and selector.select(seconds):
                os.read(reader, 4096)

        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        before = {
            signum: signal.signal(signum, note)
            for signum in signals
            if not (nohup and signum == signal.SIGHUP)
        }
        try:
            yield wait, received
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
            signal.set_wakeup_fd(woken)
            os.close(reader)
            os.close(writer)
