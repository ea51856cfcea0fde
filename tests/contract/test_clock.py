"""The store's clock, also where it is set back: what waits is due when it would have been."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.adapters.store.actions import StoredActions
from bridge.app.housekeeping import sweep
from bridge.app.ports import (
    ClaimLimits,
    NewAction,
    Order,
    PollError,
    PollFailure,
    PollResult,
    Publication,
)
from bridge.core.action import press_id
from bridge.core.endpoint import Rate
from bridge.core.rule import Limit, Rule
from bridge.core.task import TaskKey
from tests.contract.bench import LIMITS, RETENTION, Bench, endpoint

TWO_HOURS = 7200.0


async def sweep_all(bench: Bench) -> None:
    endpoints = [endpoint("a"), endpoint("e", edits=True)]
    await sweep(
        bench.housekeeping,
        endpoints,
        upstreams=["u"],
        rules=["slow"],
        retention=RETENTION,
    )


async def set_back(bench: Bench) -> None:
    """Set the clock back by two hours, as a worker lives through it."""
    await sweep_all(bench)
    await bench.let_pass(-TWO_HOURS)
    await sweep_all(bench)


# --- what waits moves along -----------------------------------------------------------


async def test_a_retry_is_due_when_it_would_have_been(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.fail(await bench.claim_one(), again_in=5.0)
    await set_back(bench)

    assert await bench.claimed() == []
    await bench.let_pass(6.0)
    delivery = await bench.claim_one()
    assert delivery.event.id == event.id
    assert delivery.history.first is not None
    assert delivery.now - delivery.history.first == pytest.approx(6.0, abs=2.0)
    assert delivery.now - delivery.history.due == pytest.approx(1.0, abs=2.0)


async def test_an_attempt_under_way_is_tried_again_when_it_would_have_been(
    bench: Bench,
) -> None:
    await bench.tell("u")
    delivery = await bench.claim_one()
    await set_back(bench)
    # Its worker knows the time before.
    ahead = replace(delivery, now=delivery.now + TWO_HOURS)
    await bench.fail(ahead, again_in=5.0)

    assert await bench.claimed() == []
    await bench.let_pass(6.0)
    assert (await bench.claim_one()).event.id == delivery.event.id


async def test_an_open_breaker_closes_when_it_would_have(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    await set_back(bench)

    assert await bench.claimed() == []
    await bench.let_pass(6.0)
    assert len(await bench.claim()) == 1


async def test_a_retry_after_ends_when_it_would_have(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u")
    await bench.fail(await bench.claim_one(), again_in=5.0, hold=5.0)
    event = await bench.tell("v")
    await set_back(bench)

    assert await bench.claimed() == []
    await bench.let_pass(6.0)
    assert event.id in await bench.claimed()


async def test_progress_is_told_when_it_would_have_been(bench: Bench) -> None:
    await bench.admin.configure([endpoint("e", edits=True)])
    await bench.tell("u", to=["e"])
    await bench.succeed(await bench.claim_one(), edit_in=5.0)
    waiting = await bench.tell("u", "task.progress", to=["e"])
    await set_back(bench)

    assert await bench.claimed() == []
    await bench.let_pass(6.0)
    assert await bench.claimed() == [waiting.id]


async def test_no_progress_is_held_back_by_an_edit_in_a_time_to_come(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint("e", edits=True)])
    await bench.tell("u", to=["e"])
    await bench.succeed(await bench.claim_one(), edit_in=5.0)
    await set_back(bench)
    event = await bench.tell("u", "task.progress", to=["e"])

    assert await bench.claimed() == [event.id]


async def test_a_poll_is_due_when_it_would_have_been(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    await bench.tasks.record([PollResult(due=claim.tasks[0], poll_again_in=5.0)])
    await bench.tasks.poll_succeeded(claim)
    await set_back(bench)

    assert await bench.due() == []
    await bench.let_pass(6.0)
    assert await bench.due() == ["1"]


async def test_an_upstream_is_left_alone_for_as_long_as_it_would_have_been(
    bench: Bench,
) -> None:
    await bench.track("1")
    failure = PollFailure(
        error=PollError.BROKEN, reason="HTTP 502", hold=5.0, since=1.0
    )
    await bench.tasks.poll_failed(await bench.claim_tasks(), failure)
    await set_back(bench)

    assert await bench.due() == []
    await bench.let_pass(6.0)
    assert await bench.due() == ["1"]


async def test_a_rule_may_press_again_when_it_would_have_been_allowed_to(
    bench: Bench,
) -> None:
    limit = Limit(most=1, seconds=100)
    rule = Rule(name="slow", press=("U1",), limit=limit, waits=False)
    actions = StoredActions(bench.keys, patience=600.0)

    async def is_pressed(task_id: str) -> bool:
        task = TaskKey("u", task_id)
        action = NewAction(
            id=press_id(task, "U1", ""),
            kind="press",
            upstream="u",
            task=task,
            label="U1",
            by="rule:slow",
            order=Order(route="submit/action", body={}),
            rule=rule,
        )
        await bench.track(task_id)
        claim = await bench.claim_tasks()
        [due] = claim.tasks
        event = bench.event("task.succeeded", due, at=claim.now)
        publication = Publication(event=event, recipients=())
        await bench.tasks.record(
            [PollResult(due=due, publication=publication, actions=(action,))]
        )
        await bench.tasks.poll_succeeded(claim)
        return await actions.find(action.id) is not None

    assert await is_pressed("1")
    await set_back(bench)

    assert not await is_pressed("2")
    await bench.let_pass(101.0)
    assert await is_pressed("3")


async def test_a_lease_ends_when_it_would_have(bench: Bench) -> None:
    await bench.tell("u")
    await bench.track("1")
    await bench.claim_one()
    await bench.claim_tasks()
    await set_back(bench)

    assert await bench.claimed() == []
    assert await bench.due() == []
    await bench.let_pass(45.0)
    assert await bench.due() == ["1"]
    assert await bench.claimed() == []  # a suspect now
    assert len(await bench.claim(alone=True)) == 1


async def test_each_is_moved_once_however_many_calls_it_takes(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=100)])
    await bench.prove("a")
    for number in range(7):
        await bench.tell(f"v{number}")
    for delivery in await bench.claim():
        await bench.fail(delivery, again_in=5.0)
    await bench.housekeeping.follow_clock(["u"], [], 3)
    await bench.let_pass(-TWO_HOURS)

    moved = [await bench.housekeeping.follow_clock(["u"], [], 3) for _ in range(4)]

    assert moved == [3, 3, 1, 0]
    assert await bench.claimed() == []
    await bench.let_pass(6.0)
    assert len(await bench.claim()) == 7


# --- before a sweep has noticed -------------------------------------------------------


async def test_leases_from_before_the_clock_was_set_back_are_over(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint(concurrency=1)])
    await bench.track("1")
    await bench.tell("u")
    await bench.claim_one()
    assert await bench.due() == ["1"]
    await bench.let_pass(-10_000.0)
    await bench.tell("v")

    assert len(await bench.claim()) == 1
    assert (
        await bench.deliveries.claim_deliveries(ClaimLimits(limit=0, slow_limit=0))
    ).suspects is False
    assert await bench.due() == ["1"]


async def test_what_is_fresh_is_claimed_even_if_the_clock_was_set_back(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    await bench.let_pass(-5.0)
    await bench.tell("v", to=["b"])  # something makes the store look

    assert event.id not in await bench.claimed()
    await bench.housekeeping.tidy(1)
    assert await bench.claimed() == [event.id]


async def test_a_clock_that_was_set_back_adds_and_takes_no_tokens(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint(rate=Rate(per_second=1.0, burst=2.0))])
    for number in range(3):
        await bench.tell(f"u{number}")
    await bench.claim(limit=1)
    await bench.let_pass(-10_000.0)
    await bench.housekeeping.tidy(1)

    assert len(await bench.claim()) == 1


async def test_limits_hold_nobody_up_until_a_clock_that_was_set_back_has_caught_up(
    bench: Bench,
) -> None:
    slow = Rate(per_second=2.0, burst=1.0)
    await bench.admin.configure([endpoint(rate=slow)])
    await bench.tell("v0")
    await bench.succeed(await bench.claim_one())
    await bench.track("1")
    limits = replace(LIMITS, rate=slow)
    await bench.claim_tasks(limits=limits)
    await bench.let_pass(-3600.0)
    await bench.housekeeping.tidy(1)
    await bench.track("2")
    event = await bench.tell("v1")
    await bench.claim_tasks(limits=limits)
    await bench.let_pass(0.6)

    assert await bench.claimed() == [event.id]
    assert len((await bench.claim_tasks(limits=limits)).tasks) >= 1


async def test_a_valid_answer_counts_after_the_clock_was_set_back(
    bench: Bench,
) -> None:
    await bench.track("1")
    failure = PollFailure(
        error=PollError.BROKEN, reason="HTTP 502", hold=1.0, since=1.0
    )
    await bench.tasks.poll_failed(await bench.claim_tasks(), failure)
    await bench.let_pass(-10_000.0)
    await bench.track("2")

    await bench.tasks.poll_succeeded(await bench.claim_tasks())

    assert (await bench.claim_tasks()).failures == 0


async def test_what_was_in_flight_before_the_clock_was_set_back_can_be_given_up(
    bench: Bench,
) -> None:
    await bench.tell("u")
    await bench.claim_one()
    found = await bench.admin.open_at("a", 10)
    await bench.let_pass(-10_000.0)

    assert await bench.admin.give_up(found, "why") == 1


async def test_a_hold_from_before_the_clock_was_set_back_is_over(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u")
    await bench.fail(await bench.claim_one(), hold=60.0)
    await bench.let_pass(-100_000.0)
    fresh = await bench.tell("v")
    await bench.housekeeping.tidy(1)

    assert await bench.claimed() == [fresh.id]
