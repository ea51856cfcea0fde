"""Keeping and forgetting: nothing open expires, nothing closed stays."""

from __future__ import annotations

import pytest

from bridge.app.ports import PollResult, Waiting
from bridge.core.task import TaskKey
from tests.contract.bench import RETENTION, Bench, endpoint

A_BIT = 10.0


async def waiting(bench: Bench, name: str = "a") -> list[Waiting]:
    return list(await bench.admin.open_at(name, 100))


# --- events ---------------------------------------------------------------------------


async def test_an_event_is_kept_while_a_delivery_of_it_is_open(bench: Bench) -> None:
    event = await bench.tell("u", to=("a", "b"))
    for delivery in await bench.claim():
        if delivery.endpoint == "b":
            await bench.succeed(delivery)
        else:
            await bench.fail(delivery, again_in=2 * RETENTION)
    await bench.let_pass(2 * RETENTION + A_BIT)
    await bench.housekeeping.tidy(100)

    assert await bench.state(event, "a") == "pending"
    assert await bench.claimed() == [event.id]


async def test_an_event_is_forgotten_when_retention_is_over(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())
    await bench.let_pass(RETENTION - A_BIT)
    assert await bench.housekeeping.tidy(100) == 0
    assert await bench.state(event) == "delivered"
    await bench.let_pass(2 * A_BIT)

    assert await bench.housekeeping.tidy(100) == 1
    assert await bench.queries.event(event.id) is None
    assert await bench.housekeeping.tidy(100) == 0


async def test_an_event_that_nobody_subscribed_to_is_forgotten_too(
    bench: Bench,
) -> None:
    event = await bench.tell("u", to=())
    assert await bench.queries.event(event.id) is not None
    await bench.let_pass(RETENTION + A_BIT)
    await bench.housekeeping.tidy(100)

    assert await bench.queries.event(event.id) is None


async def test_what_is_forgotten_in_one_step_is_bounded(bench: Bench) -> None:
    for number in range(5):
        await bench.tell(f"u{number}", to=())
    await bench.let_pass(RETENTION + A_BIT)

    assert [await bench.housekeeping.tidy(2) for _ in range(4)] == [2, 2, 1, 0]


async def test_tasks_that_ended_are_forgotten_when_retention_is_over(
    bench: Bench,
) -> None:
    await bench.track("1", "2")
    await bench.admin.untrack(TaskKey("u", "1"))
    await bench.let_pass(RETENTION + A_BIT)
    await bench.housekeeping.tidy(100)

    assert await bench.queries.rows([TaskKey("u", "1")]) == []
    assert (await bench.task("2")).active


