"""
The sender: requests to receivers, each endpoint over connections of its own, so that one
that never answers holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bridge.adapters.http.client import Client, Sink
from bridge.adapters.http.errors import explain
from bridge.adapters.http.guard import ForbiddenAddressError, Guard
from bridge.adapters.http.notifier import Notifier
from bridge.adapters.http.tls import tls_context
from bridge.channels.apprise import KIND
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.http import (
    AnyRequest,
    Download,
    KeptPicture,
    Notification,
    Response,
)
from bridge.core.redact import redact_bytes, secrets_of_endpoint

#: See `HttpSender`.
IDLE_AFTER = 60.0
#: Seconds that an unused connection is kept. Receivers commonly close after 5 (Node.js,
#: uvicorn, gunicorn 2), and a request sent at that very moment is lost.
KEEPALIVE = 4.0


@dataclass(slots=True)
class _Connections:
    """What there is for one endpoint, as it is configured now."""

    client: Client
    fingerprint: tuple[object, ...]
    secrets: frozenset[str]
    in_use: int = 0
    used: float = 0.0


class HttpSender:
    """
    Implements `bridge.app.ports.Sender`.

    Nothing is opened before it is needed. Belongs to one event loop.

    Args:
        guard: Decides which addresses may be connected to by requests that are guarded.

        hook_guard: The same for endpoints that are; by default `guard`. All other addresses
            are the operator's own word.

        idle_after: Seconds after which the connections of an endpoint that nothing is
            sent to are closed.
    """

    def __init__(
        self,
        *,
        guard: Guard | None = None,
        hook_guard: Guard | None = None,
        idle_after: float = IDLE_AFTER,
    ) -> None:
        self._guard = guard or Guard()
        self._hook_guard = hook_guard or self._guard
        self._idle_after = idle_after
        self._notifier = Notifier()
        #: By the endpoint's name, and whether somebody else has chosen the address.
        self._connections: dict[tuple[str, bool], _Connections] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._next_sweep = 0.0

    async def warm(self, endpoints: Iterable[Endpoint] = ()) -> None:
        """
        Do now what would slow down the first request, such as reading certificates.

        Connects to nobody. An endpoint that cannot be served is left for `send` to
        report.
        """
        tls_context()
        for endpoint in endpoints:
            if endpoint.kind == KIND:
                continue  # Apprise makes its own connections
            try:
                self._connections_to(endpoint, guarded=False)
            except Exception as error:  # noqa: BLE001 - `send` meets it again and reports it
                logging.getLogger(__name__).debug(
                    "not warmed: %s", type(error).__name__
                )

    async def send(
        self, endpoint: Endpoint, request: AnyRequest, *, sink: Sink | None = None
    ) -> Response:
        """
        Send one request, see `bridge.app.ports.Sender`.

        Args:
            sink: See `Client.send`.
        """
        if isinstance(request, Download | KeptPicture):
            no_archive = "there is no archive here"
            return Response(result=AttemptResult.FAILED, detail=no_archive)
        timeout = min(endpoint.timeout, request.timeout or endpoint.timeout)
        if isinstance(request, Notification):
            return await self._notifier.notify(replace(request, timeout=timeout))
        try:
            connections = self._connections_to(endpoint, guarded=request.guarded)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this attempt's
            fault, detail = explain(error, timeout=timeout)
            return Response(fault=fault, detail=detail)
        connections.in_use += 1
        try:
            response = await connections.client.send(request, within=timeout, sink=sink)
        finally:
            connections.in_use -= 1
            connections.used = asyncio.get_running_loop().time()
        if not response.body:
            return response
        # An endpoint that stands for the hooks of an origin has another URL each time.
        secrets = (
            secrets_of_endpoint(endpoint) if endpoint.guarded else connections.secrets
        )
        return replace(response, body=redact_bytes(response.body, secrets))

    async def aclose(self) -> None:
        """Close all connections."""
        for key in list(self._connections):
            self._close(key)
        await asyncio.gather(*self._closing)

    def _connections_to(self, endpoint: Endpoint, *, guarded: bool) -> _Connections:
        self._sweep()
        guarded = guarded or endpoint.guarded
        key = (endpoint.name, guarded)
        fingerprint = _fingerprint(endpoint)
        connections = self._connections.get(key)
        if connections is not None and connections.fingerprint == fingerprint:
            return connections
        if guarded and endpoint.proxy is not None:
            msg = "a guarded receiver is not reached through a proxy: nobody could say where it connects to"
            raise ForbiddenAddressError(msg)
        guard = self._hook_guard if endpoint.guarded else self._guard
        client = Client(
            connections=endpoint.concurrency,
            keepalive=KEEPALIVE,
            proxy=endpoint.proxy,
            tls_ca=endpoint.tls_ca,
            guard=guard if guarded else None,
        )
        self._close(key)
        connections = self._connections[key] = _Connections(
            client, fingerprint, secrets_of_endpoint(endpoint)
        )
        connections.used = asyncio.get_running_loop().time()
        return connections

    def _close(self, key: tuple[str, bool]) -> None:
        """Close connections as soon as what is in flight over them is done."""
        connections = self._connections.pop(key, None)
        if connections is None:
            return
        task = asyncio.get_running_loop().create_task(connections.client.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next_sweep:
            return
        self._next_sweep = now + self._idle_after / 4
        for key, connections in list(self._connections.items()):
            if not connections.in_use and now - connections.used > self._idle_after:
                self._close(key)


def _fingerprint(endpoint: Endpoint) -> tuple[object, ...]:
    """Return what connections are made of: the settings may have changed."""
    return (
        None if endpoint.guarded else endpoint.url,
        endpoint.proxy,
        endpoint.tls_ca,
        endpoint.concurrency,
        endpoint.headers,
        endpoint.options,
    )
