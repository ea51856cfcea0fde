"""
httpx's transport, over connections of our own.

Whatever else was measured costs a delivery two to ten times as much, see decision 32. What
httpx's client adds to its transport (redirects, cookies, proxies of the environment, log
lines) is what nobody here wants.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import partial
from typing import cast

import httpx

from bridge.adapters.http.answer import IncomingAnswer
from bridge.adapters.http.destination import Destination, destination_of
from bridge.adapters.http.dialer import Dialer
from bridge.adapters.http.errors import DeadConnectionError
from bridge.adapters.http.pool import Pool
from bridge.adapters.http.wire import Connection
from bridge.core.http import USER_AGENT, Request

_HEADERS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00\r\n]*\r\n)*")
_DEFAULTS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT}
#: Methods that may be sent twice, see RFC 9110 9.2.2.
_IDEMPOTENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT"})


class Stage:
    """How far a request came: without a connection, nothing of it can have been sent."""

    connected = False


class Transport(httpx.AsyncBaseTransport):
    """
    Sends requests and returns their answers, whose streams have to be closed.

    Requests are `outgoing`'s. Answers come as they are on the wire; nothing is unpacked.

    Args:
        connections: Open at once, at most.

        keepalive: Seconds that an unused connection is kept; 0 for not at all.

        dialer: Opens them.

        proxy: The URL of the proxy to go through, if any.
    """

    def __init__(
        self,
        *,
        connections: int,
        keepalive: float,
        dialer: Dialer,
        proxy: str | None,
    ) -> None:
        self._pool = Pool(limit=connections, keepalive=keepalive, dial=dialer.dial)
        self._proxy = proxy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send a request, and return its answer once the head is there.

        Args:
            request: Any; its extensions may hold a `Destination`, a `Stage` and whether it is
                ``repeatable``, see `outgoing`.

        Raises:
            ValueError: One of its headers cannot be sent.

            httpx.TransportError: There is no answer.
        """
        given = request.extensions
        to = given.get("destination") or destination_of(str(request.url))
        repeats = given.get("repeatable")
        if repeats is None:
            repeats = request.method in _IDEMPOTENT
        head = self._head(request, to)
        stage = given.get("stage", Stage())
        while True:
            connection = await self._pool.take(to.site)
            stage.connected = True
            try:
                answer = await _asked(connection, request, head)
                give = partial(self._pool.give, to.site, connection)
                return httpx.Response(
                    answer.status,
                    headers=answer.headers,
                    stream=_Body(connection, give),
                )
            except BaseException as error:
                self._pool.give(to.site, connection)
                if not isinstance(error, DeadConnectionError):
                    raise
                self._pool.close_idle()  # the others are as old
                if not repeats:
                    raise
            repeats = False

    async def aclose(self) -> None:
        """Close the connections once nothing is in flight over them."""
        await self._pool.aclose()

    def _head(self, request: httpx.Request, to: Destination) -> bytes:
        target = to.target
        lines = [b"%b: %b\r\n" % (name, value) for name, value in request.headers.raw]
        if self._proxy is not None and not to.site.tls:
            target = f"http://{to.authority}{target}"
            if credentials := destination_of(self._proxy).authorization:
                lines.append(f"proxy-authorization: {credentials}\r\n".encode())
        block = b"".join(lines)
        if block.count(b"\n") != len(lines) or not _HEADERS.fullmatch(block):
            msg = "a header's name or value is not valid"
            raise ValueError(msg)
        return f"{request.method} {target} HTTP/1.1\r\n".encode() + block + b"\r\n"


async def _asked(
    connection: Connection, request: httpx.Request, head: bytes
) -> IncomingAnswer:
    """Send a request over a connection; return its answer once the head is there."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
        answer = connection.ask(request.method, head, request.content)
    else:
        answer = connection.ask(request.method, head)
        connection.send(cast("AsyncIterable[bytes]", stream))
    await answer.head()
    return answer


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes in; closing it gives the connection back."""

    def __init__(self, connection: Connection, give: Callable[[], None]) -> None:
        self._connection = connection
        self._give = give

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._connection.piece():
            yield piece

    async def aclose(self) -> None:
        self._give()


def outgoing(
    request: Request,
    content: AsyncIterable[bytes] | None = None,
    *,
    stage: Stage,
    repeatable: bool | None = None,
) -> httpx.Request:
    """
    Return a request for a `Transport`.

    Args:
        content: Its body, if that is still coming in; its length is among the headers.

        stage: Kept up to date while it is sent.

        repeatable: Whether to send it once more if the connection ends without an answer;
            ``None`` to decide by its method.

    Raises:
        httpx.InvalidURL: Its URL is not one.

        httpx.UnsupportedProtocol: Its URL is not one of HTTP.
    """
    to = destination_of(request.url)
    headers = {**_DEFAULTS, **request.headers}
    if to.authorization:
        headers.setdefault("authorization", to.authorization)
    return httpx.Request(
        request.method,
        to.origin,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        content=request.body if content is None else content,
        extensions={"destination": to, "stage": stage, "repeatable": repeatable},
    )
