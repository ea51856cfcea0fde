"""`bridge.adapters.store.errors`: who is away himself does not call the store away."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from bridge.adapters.store.errors import in_time
from bridge.errors import StoreUnavailable


def be_away(seconds: float) -> None:
    """Hold up the loop, as a machine does that has no time for it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def test_a_reply_that_came_while_nobody_was_there_is_heard() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)

    def reply_while_we_are_away() -> None:
        theirs.sendall(b"+OK\r\n")
        be_away(0.4)

    async with in_time(0.2):
        asyncio.get_running_loop().call_soon(reply_while_we_are_away)
        assert await reader.readline() == b"+OK\r\n"
    writer.close()
    theirs.close()


async def test_a_store_that_does_not_reply_is_given_up() -> None:
    with pytest.raises(StoreUnavailable):
        async with in_time(0.05):
            await asyncio.get_running_loop().create_future()
