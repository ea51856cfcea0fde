"""`bridge.core.backoff`: when to try again, and when to give up."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.core.backoff import (
    STANDARD_SCHEDULE,
    lifetime,
    next_attempt_at,
    poll_backoff,
)

DELAYS = (5.0, 300.0, 1800.0)
rolls = st.floats(0, 1, exclude_max=True)
schedules = st.lists(st.floats(0.01, 1e5), max_size=6).map(tuple)


def next_at(started: float, *, due: float = 0.0, roll: float = 0.0) -> float | None:
    return next_attempt_at(DELAYS, first=1000.0, started=started, due=due, roll=roll)


@pytest.mark.parametrize(
    ("started", "due", "expected"),
    [
        pytest.param(1000, 0, 1005, id="after the first"),
        pytest.param(1005, 1005, 1305, id="after the second"),
        pytest.param(1305, 1305, 3105, id="after the third"),
        pytest.param(3105, 3105, None, id="after the last"),
        pytest.param(1010, 1305, 1305, id="an early attempt uses nothing up"),
        pytest.param(2000, 1305, 3105, id="a late one does not catch up"),
        pytest.param(9999, 1005, None, id="after the whole schedule"),
    ],
)
def test_attempts_have_fixed_places_counted_from_the_first(
    started: float, due: float, expected: float | None
) -> None:
    assert next_at(started, due=due) == expected


def test_the_standard_schedule_is_ten_attempts_in_76_hours() -> None:
    attempts = [0.0]
    while True:
        at = next_attempt_at(
            STANDARD_SCHEDULE,
            first=0.0,
            started=attempts[-1],
            due=attempts[-1],
            roll=0.0,
        )
        if at is None:
            break
        attempts.append(at)

    assert attempts == [0.0, *accumulate(STANDARD_SCHEDULE)]
    assert len(attempts) == 10
    assert attempts[-1] / 3600 == pytest.approx(75.6, abs=0.1)


@pytest.mark.parametrize(
    ("delays", "seconds"), [((), 0.0), ((5.0,), 5.5), ((5.0, 300.0), 335.0)]
)
def test_the_last_attempt_comes_late_by_a_tenth_of_its_delay_at_most(
    delays: tuple[float, ...], seconds: float
) -> None:
    assert lifetime(delays) == pytest.approx(seconds)


def test_without_a_schedule_there_is_one_attempt() -> None:
    assert next_attempt_at((), first=0.0, started=0.0, due=0.0, roll=0.5) is None


@given(schedules, st.floats(0, 1e9), st.floats(0, 1e6), st.floats(0, 2e9), rolls)
def test_the_next_attempt_is_later_and_within_the_schedule(
    delays: tuple[float, ...], first: float, later: float, due: float, roll: float
) -> None:
    started = first + later

    at = next_attempt_at(delays, first=first, started=started, due=due, roll=roll)

    if started < due:
        assert at == due
    elif at is not None:
        assert at > started
        assert at <= first + sum(delays) + max(delays) * 0.1 + 1e-3


@given(schedules, rolls)
def test_every_failure_comes_to_an_end(delays: tuple[float, ...], roll: float) -> None:
    assume(all(a <= b for a, b in pairwise(delays)))
    started: float | None = 0.0
    attempts = 0
    while started is not None:
        attempts += 1
        started = next_attempt_at(
            delays, first=0.0, started=started, due=started, roll=roll
        )

    assert attempts == len(delays) + 1


@pytest.mark.parametrize(
    ("refused", "waits"),
    [
        (False, [5, 10, 20, 40, 60, 60]),
        (True, [5, 10, 20, 40, 80, 160, 300, 300]),
    ],
)
def test_an_upstream_is_left_alone_longer_each_time(
    refused: bool, waits: list[float]
) -> None:
    assert waits == [
        poll_backoff(failures, interval=5, refused=refused, roll=0.0)
        for failures in range(1, len(waits) + 1)
    ]


@given(st.integers(1, 10**6), st.floats(0.01, 3600), st.booleans())
def test_waits_never_shrink_and_never_overflow(
    failures: int, interval: float, refused: bool
) -> None:
    wait = poll_backoff(failures, interval=interval, refused=refused, roll=0.0)
    later = poll_backoff(failures + 1, interval=interval, refused=refused, roll=0.0)

    assert interval <= wait <= later <= max(300, interval)


@given(st.integers(1, 50), st.booleans(), rolls)
def test_a_wait_is_longer_by_a_tenth_at_most(
    failures: int, refused: bool, roll: float
) -> None:
    least = poll_backoff(failures, interval=5, refused=refused, roll=0.0)
    wait = poll_backoff(failures, interval=5, refused=refused, roll=roll)

    assert wait == pytest.approx(least * (1 + roll / 10))


@pytest.mark.parametrize(("failures", "wait"), [(1, 1.0), (2, 2.0), (4, 8.0)])
def test_a_hasty_poller_waits_a_second_at_least(failures: int, wait: float) -> None:
    assert poll_backoff(failures, interval=0.05, refused=False, roll=0.0) == wait
