"""`bridge.core.delivery`: what an attempt's outcome means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.delivery import (
    Attempt,
    AttemptResult,
    DeliveryHistory,
    Disposition,
    Fault,
    Verdict,
    judge,
)

DELAYS = (5.0, 300.0, 1800.0)
NOW = 1000.0
SECOND = DeliveryHistory(first=NOW - 5, due=NOW, failures=1)


def attempt(status: int | None = None, **fields: object) -> Attempt:
    fault = Fault.TIMEOUT if status is None else None
    made = Attempt(started=NOW, duration=0.5, status=status, fault=fault)
    return replace(made, **fields)  # type: ignore[arg-type]


def verdict(made: Attempt, history: DeliveryHistory = SECOND) -> Verdict:
    return judge(made, history, schedule=DELAYS, roll=0.0)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    assert verdict(attempt(status)) == Verdict(disposition=Disposition.DELIVERED)


@pytest.mark.parametrize(
    "status",
    [100, 199, 300, 301, 302, 304, 307, 308, 401, 403, 404, 409, 429, 500, 503, 599],
)
def test_everything_else_is_retried_on_the_schedule(status: int) -> None:
    said = verdict(attempt(status))

    assert (said.disposition, said.due, said.failures) == (
        Disposition.RETRY,
        NOW - 5 + 305,
        2,
    )
    assert not said.disable
    assert str(status) in said.reason


@pytest.mark.parametrize("status", [301, 308])
def test_a_redirect_is_said_not_to_be_followed(status: int) -> None:
    assert verdict(attempt(status)).reason == (
        f"HTTP {status}, and redirects are not followed"
    )


def test_an_address_that_is_not_allowed_is_not_tried_again() -> None:
    detail = "the receiver's address is not allowed"

    made = verdict(attempt(fault=Fault.ADDRESS_BLOCKED, detail=detail))

    assert (made.disposition, made.reason) == (Disposition.DEAD, detail)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.CONNECTION, Fault.RENDERING])
def test_no_answer_is_retried_on_the_schedule(fault: Fault) -> None:
    said = verdict(attempt(fault=fault))

    assert (said.disposition, said.due, said.failures) == (
        Disposition.RETRY,
        NOW - 5 + 305,
        2,
    )


def test_the_first_attempt_starts_the_schedule() -> None:
    assert verdict(attempt(500), DeliveryHistory()).due == NOW + 5


def test_jitter_is_at_most_a_tenth() -> None:
    dues = [
        judge(attempt(500), DeliveryHistory(), schedule=DELAYS, roll=r).due
        for r in (0.0, 0.999)
    ]

    assert dues == [NOW + 5, pytest.approx(NOW + 5.5, abs=0.01)]


def test_after_the_last_scheduled_attempt_it_is_dead() -> None:
    last = DeliveryHistory(first=NOW - 2105, due=NOW, failures=3)

    said = verdict(attempt(502), last)

    assert said.disposition is Disposition.DEAD
    assert said.failures == 4
    assert "502" in said.reason


def test_an_early_attempt_leaves_the_schedule_as_it_is() -> None:
    early = DeliveryHistory(first=NOW - 10, due=NOW + 200, failures=2)

    assert verdict(attempt(500), early).due == NOW + 200


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_an_event_that_is_refused_three_times_is_dead(status: int) -> None:
    first = verdict(attempt(status), DeliveryHistory())
    second = verdict(attempt(status), replace(SECOND, refusals=first.refusals))
    third = verdict(attempt(status), replace(SECOND, refusals=second.refusals))

    assert [said.disposition for said in (first, second, third)] == [
        "retry",
        "retry",
        "dead",
    ]
    assert f"refused 3 times (HTTP {status})" in third.reason


def test_other_failures_between_refusals_do_not_make_them_forgotten() -> None:
    said = verdict(attempt(500), replace(SECOND, refusals=2))

    assert (said.disposition, said.refusals) == (Disposition.RETRY, 2)


def test_gone_disables_the_endpoint_at_once_and_keeps_the_delivery() -> None:
    said = verdict(attempt(410))

    assert (said.disposition, said.disable, said.failures) == (
        Disposition.RETRY,
        True,
        1,
    )
    assert "410" in said.reason


@pytest.mark.parametrize("status", [429, 503, 500, 404])
@pytest.mark.parametrize(("asked", "granted"), [(7, 7), (1e9, 86400)])
def test_retry_after_holds_the_endpoint_and_uses_up_no_attempt(
    status: int, asked: float, granted: float
) -> None:
    said = verdict(attempt(status, retry_after=asked))

    assert (said.disposition, said.hold, said.due) == (
        Disposition.RETRY,
        granted,
        NOW + 0.5 + granted,
    )
    assert (said.failures, said.refusals) == (SECOND.failures, SECOND.refusals)


def test_an_event_that_is_refused_with_a_retry_after_is_dead_after_three_times_too() -> (
    None
):
    first = verdict(attempt(400, retry_after=7))
    third = verdict(attempt(400, retry_after=7), replace(SECOND, refusals=2))

    assert (first.disposition, first.failures) == (Disposition.RETRY, SECOND.failures)
    assert (first.refusals, first.hold) == (SECOND.refusals + 1, 7)
    assert (third.disposition, third.hold) == (Disposition.DEAD, 7)


def test_retry_after_does_not_bring_an_attempt_forward() -> None:
    early = DeliveryHistory(first=NOW - 10, due=NOW + 200, failures=2)

    assert verdict(attempt(503, retry_after=1), early).due == NOW + 200


def test_a_receiver_that_always_asks_to_wait_is_given_up_after_the_schedule() -> None:
    old = DeliveryHistory(first=NOW - sum(DELAYS) - 1, due=NOW, failures=1)

    said = verdict(attempt(503, retry_after=60), old)

    assert (said.disposition, said.hold) == (Disposition.DEAD, 60)


@pytest.mark.parametrize(
    ("said", "disposition", "disable"),
    [
        (AttemptResult.DELIVERED, "delivered", False),
        (AttemptResult.PERMANENT_FAILURE, "dead", False),
        (AttemptResult.GONE, "retry", True),
        (AttemptResult.FAILED, "retry", False),
    ],
)
def test_what_a_platform_said_counts_for_more_than_the_status(
    said: AttemptResult, disposition: str, disable: bool
) -> None:
    made = verdict(attempt(200, platform_result=said, detail="the platform's words"))

    assert (made.disposition, made.disable) == (disposition, disable)
    assert made.reason in {"", "the platform's words"}


@pytest.mark.parametrize(
    ("made", "outcome", "blames"),
    [
        (attempt(200), "delivered", False),
        (attempt(302), "3xx", False),
        (attempt(404), "4xx", False),
        (attempt(500), "5xx", True),
        (attempt(), "timeout", True),
        (attempt(fault=Fault.CONNECTION), "connection", True),
        (attempt(fault=Fault.ADDRESS_BLOCKED), "address_blocked", False),
        (attempt(fault=Fault.RENDERING), "rendering", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_attempt_says_whom_it_blames(
    made: Attempt, outcome: str, blames: bool
) -> None:
    assert (made.outcome, made.blames_endpoint) == (outcome, blames)


attempts = st.builds(
    attempt,
    st.none() | st.integers(100, 599),
    retry_after=st.none() | st.floats(0, 1e12),
    duration=st.floats(0, 60),
)


@given(
    attempts,
    st.builds(
        DeliveryHistory,
        first=st.none() | st.floats(0, NOW),
        due=st.floats(0, 2 * NOW),
        failures=st.integers(0, 20),
        refusals=st.integers(0, 2),
    ),
    st.lists(st.floats(0.1, 1e5), max_size=9).map(tuple),
    st.floats(0, 1, exclude_max=True),
)
def test_a_verdict_is_always_one_that_can_be_carried_out(
    made: Attempt, history: DeliveryHistory, delays: tuple[float, ...], roll: float
) -> None:
    said = judge(made, history, schedule=delays, roll=roll)

    assert (said.disposition is Disposition.DELIVERED) == made.succeeded
    assert (said.due > 0) == (said.disposition is Disposition.RETRY)
    assert said.disposition is not Disposition.RETRY or said.due >= NOW
    assert said.disposition is not Disposition.DEAD or said.reason
    assert 0 <= said.hold <= 86400
    if not made.succeeded:
        assert history.failures <= said.failures <= history.failures + 1
        assert history.refusals <= said.refusals <= history.refusals + 1


@pytest.mark.parametrize(
    ("age", "asked", "wait"),
    [
        pytest.param(0, 1.0, 1.0, id="the first time"),
        pytest.param(5, 1.0, 1.0, id="soon after"),
        pytest.param(100, 1.0, 10.05, id="again and again"),
        pytest.param(100, 30.0, 30.0, id="a longer wait is obeyed"),
        pytest.param(36_000, 1.0, 3600.05, id="for hours"),
        pytest.param(9e6, 1.0, 86_400.0, id="at most a day"),
    ],
)
def test_a_delivery_that_is_put_off_again_and_again_waits_longer(
    age: float, asked: float, wait: float
) -> None:
    history = DeliveryHistory(first=NOW - age, due=NOW)

    said = verdict(attempt(429, retry_after=asked), history)

    assert said.due == pytest.approx(NOW + 0.5 + wait)
    assert (said.hold, said.failures) == (asked, 0)


def test_what_broke_is_told_in_the_words_that_there_are() -> None:
    refused = attempt(fault=Fault.CONNECTION, detail="connection refused")

    assert verdict(refused).reason == "connection refused"
    assert verdict(attempt(fault=Fault.CONNECTION)).reason == "connection"
    last = verdict(refused, DeliveryHistory(first=NOW - 9999, due=NOW, failures=3))
    assert last.reason == "every attempt failed (connection refused)"
