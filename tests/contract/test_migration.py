"""A store of the layout before: nothing in it is lost, however often that is interrupted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.store.migration import migrate, migrate_some
from bridge.adapters.store.readiness import inspect
from bridge.app.paging import all_rows
from tests.contract.anatomy import contents, examine
from tests.contract.bench import RETENTION, Bench, endpoint

#: Every key of a deployment, as the program of that time has left them.
RECORDED: Any = json.loads(
    (Path(__file__).parents[1] / "data" / "store-of-version-1.json").read_text()
)


@pytest.fixture
async def old(bench: Bench) -> Bench:
    """A bench whose store is of version 1, and whose times are of now."""
    prefix = f"{{{bench.namespace}}}:"
    pipe = bench.client.pipeline()
    for name, kept in RECORDED["keys"].items():
        key, value = prefix + name, kept["value"]
        if kept["kind"] == "hash":
            pipe.hset(key, mapping=value)
        elif kept["kind"] == "zset":
            pipe.zadd(key, value)
        elif kept["kind"] == "list":
            pipe.rpush(key, *value)
        else:
            pipe.set(key, value)
    await pipe.execute()
    await bench.let_pass(RECORDED["now"] - await bench.admin.clock())
    for name, kept in RECORDED["keys"].items():
        if "pttl" in kept:
            await bench.client.pexpire(prefix + name, kept["pttl"])
    return bench


async def states(bench: Bench) -> dict[tuple[str, str], str]:
    rows = all_rows(bench.queries.delivery_page)
    return {(row.event_id, row.endpoint): row.state async for row in rows}


async def test_everything_is_kept_and_in_its_place(old: Bench) -> None:
    assert await migrate(old.keys) == 8 + 10

    await examine(old.client, old.namespace)
    tasks = {row.key.id: row async for row in all_rows(old.queries.task_page)}
    assert {name: row.status for name, row in tasks.items()} == {
        "done": "SUCCESS",
        "lost": "LOST",
        "shut": "IN_PROGRESS",
        "away": "MODAL",
        "new": None,
        "stopped": None,
        "1": None,
    }
    assert tasks["done"].metadata == {"who": "me"}
    polled = all_rows(partial(old.queries.task_page, active=True))
    assert {row.key.id async for row in polled} == {"shut", "away", "new", "1"}
    found = (await old.queries.task_page(search="red BOAT")).items
    assert [row.key.id for row in found] == ["done"]
    assert Counter((await states(old)).values()) == {
        "delivered": 5,
        "dead": 1,
        "superseded": 4,
        "pending": 2,  # for chat, and for slow
        "held": 3,  # one is paused, one disabled, one not configured
    }
    story = await old.queries.story("main:done")
    assert [row.event.type for row in story] == ["task.submitted", "task.succeeded"]
    assert [len(row.attempts) for row in story] == [2, 2]
    assert (await old.queries.counters()).attempts["a", "delivered"] == 4


async def test_what_was_under_way_goes_on(old: Bench) -> None:
    await migrate(old.keys)
    chat = replace(endpoint("chat", edits=True), kind="slack")
    await old.admin.configure([endpoint("gone"), chat, endpoint("slow")])
    await old.admin.switch("held", "resume")
    await old.admin.switch("shut", "resume")
    before = {key for key, state in (await states(old)).items() if state == "pending"}
    delivered, remembered = set(), {}
    await old.let_pass(301.0)
    while claimed := await old.claim():
        for one in claimed:
            delivered.add((one.event.id, one.endpoint))
            remembered[one.endpoint] = one.channel_state
            await old.succeed(one)

    assert delivered == before
    assert remembered["chat"] == {"message": "77"}
    assert set((await states(old)).values()) == {"delivered", "dead", "superseded"}
    await examine(old.client, old.namespace)


async def test_a_task_that_was_polled_is_not_news_again(old: Bench) -> None:
    await migrate(old.keys)
    await old.let_pass(1000.0)

    claim = await old.claim_tasks("main")

    seen = {due.key.id: due.task_state.status for due in claim.tasks}
    assert seen == {"shut": "IN_PROGRESS", "away": "MODAL", "new": None}


async def test_nothing_is_left_when_all_is_forgotten(old: Bench) -> None:
    await migrate(old.keys)
    for name in ("chat", "gone", "shut", "held", "slow"):
        await old.admin.give_up(await old.admin.open_at(name, 100), "why")
    for row in (await old.queries.task_page()).items:
        await old.admin.untrack(row.key)
    await old.let_pass(RETENTION + 10.0)
    await old.housekeeping.tidy(100)
    await old.let_pass(3700.0)
    await old.housekeeping.tidy(100)

    left = {
        name.partition(":")[0] for name in await contents(old.client, old.namespace)
    }
    kept = {"schema", "counters", "settled", "upstream", "health", "endpoints", "ready"}
    assert left <= kept


async def test_an_interrupted_migration_is_begun_again(old: Bench) -> None:
    schema = f"{{{old.namespace}}}:schema"
    steps = [await migrate_some(old.keys, 2) for _ in range(2)]
    assert steps == [(False, 4), (False, 4)]
    assert await old.client.get(schema) == "1"

    await asyncio.gather(*(migrate(old.keys) for _ in range(3)))

    assert await old.client.get(schema) == "2"
    await examine(old.client, old.namespace)
    assert len(await states(old)) == 15
    assert await migrate(old.keys) == 0


async def test_an_older_store_is_only_named_by_those_that_change_nothing(
    old: Bench,
) -> None:
    client = old.client
    warnings = await inspect(client, old.namespace)
    assert any(
        "older version; a worker brings it up to date" in one for one in warnings
    )

    async def bring_up_to_date() -> None:
        await migrate(old.keys)

    warnings = await inspect(client, old.namespace, migrate=bring_up_to_date)

    assert not any("older version" in one for one in warnings)
    assert not any(
        "older version" in one for one in await inspect(client, old.namespace)
    )
