"""Whether a store may be used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import MovedError, NoScriptError, ResponseError

from bridge.adapters.store.errors import CLUSTER, RIGHTS, in_time
from bridge.adapters.store.scripts import commands
from bridge.app.ports import NEARLY_FULL
from bridge.errors import StoreForbids, StoreRefused

#: The version of the layout described in ``lua/shared/common.lua``.
SCHEMA = "2"
#: The one before it, which `bridge.adapters.store.migration` brings up to date.
OLDER_SCHEMA = "1"

#: Names the commands of its arguments that a script may not run on a key.
_FORBIDDEN = """#!lua flags=no-writes,allow-oom
local forbidden = {}
for _, name in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(name, '%S+') do table.insert(words, word) end
  table.insert(words, KEYS[1])
  if not redis.acl_check_cmd(unpack(words)) then table.insert(forbidden, name) end
end
return forbidden"""


@dataclass(frozen=True, slots=True)
class _Right:
    """A right that the store's user should have, and a harmless command that needs it."""

    name: str
    command: tuple[str, ...]
    without: str = ""  #: What does not work without it; empty if nothing does.


def _rights(namespace: str) -> tuple[_Right, ...]:
    key = f"{{{namespace}}}:probe"
    return (
        _Right(f"to read keys {{{namespace}}}:*", ("GET", key)),
        _Right(f"to write keys {{{namespace}}}:*", ("DEL", key)),
        _Right("to load scripts (SCRIPT LOAD)", ("SCRIPT", "LOAD", "return 1")),
        _Right("to run scripts (EVALSHA)", ("EVALSHA", "0" * 40, "0")),
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
            async with in_time():
                await client.execute_command(*right.command)  # type: ignore[no-untyped-call]
        except NoScriptError:
            continue
        except StoreForbids as error:
            if not isinstance(
                error.__cause__, MovedError
            ):  # a cluster's other node has it
                missing.append(right)
    if forbidden := await _forbidden_commands(client, namespace):
        missing.append(_Right(f"to run {', '.join(forbidden)}", ()))
    if not is_broker:
        return missing
    # Celery's workers subscribe to a pattern, which rights have to spell as it is; without
    # it they end as soon as they begin.
    db = client.connection_pool.connection_kwargs.get("db") or 0
    channel = f"{{{namespace}}}:celery:/{db}.celery.pidbox"
    try:
        async with in_time(), client.pubsub() as subscription:
            await subscription.psubscribe(channel)
            await subscription.get_message(timeout=None)
    except StoreForbids:
        missing.append(_Right(f"to use the channel {channel}", ()))
    return missing


async def _forbidden_commands(client: Redis, namespace: str) -> list[str]:
    """Name the commands that scripts may not run; none where the server cannot tell."""
    ask = client.register_script(_FORBIDDEN)
    with suppress(ResponseError, StoreRefused):
        async with in_time():
            return await ask(keys=[f"{{{namespace}}}:probe"], args=commands())  # type: ignore[no-any-return]
    return []


async def inspect(
    client: Redis,
    namespace: str,
    *,
    is_broker: bool = True,
    migrate: Callable[[], Awaitable[None]] | None = None,
) -> list[str]:
    """
    Check that a store may be used, and note the layout's version in it.

    Args:
        client: The store's.

        namespace: The deployment's.

        is_broker: Whether Celery's messages travel over it, too.

        migrate: Brings data of the version before up to date; ``None`` to only report
            them.

    Returns:
        What an operator should know about it, one sentence each.

    Raises:
        StoreUnavailable: It does not answer.

        StoreRefused: It evicts keys, is too old, is a cluster that shall also be the broker,
            or holds another version's data.

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
        warnings += await _careless(client, is_broker=is_broker)
    async with in_time():
        schema_key = f"{{{namespace}}}:schema"
        schema = cast("str | None", await client.get(schema_key))
        if schema is None:  # a write would be refused where memory is full
            await client.set(schema_key, SCHEMA, nx=True)
            schema = cast("str | None", await client.get(schema_key))
    if schema == OLDER_SCHEMA and migrate is not None:
        await migrate()
    elif schema == OLDER_SCHEMA:
        warnings.append(
            "the store holds data of an older version; a worker brings it up to date "
            "when it starts"
        )
    elif schema != SCHEMA:
        msg = (
            f"the store holds data of layout version {schema}, this mjbridge knows "
            f"version {SCHEMA}; use the mjbridge that wrote it, or another namespace"
        )
        raise StoreRefused(msg)
    return warnings


async def _careless(client: Redis, *, is_broker: bool) -> list[str]:
    """Refuse a server that would lose deliveries, and name what is careless about others."""
    async with in_time():
        facts = await client.info()
    version = str(facts.get("redis_version", "0"))
    if int(version.split(".", maxsplit=1)[0]) < 7:
        msg = f"the store is Redis {version}; mjbridge needs Redis 7.0 or Valkey 8 or newer"
        raise StoreRefused(msg)
    if facts.get("cluster_enabled") and is_broker:
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
