"""Listening for wake-ups: a worker looks when there is work, and by itself where it hears of none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import pytest
from structlog.testing import capture_logs

from bridge.app.ports import Queue
from bridge.core.cadence import STORE_RETRY
from bridge.errors import StoreForbids, StoreUnavailable
from bridge.runtime.listening import listen


class FakeWakeups:
    """Wake-ups that come when they are sent; what is asked for meanwhile may fail."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.sent = asyncio.Event()

    async def wait(self, queue: Queue) -> bool:
        assert queue == "deliver"
        if self.failures:
            raise self.failures.pop(0)
        await asyncio.sleep(0)  # the store's answer is always waited for
        await self.sent.wait()
        self.sent.clear()
        return True


async def looked(wakeups: FakeWakeups, look: Callable[[], None], *, times: int) -> None:
    """Listen until somebody has looked so often."""
    seen = 0
    enough = asyncio.Event()

    async def looks() -> None:
        nonlocal seen
        seen += 1
        if seen >= times:
            enough.set()
        look()

    listening = asyncio.create_task(listen(wakeups, "deliver", looks))
    async with asyncio.timeout(20):
        await enough.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening


async def test_a_wake_up_has_the_worker_look() -> None:
    wakeups = FakeWakeups()
    wakeups.sent.set()
    await looked(wakeups, lambda: None, times=1)


async def test_a_look_that_fails_is_not_the_last() -> None:
    wakeups = FakeWakeups()
    wakeups.sent.set()

    def fail() -> None:
        wakeups.sent.set()
        msg = "always"
        raise RuntimeError(msg)

    began = monotonic()
    with capture_logs() as logs:
        await looked(wakeups, fail, times=3)
    assert [line["event"] for line in logs] == ["wakeups.failed"] * len(logs)
    # A pause after each, though there is work all the time.
    assert monotonic() - began > 1.9 * STORE_RETRY


async def test_a_worker_looks_while_the_store_is_away() -> None:
    wakeups = FakeWakeups(StoreUnavailable("away"), StoreUnavailable("away"))
    await looked(wakeups, lambda: None, times=2)


async def test_where_waiting_is_forbidden_a_worker_looks_by_itself_and_says_so_once() -> (
    None
):
    wakeups = FakeWakeups(StoreForbids("no blpop"), StoreForbids("no blpop"))
    with capture_logs() as logs:
        await looked(wakeups, lambda: None, times=2)
    assert [line["event"] for line in logs] == ["wakeups.not_heard"]
