"""`bridge.adapters.gateway.parse`: whatever the bytes are, they become an answer."""

from __future__ import annotations

import codecs
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.adapters.gateway.coerce import LONGEST_LABEL, LONGEST_TEXT
from bridge.adapters.gateway.parse import read_answer
from bridge.app.ports import FetchResult, PollError
from bridge.core.change import NOTHING, ChangeType, observe
from bridge.core.task import TaskSnapshot, TaskStatus

EXAMPLE = (Path(__file__).parents[2] / "data" / "quickrouter-example.json").read_bytes()
EXAMPLE_ID = "1730621826053455"


def brief(value: object) -> str:
    return repr(value)[:40]


def read(said: object, *asked: str) -> FetchResult:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return read_answer(body, asked or ("1",))


def only(said: object, *asked: str) -> TaskSnapshot:
    answer = read(said, *asked)
    assert answer.error is None, answer.detail
    (task,) = answer.tasks.values()
    return task


def row(**fields: object) -> TaskSnapshot:
    return only([{"id": "1", **fields}])


def is_example(task: TaskSnapshot) -> bool:
    return (
        task.id == EXAMPLE_ID
        and task.status is TaskStatus.SUCCESS
        and task.progress == 100
        and task.image_url is not None
        and task.image_url.endswith("671b50&")
        and [button.label for button in task.buttons]
        == ["U1", "U2", "U3", "U4", None, "V1", "V2", "V3", "V4"]
    )


# --- 1, 2: forms of the list ----------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(EXAMPLE, id="an object, as documented"),
        pytest.param(b"[" + EXAMPLE + b"]", id="an array, as it really is"),
        pytest.param(b'{"data":[' + EXAMPLE + b"]}", id="in data"),
        pytest.param(b'{"list":[' + EXAMPLE + b"]}", id="in list"),
        pytest.param(b'{"result":[' + EXAMPLE + b"]}", id="in result"),
        pytest.param(b'{"data":' + EXAMPLE + b"}", id="one object in data"),
        pytest.param(
            b'{"code":"success","message":"","data":[' + EXAMPLE + b"]}",
            id="with a code",
        ),
        pytest.param(
            b'{"code":1,"data":{"list":[' + EXAMPLE + b"]}}", id="wrapped twice"
        ),
        pytest.param(
            b'{"code":0,"data":{"result":{"list":[' + EXAMPLE + b"]}}}",
            id="wrapped three times",
        ),
        pytest.param(
            b'{"code":1,"description":"Submit success","result":[' + EXAMPLE + b"]}",
            id="with a sentence",
        ),
        pytest.param(
            b'{"id":"req_1","code":1,"data":[' + EXAMPLE + b"]}",
            id="in an envelope with an id of its own",
        ),
        pytest.param(
            b'{"code":99,"list":["noise"],"items":[' + EXAMPLE + b"]}",
            id="beside a list of something else",
        ),
        pytest.param(
            EXAMPLE.replace(b"{", b'{"code":500,"error":"x",', 1),
            id="an object with an error beside its status",
        ),
        pytest.param(codecs.BOM_UTF8 + EXAMPLE, id="behind a byte order mark"),
        pytest.param(EXAMPLE.decode().encode("utf-16"), id="in UTF-16"),
        pytest.param(b"\r\n\t " + EXAMPLE + b" \n", id="with space around it"),
    ],
)
def test_the_documented_example_is_read_in_every_form(body: bytes) -> None:
    assert is_example(only(body, EXAMPLE_ID))


def test_the_example_is_read_to_the_last_field() -> None:
    task = only(EXAMPLE, EXAMPLE_ID)

    assert (task.action, task.prompt, task.prompt_en) == (
        "IMAGINE",
        *["pig --v 6.1"] * 2,
    )
    assert (task.final_prompt, task.description) == ("pig --v 6.1", "Submit success")
    assert (task.fail_reason, task.state, task.video_urls) == (None, None, ())
    assert (task.submit_time, task.start_time, task.finish_time) == (
        1730621826053,
        1730621828024,
        1730621855817,
    )


def test_an_empty_list_is_a_valid_answer() -> None:
    assert read([]) == FetchResult()


def test_null_is_an_empty_list_with_a_warning() -> None:
    answer = read(b" null\n")

    assert (answer.error, answer.tasks) == (None, {})
    assert "null" in answer.detail


