"""
Answers, parsed by httptools, which is strict, and understood leniently.

A good status line says yes or no, and what follows it does not take that back: a receiver that
took an event and then formed its answer badly would otherwise be sent the same event for
three days. What cannot be parsed ends the answer, and its connection: nothing tells where the
next one would begin.
"""

from __future__ import annotations

import asyncio
import re
from email.parser import BytesHeaderParser

import httptools
import httpx

from bridge.adapters.http.errors import DeadConnectionError, HeadTooLongError

#: Bytes of a head, and those that may come without a byte of the body among them: trailers, and
#: what is said with chunks. Some sites send tens of thousands as their content security policy.
MAX_HEAD = 64 * 1024

_INTERIM = rb"HTTP/1\.[01] 1[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n"
#: Behind interim answers, if there are any.
_STATUS_LINE = re.compile(
    rb"(?:" + _INTERIM + rb")*HTTP/1\.[01] ([2-9]\d\d)(?=[ \r\n])"
)
_FRAMING = {b"content-length", b"transfer-encoding"}


class IncomingAnswer:
    """
    An answer, while it comes in.

    Attributes:
        status: The status code; 0 until it is known.

        headers: Names in lower case, in their order; known with the status. Trailers are not
            among them.

        ended: Whether its body is complete.

        reusable: Whether another answer may follow it over the same connection.
    """

    def __init__(self, method: str) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.ended = False
        self.reusable = False
        self._bodiless = method in {"HEAD", "CONNECT"}
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            # A length beside chunks, which count, see RFC 9112 6.3; `_is_odd` ends it there.
            lenient_chunked_length=True,
        )
        self._head = b""
        self._without_body = 0
        self._is_framed = False
        self._held = bytearray()
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # --- for its reader ---

    async def head(self) -> None:
        """
        Wait for the status and the headers.

        Raises:
            DeadConnectionError: The connection ended without an answer.

            httpx.RemoteProtocolError: What came is no answer.
        """
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._news()

    def taken(self) -> bytes:
        """Return what of the body is there, and forget it."""
        held = bytes(self._held)
        self._held.clear()
        return held

    async def more(self) -> None:
        """
        Wait until more of the body is there, or it has ended.

        Raises:
            httpx.TransportError: It broke off.
        """
        while not self._held:
            if self._error is not None:
                raise self._error
            if self.ended:
                return
            await self._news()

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # --- for its connection ---

    @property
    def held(self) -> int:
        """Bytes of the body that nobody has taken yet."""
        return len(self._held)

    def feed(self, data: bytes) -> None:
        """Take what came in."""
        if self.ended or self._error is not None:
            self.reusable = False
            return
        if not self.status:
            self._head += data
        self._without_body += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.reusable = False
        except httptools.HttpParserError:
            self._break(httpx.RemoteProtocolError("not an answer of HTTP"))
        if self._without_body > MAX_HEAD:
            self._break(HeadTooLongError("too long"))
        self._tell()

    def cut(self, cause: Exception | None) -> None:
        """Take note that the connection is over; without a cause, the other side closed it."""
        if self.status and not self._is_framed and cause is None:
            self.ended = True
        if not self.ended:
            error = (httpx.ReadError if self.status else DeadConnectionError)("cut")
            error.__cause__ = cause
            self.fail(error)
        self.reusable = False
        self._tell()

    def fail(self, error: Exception) -> None:
        """End it with an error, for whoever waits for more."""
        if self._error is None:
            self._error = error
        self.reusable = False
        self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _break(self, error: Exception) -> None:
        """Let a status stand that is there, with what else can be read, and nothing follow."""
        self.reusable = False
        if self.ended:
            return
        if not self.status and (line := _STATUS_LINE.match(self._head)) is not None:
            _, _, rest = self._head[line.end() : MAX_HEAD].partition(b"\n")
            found = BytesHeaderParser().parsebytes(rest)
            self.headers = [
                (name.lower().encode(), b"".join(_raw(value).splitlines()))
                for name, value in found.raw_items()
            ]
            self.status = int(line[1])
        self.fail(error)

    # --- for the parser ---

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, unless it is a trailer; those of an interim answer are forgotten."""
        if not self.status:
            self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take the status, unless it is an interim answer's."""
        status = self._parser.get_status_code()
        if self.ended or (status < 200 and not self._parser.should_upgrade()):
            return
        self._is_framed = any(name in _FRAMING for name, _ in self.headers)
        self.status = status
        self.ended = self._bodiless
        self._head = b""
        self._without_body = 0

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._without_body = 0
        if not self.ended:
            self._held += body

    def on_message_complete(self) -> None:
        """Take note that the body is complete."""
        if not self.status:  # an interim answer's
            self.headers.clear()
        elif not self.ended:
            self.ended = True
            self.reusable = self._parser.should_keep_alive() and not self._is_odd()

    def on_message_begin(self) -> None:
        """Take note of what comes behind the answer, to which nobody listens."""
        self.reusable = False

    def _is_odd(self) -> bool:
        """Say whether the head says twice where the body ends, or where there is none."""
        framing = [value for name, value in self.headers if name in _FRAMING]
        return len(framing) > 1 or (
            self.status in {204, 304} and framing not in ([], [b"0"])
        )


def _raw(value: str) -> bytes:
    """Return what `BytesHeaderParser` has read as it was on the wire."""
    return value.encode("ascii", "surrogateescape")
