"""
Connections to the store: every form of address, one way to fail.

A `redis_url` is ``redis://``, ``rediss://`` (TLS), ``unix:///path``, or
``sentinel://host:26379,host:26379/<service>/<db>``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, cast, overload

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bridge.adapters.store.sentinel import SCHEME, SentinelAddress
from bridge.errors import StoreRefused, StoreUnavailable

#: The version of the layout described in ``lua/common.lua``.
SCHEMA = "1"
#: Seconds that a single command may take. A frozen server must not freeze us.
COMMAND_TIMEOUT = 5.0
#: Seconds between two looks whether a store is there.
LOOK_AGAIN = 0.5


class Script(Protocol):
    """A Lua script that the client knows; a server that does not is taught it."""

    async def __call__(self, keys: Sequence[str], args: Sequence[str | float]) -> Any:
        """Run it."""
        ...


class Pipeline(Protocol):
    """Commands to be sent together."""

    def hgetall(self, name: str) -> object:
        """Queue reading a hash."""

    def zscore(self, name: str, value: str) -> object:
        """Queue reading a member's score."""

    async def execute(self) -> list[Any]:
        """Send them; the answers come in their order."""
        ...


class Client(Protocol):
    """
    What is used of redis-py, as it answers when it decodes.

    Its own types say ``bytes | str`` everywhere, and more than that in places, because
    they do not know how the client was made; this is the place where we do.
    """

    async def get(self, name: str) -> str | None:
        """Read a string."""
        ...

    async def set(self, name: str, value: str | float, *, nx: bool = False) -> object:
        """Write a string; with `nx` only if there is none."""

    async def delete(self, *names: str) -> int:
        """Remove keys."""
        ...

    async def exists(self, *names: str) -> int:
        """Count how many of the keys there are."""
        ...

    async def hget(self, name: str, key: str) -> str | None:
        """Read a field of a hash."""
        ...

    async def hgetall(self, name: str) -> dict[str, str]:
        """Read a hash; an empty one for a key that is not there."""
        ...

    async def hmget(self, name: str, keys: Sequence[str]) -> list[str | None]:
        """Read fields of a hash."""
        ...

    async def lrange(self, name: str, start: int, end: int) -> list[str]:
        """Read a part of a list."""
        ...

    async def lrem(self, name: str, count: int, value: str) -> int:
        """Remove an element from a list."""
        ...

    async def type(self, name: str) -> str:
        """Say what kind of value a key holds."""
        ...

    @overload
    async def zrange(
        self,
        name: str,
        start: float | str,
        end: float | str,
        *,
        desc: bool = False,
        byscore: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> list[str]: ...

    @overload
    async def zrange(
        self,
        name: str,
        start: float | str,
        end: float | str,
        *,
        withscores: Literal[True],
    ) -> list[tuple[str, float]]: ...

    async def zrem(self, name: str, *values: str) -> int:
        """Remove members of a sorted set."""
        ...

    async def zcard(self, name: str) -> int:
        """Count the members of a sorted set."""
        ...

    async def info(self, section: str | None = None) -> Mapping[str, Any]:
        """Ask the server about itself."""
        ...

    async def time(self) -> tuple[int, int]:
        """Read the server's clock: seconds and microseconds."""
        ...

    def pipeline(self, *, transaction: bool) -> Pipeline:
        """Begin to collect commands."""
        ...

    def register_script(self, script: str) -> Script:
        """Make a script callable; nothing is sent yet."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""


def connect(url: str) -> Client:
    """
    Return a client for a store; nothing is sent yet.

    It decodes answers and does not repeat calls by itself.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": COMMAND_TIMEOUT,
        "socket_connect_timeout": 3.0,
        "health_check_interval": 30,
    }
    if not url.startswith(f"{SCHEME}://"):
        return cast("Client", Redis.from_url(url, **options))
    address = SentinelAddress.parse(url)
    sentinel: Any = Sentinel(address.watchers, socket_timeout=3.0)  # type: ignore[no-untyped-call]
    master = sentinel.master_for(
        address.service,
        db=address.db,
        username=address.username,
        password=address.password,
        **options,
    )
    return cast("Client", master)


