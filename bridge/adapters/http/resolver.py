"""
The resolver: names are looked up in threads of their own.

The event loop's shared pool has a handful of threads, and a name server that does not
answer holds one for half a minute. Three such endpoints would stop the name lookups of
all others; so each lookup gets a thread. Each client has at most one for each name (those who ask
meanwhile wait for the same), and an open connection needs none.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import TypeAlias

from bridge.adapters.http.guard import AddressInfo, Guard
from bridge.adapters.http.threads import in_thread

#: Seconds that a name's addresses are taken to be the same.
REMEMBERED = 10.0

LookUp: TypeAlias = Callable[..., Sequence[AddressInfo]]


class Resolver:
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
        self._lookups: dict[tuple[str, int], asyncio.Task[Sequence[AddressInfo]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[AddressInfo]:
        """
        Return a name's addresses, in the form of `socket.getaddrinfo`.

        Raises:
            OSError: It has none, or the lookup failed.

            ForbiddenAddressError: One of them may not be connected to.
        """
        found = _literal(host, port) or await self._looked_up(host, port)
        if self._guard is not None:
            for *_, address in found:
                self._guard.check(str(address[0]))
        return found

    async def _looked_up(self, host: str, port: int) -> Sequence[AddressInfo]:
        """Look a name up, or wait for one who does; whoever stops waiting stops no other."""
        key = (host, port)
        lookup = self._lookups.get(key)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = self._lookups[key] = loop.create_task(self._look_up(host, port))
            lookup.add_done_callback(partial(self._remember, key))
        return await asyncio.shield(lookup)

    async def _look_up(self, host: str, port: int) -> Sequence[AddressInfo]:
        look_up = partial(
            self._getaddrinfo,
            host,
            port,
            socket.AF_UNSPEC,
            socket.SOCK_STREAM,
            flags=socket.AI_ADDRCONFIG,
        )
        try:
            return await in_thread(look_up, name="mjbridge-resolver")
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "not a name") from error

    def _remember(
        self, key: tuple[str, int], lookup: asyncio.Task[Sequence[AddressInfo]]
    ) -> None:
        if lookup.cancelled() or lookup.exception() is not None:
            del self._lookups[key]
        else:
            asyncio.get_running_loop().call_later(REMEMBERED, self._lookups.pop, key)


def _literal(host: str, port: int) -> Sequence[AddressInfo]:
    """Return the address that a host is, if it is one."""
    try:
        version = ip_address(host).version
    except ValueError:
        return ()
    if version == 4:
        return ((socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)),)
    return ((socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0)),)