def test_null_in_an_envelope_that_is_fine_is_an_empty_list() -> None:
    assert read({"code": 1, "data": None}).error is None


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"code": 0, "message": "查询成功"},
        {"code": "1", "description": "Submit success"},
        {"code": 200, "msg": "fine", "status": 200},
        {"code": "success", "message": ""},
        {"code": " OK "},
        {"code": "", "error": None},
        {"success": True, "message": "fine"},
        {"message": "ok"},
    ],
    ids=brief,
)
def test_an_empty_list_in_an_envelope_that_is_fine_is_a_valid_answer(
    envelope: dict[str, object],
) -> None:
    assert read({**envelope, "data": []}) == FetchResult()
    assert read({**envelope, "data": {"list": []}}) == FetchResult()


def test_a_stranger_without_a_list_around_it_is_nobody() -> None:
    stranger = {"id": "2", "status": "SUBMITTED", "progress": "0%", "properties": {}}

    assert read(stranger) == FetchResult()


def test_an_object_that_was_asked_for_needs_no_other_field() -> None:
    assert only({"id": "1"}) == TaskSnapshot(id="1", status=None)


@pytest.mark.parametrize("body", [b"", b"  \r\n", codecs.BOM_UTF8, b"\x00"], ids=brief)
def test_nothing_at_all_is_no_answer(body: bytes) -> None:
    """A proxy that lost the answer sends this; nobody's tasks are missing because of it."""
    assert read(body).error is PollError.BROKEN


# --- 3, 40, 41: what is no list -------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(
            {
                "success": False,
                "code": -1,
                "message": "The JSON value could not be converted to System.String.",
                "timestamp": "638790000000000000",
            },
            "could not be converted",
            id="trueai",
        ),
        pytest.param(
            {"description": "do_request_failed ", "type": "upstream_error", "code": 4},
            "do_request_failed",
            id="new-api",
        ),
        pytest.param(
            {"error": {"message": "无效的令牌"}}, "无效的令牌", id="OpenAI's form"
        ),
        pytest.param(
            {"error": "Unauthorized"}, "Unauthorized", id="the TypeScript port"
        ),
        pytest.param(
            {"id": "req-1", "error": {"message": "no"}}, "no", id="with an id"
        ),
        pytest.param(
            {"code": 23, "data": []}, "code 23", id="an empty list, and a code"
        ),
        pytest.param(
            {"success": False, "data": None}, "not a list", id="unsuccessful null"
        ),
        pytest.param({"code": 5, "data": {"x": 1}}, "code 5", id="a code, and no task"),
        pytest.param(
            {"id": "req_1", "code": 500, "message": "internal error"},
            "internal error",
            id="an error with the request's id",
        ),
        pytest.param(
            {"id": "req_1", "message": "internal error"},
            "internal error",
            id="a sentence with the request's id",
        ),
        pytest.param(
            {"id": "1", "code": 500, "message": "internal error"},
            "internal error",
            id="an error with the task's id",
        ),
        pytest.param(
            {"code": 500, "message": "db down", "data": {"list": []}},
            "db down",
            id="an empty list in a list of nothing, and a code",
        ),
        pytest.param(
            {"code": 500, "message": "db down", "data": {"code": 1, "list": None}},
            "db down",
            id="null deeper down, and a code",
        ),
        pytest.param(
            {"code": 500, "message": "db down", "data": {"id": "x", "action": "A"}},
            "db down",
            id="a stranger, and a code",
        ),
        pytest.param(
            {"success": "false", "message": "bad", "data": []},
            "bad",
            id="unsuccessful in a text",
        ),
        pytest.param(
            {
                "status": 500,
                "error": "Internal Server Error",
                "data": None,
                "code": 0,
            },
            "Internal Server Error",
            id="an HTTP status in the body",
        ),
        pytest.param(
            {"code": 0, "status": 500, "message": "bad", "data": []},
            "bad",
            id="two verdicts that differ",
        ),
        pytest.param(
            {"id": "r", "error": "x", "status": 500}, "x", id="an id and a status"
        ),
        pytest.param(
            {"id": "1", "error": "x", "status": 500}, "x", id="the task's, and a status"
        ),
        pytest.param(
            {"id": "r", "status": "error", "error": "x", "progress": 0},
            "x",
            id="a status that tasks have, too",
        ),
        pytest.param(
            {"message": "overloaded", "data": []}, "overloaded", id="a sentence"
        ),
        pytest.param([{"error": {"message": "bad"}}], "bad", id="an error in a list"),
        pytest.param([{"id": "r", "error": "bad"}], "bad", id="with an id, in a list"),
        pytest.param([None], "not a list", id="a list of null"),
        pytest.param(["1"], "not a list", id="a list of ids"),
        pytest.param({"data": [None]}, "not a list", id="a list of null in data"),
        pytest.param(
            {"code": {"a": []}, "message": "odd", "data": []},
            "odd",
            id="a code that is no word",
        ),
        pytest.param({}, "not a list", id="an empty object"),
        pytest.param("Invalid token.", "not a list", id="a text"),
        pytest.param(42, "not a list", id="a number"),
        pytest.param(b"Authorization header missing.", "Authorization", id="not JSON"),
        pytest.param(EXAMPLE[:-40], "unreadable", id="cut off"),
        pytest.param(b"[" * 100_000, "unreadable", id="nested without end"),
        pytest.param(b'[{"id":"1"}] trailing', "unreadable", id="trailing text"),
    ],
)
def test_what_is_no_list_is_a_complaint_in_the_upstreams_words(
    body: object, words: str
) -> None:
    answer = read(body)

    assert (answer.error, answer.tasks) == (PollError.BROKEN, {})
    assert words in answer.detail


