"""Whether a store may be used, and waiting until it can be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from redis.asyncio import Redis

from bridge.adapters.store.errors import store_errors
from bridge.errors import StoreRefused, StoreUnavailable

#: The version of the layout described in ``lua/common.lua``.
SCHEMA = "1"
#: Seconds between two attempts to reach a store.
CHECK_EVERY = 0.5


async def inspect(client: Redis, namespace: str) -> list[str]:
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
        schema = cast("str | None", await client.get(schema_key))
        if schema is None:  # a write would be refused where memory is full
            await client.set(schema_key, SCHEMA, nx=True)
            schema = cast("str | None", await client.get(schema_key))
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

        say: Shows a sentence to a person.

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
            await sleep(CHECK_EVERY)
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
    Wait for a store for some seconds, silently.

    Args:
        check: Raises `StoreUnavailable` while it does not answer.

        seconds: How long; 0 to check once.

        sleep: Waits for so many seconds.

    Raises:
        StoreUnavailable: It did not answer in time.
    """
    for _ in range(round(seconds / CHECK_EVERY)):
        try:
            return await check()
        except StoreUnavailable:
            await sleep(CHECK_EVERY)
    return await check()
