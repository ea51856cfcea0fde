"""
Serving an application of the sandbox on a port.

The socket is bound here, before uvicorn starts, so that a port in use is an `OSError` for the
caller to explain and not a log line and an exit from inside the library.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

#: Seconds that requests in progress get to end when the server is asked to stop. Together with
#: uvicorn's own ticks it stays below a second, which is what a supervisor should have to wait.
GRACE = 0.4


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the process around it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        # uvicorn's own version raises the signal once more after a clean end, so that a
        # SIGTERM would always count as a crash.
        yield


def run_server(
    app: ASGIApp,
    bound: socket.socket,
    *,
    on_ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """
    Serve until SIGTERM, SIGINT or *stop*, then return, in less than a second.

    Args:
        bound: Where to; see `bind`.

        on_ready: Called with the base URL once requests are answered.

        stop: Set, among the requests, to end.
    """
    asyncio.run(_run(app, bound, on_ready, stop or asyncio.Event()))


async def _run(
    app: ASGIApp,
    bound: socket.socket,
    on_ready: Callable[[str], None] | None,
    stop: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Only the main thread may; elsewhere, the server ends with its process.
        with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with serving(app, bound) as base_url:
        if on_ready is not None:
            on_ready(base_url)
        await stop.wait()


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, bound: socket.socket | None = None
) -> AsyncIterator[str]:
    """
    Serve inside the running loop for as long as the block lasts; yields the base URL.

    Args:
        bound: Where; without it, on a free port of this machine.
    """
    bound = bound or bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="critical",
        ws="none",
        http="h11",
        server_header=False,
    )
    config.timeout_graceful_shutdown = GRACE  # type: ignore[assignment]  # asyncio takes floats
    server = QuietServer(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        # uvicorn has no event for being ready.
        while not server.started and not running.done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if running.done():
            await running  # raises what went wrong at start
        yield base_url_of(bound)
    finally:
        server.should_exit = True
        await running


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to that address, IPv4 or IPv6."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio asks for it before it sets TCP_NODELAY; without
    # that, every answer of a header and a body takes 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def base_url_of(bound: socket.socket) -> str:
    """Return the base URL by which a client on this machine reaches that socket."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
