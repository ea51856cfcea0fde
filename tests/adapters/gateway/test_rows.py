"""`bridge.adapters.gateway.parse`: one bad row never costs the others."""

from __future__ import annotations

import pytest

from bridge.core.change import NOTHING, ChangeType, observe
from bridge.core.task import TaskStatus
from tests.adapters.gateway.reading import (
    EXAMPLE_ID,
    brief,
    only,
    read,
    row,
)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "text",
        7,
        [],
        {},
        {"id": None},
        {"id": ""},
        {"id": True},
        {"id": ["1"]},
        {"id": "1", "status": {}, "progress": [], "buttons": 3, "properties": "x"},
    ],
    ids=brief,
)
def test_one_bad_row_does_not_cost_the_others(bad: object) -> None:
    answer = read([bad, {"id": "2", "status": "SUCCESS"}, bad], "1", "2")

    assert answer.error is None
    assert answer.tasks["2"].status is TaskStatus.SUCCESS


def test_the_order_is_not_the_requests_and_strangers_are_ignored() -> None:
    rows = [{"id": i, "status": "SUCCESS"} for i in ("3", "stranger", "1", "2")]

    assert set(read(rows, "1", "2", "3").tasks) == {"1", "2", "3"}


def test_strangers_in_the_place_of_all_that_were_asked_for_are_named() -> None:
    rows = [{"id": i, "status": "SUCCESS"} for i in ("ab-1", "x" * 999)]

    answer = read(rows, "AB-1")

    assert (answer.error, answer.tasks) == (None, {})
    assert answer.strangers == {"ab-1", "x" * 80}


def test_what_is_left_out_is_simply_not_there() -> None:
    assert set(read([{"id": "2"}], "1", "2", "3").tasks) == {"2"}


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_rows_with_one_id_the_one_further_along_counts(turned: bool) -> None:
    stale = {"id": "1", "action": "INPAINT", "status": "MODAL", "progress": ""}
    fresh = {"id": "1", "action": "MODAL", "status": "IN_PROGRESS", "progress": "46%"}
    rows = [fresh, stale] if turned else [stale, fresh]

    task = only(rows)

    assert (task.status, task.progress) == (TaskStatus.IN_PROGRESS, 46)


def test_of_two_rows_without_a_status_the_one_further_along_counts() -> None:
    rows = [{"id": "1", "progress": "46%"}, {"id": "1", "status": "", "progress": ""}]

    assert only(rows).progress == 46


def test_leading_zeros_belong_to_an_id() -> None:
    assert set(read([{"id": "0191304188213322"}], "0191304188213322").tasks) == {
        "0191304188213322"
    }


def test_space_around_an_id_does_not_belong_to_it() -> None:
    assert set(read([{"id": " 1\n"}, {"id": "  "}]).tasks) == {"1"}


def test_an_id_may_come_as_a_number() -> None:
    assert set(read([{"id": 1730621826053455}], EXAMPLE_ID).tasks) == {EXAMPLE_ID}


def test_a_modal_row_yields_to_the_one_that_was_submitted_after_it() -> None:
    """As new-api lists them after ``/submit/modal``."""
    stale = {
        "id": "1",
        "action": "INPAINT",
        "status": "MODAL",
        "submitTime": 1730000000001,
    }
    fresh = {"id": "1", "action": "MODAL", "status": "SUBMITTED", "progress": "0%"}

    later = only([fresh | {"submitTime": 1730000000002}, stale])
    assert later.status is TaskStatus.SUBMITTED


def test_only_listed_fields_are_read() -> None:
    secret = "https://hook.example/private"
    task = row(
        status="SUCCESS",
        clientIp=secret,
        userId=secret,
        maskBase64=secret,
        partnerTaskInfo={"videoUrl": secret},
        displays={"status": secret},
        properties={"notifyHook": secret, "finalPrompt": "cat"},
    )

    assert secret not in repr(task)
    assert task.final_prompt == "cat"


def changes(*answers: object) -> list[ChangeType]:
    task_state, types = NOTHING, []
    for said in answers:
        for seen in read(said).tasks.values():
            weighed = observe(task_state, seen, progress_step=10)
            task_state = weighed.task_state
            if weighed.change is not None:
                types.append(weighed.change.type)
    return types


