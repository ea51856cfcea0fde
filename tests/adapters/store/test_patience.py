"""`bridge.adapters.store.errors`: who is away himself does not call the store away."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import time
from pathlib import Path

import pytest

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.connection import connect
from bridge.adapters.store.errors import COMMAND_TIMEOUT, in_time
from bridge.adapters.store.keyspace import LONGEST_CALL, Keyspace
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


async def test_who_waits_for_a_call_that_the_server_holds_is_not_woken() -> None:
    def times_asleep() -> int:
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw

    async with in_time(0.1, held=0.5):
        before = times_asleep()
        await asyncio.sleep(0.5)
        slept = times_asleep() - before

    assert slept < 5


async def test_a_call_that_waits_has_its_wait_and_a_commands_time(
    tmp_path: Path,
) -> None:
    with EmbeddedStore(tmp_path) as store:
        assert store.pid is not None
        client = connect(store.url)
        keys = Keyspace(client, namespace="x", retention=1.0)
        os.kill(store.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await keys.wait_for_entry("feed", "0", 0.1)
            took = time.monotonic() - began
        finally:
            os.kill(store.pid, signal.SIGCONT)
        await client.aclose()

    assert COMMAND_TIMEOUT < took < COMMAND_TIMEOUT + LONGEST_CALL
