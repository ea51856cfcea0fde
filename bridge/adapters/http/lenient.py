"""
Leniency: answers that are bad HTTP and yet say clearly yes or no.

A receiver that took an event and then formed its answer badly would otherwise be sent the
same event for three days.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

#: Bytes of one header that are accepted. aiohttp's own limit of 8 KB is below what some
#: sites send as their content security policy.
LARGEST_HEADER = 64 * 1024


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
    A connection on which a good head is not lost to a bad body in the same packet.

    The parser forgets all that came in one call when any of it is wrong. But a 204 with
    a body, or a 200 longer than its Content-Length, was a yes.
    """

    def data_received(self, data: bytes) -> None:
        """Parse what came in, the end of a head and what follows it one by one."""
        end = data.find(b"\r\n\r\n") + 4
        if 4 <= end < len(data):
            super().data_received(data[:end])
            data = data[end:]
        super().data_received(data)
        if self.exception() is not None and self._payload is not None:
            # The parser gave up inside a body; whoever reads it waits for more in vain.
            self._payload.set_exception(aiohttp.ClientPayloadError())


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
