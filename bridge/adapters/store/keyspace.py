"""
One deployment's keys in a store: the scripts that change them, the commands that read them.

Every call is one round trip, and raises what `bridge.adapters.store.errors` promises. The
client answers with text, which redis-py's own types cannot know: they say ``bytes | str``.
This is the one place that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from sys import intern
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from bridge.adapters.store.errors import store_errors

if TYPE_CHECKING:
    from redis.asyncio import Redis

Script = Literal[
    "answered",
    "bury",
    "claim_deliveries",
    "claim_tasks",
    "configure",
    "follow_clock",
    "forget_endpoint",
    "note",
    "record",
    "redeliver",
    "remember",
    "return_tasks",
    "settle",
    "switch",
    "tidy",
    "track",
    "untrack",
]
SCRIPTS: tuple[Script, ...] = get_args(Script)


@cache
def source(name: str) -> str:
    """
    Return a script's text, with what all scripts share in front of it.

    A ``#!lua`` line says which flags the script runs with and has to come first. One
    without flags makes the server refuse the whole script when memory is full, before
    its first write, where a script without that line would be cut off in the middle.
    """
    folder = files("bridge.adapters.store") / "lua"
    shared = (folder / "common.lua").read_text(encoding="utf-8")
    own = (folder / f"{name}.lua").read_text(encoding="utf-8")
    first, _, rest = own.partition("\n")
    if not first.startswith("#!"):
        first, rest = "#!lua", own
    return f"{first}\n{shared}\n{rest}"


def named(reply: Sequence[Any]) -> dict[str, Any]:
    """Read a script's flat reply of names and values."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def rows(
    columns: Sequence[str], values: Sequence[Sequence[Any]]
) -> list[dict[str, Any]]:
    """Read rows of a script's reply, whose values are named once for all of them."""
    names = [intern(name) for name in columns]  # found by identity, not by comparing
    return [dict(zip(names, row, strict=True)) for row in values]


class Keyspace:
    """The keys of one deployment; names are without the prefix that they all share."""

    def __init__(self, client: Redis, *, namespace: str, retention: float) -> None:
        """
        Use a client that decodes replies and does not repeat calls.

        Args:
            client: See `bridge.adapters.store.connection`.

            namespace: Deployments that share a server differ in it.

            retention: Seconds that finished tasks and closed events are kept.
        """
        self.retention = retention
        self._client = client
        self._prefix = f"{{{namespace}}}:"
        self._scripts = {name: client.register_script(source(name)) for name in SCRIPTS}

    async def run(self, script: Script, *args: str | float) -> Any:
        """Run a script in one atomic step; a server that has forgotten it is taught it."""
        with store_errors():
            return await self._scripts[script](keys=[self._prefix], args=args)

    async def text(self, key: str) -> str | None:
        """Return a string."""
        with store_errors():
            return cast("str | None", await self._client.get(self._prefix + key))

    async def exists(self, key: str) -> bool:
        """Check whether there is a key."""
        with store_errors():
            return bool(await self._client.exists(self._prefix + key))

    async def field(self, key: str, name: str) -> str | None:
        """Return one field of a hash."""
        with store_errors():
            found = await self._client.hget(self._prefix + key, name)
        return cast("str | None", found)

    async def fields(self, key: str, *names: str) -> list[str | None]:
        """Return some fields of a hash, in the order of their names."""
        with store_errors():
            found = await self._client.hmget(self._prefix + key, names)
        return cast("list[str | None]", found)

    async def hash(self, key: str) -> dict[str, str]:
        """Return a hash; an empty one for a key that does not exist."""
        with store_errors():
            found = await self._client.hgetall(self._prefix + key)
        return cast("dict[str, str]", found)

    async def hashes(self, keys: Iterable[str]) -> list[dict[str, str]]:
        """Return several hashes, in the order of their keys."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(self._prefix + key)
        with store_errors():
            return await pipe.execute()

    async def scores(self, members: Iterable[tuple[str, str]]) -> list[float | None]:
        """Return the scores of members, each with the key of its sorted set."""
        pipe = self._client.pipeline(transaction=False)
        for key, member in members:
            pipe.zscore(self._prefix + key, member)
        with store_errors():
            return await pipe.execute()

    async def items(self, key: str, stop: int = -1) -> list[str]:
        """Return a list's elements, from the first to the one at `stop`."""
        with store_errors():
            found = await self._client.lrange(self._prefix + key, 0, stop)
        return cast("list[str]", found)

    async def members(
        self, key: str, start: int = 0, stop: int = -1, *, desc: bool = False
    ) -> list[str]:
        """Return members of a sorted set by rank, the lowest score first."""
        with store_errors():
            found = await self._client.zrange(
                self._prefix + key, start, stop, desc=desc
            )
        return cast("list[str]", found)

    async def members_until(
        self, key: str, score: float, most: int | None = None
    ) -> list[str]:
        """Return members with no higher score than that, the lowest first."""
        with store_errors():
            found = await self._client.zrange(
                self._prefix + key,
                "-inf",
                score,
                byscore=True,
                offset=None if most is None else 0,
                num=most,
            )
        return cast("list[str]", found)

    async def members_with_scores(self, key: str) -> list[tuple[str, float]]:
        """Return all members of a sorted set with their scores, the lowest first."""
        with store_errors():
            found = await self._client.zrange(
                self._prefix + key, 0, -1, withscores=True
            )
        return cast("list[tuple[str, float]]", found)

    async def count(self, key: str) -> int:
        """Count the members of a sorted set."""
        with store_errors():
            return await self._client.zcard(self._prefix + key)

    async def info(self, section: str) -> dict[str, Any]:
        """Return what the server says about itself."""
        with store_errors():
            return await self._client.info(section)

    async def clock(self) -> float:
        """Return the server's clock, in seconds since the epoch."""
        with store_errors():
            seconds, micros = await self._client.time()
        return seconds + micros / 1e6
