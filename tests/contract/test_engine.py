"""The store from inside: its scripts, its memory, and many clients at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.adapters.store.connection import connect
from bridge.adapters.store.readiness import inspect
from bridge.adapters.store.scripts import SCRIPTS, source
from bridge.app.housekeeping import sweep
from bridge.app.ports import (
    PollError,
    PollFailure,
    PollResult,
    Publication,
    SignsOfLife,
    StoreMemory,
)
from bridge.core.change import TaskState
from bridge.core.task import TaskKey
from bridge.errors import StoreRefused, StoreUnavailable
from tests.contract.anatomy import contents, examine
from tests.contract.bench import RETENTION, Bench, endpoint


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    made = connect(redis_url)
    yield made
    await made.aclose()


@asynccontextmanager
async def limited(client: Redis, limit: float) -> AsyncIterator[None]:
    """Limit the store's memory, in bytes."""
    before: Any = (await client.config_get("maxmemory"))["maxmemory"]
    await client.config_set("maxmemory", int(limit))
    try:
        yield
    finally:
        await client.config_set("maxmemory", before)


# --- scripts --------------------------------------------------------------------------


async def test_the_store_may_forget_the_scripts(bench: Bench, client: Redis) -> None:
    await client.script_flush()
    event = await bench.tell("u")
    await client.script_flush()

    assert await bench.claimed() == [event.id]


def test_every_script_says_what_it_reads_and_writes() -> None:
    for name in SCRIPTS:
        own = source(name).rpartition("-- Reads")[2]
        assert "-- Returns" in own, name


def test_every_script_begins_with_its_flags() -> None:
    for name in SCRIPTS:
        assert source(name).startswith("#!lua")


# --- memory ---------------------------------------------------------------------------


async def test_a_look_is_refused_as_a_whole_when_memory_is_full(
    bench: Bench, client: Redis, namespace: str
) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    (due,) = claim.tasks
    event = bench.event("task.started", due, at=claim.now)
    publication = Publication(event=event, recipients=("a", "b"))
    result = PollResult(
        due=due,
        task_state=TaskState(digest="x"),
        poll_again_in=5.0,
        publication=publication,
    )
    before = await contents(client, namespace)
    async with limited(client, 1):
        with pytest.raises(StoreUnavailable, match="memory"):
            await bench.tasks.record([result])
        assert await contents(client, namespace) == before

    assert (await bench.tasks.record([result])).applied == [True]


async def test_nothing_new_is_tracked_when_memory_is_full(
    bench: Bench, client: Redis
) -> None:
    async with limited(client, 1):
        with pytest.raises(StoreUnavailable, match="memory"):
            await bench.track("1")


async def test_what_is_known_is_delivered_and_forgotten_when_memory_is_full(
    bench: Bench, client: Redis, namespace: str
) -> None:
    await inspect(client, namespace)
    await bench.admin.configure([endpoint()])
    old = await bench.tell("old")
    await bench.admin.switch("a", "pause")
    await bench.let_pass(RETENTION + 10.0)
    new = await bench.tell("new")
    async with limited(client, 1):
        await client.script_flush()
        await inspect(client, namespace)
        await sweep(bench.housekeeping, [endpoint()], upstreams=[], retention=RETENTION)
        await bench.admin.switch("a", "resume")
        delivery = await bench.claim_one()
        await bench.deliveries.save_state(delivery, {"ts": "1"})
        assert await bench.succeed(delivery)

    assert [await bench.state(old), await bench.state(new)] == ["dead", "delivered"]
    await examine(client, namespace)


async def test_polling_pauses_when_memory_is_nearly_full(
    bench: Bench, client: Redis
) -> None:
    await bench.track("1")
    # Beside this, what connections take for themselves is nothing.
    await client.setrange(f"{{{bench.namespace}}}:ballast", 20_000_000, "x")
    used = (await client.info("memory"))["used_memory"]
    async with limited(client, used / 0.9):
        memory = await bench.housekeeping.watch_memory()
        assert memory is not None
        assert memory.share == pytest.approx(0.9, abs=0.05)
        assert await bench.due() == []
    async with limited(client, used * 2):
        await bench.housekeeping.watch_memory()
        assert await bench.due() == ["1"]
    async with limited(client, 0):
        assert await bench.housekeeping.watch_memory() == StoreMemory(
            share=0.0, evicts=""
        )


async def test_a_store_that_would_evict_is_told(bench: Bench, client: Redis) -> None:
    before: Any = (await client.config_get("maxmemory-policy"))["maxmemory-policy"]
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        memory = await bench.housekeeping.watch_memory()
    finally:
        await client.config_set("maxmemory-policy", before)

    assert memory is not None
    assert memory.evicts == "allkeys-lru"


async def test_a_key_that_somebody_else_has_written_is_a_sentence(bench: Bench) -> None:
    await bench.tell("u")
    await bench.client.set(f"{{{bench.namespace}}}:ready", "oops")

    with pytest.raises(StoreRefused, match="holds what mjbridge did not write"):
        await bench.claim()


# --- many at once ---------------------------------------------------------------------


async def test_a_task_is_claimed_by_one_of_many_pollers(bench: Bench) -> None:
    await bench.track(*(str(number) for number in range(40)))
    claims = await asyncio.gather(*(bench.due() for _ in range(8)))

    ids = [task_id for claim in claims for task_id in claim]
    assert len(ids) == len(set(ids)) == 40


