"""`bridge.adapters.gateway.envelope`: a list of rows is not mistaken for an error, whatever is around it."""

from __future__ import annotations

import codecs

import pytest

from bridge.app.ports import FetchResult, PollError
from bridge.core.task import TaskSnapshot
from tests.adapters.gateway.reading import (
    EXAMPLE,
    EXAMPLE_ID,
    brief,
    is_example,
    only,
    read,
)


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

    assert read(stranger) == FetchResult(strangers=frozenset({"2"}))


def test_an_object_that_was_asked_for_needs_no_other_field() -> None:
    assert only({"id": "1"}) == TaskSnapshot(id="1", status=None)


@pytest.mark.parametrize("body", [b"", b"  \r\n", codecs.BOM_UTF8, b"\x00"], ids=brief)
def test_nothing_at_all_is_not_an_answer(body: bytes) -> None:
    """A proxy that lost the answer sends this; nobody's tasks are missing because of it."""
    assert read(body).error is PollError.BROKEN


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
def test_what_is_not_a_list_is_an_error_in_the_upstreams_words(
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
def test_a_page_means_a_wrong_address_and_is_described_by_its_title(
    body: bytes,
) -> None:
    answer = read(body)

    assert answer.error is PollError.MISPLACED
    assert '"New API"' in answer.detail