def test_what_gateways_decorate_is_not_news() -> None:
    running = {"id": "1", "status": "IN_PROGRESS", "progress": "31%"}
    picture = "https://gw.example/mj/image/1?rand="

    assert changes(
        [{**running, "imageUrl": f"{picture}1743326760000000001"}],
        [{**running, "imageUrl": f"{picture}1743326760000000002"}],
        [{**running, "imageUrl": None}],
        [{**running, "status": ""}],
        [{**running, "status": "SOMETHING NEW"}],
        [{**running, "progress": "0%"}],
        [{**running, "progress": ""}],
        [running, {**running, "status": "NOT_START", "progress": "0%"}],
        [],
        [{**running, "action": "MODAL", "submitTime": 1743326790100, "state": "x"}],
    ) == [ChangeType.STARTED]


def test_a_failure_may_have_a_picture_and_be_at_100_percent() -> None:
    task = row(
        status="FAILURE",
        progress="100%",
        failReason="上游任务超时（超过1小时）",
        imageUrl="https://gw.example/mj/image/11?rand=1",
        buttons=[{"customId": "MJ::JOB::upsample::1::h", "label": "U1"}],
    )

    assert (task.status, task.progress) == (TaskStatus.FAILURE, 100)
    assert task.fail_reason == "上游任务超时（超过1小时）"


@pytest.mark.parametrize(
    ("fields", "change"),
    [
        pytest.param(
            {"status": "FAILURE", "progress": "", "failReason": "[Banned prompt]"},
            ChangeType.FAILED,
            id="a failure without a finish time",
        ),
        pytest.param(
            {"status": "", "progress": "0%", "failReason": "队列已满，请稍后尝试"},
            ChangeType.FAILED,
            id="a reason without a status",
        ),
        pytest.param(
            {"status": "MODAL", "action": "ZOOM", "properties": {"remix": True}},
            ChangeType.ACTION_REQUIRED,
            id="a modal",
        ),
        pytest.param({"status": "cancelled"}, ChangeType.CANCELLED, id="an alias"),
        pytest.param(
            {"status": "SUCCESS"}, ChangeType.SUCCEEDED, id="no picture at all"
        ),
        pytest.param(
            {"status": " Running "}, ChangeType.STARTED, id="a relative's word"
        ),
    ],
)
def test_a_row_makes_one_event(fields: dict[str, object], change: ChangeType) -> None:
    once = [{"id": "1", **fields}]

    assert changes(once, once) == [change]


@pytest.mark.parametrize("status", ["", None, " ", 0, []], ids=brief)
def test_an_empty_status_with_a_reason_is_a_failure(status: object) -> None:
    refused = {"id": "1", "status": status, "failReason": "队列已满"}

    assert only([refused]).status is TaskStatus.FAILURE
    assert changes([refused]) == [ChangeType.FAILED]
    assert changes([{"id": "1", "status": "IN_PROGRESS"}], [refused]) == [
        ChangeType.STARTED,
        ChangeType.FAILED,
    ]


@pytest.mark.parametrize("status", ["RETRYING", "审核中", 7], ids=brief)
def test_an_unknown_status_with_a_reason_is_no_failure(status: object) -> None:
    odd = {"id": "1", "status": status, "failReason": "attempt 1 failed"}

    assert only([odd]).status is None
    assert changes([odd]) == [ChangeType.SUBMITTED]
    assert changes([{"id": "1", "status": "IN_PROGRESS"}], [odd]) == [
        ChangeType.STARTED
    ]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("status", ["IN_PROGRESS", "RETRYING"])
def test_a_row_without_a_status_does_not_outdo_one_with_it(
    turned: bool, status: str
) -> None:
    refused = {"id": "1", "status": "", "failReason": "队列已满"}
    rows = [refused, {"id": "1", "status": status, "progress": "46%"}]

    task = only(rows[::-1] if turned else rows)

    assert (task.status, task.progress) == (TaskStatus.read(status), 46)
