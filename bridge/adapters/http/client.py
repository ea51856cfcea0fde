"""
The HTTP client, for polling and for sending: others cannot be trusted to behave.

One deadline is around everything: name, connection, TLS, request, answer. An answer is read
as it is on the wire (an unpacked "gzip bomb" would take all memory) and only its beginning.
There are no cookies, no redirects, no proxies of the environment and no log lines: an
``httpx.AsyncClient`` over the transport would add all of these.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import cast
from urllib.parse import quote, urlsplit

import httpx

from bridge.adapters.http.errors import explain, is_dead_connection
from bridge.adapters.http.guard import Guard
from bridge.adapters.http.tls import tls_context
from bridge.adapters.http.transport import Transport
from bridge.core.delivery import Fault
from bridge.core.http import Request, Response
from bridge.core.redact import basic

#: What may stand in a URL; anything else is encoded, as no server would accept it.
_LEGAL = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a URL leads: its host, what to ask for there, and as whom."""

    origin: httpx.URL
    target: bytes
    authorization: str | None


class Client:
    """
    Connections to one place, for one event loop. Opens nothing before it is needed.

    Args:
        connections: Open at once, at most.

        keepalive: Seconds that an unused connection is kept.

        proxy: The proxy to go through, if any.

        tls_ca: A file of certificates to trust instead of the system's.

        guard: Decides which addresses may be connected to; ``None`` for all.

    Raises:
        Misconfigured: The certificates cannot be read.
    """

    def __init__(
        self,
        *,
        connections: int,
        keepalive: float,
        proxy: str | None = None,
        tls_ca: str | None = None,
        guard: Guard | None = None,
    ) -> None:
        # Its lines hold URLs, headers and cookies.
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL + 1)
        tls_context(tls_ca)
        self._open = partial(
            Transport,
            connections=connections,
            keepalive=keepalive,
            proxy=proxy,
            tls_ca=tls_ca,
            guard=guard,
        )
        self._transport: Transport | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def send(
        self, request: Request, *, within: float | None, repeatable: bool = False
    ) -> Response:
        """
        Send a request and read the beginning of its answer. Never raises.

        Args:
            request: Its ``within`` is not looked at.

            within: Seconds for all of it; ``None`` if the caller keeps the time.

            repeatable: Whether to send it once more if the connection ends without an
                answer, as one does that was idle for too long. Nothing tells whether the
                other side has read the request, so that is for questions only. (Methods
                that are idempotent are repeated by aiohttp itself, see RFC 9110 9.2.2.)

        Returns:
            The response; one with a status and a `detail` if its body broke off.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        deadline = None if within is None else began + within
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._respond(request, repeatable=repeatable)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's
            fault, detail = explain(error, timeout=within)
            return Response(took=clock() - began, fault=fault, detail=detail)
        body, detail = bytearray(), ""
        try:
            async with asyncio.timeout_at(deadline):
                await _read(response, body, most=request.most)
        except Exception as error:  # noqa: BLE001 - as above
            # The status line has come, and it decides; what broke off is for people.
            fault, why = explain(error, timeout=within)
            ended = "did not end" if fault is Fault.TIMEOUT else "broke off"
            detail = f"the answer's body {ended}: {why}"
        del body[request.most :]
        return Response(
            took=clock() - began,
            status=response.status_code,
            headers={
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers.raw
            },
            body=bytes(body),
            detail=detail,
        )

    async def aclose(self) -> None:
        """Close the connections once nothing is in flight over them."""
        self._retire(self._transport)
        await asyncio.gather(*self._closing)

    async def _respond(self, request: Request, *, repeatable: bool) -> httpx.Response:
        outgoing = _outgoing(request)
        transport = self._current()
        try:
            return await transport.handle_async_request(outgoing)
        except Exception as error:
            if not is_dead_connection(error):
                raise
            # Other idle connections are as old. A new transport has none.
            self._retire(transport)
            if not repeatable:
                raise
        return await self._current().handle_async_request(outgoing)

    def _current(self) -> Transport:
        if self._transport is None:
            self._transport = self._open()
        return self._transport

    def _retire(self, transport: Transport | None) -> None:
        """Close a transport as soon as what is in flight over it is done."""
        if transport is None:
            return
        if self._transport is transport:
            self._transport = None
        task = asyncio.get_running_loop().create_task(transport.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _read(response: httpx.Response, body: bytearray, *, most: int) -> None:
    """Read a body until it ends or is long enough."""
    try:
        async for chunk in cast("httpx.AsyncByteStream", response.stream):
            body += chunk
            if len(body) >= most:
                return
    finally:
        await response.aclose()


def _outgoing(request: Request) -> httpx.Request:
    address = _address(request.url)
    headers = [(b"accept-encoding", b"identity")]
    for name, value in request.headers.items():
        headers.append((name.encode("ascii"), value.encode()))
    own = any(name == b"authorization" for name, _ in headers)
    if address.authorization is not None and not own:
        headers.append((b"authorization", address.authorization.encode()))
    return httpx.Request(
        request.method,
        address.origin,
        headers=headers,
        content=request.body,
        extensions={"target": address.target},
    )


@lru_cache(maxsize=256)
def _address(url: str) -> _Address:
    """
    Take a URL apart. Its path and query stay as they are, to the byte.

    To read a URL takes a third of the time of a whole request, and most are sent to
    again and again.

    Raises:
        httpx.InvalidURL: It is not one.

        httpx.UnsupportedProtocol: It is not one of HTTP.
    """
    parsed = httpx.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        msg = "not a URL of HTTP"
        raise httpx.UnsupportedProtocol(msg)
    parts = urlsplit(url)
    rest = url.partition("://")[2][len(parts.netloc) :].partition("#")[0]
    target = quote(rest if rest.startswith("/") else f"/{rest}", safe=_LEGAL)
    return _Address(
        origin=parsed.copy_with(userinfo=b"", path="/", query=None, fragment=None),
        target=target.encode(),
        authorization=f"Basic {basic(parts)}" if parsed.userinfo else None,
    )
