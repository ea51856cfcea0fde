"""What follows from an answer, for the upstream and for each task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bridge.app.interpreter import Interpreter
from bridge.app.poll_results import ASK_AGAIN, results_of
from bridge.app.ports import (
    DueTask,
    FetchResult,
    PollClaim,
    PollError,
    PollFailure,
    PollResult,
    Publication,
)
from bridge.core.cadence import PollPolicy
from bridge.core.change import NOTHING, TaskState, observe
from bridge.core.endpoint import Endpoint
from bridge.core.hook import HookPolicy
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus

NOW = 1_750_000_000.0
POLICY = PollPolicy()
ENDPOINTS = [
    Endpoint(name="all", url="http://all/", events=("*",)),
    Endpoint(name="plain", url="http://plain/"),
    Endpoint(name="ends", url="http://ends/", events=("task.succeeded",)),
]
DUE = DueTask(
    key=TaskKey("u", "1"),
    incarnation="i",
    version=7,
    sequence=2,
    task_state=NOTHING,
    metadata={"order": "77"},
    tracked_at=NOW - 60.0,
    tracked_clock=0.0,
    misses=0,
    missed_clock=0.0,
)
CLAIM = PollClaim(
    upstream="u",
    tasks=[DUE],
    now=NOW,
    clock=60.0,
    failures=0,
    unhealthy=False,
    unhealthy_since=0.0,
    token="t",
)


def task(status: str, progress: int | None = None, **known: Any) -> TaskSnapshot:
    return TaskSnapshot(id="1", status=TaskStatus(status), progress=progress, **known)


RUNNING = task("IN_PROGRESS", 40)
#: A task that was seen running.
SEEN = replace(DUE, task_state=observe(NOTHING, RUNNING, progress_step=10).task_state)


def interpreter(
    *,
    roll: float = 0.0,
    kept: Mapping[TaskKey, TaskSnapshot] = {},
    hooks: HookPolicy | None = None,
) -> Interpreter:
    async def find(key: TaskKey) -> TaskSnapshot | None:
        return kept.get(key)

    return Interpreter(
        endpoints=ENDPOINTS,
        hooks=hooks,
        progress_step=10,
        now=lambda: NOW,
        roll=lambda: roll,
        kept=find,
    )


async def result(
    due: DueTask,
    seen: TaskSnapshot | None,
    *,
    claim: PollClaim = CLAIM,
    duration: float = 0.0,
    policy: PollPolicy = POLICY,
    kept: Mapping[TaskKey, TaskSnapshot] = {},
) -> PollResult:
    return await interpreter(kept=kept).result(
        due, seen, claim=claim, duration=duration, policy=policy
    )


def failure(
    error: PollError = PollError.BROKEN,
    *,
    claim: PollClaim = CLAIM,
    roll: float = 0.0,
    **more: Any,
) -> PollFailure:
    answer = FetchResult(error=error, detail="HTTP 502", **more)
    return interpreter(roll=roll).failure(claim, answer, error, policy=POLICY)


def data(publication: Publication | None) -> dict[str, Any]:
    assert publication is not None
    found: dict[str, Any] = json.loads(publication.event.body)["data"]
    return found


# --- a task that is listed ------------------------------------------------------------


async def test_a_change_is_published_to_those_who_subscribe_to_it() -> None:
    started, progress, done = [
        (await result(due, seen)).publication
        for due, seen in (
            (DUE, RUNNING),
            (SEEN, task("IN_PROGRESS", 60)),
            (SEEN, task("SUCCESS")),
        )
    ]

    assert started is not None
    assert progress is not None
    assert done is not None
    assert started.recipients == ("all", "plain")
    assert progress.recipients == ("all",)
    assert done.recipients == ("all", "plain", "ends")
    assert data(done)["metadata"] == {"order": "77"}
    assert (done.event.sequence, done.event.at) == (3, NOW)


async def test_a_hook_is_sent_what_the_settings_say_and_the_protocols_own_everything() -> (
    None
):
    hooks = HookPolicy(endpoint=Endpoint(name="hook", url="", events=("task.s*",)))
    sent = [
        found.publication and found.publication.hook
        for policy in (hooks, None)
        for due, seen in ((DUE, RUNNING), (SEEN, task("FAILURE")))
        for found in [
            await interpreter(hooks=policy).result(
                due, seen, claim=CLAIM, duration=0.0, policy=POLICY
            )
        ]
    ]

    assert sent == [("event", "midjourney"), ("midjourney",), (), ()]


async def test_what_is_not_news_changes_nothing_but_the_next_poll() -> None:
    same = await result(SEEN, RUNNING)

    assert same == PollResult(due=SEEN, poll_again_in=5.0)


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "CANCEL"])
async def test_a_task_that_ended_is_not_polled_again(status: str) -> None:
    assert (await result(SEEN, task(status))).poll_again_in is None


@pytest.mark.parametrize(
    ("status", "age", "duration", "next_in"),
    [
        ("IN_PROGRESS", 0.0, 0.0, 5.0),
        ("IN_PROGRESS", 0.0, 2.0, 3.0),
        ("IN_PROGRESS", 601.0, 0.0, 10.0),
        ("MODAL", 60.0, 0.0, 30.0),
    ],
)
async def test_the_next_poll_depends_on_status_age_and_how_long_the_answer_took(
    status: str, age: float, duration: float, next_in: float
) -> None:
    due = replace(DUE, tracked_at=NOW - age)

    assert (await result(due, task(status), duration=duration)).poll_again_in == next_in


@pytest.mark.parametrize("status", ["MODAL", "SUBMITTED", "IN_PROGRESS"])
async def test_a_task_that_got_what_it_waited_for_is_polled_like_a_new_one(
    status: str,
) -> None:
    due = replace(DUE, tracked_at=NOW - 4000.0, resumed_at=NOW - 20.0)

    assert (await result(due, task(status))).poll_again_in == 5.0


async def test_a_store_whose_clock_was_set_back_makes_no_task_younger_than_new() -> (
    None
):
    due = replace(DUE, tracked_at=NOW + 7200.0)

    assert (await result(due, RUNNING)).poll_again_in == 5.0


# --- a task that is missing, or too old -----------------------------------------------


async def test_a_miss_is_counted_from_the_first_one() -> None:
    first = await result(SEEN, None)
    second = await result(replace(SEEN, misses=1, missed_clock=42.0), None)

    assert (first.misses, first.missed_clock) == (1, CLAIM.clock)
    assert (second.misses, second.missed_clock) == (2, 42.0)
    assert first.poll_again_in == 5.0


async def test_a_task_that_comes_back_has_no_misses() -> None:
    back = await result(replace(SEEN, misses=60, missed_clock=0.0), RUNNING)

    assert (back.misses, back.publication) == (0, None)


async def test_a_task_that_is_missing_for_too_long_is_lost_with_what_was_kept() -> None:
    missing = replace(SEEN, misses=60, missed_clock=0.0)
    lost = await result(
        missing,
        None,
        claim=replace(CLAIM, clock=300.0),
        kept={DUE.key: RUNNING},
    )

    told = data(lost.publication)
    assert lost.poll_again_in is None
    assert told["failReason"].startswith("missing:")
    assert (told["status"], told["progress"]) == ("IN_PROGRESS", 40)


async def test_a_task_that_was_never_seen_is_lost_without_a_status() -> None:
    missing = replace(DUE, misses=60, missed_clock=0.0)
    lost = await result(missing, None, claim=replace(CLAIM, clock=300.0))

    told = data(lost.publication)
    assert (told["id"], told["status"]) == ("1", None)


async def test_the_news_that_a_task_brings_as_it_is_given_up_is_kept_with_its_end() -> (
    None
):
    policy = PollPolicy(max_age=20.0)
    lost = await result(SEEN, task("IN_PROGRESS", 80), policy=policy)

    told = data(lost.publication)
    assert lost.publication is not None
    assert lost.publication.event.type == "task.lost"
    assert told["progress"] == 80
    assert told["failReason"].startswith("expired:")
    assert lost.snapshot is not None
    assert (lost.snapshot.progress, lost.snapshot.fail_reason) == (80, None)


async def test_an_answer_that_brings_the_end_is_not_too_late() -> None:
    done = await result(SEEN, task("SUCCESS"), policy=PollPolicy(max_age=20.0))

    assert done.publication is not None
    assert done.publication.event.type == "task.succeeded"


async def test_a_lost_task_is_lost_once() -> None:
    lost = replace(SEEN, misses=60, task_state=TaskState(status=TaskStatus.SUCCESS))
    ended = await result(lost, None, claim=replace(CLAIM, clock=300.0))
    assert ended.task_state is not None
    again = replace(lost, task_state=ended.task_state)

    assert (
        await result(again, None, claim=replace(CLAIM, clock=300.0))
    ).publication is None


async def test_a_task_that_was_not_asked_about_is_neither_missing_nor_late() -> None:
    missed = replace(SEEN, misses=3, missed_clock=42.0)

    news, waits = await results_of(
        FetchResult(unasked=frozenset({missed.key.id})),
        claim=replace(CLAIM, tasks=[missed]),
        interpreter=interpreter(),
        duration=0.0,
        policy=POLICY,
    )

    assert (news, waits) == ([], {missed.key: ASK_AGAIN})


# --- the upstream ---------------------------------------------------------------------


def test_an_upstream_that_fails_is_left_alone_longer_each_time() -> None:
    holds = [failure(claim=replace(CLAIM, failures=count)).hold for count in range(6)]

    assert holds == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_retry_after_makes_a_wait_longer() -> None:
    assert failure(PollError.THROTTLED, retry_after=77.0).hold == 77.0


def test_upstreams_that_failed_together_do_not_come_back_together() -> None:
    assert failure(roll=0.5).hold == pytest.approx(5.25)


def test_the_third_failure_is_reported_with_when_the_first_was() -> None:
    claims = [
        replace(CLAIM, failures=count, unhealthy_since=NOW - 10.0) for count in range(3)
    ]
    first, second, third = [failure(claim=claim) for claim in claims]

    assert (first.notice, second.notice) == (None, None)
    assert (first.since, third.since) == (NOW, NOW - 10.0)
    told = data(third.notice)
    assert (told["upstream"], told["reason"]) == ("u", "HTTP 502")
    assert told["since"] == "2025-06-15T15:06:30Z"


def test_a_refused_key_is_reported_at_once() -> None:
    assert failure(PollError.REFUSED).notice is not None


def test_what_was_reported_is_not_reported_again() -> None:
    unhealthy = replace(CLAIM, failures=5, unhealthy=True)

    assert failure(PollError.REFUSED, claim=unhealthy).notice is None


def test_a_recovery_is_reported_if_the_failure_was() -> None:
    unhealthy = replace(CLAIM, unhealthy=True, unhealthy_since=NOW - 10.0)

    assert interpreter().recovery(CLAIM) is None
    assert data(interpreter().recovery(unhealthy))["since"] == "2025-06-15T15:06:30Z"


# --- what is learned ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "learned"),
    [
        pytest.param("SUBMITTED", "IN_PROGRESS", "IMAGINE:start", id="it begins"),
        pytest.param("IN_PROGRESS", "SUCCESS", "IMAGINE:end", id="it ends"),
        pytest.param("MODAL", "IN_PROGRESS", None, id="a person was waited for"),
        pytest.param("IN_PROGRESS", "FAILURE", None, id="it fails"),
        pytest.param("IN_PROGRESS", "IN_PROGRESS", None, id="no change"),
    ],
)
async def test_others_learn_from_how_long_a_task_took(
    before: str, after: str, learned: str | None
) -> None:
    seen_before = observe(NOTHING, task(before, action="IMAGINE"), progress_step=10)
    due = replace(DUE, task_state=seen_before.task_state, tracked_at=CLAIM.now - 40.0)

    found = (await result(due, task(after, action="IMAGINE"))).learned

    assert (found and found[0]) == learned
    assert found is None or found[1] == pytest.approx(40.0)


async def test_nothing_is_learned_of_a_task_that_was_never_seen_to_wait() -> None:
    assert (await result(DUE, task("SUCCESS", action="IMAGINE"))).learned is None


async def test_a_row_that_is_known_changes_nothing_but_the_next_poll() -> None:
    known = await interpreter().result(
        SEEN, None, unchanged=True, claim=CLAIM, duration=0.0, policy=POLICY
    )

    assert not known.is_news
    assert (known.misses, known.poll_again_in) == (0, POLICY.poll_interval)
    quickly = interpreter().wait_of_unchanged(
        SEEN, claim=CLAIM, duration=0.0, policy=POLICY
    )
    assert quickly == known.poll_again_in


async def test_a_task_that_was_missing_is_found_by_the_row_that_is_known() -> None:
    missed = replace(SEEN, misses=3)
    found = await interpreter().result(
        missed, None, unchanged=True, claim=CLAIM, duration=0.0, policy=POLICY
    )

    assert (found.is_news, found.misses) == (True, 0)
    assert (
        interpreter().wait_of_unchanged(
            missed, claim=CLAIM, duration=0.0, policy=POLICY
        )
        is None
    )


async def test_a_task_whose_row_is_as_it_was_can_outlive_its_time() -> None:
    claim = replace(CLAIM, clock=CLAIM.clock + POLICY.max_age + 1)

    lost = await interpreter().result(
        SEEN, None, unchanged=True, claim=claim, duration=0.0, policy=POLICY
    )

    assert lost.publication is not None
    assert lost.publication.event.type == "task.lost"
