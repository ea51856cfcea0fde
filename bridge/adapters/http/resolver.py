"""
The resolver: names are looked up in threads of their own.

The event loop's shared pool has a handful of threads, and a name server that does not
answer holds one for half a minute. Three such endpoints would stop the name lookups of
all others; so each lookup gets a thread. Each client has at most one (the connector joins
lookups of one name), and an open connection needs none.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.adapters.http.guard import Guard

AddressInfo: TypeAlias = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]
]
LookUp: TypeAlias = Callable[..., Sequence[AddressInfo]]


class Resolver(AbstractResolver):
    """
    Looks names up; refuses a name with any forbidden address.

    Args:
        guard: Decides which addresses are allowed; ``None`` for all.

        getaddrinfo: Looks a name up; it may block.
    """

    def __init__(
        self, guard: Guard | None, *, getaddrinfo: LookUp = socket.getaddrinfo
    ) -> None:
        self._guard = guard
        self._getaddrinfo = getaddrinfo

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """
        Return a name's addresses.

        Raises:
            OSError: It has none, or the lookup failed.

            ForbiddenAddressError: One of them may not be connected to.
        """
        infos = await _in_a_thread(self._getaddrinfo, host, port, family)
        found = [_result(host, port, info) for info in infos]
        if self._guard is not None:
            for result in found:
                self._guard.check(result["host"])
        return found

    async def close(self) -> None:
        """Do nothing: a lookup under way ends by itself and is not waited for."""


def _result(host: str, port: int, info: AddressInfo) -> ResolveResult:
    family, _, proto, _, address = info
    numeric = address[0]
    if family == socket.AF_INET6 and address[3] and "%" not in numeric:
        numeric = f"{numeric}%{address[3]}"  # a link-local address is nothing without
    return ResolveResult(
        hostname=host,
        host=numeric,
        port=port,
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


async def _in_a_thread(
    getaddrinfo: LookUp, host: str, port: int, family: socket.AddressFamily
) -> list[AddressInfo]:
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[AddressInfo]] = loop.create_future()

    def settle(outcome: list[AddressInfo] | Exception) -> None:
        if found.done():
            return
        if isinstance(outcome, Exception):
            found.set_exception(outcome)
        else:
            found.set_result(outcome)

    def look_up() -> None:
        outcome: list[AddressInfo] | Exception
        try:
            outcome = list(
                getaddrinfo(
                    host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            )
        except Exception as raised:  # noqa: BLE001 - it is handed to the one that waits
            outcome = raised
        with suppress(RuntimeError):  # the loop ended meanwhile, nothing waits any more
            loop.call_soon_threadsafe(settle, outcome)

    Thread(target=look_up, name="mjbridge-resolver", daemon=True).start()
    return await found
