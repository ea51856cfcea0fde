"""Claims are leases: whoever dies is replaced, and whoever was replaced is not believed."""

from __future__ import annotations

import pytest

from bridge.adapters.store.deliveries import StoredDeliveries
from bridge.app.ports import ClaimLimits
from bridge.errors import StoreUnavailable
from tests.contract.bench import RETENTION, Bench, delivered, endpoint

#: Longer than the lease of an endpoint with the default timeout.
LEASE = 31.0


async def test_a_claim_has_one_winner(bench: Bench) -> None:
    await bench.tell("u")

    assert [len(await bench.claim()), len(await bench.claim())] == [1, 0]


async def test_a_claim_lasts_as_long_as_its_lease(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u")
    await bench.claim_one()
    await bench.let_pass(24.0)

    assert await bench.claim() == []
    assert not (
        await bench.deliveries.claim_deliveries(ClaimLimits(limit=9, slow_limit=9))
    ).suspects


async def test_who_waits_is_told_when_the_lease_ends(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u")
    await bench.claim_one()

    claim = await bench.deliveries.claim_deliveries(ClaimLimits(limit=9, slow_limit=9))

    assert claim.next_in == pytest.approx(25.0, abs=5.0)


async def test_a_delivery_whose_worker_died_is_claimed_alone(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    dead = await bench.tell("u")
    await bench.claim_one()
    await bench.let_pass(LEASE)
    other = await bench.tell("v")

    claim = await bench.deliveries.claim_deliveries(ClaimLimits(limit=9, slow_limit=9))
    assert [one.event.id for one in claim.deliveries] == [other.id]
    assert claim.suspects
    suspect = await bench.claim_one(alone=True)
    assert (suspect.event.id, suspect.crashes) == (dead.id, 1)


async def test_suspects_are_claimed_one_at_a_time_over_all_processes(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    for lane in "uv":
        await bench.tell(lane)
    await bench.claim()
    await bench.let_pass(LEASE)
    await bench.claim()

    first = await bench.claim_one(alone=True)
    assert await bench.claim(alone=True) == []
    await bench.succeed(first)
    assert (await bench.claim_one(alone=True)).lane != first.lane


async def test_a_suspect_that_dies_makes_room_for_the_next(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    for lane in "uv":
        await bench.tell(lane)
    await bench.claim()
    await bench.let_pass(LEASE)
    await bench.claim()
    first = await bench.claim_one(alone=True)
    await bench.let_pass(LEASE)

    assert (await bench.claim_one(alone=True)).lane != first.lane


async def test_every_claim_that_nothing_came_of_is_counted(bench: Bench) -> None:
    await bench.tell("u")
    await bench.claim_one()
    for crashes in (1, 2, 3):
        await bench.let_pass(LEASE)
        await bench.claim()
        assert (await bench.claim_one(alone=True)).crashes == crashes


async def test_a_recorded_attempt_clears_the_suspicion(bench: Bench) -> None:
    await bench.tell("u")
    await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    await bench.fail(await bench.claim_one(alone=True), again_in=1.0)
    await bench.let_pass(1.1)

    again = await bench.claim_one()
    assert (again.crashes, again.attempts) == (0, 1)


async def test_a_delivery_that_is_handed_back_can_be_claimed_at_once(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    assert await bench.hand_back(await bench.claim_one())

    again = await bench.claim_one()
    assert (again.event.id, again.attempts, again.crashes) == (event.id, 0, 0)


async def test_a_suspect_that_is_handed_back_is_a_suspect_still(bench: Bench) -> None:
    await bench.tell("u")
    await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    await bench.hand_back(await bench.claim_one(alone=True))

    assert await bench.claim() == []
    assert (await bench.claim_one(alone=True)).crashes == 1


async def test_a_suspect_waits_for_its_endpoint_like_any_other(bench: Bench) -> None:
    await bench.tell("u")
    await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    await bench.admin.switch("a", "pause")

    assert await bench.claim(alone=True) == []
    assert not (
        await bench.deliveries.claim_deliveries(ClaimLimits(limit=9, slow_limit=9))
    ).suspects
    await bench.admin.switch("a", "resume")
    assert len(await bench.claim(alone=True)) == 1


async def test_suspects_keep_to_the_cap(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=1)])
    await bench.tell("u")
    await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.tell("v")
    other = await bench.claim_one()

    assert await bench.claim(alone=True) == []
    await bench.succeed(other)
    assert len(await bench.claim(alone=True)) == 1


async def test_a_new_event_does_not_make_a_suspect_innocent(bench: Bench) -> None:
    await bench.tell("u", "task.submitted")
    await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    await bench.tell("u", "task.started")

    assert await bench.claim() == []
    assert len(await bench.claim(alone=True)) == 1


# --- who comes late -------------------------------------------------------------------


async def test_a_late_success_counts(bench: Bench) -> None:
    event = await bench.tell("u")
    late = await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    await bench.claim_one(alone=True)

    assert await bench.succeed(late)
    assert await bench.state(event) == "delivered"
    assert await bench.claim() == await bench.claim(alone=True) == []


async def test_after_a_late_success_the_other_attempt_changes_nothing(
    bench: Bench,
) -> None:
    event = await bench.tell("u", "task.submitted")
    after = await bench.tell("u", "task.started")
    late = await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    other = await bench.claim_one(alone=True)
    await bench.succeed(late)

    assert not await bench.fail(other)
    assert await bench.state(event) == "delivered"
    assert await bench.claimed() == [after.id]


async def test_a_late_failure_is_ignored(bench: Bench) -> None:
    event = await bench.tell("u")
    late = await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()
    now = await bench.claim_one(alone=True)

    assert not await bench.fail(late)
    assert not await bench.hand_back(late)
    assert await bench.attempts(event) == 0
    assert await bench.succeed(now)


async def test_a_failure_that_is_only_late_shows_that_its_worker_lives(
    bench: Bench,
) -> None:
    await bench.tell("u")
    late = await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.claim()

    assert await bench.fail(late, again_in=0.0)
    assert not (
        await bench.deliveries.claim_deliveries(ClaimLimits(limit=0, slow_limit=0))
    ).suspects
    assert (await bench.claim_one()).crashes == 0


@pytest.mark.parametrize("what", ["succeed", "fail", "kill", "hand_back", "disable"])
async def test_settling_twice_changes_nothing(bench: Bench, what: str) -> None:
    await bench.admin.configure([endpoint()])
    event = await bench.tell("u", "task.submitted")
    await bench.tell("u", "task.started")
    delivery = await bench.claim_one()

    async def everything() -> object:
        row = await bench.queries.event(event.id)
        return row, await bench.health()

    assert await getattr(bench, what)(delivery)
    before = await everything()
    assert not await getattr(bench, what)(delivery)
    assert await everything() == before


async def test_many_are_settled_in_one_step(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.prove("a")
    for number in range(10):
        await bench.tell(f"u{number}")
    deliveries = await bench.claim()
    settlements = [delivered(one) for one in deliveries]
    settled = await bench.deliveries.settle([*settlements, *settlements])

    assert settled.applied == [True] * 10 + [False] * 10
    assert not settled.more
    assert (await bench.health()).pending == 0


async def test_settling_says_whether_there_is_more_to_claim(bench: Bench) -> None:
    await bench.tell("u", "task.submitted")
    await bench.tell("u", "task.started")
    one = delivered(await bench.claim_one())

    assert (await bench.deliveries.settle([one])).more


async def test_what_a_settle_makes_room_for_is_claimed_with_it(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=1)])
    await bench.tell("u")
    (first,) = await bench.claim()
    second = await bench.tell("u", "task.succeeded")
    limits = ClaimLimits(limit=9, slow_limit=9)

    settled = await bench.deliveries.settle([delivered(first)], claim=limits)

    assert settled.applied == [True]
    assert settled.claim is not None
    (claimed,) = settled.claim.deliveries
    assert claimed.event.id == second.id
    assert await bench.succeed(claimed)


async def test_a_settle_claims_wherever_something_is_due(bench: Bench) -> None:
    await bench.tell("u", to=["a"])
    (first,) = await bench.claim()
    other = await bench.tell("v", to=["b"])
    limits = ClaimLimits(limit=9, slow_limit=9)

    settled = await bench.deliveries.settle([delivered(first)], claim=limits)

    assert settled.claim is not None
    assert [one.event.id for one in settled.claim.deliveries] == [other.id]
    assert not settled.more


async def test_a_settle_with_a_notice_claims_as_well(bench: Bench) -> None:
    await bench.tell("u")
    await bench.disable(await bench.claim_one())
    await bench.admin.switch("a", "resume")
    (again,) = await bench.claim()
    notice = bench.notice("endpoint.recovered")
    limits = ClaimLimits(limit=9, slow_limit=9)

    settled = await bench.deliveries.settle([delivered(again, notice)], claim=limits)

    assert settled.claim is not None
    assert [one.event.id for one in settled.claim.deliveries] == [notice.event.id]


async def test_a_settle_that_may_claim_nothing_leaves_what_is_due_to_others(
    bench: Bench,
) -> None:
    await bench.tell("u")
    (first,) = await bench.claim()
    second = await bench.tell("u", "task.succeeded")
    limits = ClaimLimits(limit=0, slow_limit=0)

    settled = await bench.deliveries.settle([delivered(first)], claim=limits)

    assert settled.more
    assert await bench.claimed() == [second.id]


async def test_what_a_settle_claimed_whose_reply_is_lost_is_claimed_anew(
    bench: Bench,
) -> None:
    await bench.tell("u")
    (first,) = await bench.claim()
    second = await bench.tell("u", "task.succeeded")
    limits = ClaimLimits(limit=9, slow_limit=9)
    bench.keys.mute = True
    with pytest.raises(StoreUnavailable):
        await bench.deliveries.settle([delivered(first)], claim=limits)
    bench.keys.mute = False

    settled = await bench.deliveries.settle([delivered(first)], claim=limits)

    assert settled.applied == [False]
    assert settled.claim is not None
    (claimed,) = settled.claim.deliveries
    assert (claimed.event.id, claimed.crashes) == (second.id, 0)


# --- a claim whose reply is lost ------------------------------------------------------


async def lose_a_claim(bench: Bench, *, alone: bool = False) -> None:
    bench.keys.mute = True
    with pytest.raises(StoreUnavailable):
        await bench.claim(alone=alone)
    bench.keys.mute = False


async def test_a_claim_whose_reply_is_lost_is_made_again_and_is_no_crash(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    events = {(await bench.tell(f"u{number}")).id for number in range(3)}
    for _ in range(4):
        await lose_a_claim(bench)

    again = await bench.claim()

    assert {one.event.id for one in again} == events
    assert {one.crashes for one in again} == {0}


async def test_what_others_have_claimed_is_not_taken_from_them(bench: Bench) -> None:
    await bench.tell("u")
    other = StoredDeliveries(bench.keys)
    (theirs,) = (
        await other.claim_deliveries(ClaimLimits(limit=9, slow_limit=9))
    ).deliveries
    await lose_a_claim(bench)

    assert await bench.claim() == []
    assert await bench.succeed(theirs)


async def test_a_suspect_whose_claim_is_lost_can_be_tried_at_once(
    bench: Bench,
) -> None:
    await bench.tell("u")
    await bench.claim()
    await bench.let_pass(LEASE)
    await bench.claim()
    await lose_a_claim(bench, alone=True)

    assert (await bench.claim_one(alone=True)).crashes == 1


async def test_what_a_lost_claim_gives_back_waits_on_while_a_suspect_is_tried(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    suspect = await bench.tell("u")
    await bench.claim()
    await bench.let_pass(LEASE)
    await bench.claim()
    other = await bench.tell("v")
    await lose_a_claim(bench)

    assert (await bench.claim_one(alone=True)).event.id == suspect.id
    assert await bench.claimed() == [other.id]


async def test_a_claim_that_runs_after_it_was_given_up_claims_nothing(
    bench: Bench,
) -> None:
    """A store that was silent for long runs what was sent to it in any order."""
    event = await bench.tell("u")
    limits = (9, 9, 0, RETENTION)
    await bench.keys.run("claim_deliveries", 0, "second", 0, *limits, "first")
    await bench.keys.run("claim_deliveries", 0, "first", 9, *limits)

    assert await bench.claimed() == [event.id]


# --- a late success while somebody else tries -----------------------------------------


async def test_a_late_success_makes_room_for_the_next_suspect(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    for lane in "uv":
        await bench.tell(lane)
    late = {one.lane: one for one in await bench.claim()}
    await bench.let_pass(LEASE)
    await bench.claim()
    tried = await bench.claim_one(alone=True)

    await bench.succeed(late[tried.lane])

    assert (await bench.claim_one(alone=True)).lane != tried.lane


async def test_a_late_success_ends_the_trial_of_a_half_open_endpoint(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    await bench.let_pass(LEASE)
    late = await bench.claim_one()
    await bench.let_pass(LEASE)
    await bench.fail(await bench.claim_one(), again_in=0.0)
    await bench.let_pass(LEASE)
    assert (await bench.claim_one(alone=True)).lane == late.lane

    await bench.succeed(late)

    assert await bench.keys.field("health:a", "trial") is None
