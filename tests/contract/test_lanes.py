"""Lanes: one per endpoint and task, first in first out, and nobody waits for another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.app.ports import PollResult, Publication
from bridge.core.cadence import Loss
from bridge.core.delivery import Disposition, Verdict
from tests.contract.bench import Bench, attempted, endpoint


async def test_only_the_head_of_a_lane_can_be_claimed(bench: Bench) -> None:
    first = await bench.tell("u", "task.submitted")
    await bench.tell("u", "task.started")

    assert await bench.claimed() == [first.id]
    assert await bench.claimed() == []


async def test_events_of_a_task_come_in_their_order(bench: Bench) -> None:
    told = [await bench.tell("u", kind) for kind in ("task.submitted", "task.started")]
    seen = []
    while deliveries := await bench.claim():
        seen.append(deliveries[0].event.id)
        await bench.succeed(deliveries[0])

    assert seen == [event.id for event in told]


async def test_an_event_that_waits_for_its_retry_holds_up_the_rest_of_its_task_only(
    bench: Bench,
) -> None:
    await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one())
    await bench.admin.configure([endpoint()])
    other = await bench.tell("v", "task.submitted")

    assert await bench.claimed() == [other.id]


async def test_one_endpoint_does_not_wait_for_another(bench: Bench) -> None:
    event = await bench.tell("u", to=("a", "b"))
    one, two = sorted(await bench.claim(), key=lambda delivery: delivery.endpoint)
    await bench.fail(one)
    await bench.succeed(two)

    assert await bench.state(event, "a") == "pending"
    assert await bench.state(event, "b") == "delivered"


async def test_a_delivery_knows_what_happened_before(bench: Bench) -> None:
    event = await bench.tell("u", "task.submitted")
    first = await bench.claim_one()
    await bench.fail(first, again_in=60.0)
    await bench.let_pass(60.0)
    second = await bench.claim_one()

    assert (first.history.first, first.attempts, first.crashes) == (None, 0, 0)
    assert second.event.id == event.id
    assert (second.attempts, second.history.failures, second.crashes) == (1, 1, 0)
    assert second.now - (second.history.first or 0.0) == pytest.approx(60.0, abs=5.0)
    assert second.now - second.history.due == pytest.approx(0.0, abs=5.0)


async def test_a_delivery_knows_why_its_task_was_lost(bench: Bench) -> None:
    await bench.track("1")
    (due,) = (claim := await bench.claim_tasks()).tasks
    event = replace(
        bench.event("task.lost", due, at=claim.now), loss=Loss("missing", 1.5)
    )
    publication = Publication(event=event, recipients=("a",))
    await bench.tasks.record(
        [PollResult(due=due, poll_again_in=None, publication=publication)]
    )

    assert (await bench.claim_one()).event == event
    kept = await bench.queries.event(event.id)
    assert kept is not None
    assert kept.event == event


# --- progress -------------------------------------------------------------------------


async def test_progress_that_waits_gives_way_to_newer_progress(bench: Bench) -> None:
    older = await bench.tell("u", "task.progress")
    newer = await bench.tell("u", "task.progress")

    assert await bench.state(older) == "superseded"
    assert await bench.claimed() == [newer.id]


async def test_progress_at_the_end_of_a_lane_gives_way(bench: Bench) -> None:
    started = await bench.tell("u", "task.started")
    progress = await bench.tell("u", "task.progress")
    done = await bench.tell("u", "task.succeeded")

    assert await bench.state(progress) == "superseded"
    delivery = await bench.claim_one()
    assert delivery.event.id == started.id
    await bench.succeed(delivery)
    assert await bench.claimed() == [done.id]


async def test_progress_that_waits_for_its_retry_gives_way_and_the_news_goes_at_once(
    bench: Bench,
) -> None:
    progress = await bench.tell("u", "task.progress")
    await bench.fail(await bench.claim_one())
    done = await bench.tell("u", "task.succeeded")

    assert await bench.state(progress) == "superseded"
    delivery = await bench.claim_one()
    assert delivery.event.id == done.id
    assert (delivery.attempts, delivery.history.first) == (0, None)


async def test_progress_after_progress_does_not_try_a_failing_lane_without_end(
    bench: Bench,
) -> None:
    for _ in range(2):
        await bench.tell("u", "task.progress")
        await bench.fail(await bench.claim_one())

    newest = await bench.tell("u", "task.progress")
    assert await bench.claim() == []
    await bench.let_pass(30.0)
    assert await bench.claimed() == [newest.id]


async def test_progress_in_flight_is_not_taken_back(bench: Bench) -> None:
    progress = await bench.tell("u", "task.progress")
    delivery = await bench.claim_one()
    await bench.tell("u", "task.succeeded")

    assert await bench.state(progress) == "pending"
    assert await bench.succeed(delivery)
    assert await bench.state(progress) == "delivered"


async def test_progress_in_flight_that_fails_gives_way_to_what_came_meanwhile(
    bench: Bench,
) -> None:
    progress = await bench.tell("u", "task.progress")
    delivery = await bench.claim_one()
    done = await bench.tell("u", "task.succeeded")
    await bench.fail(delivery)

    assert await bench.state(progress) == "superseded"
    assert await bench.claimed() == [done.id]


async def test_progress_that_is_handed_back_gives_way_to_what_came_meanwhile(
    bench: Bench,
) -> None:
    progress = await bench.tell("u", "task.progress")
    delivery = await bench.claim_one()
    done = await bench.tell("u", "task.succeeded")
    await bench.hand_back(delivery)

    assert await bench.state(progress) == "superseded"
    assert await bench.claimed() == [done.id]


async def test_progress_whose_worker_died_gives_way_to_what_came_meanwhile(
    bench: Bench,
) -> None:
    progress = await bench.tell("u", "task.progress")
    await bench.claim_one()
    done = await bench.tell("u", "task.succeeded")
    await bench.let_pass(60.0)

    assert await bench.claimed() == [done.id]
    assert await bench.state(progress) == "superseded"


@pytest.mark.parametrize(
    "kind", ["task.submitted", "task.started", "task.action_required", "task.succeeded"]
)
async def test_nothing_but_progress_is_ever_dropped(bench: Bench, kind: str) -> None:
    event = await bench.tell("u", kind)
    await bench.fail(await bench.claim_one())
    await bench.tell("u", "task.corrected")

    assert await bench.state(event) == "pending"


# --- waking ---------------------------------------------------------------------------


async def test_a_new_event_makes_its_waiting_lane_try_at_once(bench: Bench) -> None:
    first = await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one())
    assert await bench.claim() == []

    await bench.tell("u", "task.started")

    assert await bench.claimed() == [first.id]


async def test_a_lane_is_woken_at_most_once_in_30_seconds(bench: Bench) -> None:
    first = await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one())
    await bench.tell("u", "task.started")
    await bench.fail(await bench.claim_one())

    await bench.tell("u", "task.action_required")
    assert await bench.claim() == []
    await bench.let_pass(31.0)
    await bench.tell("u", "task.succeeded")
    assert await bench.claimed() == [first.id]


async def test_news_that_comes_too_soon_wakes_its_lane_when_it_may_again(
    bench: Bench,
) -> None:
    first = await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one(), again_in=300.0)
    await bench.tell("u", "task.started")
    await bench.fail(await bench.claim_one(), again_in=300.0)
    await bench.tell("u", "task.succeeded")

    await bench.let_pass(25.0)
    assert await bench.claim() == []
    await bench.let_pass(5.5)
    again = await bench.claim_one()
    assert again.event.id == first.id
    await bench.fail(again, again_in=300.0)
    await bench.tell("u", "task.corrected")
    assert await bench.claim() == []


async def test_who_was_woken_by_news_a_moment_ago_still_hears_that_the_endpoint_is_back(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    first = await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one())
    await bench.tell("u", "task.started")
    await bench.fail(await bench.claim_one())
    await bench.tell("v")
    await bench.succeed(await bench.claim_one())

    assert await bench.claimed() == [first.id]


async def test_who_was_tried_a_moment_ago_as_the_endpoint_was_back_is_woken_by_news(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    first = await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one())
    await bench.tell("v")
    await bench.succeed(await bench.claim_one())
    await bench.fail(await bench.claim_one())

    await bench.tell("u", "task.started")

    assert await bench.claimed() == [first.id]


async def test_news_waits_no_longer_than_the_progress_whose_place_it_takes(
    bench: Bench,
) -> None:
    """The lane was woken lately, so the news does not wake it; but its retry is near."""
    await bench.tell("u", "task.progress")
    await bench.fail(await bench.claim_one(), again_in=1.0)
    await bench.tell("u", "task.progress")
    await bench.fail(await bench.claim_one(), again_in=1.0)

    done = await bench.tell("u", "task.succeeded")

    assert await bench.claim() == []
    await bench.let_pass(2.0)
    assert await bench.claimed() == [done.id]


async def test_news_takes_the_place_of_progress_that_was_not_tried(
    bench: Bench,
) -> None:
    await bench.tell("u", "task.started")
    await bench.fail(await bench.claim_one())
    await bench.tell("u", "task.progress")
    await bench.succeed(await bench.claim_one())

    done = await bench.tell("u", "task.succeeded")

    assert await bench.claimed() == [done.id]


async def test_a_lane_is_woken_once_in_30_seconds_whichever_event_is_its_head(
    bench: Bench,
) -> None:
    await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one())
    second = await bench.tell("u", "task.started")
    await bench.kill(await bench.claim_one())
    await bench.fail(await bench.claim_one())

    await bench.tell("u", "task.action_required")
    assert await bench.claim() == []
    await bench.let_pass(31.0)
    await bench.tell("u", "task.succeeded")
    assert await bench.claimed() == [second.id]


async def test_the_first_success_after_failures_makes_all_lanes_try(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    failed = {(await bench.tell(f"u{number}")).id for number in range(5)}
    for delivery in await bench.claim():
        await bench.fail(delivery)
    await bench.tell("v")
    await bench.succeed(await bench.claim_one())

    assert set(await bench.claimed()) == failed


async def test_recoveries_wake_a_lane_at_most_once_in_30_seconds(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    waiting = await bench.tell("u")
    await bench.fail(await bench.claim_one())
    for number, expected in enumerate([[waiting.id], []]):
        await bench.tell(f"v{number}")
        await bench.succeed(await bench.claim_one())
        claimed = await bench.claim()
        assert [delivery.event.id for delivery in claimed] == expected
        for delivery in claimed:
            await bench.fail(delivery, again_in=300.0)
    # What came too soon is not forgotten.
    await bench.let_pass(30.5)
    assert await bench.claimed() == [waiting.id]


async def test_many_lanes_that_were_tried_a_moment_ago_all_wait(bench: Bench) -> None:
    """Also those that stand behind as many as there are places."""
    await bench.admin.configure([endpoint(concurrency=3)])
    await bench.prove("a")
    for number in range(9):
        await bench.tell(f"u{number}")
    for again_in in (300.0, 300.0):
        for _ in range(3):
            for delivery in await bench.claim():
                await bench.fail(delivery, status=404, again_in=again_in)
        await bench.tell("v")
        await bench.succeed(await bench.claim_one())

    assert await bench.claim() == []


async def test_a_woken_lane_that_is_handed_back_stays_woken(bench: Bench) -> None:
    first = await bench.tell("u", "task.submitted")
    await bench.fail(await bench.claim_one())
    await bench.tell("u", "task.started")
    await bench.hand_back(await bench.claim_one())

    assert await bench.claimed() == [first.id]


async def test_an_early_attempt_leaves_the_schedule_as_it_is(bench: Bench) -> None:
    await bench.tell("u", "task.submitted")
    first = await bench.claim_one()
    await bench.fail(first, again_in=300.0)
    await bench.tell("u", "task.started")

    early = await bench.claim_one()

    assert early.history.due == pytest.approx(first.now + 300.0, abs=0.001)
    assert early.now < early.history.due


# --- the end of a delivery ------------------------------------------------------------


async def test_a_dead_delivery_lets_its_lane_go_on(bench: Bench) -> None:
    event = await bench.tell("u", "task.submitted")
    after = await bench.tell("u", "task.started")
    await bench.kill(await bench.claim_one())

    assert await bench.state(event) == "dead"
    assert (await bench.health()).dead == 1
    assert await bench.claimed() == [after.id]


async def test_a_dead_delivery_is_told_by_the_notice_that_came_with_it(
    bench: Bench,
) -> None:
    await bench.tell("u")
    notice = bench.notice("delivery.dead")
    await bench.kill(await bench.claim_one(), notice)

    assert await bench.claimed() == [notice.event.id]


async def test_a_notice_of_what_did_not_happen_is_not_told(bench: Bench) -> None:
    await bench.tell("u")
    delivery = await bench.claim_one()
    attempt = attempted(delivery, status=200)
    verdict = Verdict(disposition=Disposition.DELIVERED)
    await bench.settle(delivery, attempt, verdict, [bench.notice("delivery.dead")])

    assert await bench.claim() == []


async def test_an_event_that_was_told_is_not_told_again(bench: Bench) -> None:
    notice = bench.notice("delivery.dead")
    for lane in "uv":
        await bench.tell(lane)
        await bench.kill(await bench.claim_one(), notice)
        for delivery in await bench.claim():
            await bench.succeed(delivery)

    assert await bench.attempts(notice.event) == 1


async def test_every_attempt_belongs_to_the_trace_that_recorded_its_event(
    bench: Bench,
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await bench.track("1")
    claim = await bench.claim_tasks()
    (due,) = claim.tasks
    event = bench.event("task.started", due, at=claim.now)
    traced = Publication(event=event, recipients=("a",), traceparent=trace)
    await bench.tasks.record(
        [PollResult(due=due, poll_again_in=None, publication=traced)]
    )

    first = await bench.claim_one()
    await bench.fail(first, again_in=0.0)
    second = await bench.claim_one()
    await bench.succeed(second)
    await bench.redeliver(event.id, "a")
    again = await bench.claim_one()
    await bench.succeed(again)
    await bench.tell("v")
    untraced = await bench.claim_one()

    assert [one.traceparent for one in (first, second, again)] == [trace] * 3
    assert untraced.traceparent is None
