"""
The transport: requests go out over connections of our own, and answers come in.

Whatever else was measured costs a delivery two to ten times as much, see decision 32; objects of
httpx's for a request and its answer cost more than both of them on the wire, see decision 40.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import partial

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
#: Methods whose requests say that they have no body, see RFC 9110 8.6.
_WITH_LENGTH = frozenset({"PATCH", "POST", "PUT"})


class Stage:
    """How far a request came: without a connection, nothing of it can have been sent."""

    connected = False


class Transport:
    """
    Sends requests and returns their answers, which have to be closed.

    Answers come as they are on the wire; nothing is unpacked.

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

    async def send(
        self,
        request: Request,
        content: AsyncIterable[bytes] | None = None,
        *,
        stage: Stage,
        repeatable: bool | None = None,
    ) -> BegunAnswer:
        """
        Send a request, and return its answer once the head is there.

        Args:
            request: Its timeout and `max_bytes` do not count.

            content: Its body, if that is still coming in; its length is among the headers.

            stage: Kept up to date while it is sent.

            repeatable: Whether to send it once more if the connection ends without an answer;
                ``None`` to decide by its method.

        Raises:
            ValueError: One of its headers cannot be sent.

            httpx.InvalidURL: Its URL is not one.

            httpx.UnsupportedProtocol: Its URL is not one of HTTP.

            httpx.TransportError: There is no answer.
        """
        to = destination_of(request.url)
        repeats = request.method in _IDEMPOTENT if repeatable is None else repeatable
        head = self._head(request, to)
        while True:
            connection = await self._pool.take(to.site)
            stage.connected = True
            try:
                if content is None:
                    answer = connection.ask(request.method, head, request.body)
                else:
                    answer = connection.ask(request.method, head)
                    connection.send(content)
                await answer.head()
            except BaseException as error:
                self._pool.give(to.site, connection)
                if not isinstance(error, DeadConnectionError):
                    raise
                self._pool.close_idle()  # the others are as old
                if not repeats:
                    raise
            else:
                give = partial(self._pool.give, to.site, connection)
                return BegunAnswer(answer, connection, give)
            repeats = False

    async def aclose(self) -> None:
        """Close the connections once nothing is in flight over them."""
        await self._pool.aclose()

    def _head(self, request: Request, to: Destination) -> bytes:
        headers = {"host": to.authority, **_DEFAULTS, **request.headers}
        if to.authorization:
            headers.setdefault("authorization", to.authorization)
        if request.body or request.method in _WITH_LENGTH:
            headers.setdefault("content-length", str(len(request.body)))
        target = to.target
        if self._proxy is not None and not to.site.tls:
            target = f"http://{to.authority}{target}"
            if credentials := destination_of(self._proxy).authorization:
                headers["proxy-authorization"] = credentials
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        block = "".join(lines).encode()
        if block.count(b"\n") != len(lines) or not _HEADERS.fullmatch(block):
            msg = "a header's name or value is not valid"
            raise ValueError(msg)
        return f"{request.method} {target} HTTP/1.1\r\n".encode() + block + b"\r\n"


class BegunAnswer(httpx.AsyncByteStream):
    """
    An answer whose head is there; its body is iterated over while it comes in.

    Attributes:
        status: The status code.

        headers: Names in lower case, in their order.
    """

    def __init__(
        self,
        answer: IncomingAnswer,
        connection: Connection,
        give: Callable[[], None],
    ) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._connection = connection
        self._give = give

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._connection.piece():
            yield piece

    async def aclose(self) -> None:
        """Give its connection back; nothing more can be read."""
        self._give()
