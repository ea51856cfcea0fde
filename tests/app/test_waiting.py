"""Why a delivery waits: one sentence for each of the reasons, the strongest first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.ports import Wait
from bridge.app.waiting import Cause, explain, next_attempt

NOW = 1_730_621_826.0
#: A delivery that nothing holds back.
FREE = Wait(now=NOW, heartbeat=NOW - 1, next_at=NOW - 1)

#: From the strongest to the weakest: what is true, what is said of it.
REASONS = [
    ({"attempted_until": NOW + 25}, "it is being attempted now"),
    (
        {"disabled_at": NOW - 60},
        "the endpoint has been disabled since -60, by an answer saying that nobody is there any more",
    ),
    ({"paused_at": NOW - 60}, "the endpoint has been paused since -60"),
    (
        {"heartbeat": NOW - 300},
        "no worker serves the queue deliver; the last was heard of 5 min ago",
    ),
    (
        {"unconfigured": True},
        "the worker that was to send it does not have the endpoint configured; it waits for one that has",
    ),
    (
        {"hold_until": NOW + 90},
        "the endpoint is left alone until +90, as the receiver asked (Retry-After, a day at most)",
    ),
    (
        {"open_until": NOW + 12},
        "the endpoint keeps failing; the circuit breaker is open, with a trial at +12",
    ),
    (
        {"trial_until": NOW + 12},
        "the circuit breaker is half-open and awaits the outcome of its trial",
    ),
    ({"behind": "evt_2", "behind_sequence": 2}, "behind event 2 of its task"),
    (
        {"suspect": True},
        "the worker that attempted it did not survive; it is tried alone",
    ),
    (
        {"suspect_trial": True},
        "an event whose worker did not survive is being tried alone",
    ),
    ({"next_at": NOW + 300}, "next attempt at +300"),
    (
        {"in_flight": 20, "concurrency": 20},
        "20 attempts are under way, as many as are allowed at once",
    ),
    ({"next_token_at": NOW + 3}, "the rate limit allows the next request at +3"),
    ({"memory_full": True}, "the store's memory is nearly used up"),
    ({}, "it is due; a worker is about to take it"),
]


def written(at: float) -> str:
    return f"{at - NOW:+.0f}"


@pytest.mark.parametrize(
    ("facts", "sentence"), [pytest.param(*one, id=one[1]) for one in REASONS]
)
def test_a_delivery_waits_for_the_one_thing_that_holds_it_back(
    facts: dict[str, float | str | bool], sentence: str
) -> None:
    assert explain(replace(FREE, **facts)).sentence(written) == sentence  # type: ignore[arg-type]  # the table's values are of several types


@given(st.sets(st.integers(0, len(REASONS) - 1), min_size=1))
def test_of_several_facts_the_strongest_is_said(places: set[int]) -> None:
    facts = [REASONS[place][0] for place in sorted(places, reverse=True)]
    wait = FREE
    for one in facts:
        wait = replace(wait, **one)  # type: ignore[arg-type]  # as above

    said = explain(wait).sentence(written)

    assert said == REASONS[min(places)][1]


def test_a_deployment_that_never_had_a_worker_is_said_to_have_none() -> None:
    said = explain(replace(FREE, heartbeat=None)).sentence(written)

    assert said == "no worker serves the queue deliver; none ever was"


def test_what_has_been_due_for_long_is_not_said_to_be_taken_in_a_moment() -> None:
    explanation = explain(replace(FREE, next_at=NOW - 600))

    assert explanation.cause == Cause.DUE
    assert explanation.sentence(written).startswith("it has been due since -600: ")


def test_causes_are_listed_from_the_strongest_to_the_weakest() -> None:
    causes = [explain(replace(FREE, **facts)).cause for facts, _ in REASONS]  # type: ignore[arg-type]  # as above

    assert causes == list(Cause)


@pytest.mark.parametrize(
    ("facts", "at"),
    [
        pytest.param({"next_at": NOW + 5}, NOW + 5, id="its schedule"),
        pytest.param({"hold_until": NOW + 90}, NOW + 90, id="a Retry-After"),
        pytest.param(
            {"next_at": NOW + 300, "open_until": NOW + 12},
            NOW + 300,
            id="its schedule, which is longer than the breaker's",
        ),
        pytest.param({}, NOW, id="nothing"),
        pytest.param({"paused_at": NOW - 60}, None, id="somebody who resumes it"),
        pytest.param({"next_at": None, "behind": "evt_2"}, None, id="another event"),
    ],
)
def test_the_next_attempt_is_when_the_last_of_its_reasons_has_passed(
    facts: dict[str, float | None], at: float | None
) -> None:
    assert next_attempt(replace(FREE, **facts)) == at  # type: ignore[arg-type]  # as above
