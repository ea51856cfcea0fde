"""
Connections to the store, for every form of address.

A `redis_url` is ``redis://``, ``rediss://`` (TLS), ``unix:///path``, or
``sentinel://host:26379,host:26379/<service>/<db>``.

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

from bridge.adapters.store.sentinel import SCHEME, SentinelAddress

#: Seconds that a single command may take. A frozen server must not freeze us.
COMMAND_TIMEOUT = 5.0


def connect(url: str) -> Redis:
    """Return a client for a store, which decodes replies; nothing is sent yet."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": COMMAND_TIMEOUT,
        "socket_connect_timeout": 3.0,
        "health_check_interval": 30,
    }
    if not url.startswith(f"{SCHEME}://"):
        return Redis.from_url(url, **options)
    address = SentinelAddress.parse(url)
    sentinel: Any = Sentinel(address.watchers, socket_timeout=3.0)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(
        address.service,
        db=address.db,
        username=address.username,
        password=address.password,
        **options,
    )
    return master
