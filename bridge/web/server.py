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

import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

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
from bridge.web.health import StoreGuard
from bridge.web.http_server import Server
from bridge.web.hub import Hub
from bridge.web.keys import SigningKeys
from bridge.web.listeners import Listeners


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
        tracking=deployment.tracking,
        endpoint_control=deployment.endpoint_control,
        redelivery=deployment.redelivery,
        feed=deployment.feed,
        pictures=archive_files(settings),
        requests=deployment.requests,
        actions=presses,
        clicks=clicks,
        links=deployment.links,
        keys=SigningKeys(deployment.secrets),
        try_write=deployment.admin.try_write,
        foreign_keys=deployment.foreign_keys,
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
