"""
Leniency: answers that are bad HTTP and yet say clearly yes or no.

A receiver that took an event and then formed its answer badly would otherwise be sent the
same event for three days.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

#: Bytes of one header that are accepted. aiohttp's own limit of 8 KB is below what some
#: sites send as their content security policy.
LARGEST_HEADER = 64 * 1024

#: Bytes of a head that are waited for; a longer one is the parser's to refuse.
_LONGEST_HEAD = 4 * LARGEST_HEADER

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-5]\d\d[ \r\n]")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d ?")
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER = re.compile(_NAME + rb":[^\x00\r\n]*")
_SOUND = re.compile(rb"[^\r\n]+\r\n(?:" + _NAME + rb":[^\x00\r\n]*\r\n)*\r\n")
_FRAMING = re.compile(
    rb"\n(content-length|transfer-encoding)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?=\r?\n)",
    re.IGNORECASE,
)
_SIZE = re.compile(rb"[0-9]{1,19}")
_OF_CONNECTION = re.compile(
    rb"(content-length|transfer-encoding|connection|keep-alive)[ \t]*:", re.IGNORECASE
)


class LenientConnector(aiohttp.TCPConnector):
    """
    A connector whose connections are `HeadFirst`.

    aiohttp has no documented way to name the protocol of a connection; should this one go
    away, the tests of bad answers say so.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(_protocol, loop=self._loop)


def _protocol(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return HeadFirst(loop)


class HeadFirst(ResponseHandler):
    """
    A connection on which a good status line is not lost to what follows it.

    The parser forgets all that came in one call when any of it is wrong. But a 204 with
    a body, or a 200 longer than its Content-Length, was a yes; and so was a 200 that does
    not say clearly where it ends. After such an answer the connection is closed, because
    nothing tells where the next one would begin.
    """

    _head: bytearray | None = None

    def set_response_params(self, **params: Any) -> None:
        """Expect an answer, for which a request was sent."""
        self._head = bytearray()
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Parse what came in, the end of a head and what follows it one by one."""
        if not data:  # how aiohttp goes on after it has let the parser rest
            self._parse(data)
        while self._head is not None and data:
            seen = max(len(self._head) - 3, 0)
            self._head += data
            end = _END_OF_HEAD.search(self._head, seen)
            is_http = self._head[:7] == b"HTTP/1."[: len(self._head)]
            if end is None and is_http and len(self._head) < _LONGEST_HEAD:
                return
            head = bytes(self._head)
            self._head = bytearray() if _INTERIM.match(head) else None
            place = len(head) if end is None else end.end()
            self._parse(plain_head(head[:place]))
            data = head[place:]
        if data:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self.exception() is not None and self._payload is not None:
            # The parser gave up inside a body; whoever reads it waits for more in vain.
            self._payload.set_exception(aiohttp.ClientPayloadError())


def plain_head(head: bytes) -> bytes:
    """
    Return an answer's head with one meaning, and as it is if it has one.

    Where a head says twice where its body ends, chunks count before a length, and the
    shorter length before the longer one. Source: RFC 9112 6.3, which leaves a client no
    choice but to close the connection.
    """
    framing = [(name.lower(), value) for name, value in _FRAMING.findall(head)]
    if not _STATUS_LINE.match(head) or (_SOUND.fullmatch(head) and _is_clear(framing)):
        return head
    status, *lines = re.split(rb"\r?\n", head.rstrip(b"\r\n"))
    kept = [
        line
        for line in lines
        if _HEADER.fullmatch(line) and not _OF_CONNECTION.match(line)
    ]
    codings = [value.lower() for name, value in framing if name == b"transfer-encoding"]
    lengths = [int(value) for _, value in framing if _SIZE.fullmatch(value)]
    if codings == [b"chunked"]:
        kept.append(b"Transfer-Encoding: chunked")
    elif lengths:
        kept.append(b"Content-Length: %d" % min(lengths))
    return b"\r\n".join([status, *kept, b"Connection: close", b"", b""])


def _is_clear(framing: list[tuple[bytes, bytes]]) -> bool:
    """Return whether headers say at most once where a body ends."""
    match framing:
        case []:
            return True
        case [(b"content-length", length)]:
            return _SIZE.fullmatch(length) is not None
        case [(_, coding)]:
            return coding.lower() == b"chunked"
    return False


class NoReason(aiohttp.ClientResponse):
    """
    An answer without its reason phrase.

    Nobody reads it, and the transport fails on one that is not UTF-8, such as the
    Chinese that some servers put there in their own encoding.
    """

    async def start(self, connection: aiohttp.connector.Connection) -> NoReason:
        """Read the head."""
        await super().start(connection)
        self.reason = ""
        return self
