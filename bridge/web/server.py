"""Serving: a deployment's application, on a socket or for any ASGI server."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from types import FrameType
from typing import Any

import h11
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge import logs
from bridge.app.actions import Actions
from bridge.app.click_follower import ClickFollower
from bridge.app.clicks import ClickHandler
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.errors import BridgeError
from bridge.runtime.archive import archive_files
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoints_of
from bridge.runtime.factories import chat_sender
from bridge.runtime.relay import gateway_services
from bridge.settings import Settings, load_settings
from bridge.web import interactions
from bridge.web.asgi import create_app
from bridge.web.context import WebContext
from bridge.web.headers import HEADERS
from bridge.web.health import StoreGuard
from bridge.web.hub import Hub
from bridge.web.keys import SigningKeys
from bridge.web.listeners import Listeners
from bridge.web.problem_details import problem

#: Seconds that requests in progress get when the server is asked to stop. The process has
#: to be gone after 5 s.
GRACE = 3.5


def application(settings: Settings, *, actions: Actions | None = None) -> ASGIApp:
    """
    Make the application of a deployment; nothing is sent to its store yet.

    Args:
        settings: The deployment's.

        actions: Presses buttons, instead of the deployment's own.

    Raises:
        StoreUnavailable: No store is configured, and none runs here.
    """
    deployment = Deployment(settings)

    async def send_sample(endpoint: Endpoint, event: str) -> Attempt:
        # It brings a client and every channel, which take a second to import.
        from bridge.runtime.sample_delivery import try_endpoint

        return await try_endpoint(settings, endpoint, event)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with deployment, AsyncExitStack() as stack:
            if gateway is not None:
                await stack.enter_async_context(gateway.running())
            running = [
                asyncio.create_task(one)
                for one in (store.run(), listeners.run(), follower.take_over())
            ]
            with _at_a_signal(hub.end):
                yield
            hub.end()
            for task in running:
                task.cancel()
            await clicks.aclose()
            await sender.aclose()

    presses = actions or deployment.actions
    sender = chat_sender(settings)
    endpoints = endpoints_of(settings)
    follower = ClickFollower(
        platforms=interactions.PLATFORMS,
        endpoints=endpoints,
        actions=presses,
        links=deployment.links,
        lookup=deployment.lookup,
        texts=deployment.texts,
        store=deployment.clicks,
        sender=sender,
        now=time.time,
    )
    clicks = ClickHandler(
        follower=follower,
        upstreams=list(settings.upstreams),
        links=deployment.links,
        lookup=deployment.lookup,
        texts=deployment.texts,
        now=time.time,
    )
    listeners = Listeners(
        endpoints,
        clicks=clicks,
        texts=deployment.texts,
        sender=sender,
        public_url=settings.public_url,
    )
    gateway = gateway_services(deployment) if settings.gateway.enabled else None
    context = WebContext(
        settings=settings,
        queries=deployment.queries,
        lookup=deployment.lookup,
        operations=deployment.operations,
        redelivery=deployment.redelivery,
        feed=deployment.feed,
        pictures=archive_files(settings),
        requests=deployment.requests,
        actions=presses,
        clicks=clicks,
        links=deployment.links,
        keys=SigningKeys(deployment.secrets),
        try_write=deployment.admin.try_write,
        deployment_id=deployment.id,
        clock=deployment.admin.clock,
        try_endpoint=send_sample,
    )
    store = StoreGuard(partial(deployment.ready, patience=0.0), context.try_write)
    hub = Hub(context.feed)
    return create_app(context, store=store, hub=hub, lifespan=lifespan, gateway=gateway)


@contextlib.contextmanager
def _at_a_signal(end: Callable[[], None]) -> Iterator[None]:
    """
    Call *end* when the process is asked to stop, before its server learns of it.

    A server waits for its requests to end, and only then ends the application: streams,
    which never end by themselves, have to know earlier. No ASGI server tells them, but all
    servers handle these signals, in one way or another.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(end)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for one in (signal.SIGTERM, signal.SIGINT):
        before[one] = signal.signal(one, heard)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def application_of_settings() -> ASGIApp:
    """Make the application for an ASGI server; mistakes in the settings end the process."""
    try:
        settings = load_settings(need_keys=False)  # nothing is polled
        logs.configure(settings.log_level, settings.log_format)
        logs.only_json()
        return application(settings)
    except BridgeError as error:
        logs.complain(str(error))
        sys.exit(error.exit_code)


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
            await task


def serve(
    settings: Settings, bound: socket.socket, *, on_ready: Callable[[], None]
) -> None:
    """
    Serve a deployment until SIGTERM or SIGINT, then return within 5 s.

    Args:
        settings: The deployment's.

        bound: The socket to listen at.

        on_ready: Called once requests are answered.

    Raises:
        StoreUnavailable: No store is configured, and none runs here.
    """
    server = Server(application(settings))

    async def run() -> None:
        async with server.serving(bound) as task:
            on_ready()
            await task

    uvloop.run(run())