@pytest.mark.parametrize(
    "body",
    [
        b'<!doctype html><html lang="zh"><head><title>New API</title></head></html>',
        b"\n  <HTML><Title>\n New   API </Title>",
    ],
)
def test_a_page_means_a_wrong_address_and_is_told_by_its_title(body: bytes) -> None:
    answer = read(body)

    assert answer.error is PollError.MISPLACED
    assert '"New API"' in answer.detail


# --- 4, 5, 7, 8: rows -----------------------------------------------------------------


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


def test_who_is_left_out_is_simply_not_there() -> None:
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


# --- 9, 10, 19: unset, sparse, free text ----------------------------------------------

UNSET = TaskSnapshot(id="1", status=None)


@pytest.mark.parametrize("nothing", [None, "", "  ", 0, False, [], {}], ids=brief)
def test_there_are_many_ways_to_say_nothing(nothing: object) -> None:
    keys = "action prompt promptEn description failReason imageUrl state status buttons"
    times = "submitTime startTime finishTime properties videoUrl videoUrls"
    fields = dict.fromkeys(f"{keys} {times}".split(), nothing)

    assert row(**fields) == UNSET


def test_a_row_that_the_gateway_has_not_yet_synchronised_says_nothing() -> None:
    task = row(status="", progress="0%", startTime=0, imageUrl="", buttons=None)

    assert (task.status, task.progress, task.start_time) == (None, 0, None)


def test_a_sparse_row_is_a_row() -> None:
    task = row(status="SUBMITTED", progress="0%", properties={})

    assert task == TaskSnapshot(id="1", status=TaskStatus.SUBMITTED, progress=0)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("31%", 31),
        ("fast 25%", 25),
        ("62.8 %", 62),
        ("(93%) (relaxed)", 93),
        (46, 46),
        (46.9, 46),
        ("46", 46),
        ("250%", 100),
        (-3, 0),
        ("9" * 5000 + "%", None),
        ("Waiting to start", None),
        ("paused", None),
        ("", None),
        (None, None),
        (True, None),
        ([50], None),
    ],
    ids=brief,
)
def test_progress_is_read_from_what_is_there(said: object, meant: int | None) -> None:
    assert row(progress=said).progress == meant


@pytest.mark.parametrize(
    "said",
    [
        1730621826053,
        1730621826053.0,
        "1730621826053",
        " 1730621826053 ",
        "2024-11-03T08:17:06.053Z",
        "2024-11-03 08:17:06.053",
        "2024-11-03T16:17:06.053+08:00",
    ],
    ids=brief,
)
def test_times_come_in_many_types(said: object) -> None:
    assert row(submitTime=said).submit_time == 1730621826053


@pytest.fixture
def far_from_greenwich() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CST-8"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
def test_a_time_without_a_zone_is_no_local_time() -> None:
    assert time.localtime(0).tm_hour == 8
    assert row(submitTime="2024-11-03 08:17:06.053").submit_time == 1730621826053


@pytest.mark.parametrize(
    "said",
    [
        *(0, -1, 1730621826, 10**15, 10**400, 1e300, True, "soon", "nan", "1e999"),
        *({}, [1730621826053], "0001-01-01", "9999-12-31T23:59:59-23:00", "0"),
    ],
    ids=brief,
)
def test_a_time_that_nobody_meant_is_unset(said: object) -> None:
    assert row(finishTime=said).finish_time is None


# --- 11, 49: large rows, fields that are nobody's business ----------------------------


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


# --- 12-15: decorations ---------------------------------------------------------------


