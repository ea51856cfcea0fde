"""What people and metrics are told of endpoints, upstreams, and deliveries that wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.adapters.store.reports import quantile
from bridge.app.ports import HOOKS, PollError, PollFailure, UpstreamRow, Wait
from bridge.core.endpoint import Rate
from bridge.core.event import Event
from bridge.core.task import TaskKey
from tests.contract.bench import Bench, endpoint


async def wait(bench: Bench, event: Event, name: str = "a") -> Wait:
    [found] = await bench.queries.waits([(event.id, name)])
    assert found is not None
    return found


async def upstream(bench: Bench, name: str = "u") -> UpstreamRow:
    rows = await bench.queries.upstreams(await bench.admin.clock())
    return next(row for row in rows if row.name == name)


# --- why a delivery waits -------------------------------------------------------------


async def test_what_is_not_open_does_not_wait(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())

    asked = [(event.id, "a"), (event.id, "b"), ("evt_none", "a")]
    assert await bench.queries.waits(asked) == [None, None, None]


async def test_what_is_new_waits_for_nothing_but_a_worker(bench: Bench) -> None:
    await bench.admin.configure([endpoint(concurrency=3)])
    await bench.all_is_well()
    event = await bench.tell("u", "task.submitted")

    found = await wait(bench, event)

    assert found == Wait(
        now=found.now,
        concurrency=3,
        next_at=found.next_at,
        heartbeat=found.heartbeat,
    )
    assert found.heartbeat == pytest.approx(found.now, abs=5.0)
    assert found.next_at is not None
    assert found.next_at <= found.now


async def test_what_is_held_says_by_whom(bench: Bench) -> None:
    await bench.admin.configure([endpoint(name) for name in "abc"])
    event = await bench.tell("u", "task.submitted", to=("a", "b", "c"))
    await bench.admin.switch("a", "pause")
    claimed = {one.endpoint: one for one in await bench.claim()}
    await bench.disable(claimed["b"])
    await bench.give_away(claimed["c"])

    paused, disabled, unconfigured = [await wait(bench, event, name) for name in "abc"]

    assert paused.paused_at == pytest.approx(paused.now, abs=5.0)
    assert disabled.disabled_at == pytest.approx(paused.now, abs=5.0)
    assert disabled.reason == "gone"
    assert unconfigured.unconfigured
    assert [paused.unconfigured, disabled.unconfigured] == [False, False]


async def test_a_receiver_that_asked_for_a_pause_is_named_with_its_end(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    await bench.fail(await bench.claim_one(), status=429, hold=60.0, again_in=90.0)

    found = await wait(bench, event)

    assert found.hold_until == pytest.approx(found.now + 60.0, abs=2.0)
    assert found.next_at == pytest.approx(found.now + 90.0, abs=2.0)
    assert (found.attempts, found.reason) == (1, "because")


async def test_an_open_breaker_and_its_trial_are_named(bench: Bench) -> None:
    await bench.open_breaker()
    event = await bench.tell("u", "task.submitted")
    first = await wait(bench, event)
    assert first.open_until == pytest.approx(first.now + 5.0, abs=2.0)
    await bench.let_pass(6.0)
    await bench.claim_one()

    found = await wait(bench, event)

    assert found.open_until is None
    assert found.trial_until is not None


async def test_a_rate_that_is_used_up_is_named(bench: Bench) -> None:
    slow = Rate(per_second=0.1, burst=1.0)
    await bench.admin.configure([endpoint(rate=slow, concurrency=1)])
    await bench.tell("u")
    event = await bench.tell("v")
    await bench.claim_one()

    found = await wait(bench, event)

    assert found.next_token_at == pytest.approx(found.now + 10.0, abs=2.0)
    assert (found.in_flight, found.concurrency) == (1, 1)


async def test_an_earlier_event_of_the_task_goes_first(bench: Bench) -> None:
    first = await bench.tell("u", "task.submitted")
    second = await bench.tell("u", "task.started")
    await bench.claim_one()

    behind, ahead = await wait(bench, second), await wait(bench, first)

    assert (behind.behind, behind.behind_sequence) == (first.id, 1)
    assert behind.next_at is None
    assert ahead.behind is None
    assert ahead.attempted_until == pytest.approx(ahead.now + 30.0, abs=15.0)


async def test_a_suspect_is_named_and_so_is_the_trial_of_another(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    events = [await bench.tell(name) for name in "uv"]
    await bench.claim()
    await bench.let_pass(60.0)
    await bench.claim()
    tried = await bench.claim_one(alone=True)
    (waiting,) = [event for event in events if event.id != tried.event.id]

    found = await wait(bench, waiting)

    assert (found.suspect, found.suspect_trial) == (True, True)


async def test_what_is_sent_again_has_a_wait_of_its_own(bench: Bench) -> None:
    event = await bench.tell("u", "task.submitted")
    await bench.succeed(await bench.claim_one())
    await bench.tell("u", "task.started")
    await bench.redeliver(event.id, "a")

    assert (await wait(bench, event)).behind is None


# --- endpoints ------------------------------------------------------------------------


async def test_an_endpoint_is_described_by_its_last_day(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    for took in (0.02, 0.02, 0.02, 2.0):
        await bench.tell("u", "task.submitted")
        await bench.succeed(await bench.claim_one(), duration=took)
    await bench.tell("u", "task.submitted")
    await bench.kill(await bench.claim_one())
    old = await bench.tell("u", "task.submitted")
    await bench.tell("u", "task.started")

    found = await bench.health()

    assert (found.delivered, found.dead, found.pending) == (4, 1, 2)
    assert found.oldest_pending_at == pytest.approx(old.at, abs=0.01)
    assert sum(slot.ok for slot in found.history) == 4
    assert sum(slot.failed for slot in found.history) == 1
    assert found.p50 is not None
    assert found.p95 is not None
    assert 0.01 <= found.p50 <= 0.025
    assert 1.0 <= found.p95 <= 2.5
    assert found.state == "failing"
    assert found.since == pytest.approx(await bench.admin.clock(), abs=5.0)


async def test_slots_that_are_older_than_a_day_are_gone(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    slots = f"{{{bench.namespace}}}:slots:a"
    await bench.client.hset(slots, mapping={"1:failed": 1, "99999999999:3": 1})
    assert (await bench.health()).history == []

    await bench.tell("u")
    await bench.succeed(await bench.claim_one())

    assert await bench.client.hlen(slots) == 1


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 0, 0], 0.5, None),
        ([4, 0, 0], 0.5, 0.5),
        ([0, 4, 0], 0.5, 1.5),
        ([2, 2, 0], 0.75, 1.5),
        ([0, 0, 4], 0.95, 2.0),
    ],
)
def test_a_quantile_is_estimated_within_its_bucket(
    counts: list[int], share: float, expected: float | None
) -> None:
    assert quantile([1.0, 2.0], counts, share) == expected


# --- upstreams ------------------------------------------------------------------------


async def test_an_upstream_is_described(bench: Bench) -> None:
    await bench.track("1", "2")
    await bench.admin.untrack(TaskKey("u", "2"))
    await bench.tasks.poll_succeeded(await bench.claim_tasks())
    await bench.let_pass(50.0)

    found = await upstream(bench)

    now = await bench.admin.clock()
    assert (found.state, found.since, found.tracked, found.active) == ("up", None, 2, 1)
    assert found.last_answer_at == pytest.approx(now - 50.0, abs=5.0)
    assert found.lag == pytest.approx(10.0, abs=5.0)


async def test_an_upstream_that_fails_says_since_when_and_why(bench: Bench) -> None:
    await bench.track("1")
    await bench.tasks.poll_succeeded(await bench.claim_tasks())
    await bench.let_pass(60.0)
    claim = await bench.claim_tasks()
    failure = PollFailure(error=PollError.THROTTLED, reason="429", hold=1.0, since=0.0)
    await bench.tasks.poll_failed(claim, failure)

    failing = await upstream(bench)
    assert (failing.state, failing.reason) == ("failing", "429")
    assert failing.since == pytest.approx(claim.now, abs=1.0)
    assert failing.last_answer_at == pytest.approx(claim.now - 60.0, abs=5.0)

    await bench.let_pass(60.0)
    notice = bench.notice("upstream.unhealthy", to=())
    claim = await bench.claim_tasks()
    await bench.tasks.poll_failed(claim, replace(failure, notice=notice))

    assert (await upstream(bench)).state == "unhealthy"


async def test_requests_are_counted_by_minute(bench: Bench) -> None:
    await bench.track("1")
    await bench.tasks.poll_succeeded(await bench.claim_tasks(), requests=30)
    now = await bench.admin.clock()

    (at_once,) = await bench.queries.upstreams(now)
    (soon,) = await bench.queries.upstreams(now + 240.0)
    (later,) = await bench.queries.upstreams(now + 600.0)

    assert at_once.requests_per_minute == pytest.approx(30.0, rel=0.1)
    assert 6.0 <= soon.requests_per_minute <= 7.5
    assert later.requests_per_minute == 0.0


async def test_upstreams_without_tasks_are_described_if_they_are_named(
    bench: Bench,
) -> None:
    await bench.track("1")

    rows = await bench.queries.upstreams(0.0, names=["idle", "u"])

    assert {row.name: row.tracked for row in rows} == {"idle": 0, "u": 1}


# --- counters -------------------------------------------------------------------------


async def test_times_are_counted_in_buckets(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.tell("u")
    await bench.succeed(await bench.claim_one(), duration=0.3)
    await bench.tell("u")
    await bench.fail(await bench.claim_one())
    claim = await bench.claim_tasks()
    await bench.tasks.poll_succeeded(claim)

    counted = await bench.queries.counters()

    attempts = counted.attempt_seconds["a"]
    assert sum(attempts.counts) == 2
    assert attempts.counts[attempts.bounds.index(0.5)] == 1
    assert attempts.total == pytest.approx(0.31)
    assert sum(counted.delivery_latency["a"].counts) == 1
    assert sum(counted.poll_seconds["u"].counts) == 3
    assert sum(counted.poll_lag["u"].counts) == 3
    assert counted.polls["u", "ok"] == 3


async def test_what_is_sent_again_says_nothing_of_latency(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.kill(await bench.claim_one())
    await bench.redeliver(event.id, "a")
    await bench.succeed(await bench.claim_one())

    counted = await bench.queries.counters()

    assert counted.delivery_latency == {}
    assert counted.attempts["a", "delivered"] == 1


async def test_a_delivery_that_was_given_up_stays_counted_when_it_is_sent_again(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    await bench.kill(await bench.claim_one())
    await bench.redeliver(event.id, "a")
    await bench.succeed(await bench.claim_one())

    counted = await bench.queries.counters()

    assert counted.dead == {"a": 1}
    assert counted.deliveries == {("a", "delivered"): 1}


async def test_gauges_are_read_of_what_is_kept(bench: Bench) -> None:
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    await bench.track("new")
    await bench.admin.switch("b", "pause")
    event = await bench.tell("v", "task.submitted", to=("a", "b"))
    await bench.fail(await bench.claim_one())
    await bench.housekeeping.beat(123.5)
    signed = await bench.admin.sign_on(["poll"], "digest")

    counted = await bench.queries.counters()

    assert counted.tasks == {("u", "-", True): 1, ("v", "-", True): 1}
    assert counted.deliveries == {("a", "pending"): 1, ("b", "held"): 1}
    assert counted.oldest_pending_at["a"] == pytest.approx(event.at, abs=0.01)
    assert counted.endpoints_up == {"a": False, "b": True}
    assert counted.upstreams_up == {"u": True, "v": True}
    assert counted.life.answered_at == 123.5
    assert counted.life.served_at == {"poll": pytest.approx(signed.now)}


async def test_an_endpoint_for_which_nothing_waits_is_up_whatever_it_refused_last(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint("a")])
    await bench.tell("u", to=("a",))
    await bench.fail(await bench.claim_one())
    failing = await bench.queries.counters()
    waiting = await bench.admin.open_at("a", 1)
    await bench.admin.give_up(waiting, "refused 3 times (HTTP 400)")

    refused = await bench.queries.counters()

    assert failing.endpoints_up == {"a": False}
    assert refused.endpoints_up == {"a": True}


async def test_hooks_of_all_origins_are_counted_together(bench: Bench) -> None:
    for number in range(3):
        name = f"hook:https://r{number}.example:443"
        await bench.admin.configure([endpoint(name)])
        await bench.tell(f"u{number}", to=(name,))
        await bench.succeed(await bench.claim_one())

    counted = await bench.queries.counters()

    assert counted.attempts == {(HOOKS, "delivered"): 3}
    assert counted.attempt_seconds.keys() == {HOOKS}
    assert counted.deliveries == {(HOOKS, "delivered"): 3}
    assert counted.endpoints_up == {HOOKS: True}
