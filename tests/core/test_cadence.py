"""`bridge.core.cadence`: when to look again, and when to stop waiting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cadence import PollPolicy, max_clock_advance, next_poll_in, why_lost
from bridge.core.task import TaskStatus

USUAL = PollPolicy()
RUNNING = TaskStatus.IN_PROGRESS
times = st.floats(0, 1e7)


@pytest.mark.parametrize(
    ("status", "age", "seconds"),
    [
        (RUNNING, 0, 5),
        (None, 0, 5),
        (TaskStatus.SUBMITTED, 599.9, 5),
        (RUNNING, 600, 10),
        (RUNNING, 3599, 10),
        (RUNNING, 3600, 60),
        (RUNNING, 80_000, 60),
        (TaskStatus.MODAL, 29.9, 5),
        (TaskStatus.MODAL, 30, 30),
        (TaskStatus.MODAL, 700, 30),
    ],
)
def test_an_old_task_is_looked_at_less_often(
    status: TaskStatus | None, age: float, seconds: float
) -> None:
    assert next_poll_in(status, age=age, policy=USUAL) == seconds


@given(st.sampled_from([*TaskStatus, None]), times, st.floats(0.1, 1000))
def test_nothing_is_looked_at_more_often_than_was_set(
    status: TaskStatus | None, age: float, interval: float
) -> None:
    policy = PollPolicy(poll_interval=interval)

    assert next_poll_in(status, age=age, policy=policy) >= interval


@given(st.sampled_from([*TaskStatus, None]), times, times, st.floats(0.1, 86400))
def test_an_older_task_is_not_looked_at_more_often(
    status: TaskStatus | None, age: float, more: float, interval: float
) -> None:
    policy = PollPolicy(poll_interval=interval)
    younger, older = (
        next_poll_in(status, age=one, policy=policy) for one in (age, age + more)
    )

    assert older >= younger


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        pytest.param(0.0, 5.0, id="at once"),
        pytest.param(1.0, 4.0, id="a second"),
        pytest.param(2.5, 2.5, id="half the interval"),
        pytest.param(9.0, 2.5, id="longer than the interval: a pause all the same"),
    ],
)
def test_looks_are_counted_from_question_to_question(
    duration: float, seconds: float
) -> None:
    assert next_poll_in(RUNNING, age=0, policy=USUAL, duration=duration) == seconds


@given(st.sampled_from([*TaskStatus, None]), times, st.floats(0.1, 86400))
def test_the_answering_clock_covers_the_longest_wait(
    status: TaskStatus | None, age: float, interval: float
) -> None:
    policy = PollPolicy(poll_interval=interval)

    longest = next_poll_in(status, age=age, policy=policy)

    assert max_clock_advance(policy) >= 2 * longest


@pytest.mark.parametrize(
    ("misses", "missing_for", "age", "why"),
    [
        pytest.param(0, 0, 0, None, id="new"),
        pytest.param(5, 300, 400, "missing", id="missing for long enough"),
        pytest.param(4, 900, 1000, None, id="missing too few times"),
        pytest.param(50, 299.9, 400, None, id="missing not long enough"),
        pytest.param(0, 0, 86400, "expired", id="outlived its time"),
        pytest.param(0, 0, 86399, None, id="nearly outlived its time"),
        pytest.param(5, 300, 86400, "missing", id="both: the nearer reason"),
        pytest.param(3, 10, 86400, "expired", id="missing lately, and old"),
    ],
)
def test_a_task_is_lost_when_it_is_missing_or_too_old(
    misses: int, missing_for: float, age: float, why: str | None
) -> None:
    said = why_lost(misses=misses, missing_for=missing_for, age=age, policy=USUAL)

    assert said is None if why is None else said is not None and said.cause == why


def test_a_reason_names_the_limit() -> None:
    short = PollPolicy(missing_after=1.5, max_age=3600)

    missing = why_lost(misses=5, missing_for=2, age=2, policy=short)
    expired = why_lost(misses=0, missing_for=0, age=1e4, policy=short)

    assert str(missing) == ("missing: the upstream has not listed this task for 1.5 s")
    assert str(expired) == (
        "expired: the task has not ended within 3600 s of being tracked"
    )


@given(st.integers(0, 4), times, st.floats(0, 86399))
def test_a_hiccup_loses_nothing(misses: int, missing_for: float, age: float) -> None:
    assert (
        why_lost(misses=misses, missing_for=missing_for, age=age, policy=USUAL) is None
    )
