"""Limits belong to the endpoint, whoever claims: cap, rate, Retry-After, breaker, pause."""

from __future__ import annotations

import pytest

from bridge.app.ports import ClaimLimits
from bridge.core.delivery import Disposition, Verdict
from bridge.core.endpoint import Rate
from tests.contract.bench import Bench, attempted, endpoint

# --- cap ------------------------------------------------------------------------------


async def test_no_more_are_in_flight_than_the_endpoint_allows(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=2)])
    for number in range(5):
        await bench.tell(f"u{number}")

    deliveries = await bench.claim()
    assert len(deliveries) == 2
    assert await bench.claim() == []
    await bench.succeed(deliveries[0])
    assert len(await bench.claim()) == 1


async def test_no_more_are_claimed_than_asked_for(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    for number in range(5):
        await bench.tell(f"u{number}")

    assert len(await bench.claim(limit=3)) == 3


async def test_one_claim_is_shared_fairly_among_endpoints(bench: Bench) -> None:
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    for number in range(10):
        await bench.tell(f"u{number}", to=["a"])
    for number in range(10):
        await bench.tell(f"v{number}", to=["b"])

    deliveries = await bench.claim(limit=10)

    assert sorted(one.endpoint for one in deliveries) == ["a"] * 5 + ["b"] * 5


async def test_who_was_not_served_is_served_next(bench: Bench) -> None:
    names = ["a", "b", "c"]
    await bench.admin.configure([endpoint(name) for name in names])
    for name in names:
        for number in range(3):
            await bench.tell(f"{name}{number}", to=[name])

    served = [(await bench.claim(limit=1))[0].endpoint for _ in range(6)]

    assert sorted(served[:3]) == sorted(served[3:]) == names


# --- rate -----------------------------------------------------------------------------


async def test_no_more_are_claimed_than_the_rate_allows(bench: Bench) -> None:
    rate = Rate(per_second=0.02, burst=3.0)
    await bench.admin.configure([endpoint(rate=rate)])
    await bench.prove("a")
    await bench.let_pass(1000.0)
    for number in range(9):
        await bench.tell(f"u{number}")

    claims = []
    for _ in range(3):
        claims.append(len(await bench.claim()))
        await bench.let_pass(100.0)

    assert claims == [3, 2, 2]


async def test_a_rate_limited_endpoint_says_when_it_can_be_claimed_again(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint(rate=Rate(per_second=0.05, burst=1.0))])
    for number in range(2):
        await bench.tell(f"u{number}")
    await bench.claim_one()

    claim = await bench.deliveries.claim_deliveries(ClaimLimits(limit=9, slow_limit=9))

    assert claim.deliveries == []
    assert claim.next_in == pytest.approx(20.0, abs=5.0)


async def test_an_attempt_of_several_requests_uses_up_as_much_of_the_rate(
    bench: Bench,
) -> None:
    """And those of several deliveries add up: the bucket owes them."""
    await bench.admin.configure([endpoint(rate=Rate(per_second=0.01, burst=2.0))])
    for number in range(9):
        await bench.tell(f"u{number}")
    for delivery in await bench.claim():
        await bench.succeed(delivery, extra=2)

    claims = []
    for _ in range(3):
        await bench.let_pass(240.0)
        claims.append(len(await bench.claim()))

    assert claims == [0, 0, 2]


