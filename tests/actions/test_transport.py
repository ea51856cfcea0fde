"""The transport of actions: of a request that failed it is known whether it may have been read."""

from __future__ import annotations

import socket

import pytest

from bridge.adapters.http.client import Client
from bridge.core.delivery import Fault
from bridge.core.http import Request, Response
from tests.receivers import (
    Habit,
    answers,
    hangs_up,
    is_silent,
    receiver,
    resets,
    says,
    speaks_no_tls,
)

HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"


async def posted(url: str, *, timeout_s: float = 5.0) -> Response:
    client = Client(connections=4, keepalive=None)
    try:
        return await client.send(Request(url=url, body=b"{}", timeout=timeout_s))
    finally:
        await client.aclose()


async def test_nothing_is_sent_where_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        response = await posted(f"http://127.0.0.1:{taken.getsockname()[1]}/")

    assert response.unsent
    assert response.fault is Fault.CONNECTION


async def test_nothing_is_sent_to_a_name_that_nobody_has() -> None:
    assert (await posted("http://nobody.invalid/")).unsent


async def test_nothing_is_sent_without_tls_where_tls_is_asked_for() -> None:
    async with receiver(speaks_no_tls) as server:
        response = await posted(f"https://127.0.0.1:{server.port}/")

    assert response.unsent
    assert not server.requests


async def test_nothing_is_sent_while_tls_is_waited_for() -> None:
    async with receiver(is_silent) as server:
        response = await posted(f"https://127.0.0.1:{server.port}/", timeout_s=0.2)

    assert response.unsent
    assert response.fault is Fault.TIMEOUT


async def test_nothing_is_sent_to_an_address_that_is_none() -> None:
    assert (await posted("http:///")).unsent


async def closes(connection: object) -> None:
    """Accept, and close."""


@pytest.mark.parametrize(
    "habit",
    [closes, resets, hangs_up, is_silent, says(b"nonsense\r\n\r\n")],
    ids=["close", "reset", "hang up", "silence", "no HTTP"],
)
async def test_what_was_sent_and_not_answered_may_have_been_read(habit: Habit) -> None:
    async with receiver(habit) as server:
        response = await posted(server.url, timeout_s=1.5)

    assert response.status is None
    assert not response.unsent


async def test_half_an_answer_is_an_answer_that_broke_off() -> None:
    async with receiver(says(HALF)) as server:
        response = await posted(server.url)

    assert (response.status, response.unsent) == (200, False)
    assert "broke off" in response.detail


async def test_each_request_has_a_connection_of_its_own() -> None:
    client = Client(connections=4, keepalive=None)
    async with receiver(answers()) as server:
        for _ in range(3):
            response = await client.send(Request(url=server.url, timeout=5))
            assert response.status == 200
        await client.aclose()

    assert server.connections == 3


async def test_what_fails_is_not_repeated() -> None:
    async with receiver(resets) as server:
        await posted(server.url)

    assert len(server.requests) == 1
