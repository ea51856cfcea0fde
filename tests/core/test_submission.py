"""`bridge.core.submission`: which tasks an answer names, as real servers answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.submission import makes_tasks, new_tasks

ID = "1795883703777001"


def named(
    answer: object,
    route: str = "submit/imagine",
    *,
    status: int = 200,
    custom_id: str | None = None,
) -> tuple[str, ...]:
    body = json.dumps(answer).encode()
    return new_tasks(route, status=status, body=body, custom_id=custom_id)


@pytest.mark.parametrize(
    ("result", "ids"),
    [
        (ID, (ID,)),
        (f" {ID} ", (ID,)),
        (int(ID), (ID,)),
        (float(ID), (ID,)),
        ("0191304188213322", ("0191304188213322",)),
        ("task_1234567890", ("task_1234567890",)),
        ("1,2,3,4", ("1", "2", "3", "4")),
        ("1, 2,,1", ("1", "2")),
        ("", ()),
        (None, ()),
        (True, ()),
        (0, ()),
        (1.5, ()),
        (["https://cdn.example/a.png"], ()),
        ("https://cdn.example/a.png", ()),
        ({"id": ID}, ()),
        ("x" * 129, ()),
        ("a b", ()),
    ],
    ids=repr,
)
def test_a_result_names_tasks_as_text_as_a_number_or_as_a_list_with_commas(
    result: object, ids: tuple[str, ...]
) -> None:
    assert named({"code": 1, "description": "ok", "result": result}) == ids


@pytest.mark.parametrize(
    ("code", "taken"),
    [
        (1, True),
        (21, True),
        (22, True),
        ("1", True),
        (3, False),
        (4, False),
        (5, False),
        (23, False),  # the queue is full; some name a task all the same
        (24, False),
        (30, False),
        (0, False),
        (True, False),
        (None, False),
    ],
    ids=repr,
)
def test_only_a_submission_that_was_taken_names_tasks(
    code: object, *, taken: bool
) -> None:
    assert named({"code": code, "result": ID}) == ((ID,) if taken else ())


def test_a_code_means_nothing_in_an_answer_that_failed() -> None:
    assert named({"code": 1, "result": ID}, status=400) == ()
    assert named({"code": 1, "result": ID}, status=502) == ()
    assert named({"code": 1, "result": ID}, status=201) == (ID,)


@pytest.mark.parametrize(
    "route",
    [
        "submit/imagine",
        "submit/blend",
        "submit/describe",
        "submit/shorten",
        "submit/action",
        "submit/change",
        "submit/simple-change",
        "submit/modal",
        "submit/edits",
        "submit/video",
        "insight-face/swap",
    ],
)
def test_these_make_tasks(route: str) -> None:
    assert makes_tasks(route)


@pytest.mark.parametrize(
    "route",
    [
        "submit/upload-discord-images",
        "submit/upload-discord-image",
        "submit/image-seed",
        "task/1/image-seed",
        "task/1/fetch",
        "task/1/cancel",
        "task/list-by-condition",
        "image/1",
        "submit",
    ],
)
def test_these_do_not(route: str) -> None:
    assert not makes_tasks(route)
    assert named({"code": 1, "result": ID}, route) == ()


@pytest.mark.parametrize("custom_id", ["MJ::BOOKMARK::u", "mj::Bookmark::3785da15"])
def test_a_bookmark_names_the_task_that_was_pressed(custom_id: str) -> None:
    answer = {"code": 1, "result": ID}
    assert named(answer, "submit/action", custom_id=custom_id) == ()
    pressed = "MJ::JOB::upsample::1::u"
    assert named(answer, "submit/action", custom_id=pressed) == (ID,)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<!doctype html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"code":1,"result":' + b"1" * 5_000 + b"}",
        b'{"code":1,"result":' + b"1" * 200 + b"}",
        b'{"code":1}',
    ],
)
def test_what_is_no_answer_names_nothing(body: bytes) -> None:
    assert new_tasks("submit/imagine", status=200, body=body) == ()


def test_a_byte_order_mark_is_no_obstacle() -> None:
    body = b'\xef\xbb\xbf{ "code": 22, "result": "7"}'
    assert new_tasks("submit/imagine", status=200, body=body) == ("7",)


@given(st.binary(), st.integers(100, 599))
def test_nothing_makes_it_raise(body: bytes, status: int) -> None:
    new_tasks("submit/imagine", status=status, body=body)
