"""Tasks: one look wins, and what it changes is recorded in one step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.app.ports import (
    DueTask,
    PollClaim,
    PollError,
    PollFailure,
    PollResult,
    Publication,
)
from bridge.core.change import ChangeType, TaskState
from bridge.core.endpoint import Rate
from bridge.core.freshness import ENOUGH
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from bridge.errors import StoreUnavailable
from tests.contract.bench import LIMITS, Bench, endpoint

SEEN = TaskState(status=TaskStatus.IN_PROGRESS, progress=10, reported=10, digest="d")


def result(
    bench: Bench, due: DueTask, claim: PollClaim, kind: str = "task.started"
) -> PollResult:
    event = bench.event(kind, due, at=claim.now)
    publication = Publication(event=event, recipients=("a",))
    return PollResult(
        due=due, task_state=SEEN, poll_again_in=5.0, publication=publication
    )


async def fail(
    bench: Bench, claim: PollClaim, *, hold: float = 5.0, tell: bool = False
) -> None:
    notice = bench.notice("upstream.unhealthy") if tell else None
    failure = PollFailure(
        error=PollError.BROKEN, reason="HTTP 502", hold=hold, since=1.0, notice=notice
    )
    await bench.tasks.poll_failed(claim, failure)


# --- tracking -------------------------------------------------------------------------


async def test_tracked_tasks_are_due_at_once(bench: Bench) -> None:
    tracked = await bench.track("1", "2")

    assert (tracked.tracked, tracked.known) == (("1", "2"), ())
    assert await bench.due() == ["1", "2"]


async def test_tracking_a_task_twice_is_told_as_known(bench: Bench) -> None:
    await bench.track("1")
    tracked = await bench.track("2", "1")

    assert (tracked.tracked, tracked.known) == (("2",), ("1",))


async def test_a_task_that_waits_for_a_person_is_due_at_once_when_it_is_named_again(
    bench: Bench,
) -> None:
    await bench.track("waits", "runs")
    claim = await bench.claim_tasks()
    waits = TaskState(status=TaskStatus.MODAL, digest="m")
    states = {"waits": waits, "runs": SEEN}
    await bench.tasks.record(
        [
            PollResult(due=due, task_state=states[due.key.id], poll_again_in=100.0)
            for due in claim.tasks
        ]
    )
    await bench.let_pass(50.0)
    assert await bench.due() == []

    tracked = await bench.track("waits", "runs")

    assert tracked.known == ("waits", "runs")
    claim = await bench.claim_tasks()
    (due,) = claim.tasks
    assert due.key.id == "waits"
    assert due.tracked_at == pytest.approx(claim.now - 50.0, abs=5.0)
    assert due.resumed_at == pytest.approx(claim.now, abs=5.0)


async def test_what_was_seen_of_it_before_it_was_named_again_does_not_put_that_off(
    bench: Bench,
) -> None:
    async def see(digest: str, *, name_again: bool) -> None:
        claim = await bench.claim_tasks()
        (due,) = claim.tasks
        if name_again:
            await bench.track("1")
        waits = TaskState(status=TaskStatus.MODAL, digest=digest)
        result = PollResult(due=due, task_state=waits, poll_again_in=100.0)
        await bench.tasks.record([result])
        await bench.tasks.poll_succeeded(claim)

    await bench.track("1")
    await see("before", name_again=False)
    assert await bench.due() == []
    await bench.let_pass(101.0)
    await see("after", name_again=True)

    assert await bench.due() == ["1"]


async def test_two_upstreams_may_use_one_id(bench: Bench) -> None:
    await bench.track("1", upstream="u")
    tracked = await bench.track("1", upstream="v")

    assert tracked.tracked == ("1",)
    assert [await bench.due("u"), await bench.due("v")] == [["1"], ["1"]]


async def test_ten_thousand_ids_are_tracked_in_one_call(bench: Bench) -> None:
    ids = [str(number) for number in range(10_000)]

    assert (await bench.track(*ids)).tracked == tuple(ids)
    assert (await bench.track(*ids)).known == tuple(ids)


async def test_metadata_stays_with_its_task(bench: Bench) -> None:
    await bench.tasks.track("u", ["1"], {"order": "77", "deep": [1, None, {"ü": True}]})
    (due,) = (await bench.claim_tasks()).tasks

    assert due.metadata == {"order": "77", "deep": [1, None, {"ü": True}]}


# --- claiming -------------------------------------------------------------------------


async def test_what_is_claimed_is_not_due_until_its_lease_ends(bench: Bench) -> None:
    await bench.track("1")
    assert await bench.due() == ["1"]

    await bench.let_pass(35.0)
    assert await bench.due() == []
    await bench.let_pass(5.1)
    assert await bench.due() == ["1"]


async def test_no_time_that_a_restored_backup_holds_makes_a_claim_fail(
    bench: Bench,
) -> None:
    """Lags from the beginning of time, added up, are more than a counter of the store takes."""
    ids = [str(number) for number in range(500)]
    await bench.track(*ids)
    key = f"{{{bench.namespace}}}:poll:u"
    found = []
    for _ in range(12):
        await bench.client.zadd(key, dict.fromkeys([f"u:{one}" for one in ids], 0.0))
        claim = await bench.claim_tasks(limits=replace(LIMITS, batch_size=500))
        await bench.tasks.poll_succeeded(claim)
        found.append(len(claim.tasks))

    assert found == [500] * 12


async def test_a_claim_is_no_larger_than_a_batch(bench: Bench) -> None:
    await bench.track(*"12345")
    limits = replace(LIMITS, batch_size=2)

    claims = [await bench.claim_tasks(limits=limits) for _ in range(4)]

    assert [len(claim.tasks) for claim in claims] == [2, 2, 1, 0]


async def test_the_task_that_has_waited_longest_is_looked_at_first(
    bench: Bench,
) -> None:
    for task_id in "321":
        await bench.track(task_id)
        await bench.let_pass(1.0)
    limits = replace(LIMITS, batch_size=1)

    claims = [await bench.claim_tasks(limits=limits) for _ in range(3)]

    assert [claim.tasks[0].key.id for claim in claims] == ["3", "2", "1"]


async def test_no_more_requests_are_under_way_than_allowed(bench: Bench) -> None:
    await bench.track(*"12345")
    limits = replace(LIMITS, batch_size=1, concurrency=2)

    claims = [await bench.claim_tasks(limits=limits) for _ in range(3)]
    assert [len(claim.tasks) for claim in claims] == [1, 1, 0]
    await bench.tasks.poll_succeeded(claims[0])
    assert len((await bench.claim_tasks(limits=limits)).tasks) == 1


async def test_the_place_of_a_request_whose_process_died_is_free_when_its_lease_ends(
    bench: Bench,
) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=1, concurrency=1)
    await bench.claim_tasks(limits=limits)
    assert (await bench.claim_tasks(limits=limits)).tasks == []
    await bench.let_pass(40.1)

    assert len((await bench.claim_tasks(limits=limits)).tasks) == 1


async def test_no_more_requests_are_made_than_the_rate_allows(bench: Bench) -> None:
    await bench.track(*"123456789")
    limits = replace(
        LIMITS, batch_size=1, concurrency=99, rate=Rate(per_second=0.02, burst=3.0)
    )
    made = []
    for _ in range(3):
        claims = [await bench.claim_tasks(limits=limits) for _ in range(5)]
        made.append(sum(len(claim.tasks) for claim in claims))
        await bench.let_pass(100.0)

    assert made == [3, 2, 2]


async def test_who_may_not_claim_is_told_when_that_is_over(bench: Bench) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=2, rate=Rate(per_second=0.05, burst=1.0))
    first = await bench.claim_tasks(limits=limits)

    short = await bench.claim_tasks(limits=limits)
    assert (len(first.tasks), first.next_in) == (2, None)
    assert short.tasks == []
    assert short.next_in == pytest.approx(20.0, abs=5.0)
    await bench.let_pass(21.0)
    assert len((await bench.claim_tasks(limits=limits)).tasks) == 1


async def test_who_finds_nothing_due_is_told_when_something_will_be(
    bench: Bench,
) -> None:
    assert (await bench.claim_tasks()).next_in is None
    await bench.track("1")
    claim = await bench.claim_tasks()
    await bench.tasks.record(
        [PollResult(due=due, poll_again_in=50.0) for due in claim.tasks]
    )
    await bench.tasks.poll_succeeded(claim)

    early = await bench.claim_tasks()

    # A little later than that: what comes due meanwhile goes into the same batch.
    assert early.next_in == pytest.approx(50.1, abs=5.0)


async def test_who_finds_all_places_taken_is_not_told_to_wait(bench: Bench) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=1, concurrency=1)
    await bench.claim_tasks(limits=limits)

    assert (await bench.claim_tasks(limits=limits)).next_in is None


async def test_requests_beyond_a_claims_own_are_paid_for_before_the_next(
    bench: Bench,
) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=1, rate=Rate(per_second=0.02, burst=1.0))
    claim = await bench.claim_tasks(limits=limits)
    await bench.tasks.poll_succeeded(claim, requests=5)

    assert (await bench.claim_tasks(limits=limits)).next_in == pytest.approx(
        250.0, abs=10.0
    )
    await bench.let_pass(210.0)
    assert (await bench.claim_tasks(limits=limits)).tasks == []
    await bench.let_pass(50.0)
    assert len((await bench.claim_tasks(limits=limits)).tasks) == 1


async def test_a_claim_that_is_given_back_is_up_for_others_at_once(
    bench: Bench,
) -> None:
    await bench.track(*"12")
    limits = replace(LIMITS, concurrency=1)
    claim = await bench.claim_tasks(limits=limits)
    await bench.admin.untrack(TaskKey("u", "2"))

    await bench.tasks.return_tasks(claim)

    again = await bench.claim_tasks(limits=limits)
    assert [due.key.id for due in again.tasks] == ["1"]
    await bench.tasks.return_tasks(claim)  # too late: somebody else has it
    assert (await bench.claim_tasks(limits=limits)).tasks == []


async def test_a_claim_of_nothing_uses_up_no_request(bench: Bench) -> None:
    limits = replace(LIMITS, rate=Rate(per_second=0.01, burst=1.0))
    for _ in range(3):
        assert (await bench.claim_tasks(limits=limits)).tasks == []
    await bench.track("1")

    assert len((await bench.claim_tasks(limits=limits)).tasks) == 1


# --- an answer without news -----------------------------------------------------------


async def test_tasks_without_news_are_due_again_when_they_are_said_to_be(
    bench: Bench,
) -> None:
    await bench.track(*"123")
    claim = await bench.claim_tasks()
    one, two, _three = claim.tasks

    await bench.tasks.poll_succeeded(claim, waits={one.key: 5.0, two.key: 50.0})

    await bench.let_pass(5.1)
    assert await bench.due() == ["1"]
    await bench.let_pass(
        45.0
    )  # and the one that nothing is said of, when its lease ends
    assert await bench.due() == ["1", "2", "3"]


async def test_a_task_that_somebody_else_has_seen_to_since_is_not_put_off(
    bench: Bench,
) -> None:
    await bench.track(*"1234")
    claim = await bench.claim_tasks()
    recorded, untracked, tracked_again, put_off = claim.tasks
    await bench.tasks.record([PollResult(due=recorded, poll_again_in=0.0)])
    for one in (untracked, tracked_again):
        await bench.admin.untrack(one.key)
    await bench.track(tracked_again.key.id)

    await bench.tasks.poll_succeeded(
        claim, waits={due.key: 100.0 for due in claim.tasks}
    )

    assert await bench.due() == [recorded.key.id, tracked_again.key.id]
    await bench.let_pass(100.1)
    assert put_off.key.id in await bench.due()
    assert untracked.key.id not in await bench.due()


async def test_tasks_without_news_are_put_off_by_an_answer_that_came_late(
    bench: Bench,
) -> None:
    await bench.track("1")
    limits = replace(LIMITS, lease=0.001)
    claim = await bench.claim_tasks(limits=limits)
    while (await bench.keys.clock()) < claim.lease_ends:
        pass
    assert await bench.claim_tasks("another") is not None

    await bench.tasks.poll_succeeded(claim, waits={claim.tasks[0].key: 100.0})

    assert await bench.due() == []


async def test_the_place_of_an_answered_claim_is_used_at_once(bench: Bench) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=1, concurrency=1)
    first = await bench.claim_tasks(limits=limits)

    second = await bench.tasks.poll_succeeded(first, limits=limits)

    assert second is not None
    assert [due.key.id for due in second.tasks] != [due.key.id for due in first.tasks]
    assert await bench.tasks.poll_succeeded(first, limits=limits) is None
    assert (await bench.claim_tasks(limits=limits)).tasks == []


async def test_a_claim_whose_reply_was_lost_hides_nothing(bench: Bench) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=2, concurrency=1)
    bench.keys.mute = True
    with pytest.raises(StoreUnavailable):
        await bench.claim_tasks(limits=limits)
    bench.keys.mute = False

    claim = await bench.claim_tasks(limits=limits)

    assert len(claim.tasks) == 2
    bench.keys.mute = True
    with pytest.raises(StoreUnavailable):
        await bench.tasks.poll_succeeded(claim, limits=limits)
    bench.keys.mute = False
    assert len((await bench.claim_tasks(limits=limits)).tasks) == 1


# --- requests that are shared ---------------------------------------------------------


async def test_what_is_due_soon_goes_along_with_what_is_due(bench: Bench) -> None:
    await bench.track(*"12345")
    first = await bench.claim_tasks()
    waits = dict(
        zip((due.key for due in first.tasks), (5.0, 6.0, 7.0, 9.0, 60.0), strict=True)
    )
    await bench.tasks.poll_succeeded(first, waits=waits)
    limits = replace(LIMITS, batch_size=3, ride=2.5)
    assert (await bench.claim_tasks(limits=limits)).tasks == []  # nobody goes first
    await bench.let_pass(5.1)

    shared = await bench.claim_tasks(limits=limits)

    assert [due.key.id for due in shared.tasks] == ["1", "2", "3"]
    assert shared.due_count == 1
    assert (await bench.claim_tasks(limits=replace(limits, ride=20.0))).tasks == []


async def test_ages_are_learned_for_each_kind_and_stage(bench: Bench) -> None:
    await bench.tasks.learn("u", [("IMAGINE:end", 40.0)] * ENOUGH)
    await bench.tasks.learn("u", [("IMAGINE:start", 2.0), ("UPSCALE:end", 1e9)])

    sketches = await bench.tasks.sketches("u")

    assert {name: sketch.older[0] for name, sketch in sketches.items()} == {
        "IMAGINE:end": ENOUGH,
        "IMAGINE:start": 1,
        "UPSCALE:end": 1,
    }
    assert sketches["IMAGINE:end"].chance(35.0, 30.0) == 1.0
    assert await bench.tasks.sketches("another") == {}


async def test_what_was_learned_long_ago_counts_less_and_less(bench: Bench) -> None:
    await bench.tasks.learn("u", [("K:end", 400.0)] * 40)
    for _ in range(5):
        await bench.tasks.learn("u", [("K:end", 40.0)] * 40)

    (sketch,) = (await bench.tasks.sketches("u")).values()

    assert sketch.older[0] < 80
    assert sketch.chance(35.0, 30.0) > 0.8


async def test_no_more_kinds_are_learned_than_there_is_room_for(bench: Bench) -> None:
    for number in range(100):
        await bench.tasks.learn("u", [(f"K{number}:end", 1.0)])
    await bench.tasks.learn("u", [("K0:end", 1.0)])

    sketches = await bench.tasks.sketches("u")

    assert len(sketches) == 64
    assert sketches["K0:end"].older[0] == 2


# --- recording ------------------------------------------------------------------------


async def test_a_look_changes_everything_in_one_step(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    (due,) = claim.tasks
    kept = TaskSnapshot(id="1", status=TaskStatus.IN_PROGRESS, progress=10)
    recorded = await bench.tasks.record(
        [replace(result(bench, due, claim), snapshot=kept)]
    )

    assert recorded.applied == [True]
    assert await bench.tasks.snapshot(due.key) == kept
    row = await bench.task("1")
    assert (row.status, row.sequence, row.active) == ("IN_PROGRESS", 1, True)
    assert len(await bench.claim()) == 1
    await bench.tasks.poll_succeeded(claim)
    await bench.let_pass(5.1)
    (again,) = (await bench.claim_tasks()).tasks
    assert (again.task_state, again.sequence, again.version) == (SEEN, 1, 1)


async def test_two_pollers_with_the_same_answer_make_one_event(bench: Bench) -> None:
    await bench.track("1")
    one = await bench.claim_tasks()
    await bench.let_pass(40.1)
    two = await bench.claim_tasks()
    first = result(bench, one.tasks[0], one)

    assert (await bench.tasks.record([first])).applied == [True]
    assert (await bench.tasks.record([result(bench, two.tasks[0], two)])).applied == [
        False
    ]
    assert len(await bench.queries.story("u:1")) == 1
    assert (await bench.task("1")).sequence == 1


async def test_recording_twice_changes_nothing(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    one = result(bench, claim.tasks[0], claim)
    await bench.tasks.record([one])
    before = await bench.task("1")

    assert await bench.tasks.record([one]) == await bench.tasks.record([one])
    assert (await bench.tasks.record([one])).applied == [False]
    assert await bench.task("1") == before
    assert len(await bench.claim()) == 1


async def test_a_look_that_lost_costs_the_others_nothing(bench: Bench) -> None:
    await bench.admin.configure([endpoint()])
    await bench.track(*"123")
    claim = await bench.claim_tasks()
    results = [result(bench, due, claim) for due in claim.tasks]
    await bench.tasks.record([results[1]])

    recorded = await bench.tasks.record(results)

    assert recorded.applied == [True, False, True]
    assert len(await bench.claim()) == 3


async def test_untracking_in_between_makes_a_look_come_to_nothing(
    bench: Bench,
) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    assert await bench.admin.untrack(TaskKey("u", "1"))

    assert (
        await bench.tasks.record([result(bench, claim.tasks[0], claim)])
    ).applied == [False]
    assert await bench.claim() == []
    await bench.let_pass(100.0)
    assert await bench.due() == []


async def test_untracking_and_tracking_in_between_is_not_mistaken_for_nothing(
    bench: Bench,
) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    await bench.admin.untrack(TaskKey("u", "1"))
    await bench.track("1")

    assert (
        await bench.tasks.record([result(bench, claim.tasks[0], claim)])
    ).applied == [False]
    assert await bench.due() == ["1"]


async def test_what_is_queued_for_an_untracked_task_is_still_delivered(
    bench: Bench,
) -> None:
    event = await bench.tell("u")
    await bench.admin.untrack(TaskKey("u", "1"))

    assert await bench.claimed() == [event.id]


async def test_untracking_says_what_it_found(bench: Bench) -> None:
    await bench.track("1")
    key = TaskKey("u", "1")

    assert await bench.admin.untrack(key) is True
    assert await bench.admin.untrack(key) is False
    assert await bench.admin.untrack(TaskKey("u", "2")) is None


async def test_a_task_that_ended_is_not_looked_at_again(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    ended = replace(SEEN, ended=ChangeType.SUCCEEDED)
    await bench.tasks.record(
        [PollResult(due=claim.tasks[0], task_state=ended, poll_again_in=None)]
    )
    await bench.tasks.poll_succeeded(claim)
    await bench.let_pass(3600.0)

    assert not (await bench.task("1")).active
    assert await bench.due() == []


async def test_a_task_that_ended_can_be_tracked_again_and_its_sequence_goes_on(
    bench: Bench,
) -> None:
    await bench.tasks.track("u", ["1"], {"order": "77"})
    claim = await bench.claim_tasks()
    ended = replace(SEEN, ended=ChangeType.SUCCEEDED)
    one = replace(
        result(bench, claim.tasks[0], claim), task_state=ended, poll_again_in=None
    )
    await bench.tasks.record([one])
    await bench.tasks.poll_succeeded(claim)

    assert (await bench.track("1")).tracked == ("1",)
    (again,) = (await bench.claim_tasks()).tasks
    assert (again.sequence, again.task_state, again.misses) == (1, ended, 0)
    assert again.metadata == {"order": "77"}
    assert again.incarnation != claim.tasks[0].incarnation


async def test_a_look_without_news_moves_the_next_look_only(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    recorded = await bench.tasks.record(
        [PollResult(due=claim.tasks[0], poll_again_in=7.0)]
    )
    await bench.tasks.poll_succeeded(claim)

    assert recorded.applied == [True]
    await bench.let_pass(4.0)
    assert await bench.due() == []
    await bench.let_pass(3.1)
    (again,) = (await bench.claim_tasks()).tasks
    assert (again.version, again.task_state) == (0, TaskState())


async def test_an_upstream_may_be_looked_at_as_rarely_as_one_likes(
    bench: Bench,
) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    await bench.tasks.record([PollResult(due=claim.tasks[0], poll_again_in=172_800.0)])
    await bench.tasks.poll_succeeded(claim)

    assert await bench.due() == []
    await bench.let_pass(172_801.0)
    assert await bench.due() == ["1"]


async def test_misses_are_kept(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    missed = PollResult(
        due=claim.tasks[0], misses=1, missed_clock=12.5, poll_again_in=0.0
    )
    await bench.tasks.record([missed])
    await bench.tasks.poll_succeeded(claim)

    (again,) = (await bench.claim_tasks()).tasks
    assert (again.misses, again.missed_clock) == (1, 12.5)
    await bench.tasks.record([PollResult(due=again, poll_again_in=0.0)])
    (found,) = (await bench.claim_tasks()).tasks
    assert found.misses == 0


async def test_a_change_that_nobody_subscribes_to_is_kept_but_wakes_nobody(
    bench: Bench,
) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    one = result(bench, claim.tasks[0], claim)
    assert one.publication is not None
    quiet = replace(one, publication=replace(one.publication, recipients=()))
    recorded = await bench.tasks.record([quiet])

    assert recorded.applied == [True]
    assert not await bench.woken()
    assert (await bench.task("1")).sequence == 1
    assert await bench.queries.event(one.publication.event.id) is not None


# --- answers --------------------------------------------------------------------------


async def test_after_an_invalid_answer_the_upstream_is_left_alone(
    bench: Bench,
) -> None:
    await bench.track("1")
    await fail(bench, await bench.claim_tasks(), hold=60.0)
    await bench.let_pass(55.0)
    await bench.track("2")

    assert await bench.due() == []
    await bench.let_pass(5.1)
    claim = await bench.claim_tasks()
    assert {due.key.id for due in claim.tasks} == {"1", "2"}
    assert claim.failures == 1


async def test_while_an_upstream_fails_one_request_at_a_time_is_made(
    bench: Bench,
) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=1)
    await fail(bench, await bench.claim_tasks(limits=limits), hold=1.0)
    await bench.let_pass(1.1)

    claims = [await bench.claim_tasks(limits=limits) for _ in range(2)]

    assert [len(claim.tasks) for claim in claims] == [1, 0]


async def test_failures_side_by_side_count_once(bench: Bench) -> None:
    await bench.track(*"123")
    limits = replace(LIMITS, batch_size=1)
    claims = [await bench.claim_tasks(limits=limits) for _ in range(3)]
    for claim in claims:
        await fail(bench, claim, hold=1.0)
    await bench.let_pass(1.1)

    assert (await bench.claim_tasks()).failures == 1


async def test_failures_one_after_another_add_up(bench: Bench) -> None:
    await bench.track("1")
    for expected in range(3):
        claim = await bench.claim_tasks()
        assert claim.failures == expected
        await fail(bench, claim, hold=1.0)
        await bench.let_pass(1.1)


async def test_an_answer_from_before_a_failure_is_no_recovery(bench: Bench) -> None:
    await bench.track(*"12")
    limits = replace(LIMITS, batch_size=1)
    one, two = [await bench.claim_tasks(limits=limits) for _ in range(2)]
    await bench.let_pass(0.01)
    await fail(bench, one, hold=60.0, tell=True)
    await bench.tasks.poll_succeeded(two)
    await bench.let_pass(30.0)
    assert (await bench.claim_tasks()).tasks == []
    await bench.let_pass(30.1)

    claim = await bench.claim_tasks()
    assert (claim.failures, claim.unhealthy) == (1, True)


async def test_a_valid_answer_ends_the_failures(bench: Bench) -> None:
    await bench.track("1")
    await fail(bench, await bench.claim_tasks(), hold=1.0)
    await bench.let_pass(1.1)
    await bench.tasks.poll_succeeded(await bench.claim_tasks())

    assert (await bench.claim_tasks()).failures == 0


async def test_that_an_upstream_is_unhealthy_and_well_again_is_told_once_each(
    bench: Bench,
) -> None:
    await bench.track("1")
    began = None
    for expected in (True, False):
        claim = await bench.claim_tasks()
        began = began or claim.now
        await fail(bench, claim, hold=10.0, tell=True)
        assert await bench.woken() is expected
        await bench.let_pass(11.0)
    claim = await bench.claim_tasks()
    assert claim.unhealthy
    assert claim.now - claim.unhealthy_since == pytest.approx(22.0, abs=5.0)
    recovered = bench.notice("upstream.recovered")
    await bench.tasks.poll_succeeded(claim, recovery=recovered)
    assert await bench.woken()

    types = [delivery.event.type for delivery in await bench.claim()]
    assert types == ["upstream.unhealthy"]  # the other one is behind it in its lane
    assert not (await bench.claim_tasks()).unhealthy


async def test_answering_twice_changes_nothing(bench: Bench) -> None:
    await bench.track(*"12")
    limits = replace(LIMITS, batch_size=1)
    claim = await bench.claim_tasks(limits=limits)
    await fail(bench, claim, hold=1.0)
    await bench.let_pass(1.1)
    await fail(bench, claim, hold=100.0, tell=True)
    await bench.tasks.poll_succeeded(claim)

    again = await bench.claim_tasks(limits=limits)
    assert (len(again.tasks), again.failures, again.unhealthy) == (1, 1, False)
    assert await bench.claim() == []


async def test_a_failure_does_not_make_an_untracked_task_due(bench: Bench) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks()
    await bench.admin.untrack(TaskKey("u", "1"))
    await fail(bench, claim, hold=1.0)
    await bench.let_pass(1.1)

    assert await bench.due() == []


# --- the answering clock --------------------------------------------------------------


async def answer(bench: Bench, *, after: float, step: float = 0.0) -> float:
    """Give a valid answer after some time; returns what the clock showed before it."""
    await bench.let_pass(after)
    await bench.track("1")
    claim = await bench.claim_tasks()
    await bench.tasks.record(
        [PollResult(due=due, poll_again_in=0.0) for due in claim.tasks]
    )
    await bench.tasks.poll_succeeded(claim, max_clock_advance=step)
    return claim.clock


async def test_the_answering_clock_goes_on_with_valid_answers(bench: Bench) -> None:
    clocks = [await answer(bench, after=50.0) for _ in range(4)]

    assert clocks == [pytest.approx(at, abs=10.0) for at in (0, 0, 50, 100)]


async def test_the_answering_clock_stands_still_during_outages(bench: Bench) -> None:
    await answer(bench, after=0.0)
    await answer(bench, after=50.0)
    for _ in range(4):
        await bench.let_pass(300.0)
        await fail(bench, await bench.claim_tasks(), hold=1.0)
    await answer(bench, after=1000.0)

    assert await answer(bench, after=50.0) == pytest.approx(50.0, abs=10.0)
    assert await answer(bench, after=0.0) == pytest.approx(100.0, abs=10.0)


async def test_the_answering_clock_stands_still_while_nobody_asks(
    bench: Bench,
) -> None:
    await answer(bench, after=0.0)
    await answer(bench, after=86400.0)

    assert await answer(bench, after=0.0) == pytest.approx(120.0, abs=10.0)


async def test_the_answering_clock_keeps_up_where_looks_are_rare(bench: Bench) -> None:
    for after in (0.0, 3600.0, 3600.0):
        await answer(bench, after=after, step=14_400.0)
    rare = await answer(bench, after=0.0)  # from now on they are not
    await answer(bench, after=3600.0)

    assert rare == pytest.approx(7200.0, abs=30.0)
    assert await answer(bench, after=0.0) == pytest.approx(7320.0, abs=30.0)


async def test_a_task_is_timed_from_when_it_was_tracked(bench: Bench) -> None:
    for _ in range(3):
        await answer(bench, after=10.0)
    await bench.track("2")
    claim = await bench.claim_tasks()
    due = next(due for due in claim.tasks if due.key.id == "2")

    assert due.tracked_clock == pytest.approx(20.0, abs=4.0)
    assert due.tracked_at == pytest.approx(claim.now, abs=5.0)


async def test_a_task_is_not_older_for_the_time_in_which_nobody_asked(
    bench: Bench,
) -> None:
    await answer(bench, after=0.0)
    await bench.admin.untrack(TaskKey("u", "1"))
    await bench.let_pass(100.0)
    await bench.track("2")
    await bench.tasks.poll_succeeded(await bench.claim_tasks())
    await bench.let_pass(200.0)
    (due,) = (claim := await bench.claim_tasks()).tasks

    assert claim.clock - due.tracked_clock == pytest.approx(0.0, abs=10.0)


async def test_a_task_is_timed_from_between_two_answers(bench: Bench) -> None:
    await answer(bench, after=0.0)
    await bench.let_pass(30.0)
    await bench.track("2")
    await bench.let_pass(30.0)
    await answer(bench, after=0.0)
    await bench.let_pass(100.0)
    claim = await bench.claim_tasks()
    due = next(due for due in claim.tasks if due.key.id == "2")

    assert claim.clock - due.tracked_clock == pytest.approx(30.0, abs=10.0)