def told(*answers: object) -> list[ChangeType]:
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

    assert told(
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


# --- 21-28: what statuses mean --------------------------------------------------------


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

    assert told(once, once) == [change]


@pytest.mark.parametrize("status", ["", None, " ", 0, []], ids=brief)
def test_an_empty_status_with_a_reason_is_a_failure(status: object) -> None:
    refused = {"id": "1", "status": status, "failReason": "队列已满"}

    assert only([refused]).status is TaskStatus.FAILURE
    assert told([refused]) == [ChangeType.FAILED]
    assert told([{"id": "1", "status": "IN_PROGRESS"}], [refused]) == [
        ChangeType.STARTED,
        ChangeType.FAILED,
    ]


@pytest.mark.parametrize("status", ["RETRYING", "审核中", 7], ids=brief)
def test_an_unknown_status_with_a_reason_is_no_failure(status: object) -> None:
    odd = {"id": "1", "status": status, "failReason": "attempt 1 failed"}

    assert only([odd]).status is None
    assert told([odd]) == [ChangeType.SUBMITTED]
    assert told([{"id": "1", "status": "IN_PROGRESS"}], [odd]) == [ChangeType.STARTED]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("status", ["IN_PROGRESS", "RETRYING"])
def test_a_row_without_a_status_does_not_outdo_one_with_it(
    turned: bool, status: str
) -> None:
    refused = {"id": "1", "status": "", "failReason": "队列已满"}
    rows = [refused, {"id": "1", "status": status, "progress": "46%"}]

    task = only(rows[::-1] if turned else rows)

    assert (task.status, task.progress) == (TaskStatus.read(status), 46)


def test_a_description_is_text() -> None:
    text = "1️⃣ Cat --ar 5:4\n\n2️⃣ Cat2"
    task = row(status="SUCCESS", promptEn=text, properties={"finalPrompt": text})

    assert task.prompt_en == task.final_prompt == text


@pytest.mark.parametrize(
    ("reason", "read"),
    [
        ({"code": 4, "description": "banned"}, "banned"),
        ({"error": {"message": "banned"}}, "banned"),
        (["banned", "x"], "banned"),
        ([{"message": "banned"}], "banned"),
        ({}, None),
        ([], None),
        (7, "7"),
    ],
    ids=brief,
)
def test_a_reason_may_be_an_object(reason: object, read: str | None) -> None:
    assert row(status="FAILURE", failReason=reason).fail_reason == read


@pytest.mark.parametrize(
    "spelled", ["TIMEOUT", "timed out", "TASK_TIMEOUT", "Time-Out"]
)
def test_a_timeout_with_a_reason_is_an_end(spelled: str) -> None:
    assert row(status=spelled, failReason="too slow").status is TaskStatus.FAILURE
    assert row(status=spelled).status is None


@pytest.mark.parametrize(
    "properties",
    [{"finalPrompt": "cat"}, '{"finalPrompt":"cat"}', ' {"finalPrompt":"cat"}'],
)
def test_properties_may_be_json_in_a_text(properties: object) -> None:
    assert row(properties=properties).final_prompt == "cat"


@pytest.mark.parametrize("properties", ["x", "{", "[1]", [{"finalPrompt": "cat"}], 3])
def test_other_properties_are_none(properties: object) -> None:
    assert row(properties=properties).final_prompt is None


@pytest.mark.parametrize(
    ("fields", "urls"),
    [
        ({"videoUrls": [{"url": "a", "thumbnail": None}, {"url": "b"}]}, ("a", "b")),
        ({"videoUrls": ["a", "b", "a"]}, ("a", "b")),
        ({"videoUrls": '[{"url":"a"},"b"]'}, ("a", "b")),
        ({"videoUrls": "a"}, ("a",)),
        ({"videoUrls": None, "videoUrl": "a"}, ("a",)),
        ({"videoUrls": [], "videoUrl": "a"}, ("a",)),
        ({"videoUrls": ["b"], "videoUrl": "a"}, ("b",)),
        ({"videoUrls": [None, 3.5, {}, {"url": ""}, []], "videoUrl": ""}, ("3.5",)),
        ({"videoUrls": '["a"'}, ()),
        (
            {"videoUrl": "https://h/1?a,b https://h/2,https://h/3"},
            ("https://h/1?a,b", "https://h/2", "https://h/3"),
        ),
    ],
    ids=brief,
)
def test_videos_come_in_many_types(fields: dict[str, object], urls: object) -> None:
    assert row(action="VIDEO", status="SUCCESS", **fields).video_urls == urls


# --- 30, 31: buttons ------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing", [None, [], "", {}, 5, "[]", [None, 3, "x", {}]], ids=brief
)
def test_there_may_be_no_buttons(nothing: object) -> None:
    assert row(buttons=nothing).buttons == ()


