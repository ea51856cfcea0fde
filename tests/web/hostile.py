"""Requests of a hostile client: broken, dishonest, too large, too deep."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress

from tests.web.site import TOKEN

HOST = b"host: localhost\r\n"
_TOKEN = b"authorization: Bearer %b\r\n" % TOKEN.encode()
#: Where a body is read.
_TARGETS = [
    *(b"/signin", b"/api/v1/tasks", b"/api/v1/tasks", b"/api/v1/events/x/redeliver"),
    b"/api/v1/endpoints/ME/redeliver",
]
_PATHS = [
    b"/", b"/healthz", b"/signin", b"/api/v1/tasks", b"/api/v1/tasks", b"/api/v1/tasks/%00",
    b"/api/v1/../../etc/passwd", b"//x", b"/%2e%2e/x", b"/%ff%fe", b"/api/v1/tasks?q=%ff&q=%00",
    b"/api/v1/events?since=" + b"9" * 400, b"/api/v1/tasks?cursor=%00&limit=-1",
    b"/api/v1/events/x/redeliver", b"/api/v1/endpoints/ME/redeliver", b"/api/v1/endpoints/%2e%2e/pause",
    b"/api/v1/stream?after=" + b"9" * 99, b"/api/v1/tasks/" + b"9" * 4000, b"/tasks/%3Cscript%3E",
    b"/metrics", b"/\x7f", b"/caf\xc3\xa9", b"*", b"http://evil/",
]  # fmt: skip
_BODIES = [
    b"", b"{", b"\xff\xfe", b"\x00" * 100, b"[" * 10_000, b'{"token":' * 5_000, b"null", b"5",
    b'{"ids": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", b'{"metadata": ' + b'{"a":' * 10_000,
    b'{"token": 5}', b'{"token": "a", "token": "b"}', b'{"token": "\\ud800"}', b'{"token": NaN}',
    b'{"ids": ["1"], "ids": ["2"]}', b'{"since": 1e400}', b'{"ids": ["\\ud800"], "metadata": {"\\ud800": 1}}',
    b'{"ids": [' + b'"\\ud83d",' * 9_999 + b'"1"]}', b'{"ids": ["1"], "metadata": {"a": "' + b"x" * 900_000 + b'"}}',
    b'{"ids": [' + b'"1",' * 100_000 + b'"1"]}', b'{"ids": ["\\u0000"]}', b"1" * 5_000,
]  # fmt: skip
_HEADERS = [
    b"", b"content-type: application/json\r\n", b"content-type: \xff\r\n", b"x: \xe9\r\n",
    b"content-length: -1\r\n", b"content-length: 1e3\r\n", b"content-length: 2\r\ncontent-length: 3\r\n",
    b"content-length: 900\r\n", b"transfer-encoding: gzip\r\n", b"transfer-encoding: chunked\r\n",
    b"host: other\r\n", b"x y: z\r\n", b"x: " + b"x" * 65_536 + b"\r\n",
    b"cookie: mjbridge=" + b"a." * 500 + b"\r\n", b"cookie: \x00\r\n", b"origin: null\r\n",
    b"authorization: Bearer \xff\r\n", b"authorization: Basic Og==\r\n", b"expect: 100-continue\r\n",
    b"upgrade: websocket\r\nconnection: upgrade\r\n", b"last-event-id: \xff\r\n", b"idempotency-key: \r\n",
    b"idempotency-key: k\r\n",
]  # fmt: skip
_METHODS = [b"GET", b"POST", b"POST", b"POST", b"DELETE", b"HEAD", b"OPTIONS", b"PUT", b"TRACE", b"FOO", b"get"]  # fmt: skip
#: In chunks nobody says in advance how much comes.
_ENDLESS = b" " * (10 * 1024 * 1024)


def chunked(body: bytes) -> bytes:
    """Return a body in one chunk."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def hostile_requests(count: int, *, seed: int) -> Iterator[tuple[bytes, bool]]:
    """Return requests, the same ones for a seed; with each, whether it sends all it announces."""
    dice = random.Random(seed)
    for number in range(count):
        if number % 2:
            yield _well_addressed(dice), True
        else:
            yield _broken(dice, endless=number % 50 == 0)


def _well_addressed(dice: random.Random) -> bytes:
    """Return a request of which nothing is wrong but the body."""
    body = dice.choice(_BODIES)
    return (
        b"POST " + dice.choice(_TARGETS) + b" HTTP/1.1\r\n" + HOST + _TOKEN
        + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )  # fmt: skip


def _broken(dice: random.Random, *, endless: bool) -> tuple[bytes, bool]:
    body, is_whole = dice.choice(_BODIES), True
    head = b"".join(dice.sample(_HEADERS, dice.randrange(3)))
    if b"chunked" in head or endless:
        head = head if b"chunked" in head else head + b"transfer-encoding: chunked\r\n"
        is_whole = dice.random() < 0.7
        body = chunked(_ENDLESS if endless else body) if is_whole else body
    elif b"content-length" not in head:
        head += b"content-length: %d\r\n" % len(body)
    else:
        is_whole = False
    if dice.random() < 0.7:
        head = _TOKEN + head
    if dice.random() < 0.7:
        head += b"content-type: application/json\r\n"
    line = dice.choice(_METHODS) + b" " + dice.choice(_PATHS) + b" HTTP/1.1\r\n"
    return line + HOST + head + b"\r\n" + body, is_whole


async def answer_to(port: int, request: bytes, *, within_s: float) -> bytes:
    """Send a request; return the head of its answer, or nothing if there is none in time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""

    async def send() -> None:
        with suppress(ConnectionError):
            writer.write(request)
            await writer.drain()

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(within_s):
            while b"\r\n\r\n" not in answer and (chunk := await reader.read(65536)):
                answer += chunk
    except (ConnectionError, TimeoutError):
        pass
    finally:
        sending.cancel()
        writer.transport.abort()
    return answer.partition(b"\r\n\r\n")[0]