async def test_tasks_that_came_to_their_end_are_forgotten_too(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    await bench.tasks.record([PollResult(due=claim.tasks[0], poll_again_in=None)])
    await bench.let_pass(RETENTION + A_BIT)
    await bench.housekeeping.tidy(100)

    assert await bench.queries.rows([TaskKey("u", "1")]) == []


async def test_a_task_that_is_tracked_again_is_not_forgotten(bench: Bench) -> None:
    await bench.track("1")
    await bench.admin.untrack(TaskKey("u", "1"))
    await bench.track("1")
    await bench.let_pass(RETENTION + A_BIT)
    await bench.housekeeping.tidy(100)

    assert (await bench.task("1")).active


async def test_the_newest_500_events_of_a_task_are_known_by_it(bench: Bench) -> None:
    history = f"{{{bench.namespace}}}:history:u:1"
    await bench.client.rpush(history, *(f"old{number}" for number in range(500)))

    newest = await bench.tell("u")

    ids = await bench.client.lrange(history, 0, -1)
    assert (len(ids), ids[0], ids[-1]) == (500, "old1", newest.id)


async def test_what_operators_were_told_of_an_endpoint_is_forgotten_in_time(
    bench: Bench,
) -> None:
    await bench.tell("u")
    await bench.kill(await bench.claim_one(), bench.notice("delivery.dead"))

    left = await bench.client.ttl(f"{{{bench.namespace}}}:history:@endpoint:a")

    assert left == pytest.approx(RETENTION, abs=60)


# --- giving up ------------------------------------------------------------------------


async def test_what_was_held_too_long_is_found_and_given_up(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    old = await bench.tell("u", "task.submitted")
    await bench.admin.switch("a", "pause")
    await bench.let_pass(RETENTION + A_BIT)
    new = await bench.tell("u", "task.started")
    now = await bench.admin.clock()
    found = await bench.housekeeping.open_before(now - RETENTION, 100)
    notice = bench.notice("delivery.dead")

    assert [one.event.id for one in found] == [old.id]
    assert await bench.admin.give_up(found, "held too long", [[notice]]) == 1
    assert [await bench.state(old), await bench.state(new)] == ["dead", "held"]
    row = await bench.queries.event(old.id)
    assert row is not None
    assert row.deliveries[0].reason == "held too long"
    assert await bench.claimed() == [notice.event.id]
    await bench.admin.switch("a", "resume")
    assert await bench.claimed() == [new.id]


async def test_giving_up_twice_changes_nothing(bench: Bench) -> None:
    await bench.tell("u")
    found = await waiting(bench)

    assert [await bench.admin.give_up(found, "why") for _ in range(2)] == [1, 0]
    assert (await bench.health()).pending == 0


async def test_what_is_in_flight_is_not_given_up(bench: Bench) -> None:
    event = await bench.tell("u", "task.submitted")
    behind = await bench.tell("u", "task.started")
    delivery = await bench.claim_one()
    found = await waiting(bench)

    assert await bench.admin.give_up(found, "why") == 1
    assert await bench.state(behind) == "dead"
    assert await bench.succeed(delivery)
    assert await bench.state(event) == "delivered"
    assert (await bench.health()).pending == 0


@pytest.mark.parametrize("where", ["fresh", "retry", "woken", "suspect", "lease over"])
async def test_whatever_waits_can_be_found_and_given_up(
    bench: Bench, where: str
) -> None:
    event = await bench.tell("u", "task.submitted")
    if where in {"retry", "woken"}:
        await bench.fail(await bench.claim_one())
    if where == "woken":
        await bench.admin.configure([endpoint()])
        await bench.tell("v")
        await bench.succeed(await bench.claim_one())
    if where in {"suspect", "lease over"}:
        await bench.claim_one()
        await bench.let_pass(60.0)
    if where == "suspect":
        await bench.claim()

    await bench.admin.give_up(await waiting(bench), "endpoint removed")

    assert await bench.state(event) == "dead"
    assert await waiting(bench) == []
    assert await bench.claim() == await bench.claim(alone=True) == []


async def test_no_more_are_listed_than_asked_for(bench: Bench) -> None:
    for number in range(3):
        await bench.tell(f"u{number}", "task.submitted")
        await bench.tell(f"u{number}", "task.started")

    assert len(await bench.admin.open_at("a", 4)) == 4
    assert await bench.admin.open_at("b", 4) == []


async def test_only_those_that_are_old_are_listed_when_asked_for(bench: Bench) -> None:
    old = await bench.tell("u", "task.submitted")
    await bench.let_pass(10.0)
    await bench.tell("u", "task.started")
    await bench.tell("v")
    now = await bench.admin.clock()

    found = await bench.admin.open_at("a", 100, before=now - 5.0)

    assert [one.event.id for one in found] == [old.id]


async def test_who_is_paused_or_disabled_holds_what_it_has(bench: Bench) -> None:
    await bench.admin.configure([endpoint(name) for name in "abc"])
    await bench.admin.switch("b", "pause")
    await bench.tell("u", to=("c",))
    await bench.disable(await bench.claim_one())
    assert set(await bench.housekeeping.holding()) == {"b", "c"}

    await bench.admin.switch("b", "resume")

    assert set(await bench.housekeeping.holding()) == {"c"}


async def test_an_endpoint_is_gone_when_nobody_has_had_it_configured_for_long(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    await bench.let_pass(3601.0)
    await bench.admin.configure([endpoint("b")])
    now = await bench.admin.clock()

    assert await bench.housekeeping.unconfigured(now - 3600.0) == ["a"]
    assert await bench.housekeeping.forget_endpoint("a", now - 3600.0)
    assert await bench.housekeeping.unconfigured(now - 3600.0) == []


async def test_an_endpoint_is_not_forgotten_that_is_back_or_has_something_waiting(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    await bench.let_pass(3601.0)
    now = await bench.admin.clock()
    await bench.admin.configure([endpoint("b")])
    event = await bench.tell("u", to=("a",))

    assert not await bench.housekeeping.forget_endpoint("a", now - 3600.0)
    assert not await bench.housekeeping.forget_endpoint("b", now - 3600.0)
    assert await bench.claimed() == [event.id]


async def test_a_task_is_remembered_as_long_as_what_was_told_of_it(
    bench: Bench,
) -> None:
    """Or its events would be counted from 1 again, and their ids be in use."""
    old = await bench.tell("u", "task.succeeded")
    await bench.admin.untrack(TaskKey("u", "1"))
    await bench.let_pass(604_900.0)
    await bench.housekeeping.tidy(100)

    new = await bench.tell("u", "task.succeeded")

    assert (old.sequence, new.sequence) == (1, 2)


async def test_an_endpoint_that_was_never_configured_anywhere_is_gone_in_time(
    bench: Bench,
) -> None:
    await bench.tell("u", to=("typo",))
    await bench.let_pass(3601.0)
    now = await bench.admin.clock()

    assert await bench.housekeeping.unconfigured(now - 3600.0) == ["typo"]


# --- sending again --------------------------------------------------------------------


async def test_what_was_delivered_can_be_sent_again_out_of_order(bench: Bench) -> None:
    event = await bench.tell("u", "task.submitted")
    await bench.succeed(await bench.claim_one())
    await bench.tell("u", "task.started")
    await bench.fail(await bench.claim_one())

    assert await bench.redeliver(event.id, "a") == "queued"
    again = await bench.claim_one()
    assert (again.event.id, again.redelivery, again.attempts) == (event.id, True, 0)
    assert await bench.succeed(again)
    assert await bench.state(event) == "delivered"
    assert await bench.attempts(event) == 2


async def test_asking_twice_sends_once(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.kill(await bench.claim_one())
    outcomes = [await bench.redeliver(event.id, "a") for _ in range(2)]

    assert outcomes == ["queued", "open"]
    assert len(await bench.claim()) == 1
    assert (await bench.health()).dead == 0


async def test_asking_again_right_after_it_was_sent_again_sends_nothing(
    bench: Bench,
) -> None:
    """Who asks twice does so within a moment, and the first has often arrived by then."""
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())
    assert await bench.redeliver(event.id, "a") == "queued"
    await bench.succeed(await bench.claim_one())

    assert await bench.redeliver(event.id, "a") == "recent"
    await bench.let_pass(31.0)
    assert await bench.redeliver(event.id, "a") == "queued"


async def test_what_is_open_is_not_sent_again(bench: Bench) -> None:
    event = await bench.tell("u")

    assert await bench.redeliver(event.id, "a") == "open"
    assert len(await bench.claim()) == 1


@pytest.mark.parametrize(
    ("what", "outcome"), [("succeed", "skipped"), ("kill", "queued")]
)
async def test_only_the_dead_are_sent_again_if_that_is_asked_for(
    bench: Bench, what: str, outcome: str
) -> None:
    event = await bench.tell("u")
    await getattr(bench, what)(await bench.claim_one())

    assert await bench.redeliver(event.id, "a", dead_only=True) == outcome


async def test_what_is_not_kept_cannot_be_sent_again(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())

    assert await bench.redeliver(event.id, "b") == "unknown"
    assert await bench.redeliver("evt_none", "a") == "unknown"
    await bench.let_pass(RETENTION + A_BIT)
    await bench.housekeeping.tidy(100)
    assert await bench.redeliver(event.id, "a") == "unknown"


async def test_what_is_sent_again_does_not_expire_before_it_is_over(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())
    await bench.let_pass(RETENTION - A_BIT)
    await bench.redeliver(event.id, "a")
    await bench.let_pass(2 * A_BIT)
    await bench.housekeeping.tidy(100)

    assert await bench.claimed() == [event.id]
    now = await bench.admin.clock()
    assert await bench.housekeeping.open_before(now - RETENTION, 100) == []


async def test_what_is_sent_again_dies_of_its_age_like_any_other(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())
    await bench.redeliver(event.id, "a")
    await bench.let_pass(RETENTION + A_BIT)
    now = await bench.admin.clock()
    found = await bench.housekeeping.open_before(now - RETENTION, 100)

    assert await bench.admin.give_up(found, "held too long") == 1
    assert await bench.state(event) == "dead"