def test_buttons_without_a_custom_id_are_links_and_left_out() -> None:
    task = row(
        buttons=[
            {"customId": "", "label": "Web", "style": 5, "url": "https://x.example"},
            {"label": "Web", "style": 5},
            {"customId": None},
            {"customId": "MJ::iframe::1", "label": "Editor"},
        ]
    )

    assert [button.custom_id for button in task.buttons] == ["MJ::iframe::1"]


def test_buttons_are_read_whatever_their_types_in_order_and_once() -> None:
    task = row(
        buttons=[
            {"customId": "MJ::JOB::upsample::2::h", "label": None, "type": "2"},
            {"customId": 77, "label": 8, "emoji": {"name": "🔄"}, "style": None},
            {"customId": "MJ::JOB::upsample::2::h", "label": "again"},
        ]
    )

    assert [(b.custom_id, b.label, b.emoji) for b in task.buttons] == [
        ("MJ::JOB::upsample::2::h", "U2", None),
        ("77", "8", "🔄"),
    ]


# --- 34, 46: texts and bytes ----------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/a.png?ex=67ea5fbd&is=67e90e3d&hm=ab12&",
        "/mj/image/17",
        "http://localhost:3000/mj/image/17",
        "https://cdn.example/ä b.png#x",
    ],
)
def test_a_url_is_kept_to_the_byte(url: str) -> None:
    assert row(imageUrl=url).image_url == url


def test_what_no_encoding_can_write_becomes_harmless() -> None:
    task = only(rb'[{"id":"1","prompt":"a\ud800b\u0000c\udfffd \ud83d\ude00"}]')

    assert task.prompt == "a\ufffdb\ufffdc\ufffdd 😀"


def test_invalid_utf_8_costs_a_character_not_the_answer() -> None:
    assert only(b'[{"id":"1","prompt":"caf\xe9"}]').prompt == "caf\ufffd"


def test_raw_control_characters_are_tolerated() -> None:
    assert only(b'[{"id":"1","prompt":"one\n\ttwo"}]').prompt == "one\n\ttwo"


def test_a_modal_row_yields_to_the_one_that_was_submitted_after_it() -> None:
    """As new-api lists them after ``/submit/modal``."""
    stale = {
        "id": "1",
        "action": "INPAINT",
        "status": "MODAL",
        "submitTime": 1730000000001,
    }
    fresh = {"id": "1", "action": "MODAL", "status": "SUBMITTED", "progress": "0%"}

    assert only([stale, fresh]).status is TaskStatus.SUBMITTED
    later = only([fresh | {"submitTime": 1730000000002}, stale])
    assert later.status is TaskStatus.SUBMITTED


def test_a_long_text_is_kept() -> None:
    prompt = "pig " * 50_000

    assert row(prompt=prompt).prompt == prompt


def test_what_goes_on_and_on_is_bounded() -> None:
    endless = "猪x" * 5_000_000
    many = [{"customId": f"MJ::JOB::upsample::{number}"} for number in range(400_000)]
    began = time.process_time()

    task = row(
        prompt=endless,
        failReason=endless,
        imageUrl=f"https://h/{endless}",
        videoUrl=f"https://h/1.mp4,https://h/{endless}",
        buttons=[{"customId": endless}, {"customId": "a", "label": endless}, *many],
        properties=json.dumps({"finalPrompt": endless}),
    )
    from_text = row(buttons=json.dumps(many))

    assert time.process_time() - began < 20
    assert (task.prompt or "").startswith("猪x")
    assert len(task.prompt or "") == len(task.fail_reason or "") == LONGEST_TEXT
    assert (task.image_url, task.video_urls) == (None, ("https://h/1.mp4",))
    assert task.final_prompt is None
    assert len(task.buttons[0].label or "") == LONGEST_LABEL
    assert len(task.buttons) < 100
    assert from_text.buttons == ()


def test_numbers_without_end_and_nan_are_harmless() -> None:
    digits = b"9" * 10_000
    task = only(
        b'[{"id":"1","submitTime":%b,"progress":NaN,"state":-Infinity,"x":%b.5}]'
        % (digits, digits)
    )

    assert task == UNSET


def test_a_number_where_a_text_belongs_is_its_text() -> None:
    assert row(state=77).state == "77"


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "endless", ["9" * 10**6, "1" + " " * 10**6, "1." * 10**6], ids=brief
)
def test_a_progress_without_end_takes_no_time(endless: str) -> None:
    assert row(progress=endless).status is None
