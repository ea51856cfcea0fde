"""
The sender: requests to receivers, each endpoint over connections of its own, so that one
that never answers holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bridge.adapters.http.apprise import Notifier
from bridge.adapters.http.client import Client
from bridge.adapters.http.errors import explain
from bridge.adapters.http.guard import ForbiddenAddressError, Guard
from bridge.adapters.http.tls import tls_context
from bridge.channels.apprise import KIND
from bridge.core.endpoint import Endpoint
from bridge.core.http import Notification, Request, Response
from bridge.core.redact import redact_bytes, secrets_of_endpoint

#: See `HttpSender`.
IDLE_AFTER = 60.0
#: Seconds that an unused connection is kept. Receivers commonly close after 5 (Node.js,
#: uvicorn, gunicorn 2), and a request sent at that very moment is lost.
KEEPALIVE = 4.0


@dataclass(slots=True)
class _Line:
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
        guard: Decides which addresses may be connected to for endpoints whose option
            ``guarded`` is set. All others are the operator's own word.

        idle_after: Seconds after which the connections of an endpoint that nothing is
            sent to are closed.
    """

    def __init__(
        self, *, guard: Guard | None = None, idle_after: float = IDLE_AFTER
    ) -> None:
        self._guard = guard or Guard()
        self._idle_after = idle_after
        self._notifier = Notifier()
        #: By the endpoint's name, and whether somebody else has chosen the address.
        self._lines: dict[tuple[str, bool], _Line] = {}
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
                self._line(endpoint, guarded=False)
            except Exception as error:  # noqa: BLE001 - `send` meets it again and reports it
                logging.getLogger(__name__).debug(
                    "not warmed: %s", type(error).__name__
                )

    async def send(
        self, endpoint: Endpoint, request: Request | Notification
    ) -> Response:
        """Send one request, see `bridge.app.ports.Sender`."""
        within = min(endpoint.timeout, request.within or endpoint.timeout)
        if isinstance(request, Notification):
            return await self._notifier.notify(request, within=within)
        try:
            line = self._line(endpoint, guarded=request.guarded)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this attempt's
            fault, detail = explain(error, timeout=within)
            return Response(took=0.0, fault=fault, detail=detail)
        line.in_use += 1
        try:
            response = await line.client.send(request, within=within)
        finally:
            line.in_use -= 1
            line.used = asyncio.get_running_loop().time()
        return replace(response, body=redact_bytes(response.body, line.secrets))

    async def aclose(self) -> None:
        """Close all connections."""
        for key in list(self._lines):
            self._close(key)
        await asyncio.gather(*self._closing)

    def _line(self, endpoint: Endpoint, *, guarded: bool) -> _Line:
        self._sweep()
        guarded = guarded or endpoint.guarded
        key = (endpoint.name, guarded)
        fingerprint = _fingerprint(endpoint)
        line = self._lines.get(key)
        if line is not None and line.fingerprint == fingerprint:
            return line
        if guarded and endpoint.proxy is not None:
            msg = "a guarded receiver is not reached through a proxy: nobody could say where it connects to"
            raise ForbiddenAddressError(msg)
        client = Client(
            connections=endpoint.concurrency,
            keepalive=KEEPALIVE,
            proxy=endpoint.proxy,
            tls_ca=endpoint.tls_ca,
            guard=self._guard if guarded else None,
        )
        self._close(key)
        line = self._lines[key] = _Line(
            client, fingerprint, secrets_of_endpoint(endpoint)
        )
        line.used = asyncio.get_running_loop().time()
        return line

    def _close(self, key: tuple[str, bool]) -> None:
        """Close a line's connections as soon as what is in flight over them is done."""
        line = self._lines.pop(key, None)
        if line is None:
            return
        task = asyncio.get_running_loop().create_task(line.client.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next_sweep:
            return
        self._next_sweep = now + self._idle_after / 4
        for key, line in list(self._lines.items()):
            if not line.in_use and now - line.used > self._idle_after:
                self._close(key)


def _fingerprint(endpoint: Endpoint) -> tuple[object, ...]:
    """Return what a line is made of: the settings may have changed."""
    return (
        endpoint.url,
        endpoint.proxy,
        endpoint.tls_ca,
        endpoint.concurrency,
        endpoint.headers,
        endpoint.options,
    )
