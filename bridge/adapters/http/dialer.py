"""
Dialing: from a place in the network to an open connection.

A name's addresses are tried beside one another, a quarter of a second apart (RFC 8305); TLS
and a proxy's tunnel come on top. The guard sees every address of a name, and once more
the one that a socket is made for.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import cast

import httpx
from aiohappyeyeballs import start_connection

from bridge.adapters.http.destination import Site, destination_of
from bridge.adapters.http.errors import THE_PROXY, NotConnectedError
from bridge.adapters.http.guard import Guard
from bridge.adapters.http.resolver import Resolver
from bridge.adapters.http.wire import Connection

#: Seconds after which the next address of a name is tried as well.
_STAGGER = 0.25
#: Seconds that the other side has to take its leave of TLS.
_TLS_GOODBYE = 1.0


class Dialer:
    """
    Opens connections, for one event loop.

    Args:
        tls: Says which certificates are trusted.

        proxy: The URL of the proxy to go through, if any.

        guard: Decides which addresses may be connected to; ``None`` for all.
    """

    def __init__(
        self, *, tls: ssl.SSLContext, proxy: str | None, guard: Guard | None
    ) -> None:
        self._tls = tls
        self._proxy = proxy
        self._guard = guard
        self._resolver = Resolver(guard)

    async def dial(self, site: Site) -> Connection:
        """
        Open a connection, up to where a request can be sent over it.

        Raises:
            NotConnectedError: Nobody is there, or TLS failed.

            httpx.ProxyError: The proxy does not want to.

            ForbiddenAddressError: The guard does not want to.
        """
        if self._proxy is None:
            return await self._connect(site, to_proxy=False)
        connection = await self._connect(
            destination_of(self._proxy).site, to_proxy=True
        )
        if not site.tls:
            return connection
        try:
            await self._tunnel(connection, site, self._proxy)
        except BaseException:
            connection.release()
            raise
        return connection

    async def _connect(self, site: Site, *, to_proxy: bool) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            infos = await self._resolver.resolve(site.host, site.port)
            sock = await start_connection(
                infos,
                happy_eyeballs_delay=_STAGGER,
                socket_factory=None if self._guard is None else self._guard.socket,
            )
            try:
                _, connection = await loop.create_connection(
                    Connection,
                    sock=sock,
                    ssl=self._tls if site.tls else None,
                    server_hostname=site.host if site.tls else None,
                    ssl_shutdown_timeout=_TLS_GOODBYE if site.tls else None,
                )
            finally:
                _hand_over(sock, loop)
        except OSError as error:
            raise NotConnectedError(to_proxy=to_proxy) from error
        return connection

    async def _tunnel(self, connection: Connection, site: Site, proxy: str) -> None:
        """Have a proxy connect to a site, and speak TLS with that."""
        host = f"[{site.host}]" if ":" in site.host else site.host
        authority = f"{host}:{site.port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        authorization = destination_of(proxy).authorization
        if authorization:
            lines.append(f"Proxy-Authorization: {authorization}")
        answer = connection.ask("CONNECT", "\r\n".join([*lines, "", ""]).encode())
        await answer.head()
        if not 200 <= answer.status < 300:
            msg = f"{THE_PROXY} answered {answer.status}"
            raise httpx.ProxyError(msg)
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                connection.transport,
                connection,
                self._tls,
                server_hostname=site.host,
                ssl_shutdown_timeout=_TLS_GOODBYE,
            )
        except OSError as error:
            raise NotConnectedError(to_proxy=False) from error
        connection.transport = cast("asyncio.Transport", encrypted)


def _hand_over(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    """
    Let a socket forget its descriptor, which is the event loop's alone now.

    uvloop takes it from the socket only when it closes the connection later. Where a receiver
    breaks off in the middle of TLS, it has closed it before that; the socket would name what by
    then is another receiver's connection, or the store's, and close that one when it is
    collected. See https://github.com/MagicStack/uvloop/issues/738 for a neighbour of this.
    asyncio's own loops use the socket itself.
    """
    uses_it = isinstance(loop, asyncio.BaseEventLoop)
    if not uses_it:
        sock.detach()