#: What a server says that takes no writes for the time being, and what that means.
_NOT_NOW = {
    "OOM": "the store's memory is used up",
    "NOREPLICAS": "the store has too few replicas to take writes",
    "MISCONF": "the store cannot write to its disk, so it takes no writes",
    "READONLY": "the store is a replica, so it takes no writes",
    "BUSY": "the store is busy with somebody's script",
    "CLUSTERDOWN": "the store's cluster is down",
    "TRYAGAIN": "the store's cluster is being rearranged",
    "MASTERDOWN": "the store has lost its master",
}


@contextmanager
def store_errors() -> Iterator[None]:
    """
    Translate what the client raises, without the address.

    Raises:
        StoreUnavailable: It does not answer, or has no memory left.

        StoreRefused: It does not let us in.
    """
    try:
        yield
    except AuthenticationError as error:
        msg = "the store refuses the password; check BRIDGE_REDIS_URL"
        raise StoreRefused(msg) from error
    except BusyLoadingError as error:
        msg = "the store is still loading its data"
        raise StoreUnavailable(msg) from error
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        raise StoreUnavailable from error
    except OutOfMemoryError as error:
        msg = "the store's memory is used up"
        raise StoreUnavailable(msg) from error
    except RedisError as error:
        for sign, msg in _NOT_NOW.items():
            if sign in str(error):
                raise StoreUnavailable(msg) from error
        raise


async def inspect(client: Client, namespace: str) -> list[str]:
    """
    Check that a store may be used, and note the layout's version in it.

    Returns:
        What an operator should know about it, one sentence each.

    Raises:
        StoreUnavailable: It does not answer.

        StoreRefused: It evicts keys, is too old, or holds another version's data.
    """
    with store_errors():
        facts = await client.info()
        schema_key = f"{{{namespace}}}:schema"
        schema = await client.get(schema_key)
        if schema is None:  # a write would be refused where memory is full
            await client.set(schema_key, SCHEMA, nx=True)
            schema = await client.get(schema_key)
    version = str(facts.get("redis_version", "0"))
    if int(version.split(".", maxsplit=1)[0]) < 7:
        msg = f"the store is Redis {version}; mjbridge needs Redis 7.0 or Valkey 8 or newer"
        raise StoreRefused(msg)
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        msg = (
            f"the store evicts keys when its memory is full (maxmemory-policy {policy}), "
            "so it would lose deliveries; set maxmemory-policy noeviction"
        )
        raise StoreRefused(msg)
    if schema != SCHEMA:
        msg = (
            f"the store holds data of layout version {schema}, this mjbridge knows "
            f"version {SCHEMA}; use the mjbridge that wrote it, or another namespace"
        )
        raise StoreRefused(msg)
    if not int(facts.get("aof_enabled", 0)):
        return ["the store keeps no append-only file: a restart of it loses deliveries"]
    return []


async def wait_for(
    check: Callable[[], Awaitable[list[str]]],
    *,
    say: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]],
) -> list[str]:
    """
    Wait for a store as long as it takes, and say so every few seconds.

    Args:
        check: Raises `StoreUnavailable` while it does not answer.

        say: Tells a person.

        sleep: Waits for so many seconds.
    """
    tried = 0
    while True:
        try:
            warnings = await check()
        except StoreUnavailable as error:
            if tried % 10 == 0:
                # What to do about it is said once.
                what = str(error) if not tried else str(error).partition(";")[0]
                say(f"{what.rstrip('.')}; waiting for it")
            tried += 1
            await sleep(LOOK_AGAIN)
            continue
        if tried:
            say("the store is back")
        return warnings


async def within(
    check: Callable[[], Awaitable[list[str]]],
    seconds: float,
    *,
    sleep: Callable[[float], Awaitable[None]],
) -> list[str]:
    """
    Wait for a store for some seconds, and say nothing.

    Args:
        check: Raises `StoreUnavailable` while it does not answer.

        seconds: How long; 0 to look once.

        sleep: Waits for so many seconds.

    Raises:
        StoreUnavailable: It did not answer in time.
    """
    for _ in range(round(seconds / LOOK_AGAIN)):
        try:
            return await check()
        except StoreUnavailable:
            await sleep(LOOK_AGAIN)
    return await check()
