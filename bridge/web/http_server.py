"""The HTTP server of the process `web`: uvicorn, with our own refusals and our own end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from types import FrameType

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.web.headers import HEADERS
from bridge.web.problem_details import problem

#: Seconds that requests in progress get when the server is asked to stop. The process has
#: to be gone after 5 s.
GRACE = 3.5


class _Protocol(H11Protocol):
    """HTTP/1.1, whose own refusal is a problem document like all others."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it is always the same
        """Answer what is not HTTP, unless half an answer has been sent; then hang up."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # the request before, if it is still in work
            self.cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            refusal = problem(400, "This is not a valid HTTP request.")
            headers = [*refusal.raw_headers, *_REFUSAL_HEADERS]
            body = b"" if self._asks_for_a_head() else bytes(refusal.body)
            for event in (
                h11.Response(status_code=400, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _asks_for_a_head(self) -> bool:
        """Whether what is not valid is the body of a HEAD request."""
        begun = self.conn.our_state is h11.SEND_RESPONSE
        return begun and self.scope["method"] == "HEAD"


_REFUSAL_HEADERS = [
    (b"connection", b"close"),
    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
]


class Server(uvicorn.Server):
    """uvicorn as this process runs it."""

    def __init__(self, app: ASGIApp) -> None:
        """
        Make a server; `serving` is told where.

        Args:
            app: From `application`.
        """
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            # Whoever could set these headers could be anyone.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            # Our layers log what is worth it; uvicorn would log each malformed request.
            log_level="critical",
        )
        config.timeout_graceful_shutdown = GRACE  # type: ignore[assignment]  # asyncio takes floats
        super().__init__(config)
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn's own version wakes the process ten times a second."""
        while not await self.on_tick(0):  # which sets the date of answers
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, as a signal asks for."""
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._ending.set)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End cleanly at a signal; uvicorn's own version raises it once more afterwards."""
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.asynccontextmanager
    async def serving(self, bound: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
        """
        Serve for as long as the block lasts, and yield the task, which ends at a signal.

        Args:
            bound: The socket to listen at.
        """
        task = asyncio.create_task(self.serve(sockets=[bound]))
        # uvicorn has no event for being ready.
        while not self.started and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        try:
            yield task
        finally:
            self.should_exit = True
            self._ending.set()
            await task
