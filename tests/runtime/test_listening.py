"""Listening for wake-ups: a worker begins work as it comes up, and looks by itself where it cannot wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain, repeat
from time import monotonic

import pytest
from structlog.testing import capture_logs

from bridge.core.cadence import STORE_RETRY
from bridge.errors import StoreForbids, StoreUnavailable
from bridge.runtime.listening import listen


class Listener:
    """A worker that listens; each time it waits, what is given next happens."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes: Iterator[Exception | None] = chain(outcomes, repeat(None))
        self.begun = self.looks = 0
        self.look_fails = False

    async def wait(self) -> None:
        await asyncio.sleep(0)  # the store's answer is always waited for
        if (failure := next(self.outcomes)) is not None:
            raise failure
        self.begun += 1

    async def look(self) -> None:
        self.looks += 1
        if self.look_fails:
            raise StoreUnavailable

    async def until(self, *, begun: int = 0, looks: int = 0) -> None:
        listening = asyncio.create_task(listen(self.wait, self.look))
        async with asyncio.timeout(20):
            while self.begun < begun or self.looks < looks:
                await asyncio.sleep(0)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening


async def test_each_wake_up_is_followed_and_nobody_looks_beside_that() -> None:
    listener = Listener()
    await listener.until(begun=3)

    assert listener.looks == 0


async def test_a_failure_is_not_the_last_and_is_followed_by_a_pause() -> None:
    listener = Listener(RuntimeError("once"), RuntimeError("twice"))
    began = monotonic()
    with capture_logs() as logs:
        await listener.until(begun=1)

    assert [line["event"] for line in logs] == ["wakeups.failed"] * 2
    assert monotonic() - began > 1.9 * STORE_RETRY


async def test_a_worker_looks_by_itself_while_the_store_is_away() -> None:
    listener = Listener(StoreUnavailable("away"), StoreUnavailable("away"))
    listener.look_fails = True
    await listener.until(begun=1)

    assert listener.looks == 2


async def test_where_waiting_is_forbidden_a_worker_looks_by_itself_and_says_so_once() -> (
    None
):
    listener = Listener(StoreForbids("no blpop"), StoreForbids("no blpop"))
    with capture_logs() as logs:
        await listener.until(looks=2)

    assert [line["event"] for line in logs] == ["wakeups.not_heard"]
