"""The wire: connections, over which requests go out and answers come in, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import cast

import httpx

from bridge.adapters.http.answer import IncomingAnswer

#: Bytes of a body that are held for a reader that takes its time, before no more is read.
BUFFER = 64 * 1024


class Connection(asyncio.Protocol):
    """An open connection."""

    def __init__(self) -> None:
        #: When it was last used, by the event loop's clock.
        self.used = 0.0
        self.transport: asyncio.Transport
        self._answer: IncomingAnswer | None = None
        self._is_over = self._is_stray = False
        self._sending: asyncio.Task[None] | None = None
        self._is_paused = False
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent over it."""
        return not self._is_over and not self.transport.is_closing()

    def ask(self, method: str, head: bytes, body: bytes = b"") -> IncomingAnswer:
        """Send a request; the answer is its own only after the last one has `ended`."""
        answer = self._answer = IncomingAnswer(method)
        if self._is_stray:
            answer.fail(httpx.RemoteProtocolError("it spoke first"))
        elif not self.is_open:
            answer.cut(None)
        elif body:
            self.transport.writelines((head, body))
        else:
            self.transport.write(head)
        return answer

    def send(self, body: AsyncIterable[bytes]) -> None:
        """Send a body while it comes in; if it breaks off, that error is the answer's."""
        self._sending = asyncio.get_running_loop().create_task(self._send(body))

    async def piece(self) -> bytes:
        """
        Wait for more of the answer's body; return nothing at its end.

        Raises:
            httpx.TransportError: It broke off.
        """
        answer = cast("IncomingAnswer", self._answer)
        await answer.more()
        piece = answer.taken()
        if self._is_paused and self.is_open:
            self._is_paused = False
            self.transport.resume_reading()
        return piece

    def release(self) -> bool:
        """Return whether it can be used again; it is closed if not."""
        answer, self._answer = self._answer, None
        sending, self._sending = self._sending, None
        if (
            answer is not None
            and answer.ended
            and answer.reusable
            and self.is_open
            and not self._is_paused
            and (sending is None or sending.done())
            and not self.transport.get_write_buffer_size()
        ):
            return True
        if sending is not None:
            sending.cancel()
        self._is_over = True
        self.transport.abort()
        return False

    def close(self) -> None:
        """Close it; nothing is under way."""
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, before anything else happens."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand what came in to the answer that is waited for."""
        answer = self._answer
        if answer is None:
            self._is_stray = True  # nobody has asked
            self.transport.close()
            return
        answer.feed(data)
        if answer.held > BUFFER and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> None:
        """Take note that the other side says no more; the transport is closed."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that it is over."""
        self._end(exc)

    def pause_writing(self) -> None:
        """Hold a body back, of which too much waits to be sent."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let a body go on."""
        self._writable.set()

    async def _send(self, body: AsyncIterable[bytes]) -> None:
        answer = cast("IncomingAnswer", self._answer)
        try:
            async for piece in body:
                await self._writable.wait()
                if self._is_over:
                    break
                self.transport.write(piece)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's
            answer.fail(error)

    def _end(self, cause: Exception | None) -> None:
        self._is_over = True
        self._writable.set()
        if self._answer is not None:
            self._answer.cut(cause)
