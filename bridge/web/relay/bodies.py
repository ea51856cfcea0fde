"""Bodies of requests: taken in whole before anything is sent on, and never whole in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from bridge.web.relay.members import Members, without

#: Bytes of a body that are kept in memory; the rest is in a file without a name.
IN_MEMORY = 512 * 1024
#: Bytes that are moved at once.
PIECE = 64 * 1024


class SpooledBody:
    """
    A body that has come in.

    A client that leaves while it sends has asked for nothing; and what is sent on says how long it
    is, so that no two servers can disagree about where it ends.
    """

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = file
        self._cuts: tuple[tuple[int, int], ...] = ()
        self._length = length

    @property
    def length(self) -> int:
        """Bytes that are sent on."""
        return self._length - sum(end - start for start, end in self._cuts)

    async def read_members(self, *wanted: str, cut: str) -> Members:
        """Look for members at the top of its JSON, and leave one of them out from now on."""
        members = Members([*wanted, cut], cut=[cut])
        for piece in self._pieces():
            members.feed(piece)
            await asyncio.sleep(0)  # it may be long, and others wait
        self._cuts = tuple(members.cuts)
        return members

    async def pieces(self) -> AsyncIterator[bytes]:
        """Return what is sent on, in pieces."""
        for piece in without(self._pieces(), self._cuts):
            yield piece

    async def whole(self) -> bytes:
        """Return all that is sent on."""
        return b"".join([piece async for piece in self.pieces()])

    def close(self) -> None:
        """Forget it."""
        self._file.close()

    def _pieces(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece


async def take_in(receive: Receive) -> SpooledBody:
    """
    Read a request's body; how much that may be is the limits' to say.

    Raises:
        ClientDisconnect: The client left before it had sent all of it.
    """
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the body's `close` does
    length, more = 0, True
    try:
        while more:
            piece, more = _piece(await receive())
            file.write(piece)
            length += len(piece)
    except BaseException:
        file.close()
        raise
    return SpooledBody(file, length)


def _piece(message: Message) -> tuple[bytes, bool]:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)
