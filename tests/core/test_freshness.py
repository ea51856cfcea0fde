"""`bridge.core.freshness`: what is about to change is looked at closely, and nothing more rarely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cadence import PollPolicy, next_poll_in
from bridge.core.freshness import (
    BOUNDS,
    ENOUGH,
    LifeStage,
    Sketch,
    bucket_of,
    closer,
    is_near,
    kind_of,
)
from bridge.core.task import TaskStatus
from tests.core.tasks import seen


def sketch(*ages: float) -> Sketch:
    counts = [0] * len(BOUNDS)
    for age in ages:
        counts[bucket_of(age)] += 1
    return Sketch.of(counts)


ages = st.floats(0.0, 2000.0)


@given(st.lists(ages, min_size=1), ages, st.floats(0.0, 100.0))
def test_a_chance_is_a_share_of_those_who_came_so_far(
    known: list[float], age: float, within: float
) -> None:
    chance = sketch(*known).chance(age, within)

    assert 0.0 <= chance <= 1.0
    assert chance == 0.0 or age < BOUNDS[-1]


@pytest.mark.parametrize(
    ("age", "within", "chance"),
    [
        pytest.param(0.0, 5.0, 0.0, id="nobody was so quick"),
        pytest.param(0.0, 300.0, 1.0, id="everybody was"),
        pytest.param(BOUNDS[12], BOUNDS[13] - BOUNDS[12], 1.0, id="their bucket"),
        pytest.param(
            BOUNDS[12], (BOUNDS[13] - BOUNDS[12]) / 4, 0.25, id="a quarter of it"
        ),
        pytest.param(BOUNDS[13], 5.0, 0.0, id="older than anybody"),
        pytest.param(BOUNDS[-1] + 1, 5.0, 0.0, id="older than is counted"),
    ],
)
def test_the_chance_is_that_of_the_others(
    age: float, within: float, chance: float
) -> None:
    others = sketch(*[BOUNDS[12] + 1] * ENOUGH)

    assert others.chance(age, within) == pytest.approx(chance)


def test_a_few_tasks_prove_nothing() -> None:
    assert sketch(*[40.0] * (ENOUGH - 1)).chance(35.0, 100.0) == 0.0
    assert sketch(*[40.0] * ENOUGH).chance(35.0, 100.0) == 1.0


@pytest.mark.parametrize(
    ("action", "prompt", "kind"),
    [
        ("IMAGINE", "a cat --v 6.1", "IMAGINE"),
        ("IMAGINE", "a cat --relax --v 6.1", "IMAGINE:relax"),
        ("UPSCALE", None, "UPSCALE"),
        ("IMAGINE", "a cat --fastest", "IMAGINE"),
        (None, "a cat", ""),
        ("two words", "a cat", ""),
        ("X" * 33, "a cat", ""),
    ],
)
def test_tasks_are_alike_by_their_action_and_their_mode(
    action: str | None, prompt: str | None, kind: str
) -> None:
    assert kind_of(seen("SUBMITTED", action=action, prompt=prompt)) == kind


def test_the_final_prompt_names_the_mode_first() -> None:
    both = seen("SUBMITTED", action="A", prompt="x --fast", final_prompt="x --turbo")

    assert kind_of(both) == "A:turbo"


def test_a_task_is_near_its_change_when_others_were() -> None:
    sketches = {"IMAGINE:end": sketch(*[40.0] * ENOUGH)}

    def near(kind: str, stage: LifeStage, age: float) -> bool:
        return is_near(sketches, kind, stage=stage, age=age, interval=5.0)

    assert near("IMAGINE", "end", 38.0)
    assert not near("IMAGINE", "end", 20.0)
    assert not near("IMAGINE", "start", 38.0)
    assert not near("UPSCALE", "end", 38.0)


@pytest.mark.parametrize(
    ("shared", "due_count", "interval"),
    [
        pytest.param(1, 1, 2.5, id="a task alone"),
        pytest.param(2, 1, 1.25, id="two"),
        pytest.param(9, 1, 1.0, id="many"),
        pytest.param(50, 25, 1.0, id="half a batch had to be asked about"),
        pytest.param(50, 26, 5.0, id="more than that"),
    ],
)
def test_the_more_tasks_share_a_request_the_closer_is_the_look(
    shared: int, due_count: int, interval: float
) -> None:
    assert closer(5.0, shared=shared, due_count=due_count, batch_size=50) == interval


def test_an_interval_that_is_short_already_stays() -> None:
    assert closer(0.5, shared=9, due_count=1, batch_size=50) == 0.5


@given(
    status=st.none() | st.sampled_from([*TaskStatus]),
    age=ages,
    known=st.lists(ages, max_size=40),
    shared=st.integers(1, 500),
    due_count=st.integers(0, 500),
    interval=st.floats(0.1, 100.0),
)
def test_what_was_learned_makes_no_look_later(
    *,
    status: TaskStatus | None,
    age: float,
    known: list[float],
    shared: int,
    due_count: int,
    interval: float,
) -> None:
    sketches = {"K:start": sketch(*known), "K:end": sketch(*known)}
    promised = PollPolicy(poll_interval=interval)
    learned = PollPolicy(poll_interval=interval, batch_size=50, sketches=sketches)
    wait = next_poll_in(status, age=age, policy=promised)

    closely = next_poll_in(
        status, age=age, policy=learned, kind="K", shared=shared, due_count=due_count
    )

    assert min(wait, 1.0) <= closely <= wait


def test_a_running_task_is_looked_at_closely_near_its_end_and_a_waiting_one_near_its_start() -> (
    None
):
    near, far = sketch(*[40.0] * ENOUGH), sketch(*[400.0] * ENOUGH)
    sketches = {"A:start": far, "A:end": near, "B:start": near, "B:end": far}
    policy = PollPolicy(batch_size=50, sketches=sketches)

    waits = [
        next_poll_in(status, age=38.0, policy=policy, kind=kind, shared=9, due_count=1)
        for status in (TaskStatus.SUBMITTED, TaskStatus.MODAL, TaskStatus.IN_PROGRESS)
        for kind in "AB"
    ]

    assert waits == [5.0, 1.0, 30.0, 30.0, 1.0, 5.0]
