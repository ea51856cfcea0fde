"""Whether a store may be used, and waiting until it can be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from bridge.adapters.store.connection import COMMAND_TIMEOUT
from bridge.adapters.store.errors import CLUSTER, RIGHTS, store_errors
from bridge.app.ports import NEARLY_FULL
from bridge.errors import StoreForbids, StoreRefused, StoreUnavailable

#: The version of the layout described in ``lua/common.lua``.
SCHEMA = "1"
#: Seconds between two attempts to reach a store.
CHECK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class _Right:
    """A right that the store's user should have, and a harmless command that needs it."""

    name: str
    command: tuple[str, ...]
    without: str = ""  #: What does not work without it; empty if nothing does.


def _rights(namespace: str) -> tuple[_Right, ...]:
    key = f"{{{namespace}}}:probe"
    return (
        _Right(f"to read keys {{{namespace}}}:*", ("HGETALL", key)),
        _Right(f"to write keys {{{namespace}}}:*", ("DEL", key)),
        _Right("to load scripts (SCRIPT LOAD)", ("SCRIPT", "LOAD", "return 1")),
        _Right("to run scripts (EVALSHA)", ("EVALSHA", "0" * 40, "1", key)),
        _Right("to read the time (TIME)", ("TIME",)),
        _Right(
            "to look at the key celery",
            ("TYPE", "celery"),
            "what programs send that know only Celery is not heard",
        ),
        _Right(
            "to run INFO",
            ("INFO",),
            "its version, its eviction policy and how full it is are not checked",
        ),
    )


async def _missing_rights(
    client: Redis, namespace: str, *, is_broker: bool
) -> list[_Right]:
    missing = []
    for right in _rights(namespace):
        try:
            with store_errors():
                await client.execute_command(*right.command)  # type: ignore[no-untyped-call]
        except NoScriptError:
            continue
        except StoreForbids:
            missing.append(right)
    if not is_broker:
        return missing
    # Celery's workers subscribe to a pattern, which rights have to spell as it is; without
    # it they end as soon as they begin.
    db = client.connection_pool.connection_kwargs.get("db") or 0
    channel = f"{{{namespace}}}:celery:/{db}.celery.pidbox"
    try:
        with store_errors():
            async with client.pubsub() as subscription:
                await subscription.psubscribe(channel)
                await subscription.get_message(timeout=COMMAND_TIMEOUT)
    except StoreForbids:
        missing.append(_Right(f"to use the channel {channel}", ()))
    return missing


async def inspect(
    client: Redis, namespace: str, *, is_broker: bool = True
) -> list[str]:
    """
    Check that a store may be used, and note the layout's version in it.

    Args:
        client: The store's.

        namespace: The deployment's.

        is_broker: Whether Celery's messages travel over it, too.

    Returns:
        What an operator should know about it, one sentence each.

    Raises:
        StoreUnavailable: It does not answer.

        StoreRefused: It evicts keys, is too old, is a cluster, or holds another version's
            data.

        StoreForbids: Its user lacks rights; all of them are named.
    """
    missing = await _missing_rights(client, namespace, is_broker=is_broker)
    if needed := [right.name for right in missing if not right.without]:
        msg = f"the store's user lacks the right {', and '.join(needed)}; {RIGHTS}"
        raise StoreForbids(msg)
    warnings = [
        f"the store's user lacks the right {right.name}: {right.without}"
        for right in missing
    ]
    if not any(right.command == ("INFO",) for right in missing):
        warnings += await _careless(client)
    with store_errors():
        schema_key = f"{{{namespace}}}:schema"
        schema = cast("str | None", await client.get(schema_key))
        if schema is None:  # a write would be refused where memory is full
            await client.set(schema_key, SCHEMA, nx=True)
            schema = cast("str | None", await client.get(schema_key))
    if schema != SCHEMA:
        msg = (
            f"the store holds data of layout version {schema}, this mjbridge knows "
            f"version {SCHEMA}; use the mjbridge that wrote it, or another namespace"
        )
        raise StoreRefused(msg)
    return warnings


async def _careless(client: Redis) -> list[str]:
    """Refuse a server that would lose deliveries, and name what is careless about others."""
    with store_errors():
        facts = await client.info()
    version = str(facts.get("redis_version", "0"))
    if int(version.split(".", maxsplit=1)[0]) < 7:
        msg = f"the store is Redis {version}; mjbridge needs Redis 7.0 or Valkey 8 or newer"
        raise StoreRefused(msg)
    if facts.get("cluster_enabled"):
        raise StoreRefused(CLUSTER)
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        msg = (
            f"the store evicts keys when its memory is full (maxmemory-policy {policy}), "
            "so it would lose deliveries; set maxmemory-policy noeviction"
        )
        raise StoreRefused(msg)
    careless = []
    if not int(facts.get("aof_enabled", 0)):
        careless = [
            "the store keeps no append-only file: a restart of it loses deliveries"
        ]
    limit = int(facts.get("maxmemory", 0))
    if limit and (share := int(facts["used_memory"]) / limit) >= NEARLY_FULL:
        careless.append(
            f"{share:.0%} of the store's memory is used, so polling pauses: raise its "
            "maxmemory, or see what waits with `mjbridge endpoints`"
        )
    return careless


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
