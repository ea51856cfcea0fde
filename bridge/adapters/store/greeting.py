"""
Whether what answers at a store's address is a store, and speaks as its URL says.

A web server, or TLS where none is expected, looks like a store that is away: the client
waits for an answer that never comes. So one that does not answer a greeting is looked at
more closely, once.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from redis.asyncio import Redis, SSLConnection
from redis.exceptions import InvalidResponse

from bridge.adapters.store.errors import store_errors
from bridge.adapters.store.trust import distrust_of
from bridge.errors import StoreForbids, StoreRefused, StoreUnavailable

#: Seconds that a store has to answer the greeting.
WITHIN = 2.0
#: Seconds that each look at it may take after that; all are taken at once.
LOOK_WITHIN = 1.0
#: Where a store is whose URL names no port.
DEFAULT_PORT = 6379

Protocol: TypeAlias = Literal["redis", "http", "tls", "other", "silence"]


async def greet(client: Redis) -> None:
    """
    Check that a store answers; takes 3 s, where it does not.

    Raises:
        StoreUnavailable: It does not.

        StoreRefused: It cannot be one, or speaks otherwise than its URL says.
    """
    try:
        with store_errors():
            async with asyncio.timeout(WITHIN):
                await client.ping()
    except StoreForbids:
        return  # that is an answer
    except (StoreUnavailable, StoreRefused) as error:
        # With words of its own, it has answered as a store does.
        if error.args and not isinstance(error.__cause__, InvalidResponse):
            raise
        await _explain(client, error)
        raise


async def _explain(client: Redis, error: Exception) -> None:
    """Raise `StoreRefused` if a look at who answers there explains an error."""
    pool: Any = client.connection_pool
    manager = getattr(pool, "sentinel_manager", None)
    if manager is None:
        await _examine(pool.connection_kwargs, pool, error, "the store")
        return
    asked = manager.sentinels[0].connection_pool
    await asyncio.gather(
        _examine(asked.connection_kwargs, asked, error, "a sentinel"),
        _examine_master(pool, error),
        *(_check_trust(one, error) for one in manager.sentinels),
    )


async def _check_trust(sentinel: Redis, error: Exception) -> None:
    """Raise `StoreRefused` if a sentinel's certificate is not taken: the client would not say so."""
    try:
        async with asyncio.timeout(LOOK_WITHIN):
            await sentinel.ping()
    except Exception as met:  # noqa: BLE001 - any other is no explanation
        if why := distrust_of(met, "a sentinel"):
            raise why from error


async def _examine_master(pool: Any, error: Exception) -> None:
    master: dict[str, Any] = {}
    with suppress(Exception):  # whatever keeps the sentinels from naming one
        async with asyncio.timeout(LOOK_WITHIN):
            host, port = await pool.get_master_address()
        master = {"host": host, "port": port}
    await _examine(master, pool, error, "the sentinels' master")


async def _examine(
    address: dict[str, Any], pool: Any, error: Exception, who: str
) -> None:
    if "host" not in address:
        return  # a Unix socket
    host, port = str(address["host"]), int(address.get("port", DEFAULT_PORT))
    expects_tls = issubclass(pool.connection_class, SSLConnection)
    found = await _protocol_at(host, port)
    msg = None
    if found == "http":
        msg = f"{who} answers like a web server; check the port in redis_url (BRIDGE_REDIS_URL)"
    elif found == "other":
        msg = f"{who} does not answer like Redis or Valkey; check the port in redis_url (BRIDGE_REDIS_URL)"
    elif found == "tls" and not expects_tls:
        msg = f"{who} speaks TLS; {_mend(who, 'rediss://')}"
    elif found == "redis" and expects_tls:
        msg = f"{who} speaks no TLS; {_mend(who, 'redis://')}"
    if msg:
        raise StoreRefused(msg) from error


def _mend(who: str, scheme: str) -> str:
    if who == "the store":
        return f"redis_url (BRIDGE_REDIS_URL) has to begin with {scheme}"
    return (
        "sentinels:// means TLS to the store and to its sentinels, sentinel:// means none "
        "to either"
    )


async def _protocol_at(host: str, port: int) -> Protocol:
    """Find out by connecting twice, at once; takes twice `LOOK_WITHIN` at most."""
    plain, secure = await asyncio.gather(
        asyncio.to_thread(_answer_to_http, host, port),
        asyncio.to_thread(_speaks_tls, host, port),
    )
    # Many a server with TLS lets go without a word, or waits for a handshake.
    return "tls" if plain == "silence" and secure else plain


def _answer_to_http(host: str, port: int) -> Protocol:
    where = (host, port)
    with suppress(OSError), socket.create_connection(where, LOOK_WITHIN) as plain:
        # To a store, it is a command with an argument too many.
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        first = plain.recv(64)
        if first.startswith(b"HTTP/"):
            return "http"
        if first.startswith(b"\x15\x03"):  # an alert
            return "tls"
        if first:
            return "redis" if first[:1] in b"-+" else "other"
    return "silence"


def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        suppress(OSError),
        socket.create_connection((host, port), LOOK_WITHIN) as plain,
        context.wrap_socket(plain, server_hostname=host),
    ):
        return True
    return False
