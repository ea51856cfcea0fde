"""The pool: connections that are kept for a while, and no more at once than are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bridge.adapters.http.destination import Site
from bridge.adapters.http.wire import Connection


class Pool:
    """
    Connections, for one event loop.

    Args:
        limit: Connections in use at once; whoever wants another one waits in line.

        keepalive: Seconds that an unused connection is kept; 0 for not at all.

        dial: Opens one.
    """

    def __init__(
        self,
        *,
        limit: int,
        keepalive: float,
        dial: Callable[[Site], Awaitable[Connection]],
    ) -> None:
        self._limit = limit
        self._keepalive = keepalive
        self._dial = dial
        self._slots = asyncio.Semaphore(limit)
        #: By where they lead to, the one used last at the end.
        self._idle: dict[Site, list[Connection]] = {}
        self._reaper: asyncio.TimerHandle | None = None
        self._closing = False

    async def take(self, site: Site) -> Connection:
        """
        Return a connection; it has to be given back.

        Raises:
            Exception: It cannot be opened, see `Dialer.dial`.
        """
        await self._slots.acquire()
        try:
            idle = self._idle.get(site)
            while idle:
                connection = idle.pop()
                if connection.is_open:
                    return connection
            return await self._dial(site)
        except BaseException:
            self._slots.release()
            raise

    def give(self, site: Site, connection: Connection) -> None:
        """Take a connection back, to be kept if it is good for another request."""
        if connection.release():
            if self._keepalive and not self._closing:
                self._keep(site, connection)
            else:
                connection.close()
        self._slots.release()

    def close_idle(self) -> None:
        """Close all connections that are not in use."""
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def aclose(self) -> None:
        """Close all connections, once nothing is under way over them."""
        self._closing = True
        self.close_idle()
        for _ in range(self._limit):
            await self._slots.acquire()
        for _ in range(self._limit):
            self._slots.release()

    def _keep(self, site: Site, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.used = loop.time()
        self._idle.setdefault(site, []).append(connection)
        if self._reaper is None:
            self._reaper = loop.call_later(self._keepalive, self._reap)

    def _reap(self) -> None:
        """Close what was not used for long, and look again when the next one may be due."""
        loop = asyncio.get_running_loop()
        oldest = loop.time()
        too_old = oldest - self._keepalive
        for site, connections in list(self._idle.items()):
            kept = []
            for connection in connections:
                if connection.used > too_old and connection.is_open:
                    kept.append(connection)
                    oldest = min(oldest, connection.used)
                else:
                    connection.close()
            self._idle[site] = kept
            if not kept:
                del self._idle[site]
        self._reaper = None
        if self._idle:
            self._reaper = loop.call_at(oldest + self._keepalive, self._reap)
