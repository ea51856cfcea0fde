"""A pool: the connections to one endpoint, and one request's way over them."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from bridge.adapters.http.guard import Guard
from bridge.adapters.http.lenient import LARGEST_HEADER, HeadFirst, NoReason
from bridge.adapters.http.resolver import Resolver
from bridge.adapters.http.tls import tls_context
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response

#: Bytes of an answer that are taken from the socket at once.
BUFFER = 16 * 1024

#: Seconds that an unused connection is kept. Receivers commonly close after 5 (Node.js,
#: uvicorn, gunicorn 2), and a request sent at that very moment is lost.
KEEPALIVE = 4.0

#: Shorter parts of a URL are words like "hooks", and no secrets.
_SHORTEST_SECRET = 8
_BLOT = b"[hidden]"


@dataclass(slots=True)
class Trip:
    """One request's way: whether a connection was made for it."""

    connected: bool = False


_trip: ContextVar[Trip | None] = ContextVar("trip", default=None)


@dataclass(slots=True)
class Answer:
    """An answer while it comes in."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def response(self, *, took: float, detail: str = "") -> Response:
        """Return what has come so far."""
        return Response(
            took=took,
            status=self.status,
            headers=self.headers,
            body=self.body,
            detail=detail,
        )


class Pool:
    """
    The connections to one endpoint, as it is configured now.

    Args:
        endpoint: Whose.

        guard: Decides which addresses may be connected to; ``None`` for all.

    Raises:
        Misconfigured: The endpoint's certificates cannot be read.
    """

    def __init__(self, endpoint: Endpoint, *, guard: Guard | None) -> None:
        self._guard = guard
        self._fingerprint = _fingerprint(endpoint)
        self._in_flight = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._used = asyncio.get_running_loop().time()
        self._url: tuple[str, httpx.URL] = ("", httpx.URL())
        self._hidden = _secrets_of(endpoint)
        context = tls_context(endpoint.tls_ca)
        connector = aiohttp.TCPConnector(
            limit=endpoint.concurrency,
            keepalive_timeout=KEEPALIVE,
            ssl=context,
            resolver=Resolver(guard),
            socket_factory=self._socket,
        )
        loop = asyncio.get_running_loop()
        # The only way in; should it go away, a test of bad bodies says so.
        setattr(connector, "_factory", partial(HeadFirst, loop=loop))  # noqa: B010
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The transport's own way of passing a proxy's credentials is deprecated below.
            proxy=endpoint.proxy or None,
            read_bufsize=BUFFER,
            response_class=NoReason,
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
            trust_env=False,
        )
        self._transport = AiohttpTransport(
            verify=context, client=session, trust_env=False
        )

    def fits(self, endpoint: Endpoint) -> bool:
        """Whether this is still the pool for an endpoint: its settings may have changed."""
        return self._fingerprint == _fingerprint(endpoint)

    def idle_for(self, now: float) -> float:
        """Return the seconds since anything was sent, by the event loop's clock."""
        return 0.0 if self._in_flight else now - self._used

    async def exchange(self, request: Request, answer: Answer, trip: Trip) -> None:
        """
        Send a request and fill in its answer as it comes.

        Raises:
            Exception: It came to nothing, or the answer broke off; *answer* holds what
                had come until then.
        """
        self._in_flight += 1
        self._empty.clear()
        token = _trip.set(trip)
        try:
            response = await self._transport.handle_async_request(
                self._outgoing(request)
            )
            try:
                await self._read(response, answer, most=request.most)
            finally:
                await response.aclose()
        finally:
            _trip.reset(token)
            self._used = asyncio.get_running_loop().time()
            self._in_flight -= 1
            if not self._in_flight:
                self._empty.set()

    async def aclose(self) -> None:
        """Close the connections once nothing is in flight over them."""
        await self._empty.wait()
        await self._transport.aclose()

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        if trip := _trip.get():
            trip.connected = True
        family, kind, proto, name, address = info
        if self._guard is not None:
            return self._guard.socket((family, kind, proto, name, address))
        return socket.socket(family, kind, proto)

    def _outgoing(self, request: Request) -> httpx.Request:
        text, url = self._url
        if text != request.url:
            # An endpoint is sent to one URL, nearly always; to read it anew takes a
            # third of the time of the whole request.
            url = httpx.URL(request.url)
            self._url = (request.url, url)
        headers = [(b"accept-encoding", b"identity")]
        for name, value in request.headers.items():
            headers.append((name.encode("ascii"), value.encode()))
        if url.userinfo and "authorization" in request.headers:
            url = url.copy_with(userinfo=b"")
        return httpx.Request(request.method, url, headers=headers, content=request.body)

    async def _read(
        self, response: httpx.Response, answer: Answer, *, most: int
    ) -> None:
        answer.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers.raw
        }
        answer.status = response.status_code
        body = bytearray()
        stream = cast("AsyncGenerator[bytes]", aiter(cast("Any", response.stream)))
        try:
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) >= most:
                        break
        finally:
            answer.body = self._without_secrets(bytes(body[:most]))

    def _without_secrets(self, body: bytes) -> bytes:
        """
        Blot out what a receiver echoes of its own URL and of the request's headers.

        "Cannot POST /hooks/<token>" is what a common framework answers to a URL that it
        does not know, and the beginning of an answer is kept and shown.
        """
        for secret in self._hidden:
            if secret in body:
                body = body.replace(secret, _BLOT)
        return body


def _fingerprint(endpoint: Endpoint) -> tuple[object, ...]:
    return (
        endpoint.url,
        endpoint.proxy,
        endpoint.tls_ca,
        endpoint.concurrency,
        endpoint.guarded,
        endpoint.headers,
        endpoint.options,
    )


def _secrets_of(endpoint: Endpoint) -> tuple[bytes, ...]:
    """List what must not be seen in an answer, the longest first."""
    try:
        url = urlsplit(endpoint.url)
    except ValueError:
        return ()
    found = {endpoint.url, url.path, url.path.strip("/"), url.query}
    found |= _credentials_in(endpoint.url) | _credentials_in(endpoint.proxy or "")
    found |= {f"{url.path}?{url.query}", f"{url.path.strip('/')}?{url.query}"}
    found |= {part for part in url.path.split("/") if len(part) >= 2 * _SHORTEST_SECRET}
    found |= {value for _, value in parse_qsl(url.query)}
    found |= {word for value in endpoint.headers.values() for word in value.split()}
    found |= {unquote(text) for text in found}
    found |= set(endpoint.options.secrets_within())
    long = {text.encode() for text in found if len(text) >= _SHORTEST_SECRET}
    return tuple(sorted(long, key=len, reverse=True))


def _credentials_in(url: str) -> set[str]:
    """List the name and the password in a URL, alone and packed for a header."""
    try:
        parts = urlsplit(url)
        name, password = parts.username or "", parts.password or ""
    except ValueError:
        return set()
    pair = f"{unquote(name)}:{unquote(password)}"
    return {name, password, b64encode(pair.encode()).decode()}