async def test_of_many_looks_at_one_version_one_is_recorded(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    (due,) = claim.tasks
    results = [
        PollResult(
            due=due,
            task_state=TaskState(digest=str(number)),
            poll_again_in=5.0,
            publication=Publication(
                event=bench.event("task.started", due, at=claim.now), recipients=("a",)
            ),
        )
        for number in range(8)
    ]
    recorded = await asyncio.gather(
        *(bench.tasks.record([result]) for result in results)
    )

    assert sum(one.applied[0] for one in recorded) == 1
    assert len(await bench.queries.story("u:1")) == 1


async def test_a_delivery_is_claimed_by_one_of_many_workers(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=100)])
    await bench.prove("a")
    events = {(await bench.tell(f"u{number}")).id for number in range(40)}
    claims = await asyncio.gather(*(bench.claim(limit=10) for _ in range(8)))

    ids = [delivery.event.id for claim in claims for delivery in claim]
    assert len(ids) == 40
    assert set(ids) == events


async def test_a_body_is_kept_once_however_many_hear_of_it(
    bench: Bench, client: Redis, namespace: str
) -> None:
    await bench.tell("u", to=[f"e{number}" for number in range(20)])
    keys = await contents(client, namespace)

    assert sum("…" in str(value) for value in keys.values()) == 1


async def test_nothing_is_left_of_what_was_forgotten(
    bench: Bench, client: Redis, namespace: str
) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u", "task.submitted")
    await bench.tell("u", "task.started")
    await bench.fail(await bench.claim_one(), again_in=0.0)
    await bench.kill(await bench.claim_one())
    await bench.succeed(await bench.claim_one())
    await bench.admin.untrack(TaskKey("u", "1"))
    await bench.let_pass(RETENTION + 10.0)
    await bench.housekeeping.tidy(100)
    await bench.housekeeping.forget_endpoint("a", await bench.admin.clock())

    left = {"counters", "feed", "settled", "requests:u", "upstream:u", "wakeups:poll"}
    assert set(await contents(client, namespace)) <= left


async def test_an_event_that_is_gone_holds_up_nothing(
    bench: Bench, client: Redis, namespace: str
) -> None:
    await bench.admin.configure([endpoint()])
    gone = await bench.tell("u", "task.submitted")
    after = await bench.tell("u", "task.started")
    await client.delete(f"{{{namespace}}}:event:{gone.id}")

    assert await bench.claim() == []
    assert await bench.claimed() == [after.id]


async def test_a_task_that_is_gone_holds_up_nothing(
    bench: Bench, client: Redis, namespace: str
) -> None:
    await bench.track("1", "2")
    await client.delete(f"{{{namespace}}}:task:u:1")

    assert await bench.due() == ["2"]


async def test_what_happens_is_counted_over_all_processes(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u", "task.submitted")
    await bench.tell("u", "task.started")
    await bench.succeed(await bench.claim_one())
    await bench.fail(await bench.claim_one(), again_in=0.0)
    await bench.kill(await bench.claim_one())
    await bench.track("1", upstream="v")
    claim = await bench.claim_tasks("v")
    failure = PollFailure(error=PollError.THROTTLED, reason="", hold=1.0, since=0.0)
    await bench.tasks.poll_failed(claim, failure)

    counted = await bench.queries.counters()
    assert counted.polls == {("u", "ok"): 2, ("v", "throttled"): 1}
    assert counted.events == {"task.submitted": 1, "task.started": 1}
    assert counted.attempts == {("a", "delivered"): 1, ("a", "5xx"): 2}
    assert counted.deliveries == {("a", "delivered"): 1, ("a", "dead"): 1}


async def test_the_heartbeat_is_kept(bench: Bench) -> None:
    assert await bench.queries.signs_of_life() == SignsOfLife()
    await bench.housekeeping.beat(123.5)

    assert await bench.queries.signs_of_life() == SignsOfLife(answered_at=123.5)


async def test_a_worker_is_known_by_its_queues_and_its_configuration(
    bench: Bench,
) -> None:
    first = await bench.admin.sign_on(["poll", "deliver"], "one")
    await bench.let_pass(60.0)
    second = await bench.admin.sign_on(["deliver"], "other")
    third = await bench.admin.sign_on(["deliver"], "other")

    life = await bench.queries.signs_of_life()
    assert life.served_at == {
        "poll": pytest.approx(first.now - 60.0, abs=0.01),
        "deliver": pytest.approx(second.now, abs=0.01),
    }
    assert life.configured_at.keys() == {"one", "other"}
    assert first.others_at is None
    assert second.others_at == third.others_at == pytest.approx(first.now - 60, abs=0.1)


async def test_of_workers_that_are_gone_the_last_of_each_queue_is_remembered(
    bench: Bench,
) -> None:
    await bench.admin.sign_on(["poll", "deliver"], "old")
    await bench.let_pass(7200.0)
    await bench.admin.sign_on(["poll"], "new")

    life = await bench.queries.signs_of_life()
    assert life.served_at.keys() == {"poll", "deliver"}
    await bench.admin.sign_on(["deliver"], "new")
    life = await bench.queries.signs_of_life()
    assert life.configured_at.keys() == {"new"}


async def test_a_worker_that_signed_on_before_the_clock_was_set_back_is_not_there_for_ever(
    bench: Bench,
) -> None:
    await bench.admin.sign_on(["poll", "deliver"], "old")
    await bench.let_pass(-3600.0)
    await bench.admin.sign_on(["poll"], "new")

    assert (await bench.queries.signs_of_life()).served_at.keys() == {"poll"}
