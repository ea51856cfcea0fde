"""
Connections to the store, for every form of address.

A `redis_url` is ``redis://``, ``rediss://`` (TLS), ``unix:///path``, or names sentinels
(see `bridge.adapters.store.sentinel`). A node of a Redis Cluster leads to the one that has
our keys (see `bridge.adapters.store.cluster`).

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
from redis.maint_notifications import MaintNotificationsConfig

from bridge.adapters.store.cluster import follow_slot
from bridge.adapters.store.sentinel import SentinelAddress, is_watched
from bridge.adapters.store.sentinel_client import SentinelClient

#: Connections of one process; each call that is under way has one.
MAX_CONNECTIONS = 1000


class _WatchedRedis(Redis):
    """A client that also closes the connections by which it asked sentinels."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as in Redis
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for watcher in pool.sentinel_manager.sentinels:
            await watcher.aclose()


def connect(url: str, namespace: str | None = None) -> Redis:
    """
    Return a client for a store, which decodes replies; nothing is sent yet.

    Args:
        url: Of any form that `redis_url` has.

        namespace: Whose keys will be used: where the URL is of a node of a Redis Cluster,
            the client speaks to the one that has them. Without it, to that node.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "retry": Retry(NoBackoff(), 0),
        # Whoever calls keeps the time, see `bridge.adapters.store.errors`.
        "socket_timeout": None,
        "socket_connect_timeout": 3.0,
        # redis-py's own is 100, and whoever comes then is refused: a crowd at `web` is more.
        "max_connections": MAX_CONNECTIONS,
        "health_check_interval": 30,
        # With them redis-py uses connections that the server has closed: the first command
        # after a restart of it fails.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if not is_watched(url):
        client = Redis.from_url(url, **options)
        if namespace is not None:
            follow_slot(client.connection_pool, namespace)
        return client
    address = SentinelAddress.parse(url)
    if address.tls is not None:
        options |= {"ssl": True, **address.tls}
    asking = address.for_watchers | {"retry": options["retry"]}
    sentinel: Any = Sentinel(())  # type: ignore[no-untyped-call]
    sentinel.sentinels = [
        SentinelClient(host=host, port=port, **asking)
        for host, port in address.watchers
    ]
    master: Redis = sentinel.master_for(
        address.service,
        redis_class=_WatchedRedis,
        db=address.db,
        username=address.username,
        password=address.password,
        **options,
    )
    return master
