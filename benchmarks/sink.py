"""
A receiver that costs as little as a receiver can: it counts, and answers 204.

Paths that begin with ``/slow`` are answered after two seconds. ``GET /counts`` tells how
many requests of each kind came, and when the last one did.

    python -m benchmarks.sink 8099
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
SLOW = 2.0


class Counts:
    def __init__(self) -> None:
        self.fast = self.slow = 0
        self.delays: list[float] = []

    def report(self) -> bytes:
        body = json.dumps(
            {"fast": self.fast, "slow": self.slow, "delays": self.delays[-5000:]}
        ).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


class Sink(asyncio.Protocol):
    """HTTP/1.1 as far as our own clients speak it: a head, a content-length, a body."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get /counts"):
            self._transport.write(self._counts.report())
        elif b" /slow" in head[:12]:
            self._counts.slow += 1
            asyncio.get_running_loop().call_later(SLOW, self._transport.write, ANSWER)
        else:
            self._counts.fast += 1
            if (at := body.find(b'"recordedAt":')) >= 0:
                recorded = float(body[at + 13 :].split(b"}", 1)[0].split(b",", 1)[0])
                self._counts.delays.append(time.time() - recorded)
            self._transport.write(ANSWER)


async def main(port: int) -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Sink(counts), "127.0.0.1", port, backlog=1024
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
