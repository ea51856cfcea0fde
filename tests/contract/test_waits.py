"""Why a delivery waits, as the real store has it: every cause, brought about as it comes about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bridge.app.waiting import Cause, Explanation, explain
from bridge.core.endpoint import Rate
from bridge.core.event import Event
from tests.contract.bench import Bench, endpoint

LEASE = 61.0


async def cause_of(bench: Bench, event: Event) -> Explanation:
    (wait,) = await bench.queries.waits([(event.id, "a")])
    assert wait is not None
    return explain(wait)


async def _disabled(bench: Bench) -> Event:
    event = await bench.tell("u")
    await bench.disable(await bench.claim_one())
    return event


async def _paused(bench: Bench) -> Event:
    event = await bench.tell("u")
    await bench.admin.switch("a", "pause")
    return event


async def _unconfigured(bench: Bench) -> Event:
    event = await bench.tell("u")
    await bench.give_away(await bench.claim_one())
    return event


async def _retry_after(bench: Bench) -> Event:
    await bench.tell("u")
    await bench.fail(await bench.claim_one(), status=429, hold=90.0)
    return await bench.tell("v")


async def _breaker_open(bench: Bench) -> Event:
    await bench.open_breaker()
    return await bench.tell("v")


async def _breaker_trial(bench: Bench) -> Event:
    await bench.open_breaker()
    event = await bench.tell("v")
    await bench.let_pass(60.0)
    await bench.claim_one()
    await bench.all_is_well()
    return event


async def _attempted(bench: Bench) -> Event:
    event = await bench.tell("u")
    await bench.claim_one()
    return event


async def _behind(bench: Bench) -> Event:
    await bench.tell("u", "task.submitted")
    return await bench.tell("u", "task.succeeded")


async def _suspect(bench: Bench) -> Event:
    event = await bench.tell("u")
    await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    await bench.all_is_well()
    return event


async def _suspect_trial(bench: Bench) -> Event:
    await _suspect(bench)
    await bench.claim_one(alone=True)
    return await bench.tell("v")


async def _scheduled(bench: Bench) -> Event:
    event = await bench.tell("u")
    await bench.fail(await bench.claim_one(), again_in=300.0)
    return event


async def _concurrency(bench: Bench) -> Event:
    await bench.admin.configure([endpoint(concurrency=1)])
    await bench.tell("u")
    event = await bench.tell("v")
    await bench.claim_one()
    return event


async def _rate(bench: Bench) -> Event:
    await bench.admin.configure([endpoint(rate=Rate(per_second=0.1, burst=1.0))])
    await bench.tell("u")
    event = await bench.tell("v")
    await bench.succeed(await bench.claim_one())
    return event


async def _due(bench: Bench) -> Event:
    return await bench.tell("u")


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        (_attempted, Cause.ATTEMPTED),
        (_disabled, Cause.DISABLED),
        (_paused, Cause.PAUSED),
        (_unconfigured, Cause.UNCONFIGURED),
        (_retry_after, Cause.RETRY_AFTER),
        (_breaker_open, Cause.BREAKER_OPEN),
        (_breaker_trial, Cause.BREAKER_TRIAL),
        (_behind, Cause.BEHIND),
        (_suspect, Cause.SUSPECT),
        (_suspect_trial, Cause.SUSPECT_TRIAL),
        (_scheduled, Cause.SCHEDULED),
        (_concurrency, Cause.CONCURRENCY),
        (_rate, Cause.RATE_LIMIT),
        (_due, Cause.DUE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_delivery_waits_for_what_happened(
    bench: Bench, happens: Callable[[Bench], Awaitable[Event]], cause: Cause
) -> None:
    await bench.all_is_well()

    event = await happens(bench)

    assert (await cause_of(bench, event)).cause == cause


async def test_without_a_heartbeat_it_waits_for_a_worker(bench: Bench) -> None:
    event = await bench.tell("u")
    never = await cause_of(bench, event)
    await bench.all_is_well()
    await bench.let_pass(300.0)
    not_lately = await cause_of(bench, event)

    assert (never.cause, never.silence) == (Cause.NO_WORKER, None)
    assert not_lately.cause == Cause.NO_WORKER
    assert not_lately.silence == pytest.approx(300.0, abs=30.0)


async def test_in_a_store_that_is_nearly_full_it_waits_for_memory(bench: Bench) -> None:
    await bench.all_is_well()
    event = await bench.tell("u")
    before: Any = (await bench.client.config_get("maxmemory"))["maxmemory"]
    used = (await bench.client.info("memory"))["used_memory"]
    try:
        await bench.client.config_set("maxmemory", int(used / 0.9))
        await bench.housekeeping.watch_memory()
    finally:
        await bench.client.config_set("maxmemory", before)

    assert (await cause_of(bench, event)).cause == Cause.STORE_FULL
    assert await bench.queries.waits([(event.id, "nobody")]) == [None]
