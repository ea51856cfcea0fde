"""`bridge.sandbox.lifecycle`: a task's life is a function of the time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.dto import row
from bridge.sandbox.lifecycle import (
    Ending,
    SimulatedTask,
    duration,
    phase_of,
    read_directives,
)

RANKS = {"NOT_START": 0, "SUBMITTED": 1, "MODAL": 1, "IN_PROGRESS": 2}


def task(outcome: Ending = Ending.SUCCEED, **more: object) -> SimulatedTask:
    plain = SimulatedTask(
        id="1730621826053455",
        action="IMAGINE",
        prompt="pig --v 6.1",
        submitted_at=1000.0,
        seconds=100.0,
        job="3785da15-4f70-4034-9128-f3ff1ac634fa",
        outcome=outcome,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


times = st.lists(st.floats(0, 200), min_size=1, max_size=30).map(sorted)


@given(times, st.sampled_from(Ending))
def test_a_task_never_goes_back_and_what_has_ended_stays_ended(
    seconds: list[float], outcome: Ending
) -> None:
    seen = [phase_of(task(outcome), 1000 + after) for after in seconds]

    for before, after in pairwise(seen):
        if before.ended:
            assert after == before
        else:
            assert RANKS.get(after.status, 3) >= RANKS[before.status]
            assert (after.progress or 0) >= (before.progress or 0)


@pytest.mark.parametrize(
    ("after", "status", "progress"),
    [
        pytest.param(0, "NOT_START", None, id="accepted"),
        pytest.param(5, "SUBMITTED", 0, id="handed on"),
        pytest.param(12, "IN_PROGRESS", 0, id="begun"),
        pytest.param(60, "IN_PROGRESS", 46, id="half done"),
        pytest.param(99.9, "IN_PROGRESS", 93, id="nearly done"),
        pytest.param(100, "SUCCESS", 100, id="done"),
    ],
)
def test_a_task_passes_through_every_status(
    after: float, status: str, progress: int | None
) -> None:
    seen = phase_of(task(), 1000 + after)

    assert (seen.status, seen.progress) == (status, progress)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Ending.SUCCEED, "SUCCESS"),
        (Ending.FAIL, "FAILURE"),
        (Ending.BANNED, "FAILURE"),
        (Ending.CANCEL, "CANCEL"),
        (Ending.MODAL, "MODAL"),
    ],
)
def test_each_outcome_ends_as_it_is_called(outcome: Ending, status: str) -> None:
    assert phase_of(task(outcome), 1e9).status == status


def test_a_task_that_gets_lost_is_seen_first_and_then_no_more() -> None:
    lost = task(Ending.LOST)

    assert [phase_of(lost, 1000 + after).gone for after in (0, 20, 40, 1e9)] == [
        False, False, True, True,
    ]  # fmt: skip


def test_a_modal_waits_until_it_is_confirmed_and_then_goes_on_from_there() -> None:
    waiting = task(needs_modal=True)
    confirmed = replace(waiting, resumed_at=5000.0)

    assert phase_of(waiting, 4999).status == "MODAL"
    assert phase_of(confirmed, 5000).status == "SUBMITTED"
    assert phase_of(confirmed, 5100).status == "SUCCESS"


@pytest.mark.parametrize(
    ("said", "prompt", "outcome", "pace"),
    [
        ("pig --v 6.1", "pig --v 6.1", Ending.SUCCEED, 1),
        ("pig --sandbox fail --v 6.1", "pig --v 6.1", Ending.FAIL, 1),
        ("pig --sandbox modal --sandbox instant", "pig", Ending.MODAL, 0),
        ("pig --sandbox slow", "pig", Ending.SUCCEED, 8),
        ("something Banned", "something Banned", Ending.BANNED, 1),
        ("abandoned house", "abandoned house", Ending.SUCCEED, 1),
        ("pig --sandbox unheard-of", "pig-of", Ending.SUCCEED, 1),
    ],
)
def test_a_prompt_can_ask_for_an_outcome_and_does_not_show_it(
    said: str, prompt: str, outcome: Ending, pace: float
) -> None:
    asked = read_directives(said)

    assert (asked.prompt, asked.outcome, asked.pace) == (prompt, outcome, pace)


@given(st.text())
def test_a_picture_takes_twelve_to_eighteen_seconds_at_double_speed(
    task_id: str,
) -> None:
    assert 12 <= duration("IMAGINE", task_id, pace=1, speed=2) <= 18


@given(st.floats(0, 200), st.sampled_from(Ending))
def test_nothing_in_a_row_is_null_but_the_buttons_of_a_task_that_did_not_succeed(
    after: float, outcome: Ending
) -> None:
    written = row(task(outcome), 1000 + after, base="http://gw.example")

    nulls = {name for name, value in written.items() if value is None}
    assert nulls == (set() if written["status"] == "SUCCESS" else {"buttons"})
