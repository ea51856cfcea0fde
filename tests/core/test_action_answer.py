"""`bridge.core.action_answer`: every answer of real servers, and every failure, has one meaning."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.action import ActionState
from bridge.core.action_answer import (
    BUSY,
    LOCKED,
    NOT_YET,
    ActionAnswer,
    read_action_answer,
    retry_in,
)
from bridge.core.delivery import Fault
from bridge.core.http import Response

ID = "1795883703777001"
PRESS = "submit/action"
U1 = "MJ::JOB::upsample::1::3f"
PENDING, ACCEPTED = ActionState.PENDING, ActionState.ACCEPTED
REFUSED, UNKNOWN = ActionState.REFUSED, ActionState.UNKNOWN


def read(
    answer: object,
    status: int = 200,
    *,
    route: str = PRESS,
    custom_id: str | None = U1,
    **headers: str,
) -> ActionAnswer:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(status=status, body=body, headers=named)
    return read_action_answer(response, route=route, custom_id=custom_id)


def said(code: int, description: str = "", **more: object) -> dict[str, object]:
    return {"code": code, "description": description} | more


def error(message: str, code: str = "") -> dict[str, object]:
    return {"error": {"message": message, "type": "new_api_error", "code": code}}


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [
        (said(1, "提交成功", result=ID), 200, ACCEPTED),
        (said(22, "排队中，前面还有1个任务", result=ID), 200, ACCEPTED),
        (said(1, "ok", result=int(ID)), 200, ACCEPTED),
        (said(1, "ok", result="a,b,c,d"), 200, ACCEPTED),
        (said(1, "ok", result=""), 200, ACCEPTED),
        (said(21, "任务已存在", result=ID), 200, ACCEPTED),
        (said(3, "No available account instance"), 200, PENDING),
        (said(3, "task not found"), 404, PENDING),
        (said(23, "队列已满，请稍后尝试", result=None), 200, PENDING),
        (said(23, "queue full", result=ID), 200, PENDING),
        (said(30, "too many"), 200, PENDING),
        (said(4, "task_status_not_success ", type="upstream_error"), 400, PENDING),
        (said(4, "related task status error"), 200, PENDING),
        (said(4, "关联任务状态错误"), 200, PENDING),
        (error("system cpu overloaded", "system_cpu_overloaded"), 503, PENDING),
        (said(4, "prompt不能为空"), 200, REFUSED),
        (said(4, "prompt_is_required "), 400, REFUSED),
        (said(24, "可能包含敏感词"), 200, REFUSED),
        (said(24, "banned", result=ID), 200, REFUSED),
        (said(9, "failed"), 200, REFUSED),
        (said(4, "quota_not_enough "), 400, REFUSED),
        (said(4, "task_not_found "), 400, REFUSED),
        (error("Invalid request, unknown_action:MJ::BOOKMARK::u"), 400, REFUSED),
        (error("该令牌额度已用尽"), 401, REFUSED),
        (error("分组 default 下模型 mj_ 无可用渠道", "model_not_found"), 503, REFUSED),
        ({"error": "no such route"}, 404, REFUSED),
        (b"<html>404</html>", 404, REFUSED),
        (b"", 302, REFUSED),
        ({"error": "strange"}, 200, REFUSED),
        (error("无效的令牌"), 401, PENDING),
        ({"error": "Unauthorized"}, 401, PENDING),
        (b"", 403, PENDING),
        (b"slow down", 429, PENDING),
        (said(5, "do_request_failed ", type="upstream_error"), 400, UNKNOWN),
        (said(5, "unmarshal_response_body_failed "), 400, UNKNOWN),
        (said(5, "empty_response_body", result=""), 200, UNKNOWN),
        (said(4, "insert_midjourney_task_failed"), 500, UNKNOWN),
        (said(23, "queue full"), 502, UNKNOWN),
        (b"", 500, UNKNOWN),
        (b"<html>Bad Gateway</html>", 502, UNKNOWN),
        (b"", 503, UNKNOWN),
        (b"", 504, UNKNOWN),
        (b"", 524, UNKNOWN),
        (b"", 408, UNKNOWN),
        (b"", 200, UNKNOWN),
        (b"<html>New API</html>", 200, UNKNOWN),
        (b'{"code":1,"descr', 200, UNKNOWN),
        ([], 200, UNKNOWN),
        ({}, 200, UNKNOWN),
        (None, 200, UNKNOWN),
    ],
    ids=repr,
)
def test_what_real_servers_say_has_one_meaning(
    answer: object, status: int, state: ActionState
) -> None:
    assert read(answer, status).state is state


@pytest.mark.parametrize(
    ("fault", "unsent", "state"),
    [
        (Fault.CONNECTION, True, PENDING),
        (Fault.TIMEOUT, True, PENDING),
        (Fault.RENDERING, True, REFUSED),
        (Fault.ADDRESS_BLOCKED, True, REFUSED),
        (Fault.CONNECTION, False, UNKNOWN),
        (Fault.TIMEOUT, False, UNKNOWN),
        (Fault.RENDERING, False, UNKNOWN),
        (None, False, UNKNOWN),
    ],
)
def test_a_failure_is_judged_by_whether_anything_was_sent(
    fault: Fault | None, *, unsent: bool, state: ActionState
) -> None:
    response = Response(fault=fault, unsent=unsent, detail="what happened")

    answer = read_action_answer(response, route=PRESS)

    assert (answer.state, answer.reason) == (state, "what happened")


def test_tasks_are_named_as_text_number_or_list_and_nothing_else_is_tracked() -> None:
    assert read(said(1, result=ID)).tasks == (ID,)
    assert read(said(1, result=int(ID))).tasks == (ID,)
    assert read(said(1, result="a,b,c,d")).tasks == ("a", "b", "c", "d")
    for code in (23, 24):
        assert read(said(code, result=ID)).tasks == ()


def test_a_bookmark_makes_no_task_though_its_answer_names_its_parent() -> None:
    answer = read(said(1, "ok", result=ID), custom_id="MJ::BOOKMARK::3f")

    assert (answer.state, answer.tasks, answer.reason) == (ACCEPTED, (), "")


def test_an_upload_makes_no_task() -> None:
    urls = ["https://cdn.example/a.png"]
    answer = read(said(1, result=urls), route="submit/upload-discord-images")

    assert (answer.state, answer.tasks, answer.reason) == (ACCEPTED, (), "")


def test_what_was_taken_without_naming_a_task_is_not_sent_again() -> None:
    answer = read(said(1, "ok", result=None))

    assert answer.state is ACCEPTED
    assert answer.reason == "it was taken, and the answer names no task"


@pytest.mark.parametrize(
    ("answer", "asks_more"),
    [
        (said(21, "Waiting for window confirm", result=ID), True),
        (said(21, "等待弹窗确认", result=ID), True),
        (said(21, "", result=ID, properties={"remix": True, "finalPrompt": "a"}), True),
        (said(21, "", result=ID, properties={"status": "MODAL"}), True),
        (said(21, "任务已存在", result=ID, properties={"status": "SUCCESS"}), False),
        (said(21, "", result=ID, properties={"imageUrl": "https://a"}), False),
        (said(21, "任务已存在", result=ID), None),
        (said(21, "任务已存在", result=ID, properties={}), None),
        (said(1, "Waiting for window confirm", result=ID), False),
    ],
)
def test_code_21_is_a_window_or_a_task_that_exists(
    answer: object, asks_more: bool | None
) -> None:
    assert read(answer).asks_more is asks_more


def test_a_banned_word_is_shown() -> None:
    answer = read(said(24, "可能包含敏感词", properties={"bannedWord": "nude"}))

    assert (answer.code, answer.reason) == (24, "可能包含敏感词 (nude)")


def test_waits_are_as_long_as_what_is_waited_for() -> None:
    assert read(said(4, "task_status_not_success"), 400).wait == NOT_YET
    assert read(said(23, "full")).wait == BUSY
    assert read(b"", 401).hold == LOCKED
    throttled = read(b"", 429, retry_after="7")
    assert (throttled.wait, throttled.hold) == (7, 7)
    assert read(b"", 429).wait == BUSY


def test_what_could_not_be_sent_is_tried_again_ever_more_rarely() -> None:
    unsent = read_action_answer(Response(unsent=True), route=PRESS)
    waits = [retry_in(unsent, attempts=n, roll=0.5) for n in range(1, 9)]

    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["code", "result", "error", "description", "properties"]
                )
                | st.text(),
                inner,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.integers(100, 599),
)
def test_whatever_is_answered_has_a_meaning_and_never_two(
    body: bytes, status: int
) -> None:
    answer = read(body, status)

    assert answer.state in {PENDING, ACCEPTED, REFUSED, UNKNOWN}
    assert not answer.tasks or answer.state is ACCEPTED
    if status >= 500:
        assert answer.state is not ACCEPTED
