"""
Receivers that misbehave: one small server, and the habits it can be given.

A habit is a coroutine that gets a connection and does with it what the name says.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Received:
    """One request, as it was on the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Socket:
    """A server's side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Write, as far as the other side lets us."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the other side has ended the connection; say nothing meanwhile."""
        while await self.reader.read(65536):
            pass


@dataclass
class Connection(Socket):
    """What a habit works with."""

    receiver: Receiver

    async def request(self) -> Received | None:
        """Read one whole request; ``None`` if the connection ends instead."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        line, *rest = head.split("\r\n")
        pairs = (header.split(": ", 1) for header in rest if header)
        headers = {name.lower(): value for name, value in pairs}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(line, headers, body)
        self.receiver.requests.append(received)
        return received


Habit: TypeAlias = Callable[[Connection], Awaitable[None]]


@dataclass
class Receiver:
    """A server on a loopback port, and what it has seen."""

    habit: Habit
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hooks/T0000SECRET0000?key=s3cr3ts3cr3t"

    async def all_closed(self) -> None:
        """Wait until every connection is over."""
        async with asyncio.timeout(30):
            while self.open:
                self._idle.clear()
                await self._idle.wait()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        self.open += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self.habit(Connection(reader, writer, self))
        finally:
            self.open -= 1
            self._idle.set()
            writer.close()


@asynccontextmanager
async def receiver(
    habit: Habit, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    """Run a receiver with a habit; every connection is cut at the end."""
    this = Receiver(habit=habit, scheme="https" if tls else "http", host=host)
    listening = socket.socket()
    # A small window, so that what is not read soon cannot be written either.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    async with serving(this.serve, set(), listening, ssl=tls) as this.port:
        yield this


@asynccontextmanager
async def serving(
    serve: Callable[
        [asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]
    ],
    tasks: set[asyncio.Task[None]],
    listening: socket.socket | None = None,
    **options: Any,
) -> AsyncIterator[int]:
    """Serve on a loopback port, each connection in a task that is cut at the end."""

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = listening or socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(accept, sock=listening, **options)
    try:
        yield listening.getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- habits ---------------------------------------------------------------------------


def answers(
    status: str = "200 OK", *headers: str, body: bytes = b"ok", times: int = 1_000_000
) -> Habit:
    """Answer properly, and keep the connection for as many requests as *times*."""
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}"]
    answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def habit(connection: Connection) -> None:
        for _ in range(times):
            if await connection.request() is None:
                return
            await connection.say(answer)

    return habit


def says(data: bytes, *, then_reset: bool = False) -> Habit:
    """Answer with these bytes, whatever they are, and end the connection."""

    async def habit(connection: Connection) -> None:
        await connection.request()
        await connection.say(data)
        if then_reset:
            connection.reset()

    return habit


async def speaks_no_tls(connection: Connection) -> None:
    """Answer whatever comes first, in plain HTTP."""
    await connection.reader.read(1)
    await connection.say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


async def is_silent(connection: Connection) -> None:
    """Accept, read, and never answer."""
    await connection.gone()


async def does_not_read(connection: Connection) -> None:
    """Accept, and neither read nor answer."""
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.get_running_loop().create_future()


async def resets_at_once(connection: Connection) -> None:
    """Accept, and break the connection before anything was read."""
    connection.reset()


async def closes_at_once(connection: Connection) -> None:
    """Accept, and close the connection as soon as something was said."""
    await connection.reader.read(1)


async def resets(connection: Connection) -> None:
    """Accept, read, and break the connection."""
    await connection.request()
    connection.reset()


async def hangs_up(connection: Connection) -> None:
    """Accept, read, and close the connection without an answer."""
    await connection.request()


def drips(beginning: bytes, drop: bytes = b"x") -> Habit:
    """Answer with a beginning, and go on a drop at a time, without an end."""

    async def habit(connection: Connection) -> None:
        await connection.request()
        await connection.say(beginning)
        ended = asyncio.ensure_future(connection.gone())
        while not ended.done():
            await connection.say(drop)
            await asyncio.wait([ended], timeout=0.01)

    return habit


async def never_ends(connection: Connection) -> None:
    """Answer 200 with a body that goes on as fast as it is read."""
    await connection.request()
    await connection.say(b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n")
    while not connection.writer.is_closing():
        await connection.say(b"x" * 65536)


def bombs(size: int = 50_000_000) -> Habit:
    """Answer with few bytes that unpack to many."""
    packed = gzip.compress(bytes(size))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
    return says(head.encode() + packed)


async def answers_before_the_body_is_read(connection: Connection) -> None:
    """Refuse a request by its head, and leave its body where it is."""
    await connection.reader.readuntil(b"\r\n\r\n")
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await connection.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
    await asyncio.get_running_loop().create_future()


def forgets_idle_connections(*, after: int = 1) -> Habit:
    """
    Answer *after* requests on the first connection, then break it at the next.

    What a sender sees that uses an idle connection just as the receiver closes it.
    """

    async def habit(connection: Connection) -> None:
        answering = answers(
            times=after if connection.receiver.connections == 1 else 1_000_000
        )
        await answering(connection)
        await connection.reader.readuntil(b"\r\n\r\n")
        connection.reset()

    return habit