async def test_who_has_no_rate_owes_nothing(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    for number in range(3):
        await bench.tell(f"u{number}")
    for delivery in await bench.claim(limit=1):
        await bench.succeed(delivery, extra=100)

    assert len(await bench.claim()) == 2
    await bench.admin.configure([endpoint(rate=Rate(per_second=0.01, burst=1.0))])
    await bench.tell("v")
    assert len(await bench.claim()) == 1


async def test_a_rate_limited_endpoint_delays_no_other(bench: Bench) -> None:
    await bench.admin.configure(
        [endpoint("a", rate=Rate(per_second=0.01, burst=1.0)), endpoint("b")]
    )
    for number in range(3):
        await bench.tell(f"u{number}", to=("a", "b"))

    deliveries = await bench.claim()

    assert sorted(one.endpoint for one in deliveries) == ["a", "b", "b", "b"]


# --- Retry-After ----------------------------------------------------------------------


async def test_retry_after_holds_the_whole_endpoint(bench: Bench) -> None:
    await bench.tell("u")
    await bench.fail(await bench.claim_one(), status=429, again_in=60.0, hold=60.0)
    await bench.tell("v")

    assert await bench.claim() == []
    held = await bench.health()
    assert held.state == "failing"
    assert held.until == pytest.approx(await bench.admin.clock() + 60.0, abs=5.0)
    await bench.let_pass(55.0)
    assert await bench.claim() == []
    await bench.let_pass(5.1)
    assert await bench.claim() != []


async def test_nothing_overrides_retry_after(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u", "task.submitted")
    await bench.tell("v")
    task_state, other = await bench.claim()
    await bench.fail(task_state, hold=60.0)
    await bench.tell("u", "task.started")  # a new event
    await bench.succeed(other)  # a recovery
    await bench.admin.switch("a", "pause")
    await bench.admin.switch("a", "resume")

    assert await bench.claim() == []


async def test_a_shorter_retry_after_does_not_shorten_a_longer_one(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    for lane in "uv":
        await bench.tell(lane)
    one, two = await bench.claim()
    await bench.fail(one, again_in=1.0, hold=100.0)
    await bench.fail(two, again_in=1.0, hold=1.0)
    await bench.let_pass(50.0)

    assert await bench.claim() == []


# --- the breaker ----------------------------------------------------------------------


async def test_ten_faults_in_a_row_open_the_breaker(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.prove("a")
    for number in range(10):
        await bench.tell(f"u{number}")
    for number, delivery in enumerate(await bench.claim()):
        assert (await bench.health()).state == ("failing" if number else "up")
        await bench.fail(delivery, again_in=5.0, status=None if number % 2 else 503)
    await bench.tell("v")

    assert (await bench.health()).state == "open"
    assert await bench.claim() == []


async def test_an_answer_in_between_keeps_the_breaker_closed(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.prove("a")
    for number in range(12):
        await bench.tell(f"u{number}")
    for number, delivery in enumerate(await bench.claim()):
        await bench.fail(delivery, status=404 if number == 6 else 500)

    assert (await bench.health()).state == "failing"


async def test_a_half_open_breaker_admits_one_delivery_at_a_time(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    await bench.let_pass(31.0)

    assert len(await bench.claim()) == 1
    assert await bench.claim() == []


async def test_a_half_open_breaker_tries_another_lane_each_time(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    tried = []
    for _ in range(3):
        await bench.let_pass(301.0)
        delivery = await bench.claim_one()
        tried.append(delivery.lane)
        await bench.fail(delivery, again_in=5.0)

    assert len(set(tried)) == 3


async def test_a_breaker_that_opens_again_stays_open_twice_as_long_up_to_300_seconds(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    waits = []
    for _ in range(8):
        claim = await bench.deliveries.claim_deliveries(
            ClaimLimits(limit=9, slow_limit=9)
        )
        assert claim.deliveries == []
        waits.append(claim.next_in)
        await bench.let_pass((claim.next_in or 0.0) + 0.1)
        await bench.fail(await bench.claim_one(), again_in=5.0)

    assert waits == [
        pytest.approx(seconds, abs=2.0)
        for seconds in (5, 10, 20, 40, 80, 160, 300, 300)
    ]


async def test_an_open_breaker_waits_for_retry_after_too(bench: Bench) -> None:
    await bench.open_breaker()
    await bench.let_pass(31.0)
    await bench.fail(await bench.claim_one(), status=503, hold=60.0)

    shown = await bench.health()

    assert shown.state == "open"
    assert shown.until == pytest.approx(await bench.admin.clock() + 60.0, abs=5.0)


@pytest.mark.parametrize("status", [200, 404])
async def test_any_answer_closes_the_breaker(bench: Bench, status: int) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    await bench.let_pass(31.0)
    trial = await bench.claim_one()
    if status == 200:
        await bench.succeed(trial)
    else:
        await bench.fail(trial, status=status)

    assert (await bench.health()).state == ("up" if status == 200 else "failing")
    assert len(await bench.claim()) == 9


async def test_a_trial_that_is_handed_back_makes_room_for_another(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    await bench.let_pass(31.0)
    await bench.hand_back(await bench.claim_one())

    assert len(await bench.claim()) == 1


async def test_a_trial_whose_worker_died_makes_room_for_another(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    await bench.let_pass(31.0)
    await bench.claim_one()
    await bench.let_pass(31.0)

    assert len(await bench.claim()) == 1


async def test_an_open_breaker_delays_no_other_endpoint(bench: Bench) -> None:
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    await bench.open_breaker("a")
    event = await bench.tell("v", to=("a", "b"))

    assert [one.endpoint for one in await bench.claim()] == ["b"]
    assert await bench.state(event, "a") == "pending"


async def test_a_success_wakes_thousands_of_lanes_at_once(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=2000)])
    await bench.prove("a")
    await bench.tell_many(1050)
    while deliveries := await bench.claim():
        for delivery in deliveries:
            await bench.fail(delivery, status=404)
    await bench.tell("u")

    await bench.succeed(await bench.claim_one())

    claimed = 0
    while deliveries := await bench.claim():
        claimed += len(deliveries)
    assert claimed == 1050


# --- pause, disable, resume, away -----------------------------------------------------


async def test_a_paused_endpoint_holds_what_it_has_and_goes_on_collecting(
    bench: Bench,
) -> None:
    before = await bench.tell("u", "task.submitted")
    assert await bench.admin.switch("a", "pause")
    after = await bench.tell("v", "task.submitted")

    assert await bench.claim() == []
    assert [await bench.state(before), await bench.state(after)] == ["held", "held"]
    assert (await bench.health()).pending == 2
    await bench.let_pass(1.0)
    assert await bench.admin.switch("a", "resume")
    assert await bench.claim() != []


async def test_pausing_twice_changes_nothing(bench: Bench) -> None:
    await bench.tell("u")
    await bench.admin.switch("a", "pause")

    assert not await bench.admin.switch("a", "pause")
    assert await bench.admin.switch("a", "resume")
    assert not await bench.admin.switch("a", "resume")


async def test_resuming_closes_the_breaker(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.open_breaker()
    await bench.admin.switch("a", "pause")
    event = await bench.tell("v")

    await bench.admin.switch("a", "resume")

    assert event.id in await bench.claimed()


@pytest.mark.parametrize("paused", [True, False], ids=["paused", "only failing"])
async def test_resuming_tries_at_once_what_waits_for_its_next_attempt(
    bench: Bench, paused: bool
) -> None:
    await bench.admin.configure([endpoint()])
    event = await bench.tell("u")
    await bench.fail(await bench.claim_one(), again_in=7200.0)
    if paused:
        await bench.admin.switch("a", "pause")

    await bench.admin.switch("a", "resume")

    assert await bench.claimed() == [event.id]


async def test_what_is_in_flight_at_a_paused_endpoint_is_settled(bench: Bench) -> None:
    event = await bench.tell("u")
    delivery = await bench.claim_one()
    await bench.admin.switch("a", "pause")

    assert await bench.succeed(delivery)
    assert await bench.state(event) == "delivered"


async def test_a_disabled_endpoint_gets_nothing_until_it_is_resumed(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    notice = bench.notice("endpoint.disabled")
    await bench.disable(await bench.claim_one(), notice)

    assert (await bench.health()).state == "disabled"
    assert await bench.claimed() == [notice.event.id]
    assert await bench.state(event) == "held"
    await bench.admin.switch("a", "resume")
    assert await bench.claimed() == [event.id]


async def test_that_an_endpoint_was_disabled_is_told_once(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    for lane in "uv":
        await bench.tell(lane)
    one, two = await bench.claim()
    first, second = (bench.notice("endpoint.disabled") for _ in range(2))
    await bench.disable(one, first)
    await bench.disable(two, second)

    assert await bench.claimed() == [first.event.id]


async def test_a_changed_url_forgets_breaker_and_retry_after(bench: Bench) -> None:
    await bench.admin.configure([endpoint(url="http://old/")])
    await bench.open_breaker()
    await bench.let_pass(31.0)
    await bench.fail(await bench.claim_one(), hold=3600.0)
    await bench.admin.configure([endpoint(url="http://new/")])

    assert await bench.claim() != []


async def test_a_changed_url_resumes_an_endpoint_that_was_paused(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint(url="http://old/")])
    event = await bench.tell("u")
    await bench.admin.switch("a", "pause")
    await bench.admin.configure([endpoint(url="http://old/")])
    assert await bench.claim() == []

    await bench.admin.configure([endpoint(url="http://new/")])

    assert await bench.claimed() == [event.id]


async def test_the_recovery_of_a_disabled_endpoint_is_told_with_its_first_success(
    bench: Bench,
) -> None:
    await bench.tell("u")
    await bench.disable(await bench.claim_one())
    await bench.admin.switch("a", "resume")
    delivery = await bench.claim_one()
    assert delivery.was_disabled

    notice = bench.notice("endpoint.recovered")
    attempt = attempted(delivery, status=200)
    await bench.settle(
        delivery, attempt, Verdict(disposition=Disposition.DELIVERED), [notice]
    )

    assert await bench.claimed() == [notice.event.id]
    await bench.tell("v")
    assert not (await bench.claim_one()).was_disabled


async def test_an_endpoint_that_no_process_knows_is_left_alone_until_one_does(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    await bench.give_away(await bench.claim_one())

    assert await bench.claim() == []
    assert await bench.state(event) == "held"
    await bench.admin.configure([endpoint()])
    delivery = await bench.claim_one()
    assert (delivery.event.id, delivery.crashes) == (event.id, 0)


# --- fresh and backlog ----------------------------------------------------------------


async def test_fresh_events_do_not_wait_behind_a_backlog(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=4)])
    for number in range(8):
        await bench.tell(f"old{number}")
    await bench.let_pass(120.0)
    for number in range(8):
        await bench.tell(f"new{number}")

    lanes = [delivery.lane for delivery in await bench.claim()]

    assert sorted(lane[:3] for lane in lanes) == ["new", "new", "old", "old"]


async def test_with_one_slot_fresh_and_backlog_take_turns(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=1)])
    for number in range(4):
        await bench.tell(f"old{number}")
    await bench.let_pass(120.0)
    for number in range(4):
        await bench.tell(f"new{number}")

    lanes = []
    for _ in range(4):
        delivery = await bench.claim_one()
        lanes.append(delivery.lane[:3])
        await bench.succeed(delivery)

    assert sorted(lanes[:2]) == sorted(lanes[2:]) == ["new", "old"]


async def test_what_the_backlog_does_not_use_fresh_events_do(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=4)])
    await bench.tell("old")
    await bench.let_pass(120.0)
    for number in range(8):
        await bench.tell(f"new{number}")

    assert len(await bench.claim()) == 4


async def test_after_a_recovery_fresh_events_are_not_behind_the_backlog(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint(concurrency=4)])
    for round_ in range(3):
        for number in range(4):
            await bench.tell(f"old{round_}{number}")
        for delivery in await bench.claim():
            await bench.fail(delivery, status=404)
    await bench.tell("first")
    await bench.succeed(await bench.claim_one())
    for number in range(4):
        await bench.tell(f"new{number}")

    lanes = [delivery.lane[:3] for delivery in await bench.claim()]

    assert sorted(lanes) == ["new", "new", "old", "old"]


# --- slow endpoints -------------------------------------------------------------------


async def test_slow_and_failing_endpoints_get_their_share_together(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint(name) for name in ("ok", "slow", "failing")])
    await bench.prove("ok", "slow", "failing")
    await bench.tell("s", to=["slow"])
    await bench.succeed(await bench.claim_one(), duration=14.0)
    await bench.tell("f", to=["failing"])
    await bench.fail(await bench.claim_one())
    for number in range(10):
        await bench.tell(f"u{number}", to=("ok", "slow", "failing"))

    deliveries = await bench.claim(limit=30, slow_limit=4)

    slow = {one.endpoint for one in deliveries if one.slow}
    assert slow <= {"slow", "failing"}
    assert sum(one.slow for one in deliveries) == 4
    assert sum(not one.slow for one in deliveries) == 10


async def test_an_endpoint_that_never_ended_an_attempt_gets_a_few_at_first(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    for number in range(30):
        await bench.tell(f"u{number}")

    deliveries = await bench.claim()
    assert (len(deliveries), await bench.claim()) == (5, [])
    await bench.succeed(deliveries[0])
    assert len(await bench.claim()) == 16


async def test_slow_endpoints_beyond_their_share_are_looked_at_soon_again(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u")
    await bench.fail(await bench.claim_one(), again_in=0.0)

    claim = await bench.deliveries.claim_deliveries(ClaimLimits(limit=9, slow_limit=0))

    assert claim.deliveries == []
    assert claim.next_in is not None
    assert claim.next_in < 0.2
