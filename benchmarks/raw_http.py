"""The cheapest HTTP/1.1 server that our own clients can speak to, for a sink and a gateway."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import cast

import uvloop

#: Answers a request: its path, its head in lower case, its body, and where the answer goes.
Handler = Callable[[bytes, bytes, bytes, asyncio.Transport], None]

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
#: Connections that may wait to be accepted: many endpoints are connected to at once.
BACKLOG = 4096


class Peer(asyncio.Protocol):
    """One connection: a head, a content-length, a body; again and again."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            original = self._buffer[:end]
            head = original.lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            whole = end + 4 + length
            if len(self._buffer) < whole:
                return
            body = self._buffer[end + 4 : whole]
            self._buffer = self._buffer[whole:]
            path = original.split(b" ", 2)[1]
            self._handler(path, head, body, self._transport)


def answer(content: object) -> bytes:
    """Return a whole response with some JSON."""
    return with_body(json.dumps(content).encode())


def with_body(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (len(body), body)
    )


def later(seconds: float, transport: asyncio.Transport, response: bytes) -> None:
    """Answer after some time; at once after none."""
    if seconds:
        asyncio.get_running_loop().call_later(seconds, transport.write, response)
    else:
        transport.write(response)


def serve(handler: Handler) -> None:
    """Serve on the port that is this process's first argument, until it is ended."""

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Peer(handler), "127.0.0.1", int(sys.argv[1]), backlog=BACKLOG
        )
        print("ready", flush=True)
        await server.serve_forever()

    uvloop.run(forever())
