"""
Connections to the store, for every form of address.

A `redis_url` is ``redis://``, ``rediss://`` (TLS), ``unix:///path``, or names sentinels
(see `bridge.adapters.store.sentinel`).

The client does not repeat a call by itself. redis-py would, and was seen to run an
``INCR`` twice after a lost answer; a claim that is repeated hides a second batch until
its lease ends. What is worth repeating is repeated by the use cases, which know.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from bridge.adapters.store.sentinel import SentinelAddress, is_watched

#: Seconds that a single command may take. A frozen server must not freeze us.
COMMAND_TIMEOUT = 5.0


class _WatchedRedis(Redis):
    """A client that also closes the connections by which it asked sentinels."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as in Redis
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for watcher in pool.sentinel_manager.sentinels:
            await watcher.aclose()


def connect(url: str) -> Redis:
    """Return a client for a store, which decodes replies; nothing is sent yet."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": COMMAND_TIMEOUT,
        "socket_connect_timeout": 3.0,
        "health_check_interval": 30,
    }
    if not is_watched(url):
        return Redis.from_url(url, **options)
    address = SentinelAddress.parse(url)
    if address.tls is not None:
        options |= {"ssl": True, **address.tls}
    asking = address.for_watchers | {"retry": options["retry"]}
    sentinel: Any = Sentinel(address.watchers, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(
        address.service,
        redis_class=_WatchedRedis,
        db=address.db,
        username=address.username,
        password=address.password,
        **options,
    )
    return master
