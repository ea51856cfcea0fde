"""What has to be true of a real store's keys at every moment, whatever was done to it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from redis.asyncio import Redis

WAITING = ("fresh", "edits", "retry", "woken", "flight")


async def contents(client: Redis, namespace: str) -> dict[str, Any]:
    """Read every key of a namespace, by its name without the prefix."""
    prefix = f"{{{namespace}}}:"
    found: dict[str, Any] = {}
    names = [name async for name in client.scan_iter(match=f"{prefix}*", count=1000)]
    for name in names:
        kind = await client.type(name)
        value: Any
        if kind == "hash":
            value = await client.hgetall(name)
        elif kind == "zset":
            rows: Any = await client.zrange(name, 0, -1, withscores=True)
            value = dict(rows)
        elif kind == "list":
            value = await client.lrange(name, 0, -1)
        else:
            value = await client.get(name)
        found[str(name).removeprefix(prefix)] = value
    return found


async def examine(client: Redis, namespace: str) -> None:
    """Fail if the keys of a namespace contradict one another."""
    keys = await contents(client, namespace)
    lanes = _lanes(keys)
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, value in keys.items():
        kind, _, endpoint = name.partition(":")
        if kind in WAITING:
            for lane in value:
                places[endpoint, lane].append(kind)
    for member in keys.get("suspects", ()):
        endpoint, _, lane = member.partition("|")
        places[endpoint, lane].append("suspects")
    assert dict.fromkeys(lanes, 1) == {
        lane: len(kinds) for lane, kinds in places.items()
    }, "each lane waits in exactly one place"
    _examine_heads(keys, lanes)
    _examine_events(keys, lanes)
    for name, value in keys.items():
        if name.startswith("health:"):
            endpoint = name.removeprefix("health:")
            waiting = sum(len(ids) for (of, _), ids in lanes.items() if of == endpoint)
            assert int(value.get("pending", 0)) == waiting, "what is pending is counted"


def _lanes(keys: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    found = {}
    for name, value in keys.items():
        if name.startswith("lane:"):
            _, endpoint, lane = name.split(":", 2)
            found[endpoint, lane] = value
    return found


def _examine_heads(
    keys: dict[str, Any], lanes: dict[tuple[str, str], list[str]]
) -> None:
    heads = {tuple(n.split(":", 2)[1:]) for n in keys if n.startswith("head:")}
    assert heads <= lanes.keys(), "what is known of a head goes with it"


def _examine_events(
    keys: dict[str, Any], lanes: dict[tuple[str, str], list[str]]
) -> None:
    queued: dict[str, set[str]] = defaultdict(set)
    for (endpoint, _lane), ids in lanes.items():
        for event_id in ids:
            assert endpoint not in queued[event_id], "an event waits once"
            queued[event_id].add(endpoint)
    for name, event in keys.items():
        if not name.startswith("event:"):
            continue
        event_id = name.removeprefix("event:")
        pending = {
            field.removeprefix("to:")
            for field, state in event.items()
            if field.startswith("to:") and state == "pending"
        }
        assert pending == queued[event_id], "what is pending waits in a lane"
        assert int(event["open"]) == len(pending), "what is open is counted"
        assert (event_id in keys.get("open", ())) == bool(pending)
        assert (event_id in keys.get("closed", ())) == (not pending)
    assert queued.keys() <= {
        n.removeprefix("event:") for n in keys if n.startswith("event:")
    }, "what waits is there"
