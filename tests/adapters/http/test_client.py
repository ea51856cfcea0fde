"""`bridge.adapters.http.client`: connections are opened, kept and given up as they should be."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from bridge.adapters.http.client import Client
from bridge.adapters.http.guard import AddressInfo
from bridge.adapters.http.resolver import Resolver
from bridge.core.http import Request
from tests import receivers
from tests.receivers import Connection, answers, receiver

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@asynccontextmanager
async def client(
    *, connections: int = 4, keepalive: float = 60.0, **options: str
) -> AsyncIterator[Client]:
    made = Client(connections=connections, keepalive=keepalive, **options)  # type: ignore[arg-type]  # strings, all of them
    try:
        yield made
    finally:
        await made.aclose()


def to(url: str, method: str = "POST") -> Request:
    return Request(url=url, method=method, timeout=5.0)


# --- how long they are kept -----------------------------------------------------------


async def test_a_connection_is_closed_when_it_was_idle_for_long() -> None:
    async with client(keepalive=0.1) as sender, receiver(answers()) as there:
        for _ in range(2):
            assert (await sender.send(to(there.url))).status == 200

        await there.all_closed()

    assert there.connections == 1


async def test_an_answer_that_nobody_reads_does_not_stand_in_the_next_ones_way() -> (
    None
):
    large = b"x" * 100_000
    said = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(large), large)
    all_said = asyncio.Event()

    async def habit(connection: Connection) -> None:
        while await connection.request():
            await connection.say(said)
            all_said.set()

    async with client(connections=1) as sender, receiver(habit) as there:
        for _ in range(3):
            all_said.clear()
            async with sender.stream(to(there.url, "GET")):
                await all_said.wait()
                await asyncio.sleep(0)  # it is read as soon as the loop looks
        assert (await sender.send(to(there.url, "GET"))).status == 200


async def test_a_connection_over_which_something_comes_unasked_is_not_used_again() -> (
    None
):
    said = asyncio.Event()

    async def habit(connection: Connection) -> None:
        while await connection.request():
            await connection.say(OK)
            if connection.receiver.connections == 1:
                await connection.say(b"HTTP/1.1 408 Too slow\r\n\r\n")
                await connection.gone()
                said.set()

    async with client() as sender, receiver(habit) as there:
        first = await sender.send(to(there.url))
        await asyncio.wait_for(said.wait(), 10)
        second = await sender.send(to(there.url))

    assert (first.status, second.status, there.connections) == (200, 200, 2)


async def test_who_speaks_before_being_asked_does_not_speak_http() -> None:
    async def habit(connection: Connection) -> None:
        await connection.say(b"220 mail.example ESMTP\r\n")
        await connection.gone()

    async with client() as sender, receiver(habit) as there:
        response = await sender.send(to(there.url))

    assert response.detail == "the answer is not valid HTTP"


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("PATCH", 1)])
async def test_only_methods_that_change_nothing_twice_are_repeated(
    method: str, times: int
) -> None:
    async with client() as sender, receiver(receivers.hangs_up) as there:
        response = await sender.send(to(there.url, method))

    assert response.status is None
    assert len(there.requests) == times


async def test_an_answer_before_all_of_a_body_is_an_answer() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.get_running_loop().create_future()

    async def habit(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n{")
        await connection.say(b"HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno")
        await connection.gone()

    async with client() as sender, receiver(habit) as there:
        request = Request(url=there.url, headers={"content-length": "100"})
        async with sender.stream(request, body()) as answer:
            said = b"".join([piece async for piece in answer.aiter_raw()])
        await there.all_closed()

    assert (answer.status_code, said) == (413, b"no")


async def test_a_body_that_breaks_off_breaks_the_request_off() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        msg = "the one who sends it has gone"
        raise ConnectionAbortedError(msg)

    async with client() as sender, receiver(receivers.is_silent) as there:
        request = Request(url=there.url, headers={"content-length": "100"})
        with pytest.raises(ConnectionAbortedError):
            async with asyncio.timeout(10), sender.stream(request, body()):
                pass
        await there.all_closed()


# --- tunnels --------------------------------------------------------------------------


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def tunnels(connection: Connection) -> None:
    """Connect to where a client wants to, and carry what both say."""
    asked = await connection.request()
    assert asked is not None
    host, port = asked.line.split()[1].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        await connection.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(
            carry(connection.reader, writer), carry(reader, connection.writer)
        )
    finally:
        writer.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_https_goes_through_a_proxy_unseen(scheme: str, tmp_path: Path) -> None:
    authority, ca = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with (
        receiver(answers(body=b"secret"), tls=tls) as there,
        receiver(tunnels, tls=tls if scheme == "https" else None) as proxy,
        client(
            proxy=f"{scheme}://user:pass@127.0.0.1:{proxy.port}", tls_ca=str(ca)
        ) as sender,
    ):
        responses = [await sender.send(to(there.url)) for _ in range(2)]
        await sender.aclose()
        await proxy.all_closed()

    assert [(one.status, one.body) for one in responses] == [(200, b"secret")] * 2
    [asked] = proxy.requests
    assert asked.line == f"CONNECT 127.0.0.1:{there.port} HTTP/1.1"
    assert asked.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
    assert "proxy-authorization" not in there.requests[0].headers


# --- names ----------------------------------------------------------------------------


async def test_those_who_ask_for_one_name_at_once_share_a_lookup() -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> Sequence[AddressInfo]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    resolver = Resolver(None, getaddrinfo=getaddrinfo)
    given_up = asyncio.ensure_future(resolver.resolve("a.example", 80))
    waiting = [
        asyncio.ensure_future(resolver.resolve("a.example", 80)) for _ in range(9)
    ]
    await asyncio.sleep(0)  # they begin
    given_up.cancel()

    found = await asyncio.gather(*waiting)

    assert asked == ["a.example"]
    assert {infos[0][4] for infos in found} == {("192.0.2.1", 80)}
