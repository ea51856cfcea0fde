"""What has to be true of a real store's keys at every moment, whatever was done to it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import pytest
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
        elif kind == "set":
            members: Any = client.smembers(name)
            value = await members
        elif kind == "stream":
            value = await client.xrange(name)
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
    _examine_cells(keys)
    _examine_events(keys, lanes)
    at = Counter(row["hook_at"] for row in _tasks(keys) if "hook_at" in row)
    hooks = {name: int(tasks) for name, tasks in keys.get("hooks", {}).items()}
    assert hooks == at, "the tasks of each origin of hooks are counted"
    for name, value in keys.items():
        if name.startswith("health:"):
            endpoint = name.removeprefix("health:")
            waiting = sum(len(ids) for (of, _), ids in lanes.items() if of == endpoint)
            assert int(value.get("pending", 0)) == waiting, "what is pending is counted"


def _tasks(keys: dict[str, Any]) -> list[dict[str, str]]:
    return [row for name, row in keys.items() if name.startswith("task:")]


def _lanes(keys: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    found = {}
    for name, value in keys.items():
        if name.startswith("lane:"):
            found[_lane_of(name)] = value
    return found


def _lane_of(key: str) -> tuple[str, str]:
    """The endpoint and the lane that a key is of. What stands for hooks is an origin; for actions, an upstream."""
    _, _, rest = key.partition(":")
    matched = re.fullmatch(
        r"(hook:https?://[^:]+|upstream:[^:]+|archive:[^:]*|[^:]*):(.*)", rest
    )
    assert matched is not None
    return matched[1], matched[2]


def _examine_heads(
    keys: dict[str, Any], lanes: dict[tuple[str, str], list[str]]
) -> None:
    heads = {_lane_of(name) for name in keys if name.startswith("head:")}
    assert heads <= lanes.keys(), "what is known of a head goes with it"


def _examine_cells(keys: dict[str, Any]) -> None:
    """Each row lies in the cell of its facets, in no other, and by its own time."""
    expected: dict[str, dict[str, float]] = defaultdict(dict)
    for name, row in keys.items():
        kind, _, key = name.partition(":")
        if kind == "task":
            upstream, status = key.partition(":")[0], row["status"] or "-"
            cell = f"tasks:{upstream}:{status}:{row['active']}"
            expected[cell][key] = float(row["tracked_at"])
        if kind == "event":
            at = float(row["at"])
            if row["type"] != "action":  # those have a list of their own
                expected[f"events:{row['upstream'] or '-'}:{row['type']}"][key] = at
            for field, state in row.items():
                if field.startswith("to:"):
                    endpoint = field.removeprefix("to:")
                    cell = f"deliveries:{state}:{endpoint}"
                    expected[cell][f"{key}|{endpoint}"] = at
        if kind == "action":
            cell = f"actions:{row['upstream']}:{row['state']}"
            expected[cell][key] = float(row["created_at"])
    lists = ("tasks", "events", "deliveries", "actions")
    found = {name: row for name, row in keys.items() if name.split(":")[0] in lists}
    assert found.keys() == expected.keys(), "there is a cell for each row, and no other"
    for name, rows in expected.items():
        assert found[name] == pytest.approx(rows, abs=1e-5), name
        list_, _, cell = name.partition(":")
        assert cell in keys[f"cells:{list_}"], "cells that have rows are known"


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
