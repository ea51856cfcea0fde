"""`bridge.core.change`: every change is reported, once, in order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cadence import Loss
from bridge.core.change import (
    NOTHING,
    Change,
    ChangeType,
    Observation,
    TaskState,
    known_row,
    lose,
    observe,
)
from bridge.core.task import TaskSnapshot, TaskStatus
from tests.core.tasks import MISSING, histories, seen, snapshots

ENDS = {ChangeType.SUCCEEDED, ChangeType.FAILED, ChangeType.CANCELLED}


def follow(*history: TaskSnapshot, step: int = 10) -> tuple[TaskState, list[Change]]:
    """Observe one look after the other, until nothing is left to look for."""
    task_state, changes = NOTHING, []
    for result in history:
        observation = observe(task_state, result, progress_step=step)
        task_state = observation.task_state
        if observation.change is not None:
            changes.append(observation.change)
        if observation.done:
            break
    return task_state, changes


def reported(*history: TaskSnapshot, step: int = 10) -> list[str]:
    return [str(change.type) for change in follow(*history, step=step)[1]]


# --- the table of events --------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("NOT_START", "task.submitted"),
        ("SUBMITTED", "task.submitted"),
        (None, "task.submitted"),
        ("MODAL", "task.action_required"),
        ("IN_PROGRESS", "task.started"),
        ("SUCCESS", "task.succeeded"),
        ("FAILURE", "task.failed"),
        ("CANCEL", "task.cancelled"),
    ],
)
def test_the_first_sight_of_a_task_is_one_event(status: str | None, kind: str) -> None:
    (change,) = follow(*[seen(status)] * 3)[1]

    assert (change.type, change.before) == (kind, None)
    assert change.after.status == (status or "SUBMITTED")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        pytest.param("NOT_START", "SUBMITTED", None, id="still waiting"),
        pytest.param("SUBMITTED", "NOT_START", None, id="still waiting, backwards"),
        pytest.param("SUBMITTED", "MODAL", "task.action_required", id="asks for more"),
        pytest.param("SUBMITTED", "IN_PROGRESS", "task.started", id="begins"),
        pytest.param("SUBMITTED", "SUCCESS", "task.succeeded", id="skips"),
        pytest.param("MODAL", "SUBMITTED", "task.submitted", id="waits again"),
        pytest.param("MODAL", "NOT_START", "task.submitted", id="waits again, longer"),
        pytest.param("MODAL", "MODAL", None, id="asks still"),
        pytest.param("MODAL", "IN_PROGRESS", "task.started", id="begins after all"),
        pytest.param("MODAL", None, None, id="an empty status in between"),
        pytest.param("IN_PROGRESS", "SUBMITTED", None, id="a step back"),
        pytest.param("IN_PROGRESS", "MODAL", None, id="a step back to the modal"),
        pytest.param("IN_PROGRESS", None, None, id="an empty status"),
        pytest.param("IN_PROGRESS", "FAILURE", "task.failed", id="fails"),
        pytest.param("IN_PROGRESS", "CANCEL", "task.cancelled", id="is cancelled"),
    ],
)
def test_a_step_is_told_if_it_leads_on_or_out_of_a_modal(
    before: str, after: str | None, kind: str | None
) -> None:
    changes = follow(seen(before), seen(after))[1][1:]

    assert [change.type for change in changes] == [kind] * (kind is not None)
    for change in changes:
        assert change.before == before
        assert change.after.status == after


@pytest.mark.parametrize("status", ["SUBMITTED", None])
def test_a_reason_beside_no_end_is_no_failure(status: str | None) -> None:
    """An empty status with a reason is an end, and comes as a FAILURE."""
    results = [seen(status, fail_reason="x"), seen("IN_PROGRESS", fail_reason="x")]

    assert reported(*results, seen(None, fail_reason="y")) == [
        "task.submitted",
        "task.started",
    ]


def test_what_goes_back_stays_where_it_was() -> None:
    task_state, changes = follow(
        seen("IN_PROGRESS", 62), seen("SUBMITTED", 0), seen("IN_PROGRESS", 65)
    )

    assert [change.type for change in changes] == ["task.started"]
    assert (task_state.status, task_state.progress) == ("IN_PROGRESS", 65)


@pytest.mark.parametrize(
    ("history", "progress"),
    [
        pytest.param([seen("IN_PROGRESS", 31), seen("FAILURE", 100)], 31, id="as seen"),
        pytest.param([seen("IN_PROGRESS", 31), seen("FAILURE", 46)], 46, id="as said"),
        pytest.param([seen("SUBMITTED"), seen("FAILURE", 100)], 0, id="not begun"),
        pytest.param([seen("FAILURE", 100)], None, id="never seen before"),
        pytest.param([seen("IN_PROGRESS", 31), seen("SUCCESS", 100)], 100, id="done"),
    ],
)
def test_a_failed_task_is_not_at_100_percent(
    history: list[TaskSnapshot], progress: int | None
) -> None:
    assert follow(*history)[1][-1].after.progress == progress


# --- progress -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "progress", "told_at"),
    [
        (10, [0, 9, 10, 19, 20], [0, 10, 20]),
        (10, [0, 15, 24, 25], [0, 15, 25]),
        (10, [None, 5, 10, None, 20], [None, 10, 20]),
        (10, [31, 0, 40, 41, 0, 50, 51], [31, 41, 51]),
        (1, [0, 1, 1, 2], [0, 1, 2]),
        (100, [0, 99, 100, 100], [0, 100]),
        (10, [95, 100, 100], [95]),
    ],
    ids=str,
)
def test_progress_is_told_a_step_above_what_was_told(
    step: int, progress: list[int | None], told_at: list[int | None]
) -> None:
    results = [seen("IN_PROGRESS", percent) for percent in progress]

    changes = follow(*results, step=step)[1]

    assert [change.after.progress for change in changes] == told_at
    assert [str(change.type) for change in changes[1:]] == ["task.progress"] * (
        len(told_at) - 1
    )


def test_progress_begins_anew_after_a_modal() -> None:
    results = [seen("MODAL", 90), seen("SUBMITTED", 0), seen("IN_PROGRESS", 5)]

    changes = follow(*results, seen("IN_PROGRESS", 15))[1]

    assert [change.after.progress for change in changes] == [90, 0, 5, 15]


def test_what_was_told_before_a_modal_is_forgotten_though_progress_is_unset() -> None:
    results = [seen("MODAL", 90), seen("SUBMITTED"), seen("IN_PROGRESS")]

    assert reported(*results, seen("IN_PROGRESS", 12)) == [
        "task.action_required",
        "task.submitted",
        "task.started",
        "task.progress",
    ]


def test_progress_without_a_status_in_progress_is_not_told() -> None:
    assert reported(seen("SUBMITTED", 0), seen("SUBMITTED", 50)) == ["task.submitted"]


def test_an_end_never_tells_less_progress_than_was_seen() -> None:
    changes = follow(seen("IN_PROGRESS", 78), seen("FAILURE"))[1]

    assert changes[-1].after.progress == 78


# --- ends -----------------------------------------------------------------------------


@pytest.mark.parametrize("later", [*TaskStatus, None])
@pytest.mark.parametrize("end", ["SUCCESS", "FAILURE", "CANCEL"])
def test_what_ended_is_over(end: str, later: str | None) -> None:
    observation = observe(NOTHING, seen(end), progress_step=10)

    assert observation.done

    again = observe(observation.task_state, seen(later), progress_step=10)
    is_other_end = later in {"SUCCESS", "FAILURE", "CANCEL"} and later != end
    assert (again.change is not None) == is_other_end


def test_a_finished_task_with_another_end_is_corrected_once() -> None:
    task_state, _ = follow(seen("FAILURE", fail_reason="timeout"))

    first = observe(task_state, seen("SUCCESS", 100), progress_step=10)
    second = observe(first.task_state, seen("SUCCESS", 100), progress_step=10)

    assert first.change is not None
    assert (first.change.type, first.change.before) == ("task.corrected", "FAILURE")
    assert first.change.after.status is TaskStatus.SUCCESS
    assert first.done
    assert (second.change, second.done) == (None, True)


def test_a_lost_task_that_turns_up_finished_is_corrected() -> None:
    task_state = lose(follow(seen("IN_PROGRESS"))[0], None, MISSING).task_state

    running = observe(task_state, seen("IN_PROGRESS", 50), progress_step=10)
    done = observe(running.task_state, seen("SUCCESS"), progress_step=10)

    assert (running.change, running.done) == (None, False)
    assert done.change is not None
    assert done.change.type == "task.corrected"


def test_a_lost_task_keeps_its_last_status_and_says_why() -> None:
    kept = seen("IN_PROGRESS", 31)
    task_state, _ = follow(kept)

    lost = lose(task_state, kept, MISSING)

    assert lost.done
    assert lost.change == Change(
        type=ChangeType.LOST,
        before=TaskStatus.IN_PROGRESS,
        after=replace(kept, fail_reason=str(MISSING)),
        loss=MISSING,
    )
    assert lose(lost.task_state, kept, Loss("expired", 1.0)).change is None


def test_a_task_that_was_never_seen_is_lost_with_its_reason() -> None:
    change = lose(NOTHING, None, MISSING).change

    assert change is not None
    assert (change.before, change.after.status) == (None, None)
    assert change.after.fail_reason == str(MISSING)


# --- what is kept ---------------------------------------------------------------------


def kept_after(*history: TaskSnapshot) -> TaskSnapshot | None:
    task_state = follow(*history[:-1])[0]
    return observe(task_state, history[-1], progress_step=10).snapshot


@pytest.mark.parametrize(
    ("first", "second", "writes"),
    [
        pytest.param(seen("SUBMITTED"), seen("SUBMITTED"), False, id="the same"),
        pytest.param(
            seen("IN_PROGRESS", image_url="https://h/mj/image/1?rand=1"),
            seen("IN_PROGRESS", image_url="https://h/mj/image/1?rand=2"),
            False,
            id="another decoration",
        ),
        pytest.param(
            seen("IN_PROGRESS", 1), seen("IN_PROGRESS", 2), True, id="progress"
        ),
        pytest.param(seen("SUBMITTED"), seen("SUBMITTED", state="x"), True, id="state"),
        pytest.param(
            seen("IN_PROGRESS", 62), seen("SUBMITTED", 0), False, id="a step back"
        ),
    ],
)
def test_only_what_is_new_needs_to_be_written(
    first: TaskSnapshot, second: TaskSnapshot, writes: bool
) -> None:
    assert (kept_after(first, second) is not None) == writes


# --- properties -----------------------------------------------------------------------


@given(histories, st.integers(1, 100))
def test_any_history_makes_one_unbroken_story(
    history: list[TaskSnapshot], step: int
) -> None:
    """Each change starts where the last one ended, and nothing follows an end."""
    task_state, changes = follow(*history, step=step)

    assert bool(changes) == bool(history)
    for first in changes[:1]:
        assert first.before is None
    for earlier, later in pairwise(changes):
        assert earlier.type not in ENDS
        assert later.before is not None
        came_back = earlier.after.status, later.before
        assert later.before is earlier.after.status or came_back == (
            TaskStatus.NOT_START,
            TaskStatus.SUBMITTED,
        )
        is_progress = later.type is ChangeType.PROGRESS
        assert (later.before is later.after.status) == is_progress
        if is_progress:
            assert (later.after.progress or 0) >= (earlier.after.progress or 0) + step
    assert (task_state.ended in ENDS) == bool(changes and changes[-1].type in ENDS)


@given(histories)
def test_polling_twice_tells_nothing_more(history: list[TaskSnapshot]) -> None:
    """A look that was lost after it was recorded is made again, and is invisible."""
    repeated = [result for result in history for _ in range(2)]

    assert reported(*repeated) == reported(*history)


@given(histories, snapshots)
def test_a_change_and_what_is_kept_never_disagree(
    history: list[TaskSnapshot], last: TaskSnapshot
) -> None:
    task_state = follow(*history)[0]

    observation: Observation = observe(task_state, last, progress_step=10)

    if observation.change is not None:
        assert observation.snapshot == observation.change.after
    if observation.snapshot is not None and task_state.ended is None:
        assert observation.snapshot.status is observation.task_state.status
        assert (observation.snapshot.progress or 0) == observation.task_state.progress
    again = observe(observation.task_state, last, progress_step=10)
    assert (again.change, again.task_state) == (None, observation.task_state)


@given(histories, snapshots)
def test_what_is_held_never_goes_back_but_out_of_a_modal(
    history: list[TaskSnapshot], last: TaskSnapshot
) -> None:
    task_state = follow(*history)[0]
    after = observe(task_state, last, progress_step=10).task_state

    if task_state.status is None or task_state.ended is not None:
        return
    assert after.status is not None
    waits_again = task_state.status is TaskStatus.MODAL and after.status.waits
    assert waits_again or after.status.rank >= min(task_state.status.rank, 1)
    assert (
        waits_again
        or task_state.status.waits
        or after.status.rank >= task_state.status.rank
    )
    assert waits_again or after.progress >= task_state.progress


# --- rows that need not be read -------------------------------------------------------


@given(histories, snapshots, st.sampled_from([1, 10, 100]))
def test_the_row_that_made_a_task_what_it_is_brings_no_news(
    history: list[TaskSnapshot], last: TaskSnapshot, step: int
) -> None:
    rows = [
        replace(one, row_digest=str(place))
        for place, one in enumerate([*history, last])
    ]
    task_state, _ = follow(*rows)

    for row in rows:
        if row.row_digest == known_row(task_state, progress_step=step):
            assert observe(task_state, row, progress_step=step) == Observation(
                task_state=task_state, snapshot=None, change=None, done=False
            )


@pytest.mark.parametrize(
    ("task_state", "known"),
    [
        pytest.param(NOTHING, "", id="never seen"),
        pytest.param(TaskState(row_digest="a"), "a", id="seen"),
        pytest.param(
            TaskState(ended=ChangeType.SUCCEEDED, row_digest="a"), "", id="ended"
        ),
        pytest.param(
            TaskState(
                status=TaskStatus.IN_PROGRESS, progress=20, reported=10, row_digest="a"
            ),
            "",
            id="there is more to report, since the step was made smaller",
        ),
    ],
)
def test_the_row_that_was_seen_last_is_known_unless_it_brings_news_again(
    task_state: TaskState, known: str
) -> None:
    assert known_row(task_state, progress_step=10) == known
