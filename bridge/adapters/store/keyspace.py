"""
One deployment's keys in a store: the scripts that change them, the commands that read them.

Every call is one round trip, and raises what `bridge.adapters.store.errors` promises. The
client answers with text, which redis-py's own types cannot know: they say ``bytes | str``.
This is the one place that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sys import intern
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import NoScriptError, ResponseError

from bridge.adapters.store.errors import in_time
from bridge.adapters.store.scripts import SCRIPTS, Script, source

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: Seconds that one call blocks at most: less than a command may take.
LONGEST_CALL = 4.0


def named(reply: Sequence[Any]) -> dict[str, Any]:
    """Read a script's flat reply of names and values."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def rows(
    columns: Sequence[str], values: Sequence[Sequence[Any]]
) -> list[dict[str, Any]]:
    """Read rows of a script's reply, whose values are named once for all of them."""
    names = [intern(name) for name in columns]  # found by identity, not by comparing
    return [dict(zip(names, row, strict=True)) for row in values]


async def _reply(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _accepted(reply: Any) -> Any:
    if isinstance(reply, ResponseError):
        raise reply
    return reply


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
        known = self._scripts[script]
        async with in_time():
            (reply,) = await self._ask(("EVALSHA", known.sha, 1, self._prefix, *args))
            if isinstance(reply, NoScriptError):
                return await known(keys=[self._prefix], args=args)
            return _accepted(reply)

    async def text(self, key: str) -> str | None:
        """Return a string."""
        async with in_time():
            return cast("str | None", await self._client.get(self._prefix + key))

    async def keep(self, key: str, text: str) -> str:
        """Set a string that is not set yet; return what it is then."""
        async with in_time():
            kept = await self._client.set(self._prefix + key, text, nx=True, get=True)
        return text if kept is None else str(kept)

    async def keep_for(
        self, key: str, text: str, seconds: float, *, only_new: bool = False
    ) -> bool:
        """
        Set a string that is gone after some seconds; return whether it was set.

        Args:
            only_new: Whether to leave alone what is set already.
        """
        milliseconds = max(1, round(seconds * 1000))
        async with in_time():
            done = await self._client.set(
                self._prefix + key, text, px=milliseconds, nx=only_new
            )
        return bool(done)

    async def try_write(self) -> None:
        """Write something that is gone at once, to learn whether anything can be."""
        async with in_time():
            await self._client.set(self._prefix + "probe", "", px=1)

    async def exists(self, key: str) -> bool:
        """Check whether there is a key."""
        async with in_time():
            return bool(await self._client.exists(self._prefix + key))

    async def field(self, key: str, name: str) -> str | None:
        """Return one field of a hash."""
        async with in_time():
            found = await self._client.hget(self._prefix + key, name)
        return cast("str | None", found)

    async def hash(self, key: str) -> dict[str, str]:
        """Return a hash; an empty one for a key that does not exist."""
        async with in_time():
            found = await self._client.hgetall(self._prefix + key)
        return cast("dict[str, str]", found)

    async def set_field(self, key: str, name: str, text: str) -> None:
        """Set one field of a hash."""
        async with in_time():
            await self._client.hset(self._prefix + key, name, text)

    async def remove_field(self, key: str, name: str) -> None:
        """Remove one field of a hash."""
        async with in_time():
            await self._client.hdel(self._prefix + key, name)

    async def count(self, key: str, name: str) -> None:
        """Count one field of a hash up."""
        async with in_time():
            await self._client.hincrby(self._prefix + key, name, 1)

    def full_name(self, key: str) -> str:
        """Return what a key is called in the store."""
        return self._prefix + key

    async def types(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the types of keys, as the server calls them; ``none`` of what is not there."""
        asked = list(keys)
        pipe = self._client.pipeline(transaction=False)
        for key in asked:
            pipe.type(self._prefix + key)
        async with in_time():
            return dict(zip(asked, await pipe.execute(), strict=True))

    async def hashes(self, keys: Iterable[str]) -> list[dict[str, str]]:
        """Return several hashes, in the order of their keys."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(self._prefix + key)
        async with in_time():
            return await pipe.execute()

    async def scores(self, members: Iterable[tuple[str, str]]) -> list[float | None]:
        """Return the scores of members, each with the key of its sorted set."""
        pipe = self._client.pipeline(transaction=False)
        for key, member in members:
            pipe.zscore(self._prefix + key, member)
        async with in_time():
            return await pipe.execute()

    async def items(self, key: str, most: int) -> list[str]:
        """Return a list's first elements."""
        async with in_time():
            found = await self._client.lrange(self._prefix + key, 0, most - 1)
        return cast("list[str]", found)

    async def members(self, key: str, most: int | None = None) -> list[str]:
        """Return members of a sorted set, those with the lowest scores first."""
        stop = -1 if most is None else most - 1
        async with in_time():
            found = await self._client.zrange(self._prefix + key, 0, stop)
        return cast("list[str]", found)

    async def members_with_scores(self, key: str) -> list[tuple[str, float]]:
        """Return all members of a sorted set, each with its score."""
        async with in_time():
            found = await self._client.zrange(
                self._prefix + key, 0, -1, withscores=True
            )
        return cast("list[tuple[str, float]]", found)

    async def members_until(
        self, key: str, score: float, most: int | None = None
    ) -> list[str]:
        """Return members with no higher score than that, the lowest first."""
        async with in_time():
            found = await self._client.zrange(
                self._prefix + key,
                "-inf",
                score,
                byscore=True,
                offset=None if most is None else 0,
                num=most,
            )
        return cast("list[str]", found)

    async def newest_entry(self, key: str) -> str:
        """Return the id of a stream's newest entry; ``0-0`` if there is none."""
        async with in_time():
            found = await self._client.xrevrange(self._prefix + key, count=1)
        return cast("str", found[0][0]) if found else "0-0"

    async def entries_after(
        self, key: str, position: str, most: int
    ) -> list[tuple[str, dict[str, str]]]:
        """Return a stream's entries after one, the oldest first."""
        async with in_time():
            found = await self._client.xrange(
                self._prefix + key, min=f"({position}", count=most
            )
        return cast("list[tuple[str, dict[str, str]]]", found)

    async def wait_for_entry(self, key: str, position: str, seconds: float) -> bool:
        """Wait until a stream has an entry after one; false if none came in time."""
        async with in_time(held=seconds):
            found = await self._client.xread(
                {self._prefix + key: position}, count=1, block=round(seconds * 1000)
            )
        return bool(found)

    async def take(self, key: str) -> None:
        """Wait until a list has an element, and take it; for `LONGEST_CALL` seconds."""
        async with in_time(held=LONGEST_CALL):
            await self._client.blpop([self._prefix + key], timeout=LONGEST_CALL)

    async def take_and_run(self, key: str, script: Script, *args: str | float) -> Any:
        """
        Take a list's next element, as `take` does, and run a script behind that.

        Both go out at once, so that the server runs the script in the moment in which there is
        an element, without asking anybody; and where it writes for that, it does so once for
        whoever has put the element there and for the script.
        """
        known = self._scripts[script]
        async with in_time(held=LONGEST_CALL):
            taken, reply = await self._ask(
                ("BLPOP", self._prefix + key, LONGEST_CALL),
                ("EVALSHA", known.sha, 1, self._prefix, *args),
            )
            _accepted(taken)
            if not isinstance(reply, NoScriptError):
                return _accepted(reply)
        return await self.run(script, *args)

    async def _ask(self, *commands: Sequence[str | float]) -> list[Any]:
        """
        Send commands at once; return the reply to each, which may be what the server has against it.

        Straight over a connection of the client's. What the client itself does around a call, for
        retries and instruments that we do not have, takes as long as all the rest of it.
        """
        pool: Any = self._client.connection_pool
        connection = await pool.get_connection()
        try:
            packed = [
                part for one in commands for part in connection.pack_command(*one)
            ]
            await connection.send_packed_command(packed)
            return [await _reply(connection) for _ in commands]
        finally:
            await pool.release(connection)

    async def info(self, section: str) -> dict[str, Any]:
        """Return what the server says about itself."""
        async with in_time():
            return await self._client.info(section)

    async def clock(self) -> float:
        """Return the server's clock, in seconds since the epoch."""
        async with in_time():
            seconds, micros = await self._client.time()
        return seconds + micros / 1e6
