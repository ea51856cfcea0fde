"""What channels remember of a subject, and progress that is told as edits of a message."""

from __future__ import annotations

import pytest

from bridge.app.ports import ClaimLimits, Delivery, Settlement
from bridge.core.delivery import Disposition, Verdict
from tests.contract.bench import RETENTION, Bench, attempted, endpoint


async def end(
    bench: Bench,
    delivery: Delivery,
    *,
    channel_state: dict[str, str] | None = None,
    edit_in: float = 0.0,
) -> None:
    settlement = Settlement(
        delivery=delivery,
        attempt=attempted(delivery, status=200),
        verdict=Verdict(disposition=Disposition.DELIVERED),
        channel_state=channel_state,
        hold_progress=edit_in,
    )
    await bench.deliveries.settle([settlement])


async def test_what_is_remembered_comes_with_the_next_delivery_of_the_subject(
    bench: Bench,
) -> None:
    await bench.tell("u", "task.submitted")
    first = await bench.claim_one()
    await end(bench, first, channel_state={"message": "1"})
    await bench.tell("u", "task.started")
    second = await bench.claim_one()
    await end(bench, second)
    await bench.tell("u", "task.succeeded")
    third = await bench.claim_one()

    assert [one.channel_state for one in (first, second, third)] == [
        {},
        {"message": "1"},
        {"message": "1"},
    ]


async def test_memory_is_the_endpoints_and_the_subjects_own(bench: Bench) -> None:
    await bench.tell("u", to=["a"])
    await end(bench, await bench.claim_one(), channel_state={"message": "1"})
    await bench.tell("u", "task.succeeded", to=["b"])
    await bench.tell("v", to=["a"])

    assert [delivery.channel_state for delivery in await bench.claim()] == [{}, {}]


async def test_a_redelivery_remembers_what_its_subject_does(bench: Bench) -> None:
    event = await bench.tell("u")
    await end(bench, await bench.claim_one(), channel_state={"message": "1"})
    await bench.redeliver(event.id, "a")

    assert (await bench.claim_one()).channel_state == {"message": "1"}


async def test_what_is_remembered_in_the_middle_survives_the_worker(
    bench: Bench,
) -> None:
    await bench.tell("u")
    await bench.deliveries.save_state(await bench.claim_one(), {"posting": "yes"})
    await bench.let_pass(31.0)
    await bench.claim()

    assert (await bench.claim_one(alone=True)).channel_state == {"posting": "yes"}


async def test_who_was_replaced_has_nothing_to_remember(bench: Bench) -> None:
    await bench.tell("u")
    late = await bench.claim_one()
    await bench.let_pass(31.0)
    await bench.claim()
    now = await bench.claim_one(alone=True)
    kept = [
        await bench.deliveries.save_state(late, {"message": "late"}),
        await bench.deliveries.save_state(now, {"message": "now"}),
    ]
    await bench.hand_back(now)

    assert kept == [False, True]
    assert (await bench.claim_one(alone=True)).channel_state == {"message": "now"}


async def test_memory_is_forgotten_with_retention(bench: Bench) -> None:
    await bench.tell("u")
    await end(bench, await bench.claim_one(), channel_state={"message": "1"})
    await bench.let_pass(RETENTION + 10.0)
    await bench.tell("u", "task.started")

    assert (await bench.claim_one()).channel_state == {}


async def test_progress_waits_for_as_long_as_the_channel_asked(bench: Bench) -> None:
    await bench.tell("u", "task.started")
    await end(bench, await bench.claim_one(), edit_in=5.0)
    older = await bench.tell("u", "task.progress")

    claim = await bench.deliveries.claim_deliveries(ClaimLimits(limit=9, slow_limit=9))
    assert claim.deliveries == []
    assert claim.next_in == pytest.approx(5.0, abs=2.0)
    await bench.let_pass(4.0)
    newer = await bench.tell("u", "task.progress")
    assert await bench.claim() == []
    assert await bench.state(older) == "superseded"
    await bench.let_pass(1.1)
    assert await bench.claimed() == [newer.id]


async def test_what_is_not_progress_does_not_wait(bench: Bench) -> None:
    await bench.tell("u", "task.started")
    await end(bench, await bench.claim_one(), edit_in=5.0)
    await bench.tell("u", "task.progress")
    done = await bench.tell("u", "task.succeeded")

    assert await bench.claimed() == [done.id]


async def test_progress_is_told_with_what_others_leave(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=2)])
    await bench.tell("u", "task.progress")
    for lane in "vw":
        await bench.tell(lane, "task.succeeded")

    assert sorted(one.lane for one in await bench.claim()) == ["v:1", "w:1"]


# --- where one message is edited all the way ------------------------------------------


@pytest.mark.parametrize("kind", ["task.submitted", "task.started"])
async def test_what_is_on_the_way_gives_way_where_one_message_is_edited(
    bench: Bench, kind: str
) -> None:
    await bench.admin.configure([endpoint("a", edits=True), endpoint("b")])
    passing = await bench.tell("u", kind, to=["a", "b"])
    done = await bench.tell("u", "task.succeeded", to=["a", "b"])

    assert await bench.state(passing, "a") == "superseded"
    assert await bench.state(passing, "b") == "pending"
    claimed = {one.endpoint: one.event.id for one in await bench.claim()}
    assert claimed == {"a": done.id, "b": passing.id}


async def test_ends_go_before_all_that_is_on_the_way(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=2, edits=True)])
    for lane in "tuv":
        await bench.tell(lane, "task.submitted")
    await bench.tell("w", "task.succeeded")
    await bench.tell("x", "task.action_required")

    claimed = await bench.claim()

    assert sorted(one.event.type for one in claimed) == [
        "task.action_required",
        "task.succeeded",
    ]


async def test_a_start_does_not_wait_as_progress_does(bench: Bench) -> None:
    await bench.admin.configure([endpoint(edits=True)])
    await bench.tell("u", "task.submitted")
    await end(bench, await bench.claim_one(), edit_in=5.0)
    started = await bench.tell("u", "task.started")

    assert await bench.claimed() == [started.id]
