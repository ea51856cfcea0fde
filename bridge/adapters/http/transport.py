"""
The transport: httpx's interface over aiohttp's connections.

httpx's own transport (httpcore) goes through its whole pool for every request, which is
most of what a delivery would cost. ``httpx-aiohttp`` does not, but it writes URLs anew, and
a receiver that signs its URL does not know what comes out of that. See decision 15.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
from yarl import URL

from bridge.adapters.http.guard import Guard
from bridge.adapters.http.lenient import LARGEST_HEADER, LenientConnector, NoReason
from bridge.adapters.http.resolver import Resolver
from bridge.adapters.http.tls import tls_context

#: Bytes of an answer that are taken from the socket at once.
BUFFER = 64 * 1024


class Transport(httpx.AsyncBaseTransport):
    """
    Connections to one place, for one event loop.

    Of httpx's extensions to a request it understands ``target``: what to ask for, to the
    byte.

    The errors of aiohttp and of the system come out as they are; see
    `bridge.adapters.http.errors`.

    Args:
        connections: Open at once, at most.

        keepalive: Seconds that an unused connection is kept.

        proxy: The proxy to go through, if any. The environment's are not used.

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
        self._guard = guard
        self._in_flight = 0
        self._empty = asyncio.Event()
        self._empty.set()
        connector = LenientConnector(
            limit=connections,
            keepalive_timeout=keepalive,
            ssl=tls_context(tls_ca),
            resolver=Resolver(guard),
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=proxy or None,
            timeout=aiohttp.ClientTimeout(),
            read_bufsize=BUFFER,
            auto_decompress=False,
            response_class=NoReason,
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
            trust_env=False,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response has to be closed."""
        url = request.url
        target = request.extensions.get("target", url.raw_path).decode()
        self._in_flight += 1
        self._empty.clear()
        try:
            response = await self._session.request(
                request.method,
                URL(f"{url.scheme}://{url.netloc.decode()}{target}", encoded=True),
                headers=request.headers,
                data=request.content or None,
                allow_redirects=False,
            )
        except BaseException:
            self._done()
            raise
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response, self._done),
            request=request,
        )

    async def aclose(self) -> None:
        """Close the connections once nothing is in flight over them."""
        await self._empty.wait()
        await self._session.close()

    def _done(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._empty.set()

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, proto, name, address = info
        if self._guard is not None:
            return self._guard.socket((family, kind, proto, name, address))
        return socket.socket(family, kind, proto)


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes in, without being unpacked."""

    def __init__(
        self, response: aiohttp.ClientResponse, done: Callable[[], None]
    ) -> None:
        self._response = response
        self._done = done

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.content.iter_chunked(BUFFER)

    async def aclose(self) -> None:
        try:
            self._response.release()
            await self._response.wait_for_close()
        finally:
            self._done()
