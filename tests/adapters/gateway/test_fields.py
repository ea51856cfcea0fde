"""`bridge.adapters.gateway.coerce`: a field is read whatever its type."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

import pytest

from bridge.adapters.gateway.coerce import LONGEST_LABEL, LONGEST_TEXT
from bridge.core.task import TaskSnapshot, TaskStatus
from tests.adapters.gateway.reading import (
    brief,
    only,
    row,
)

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


def test_a_long_text_is_kept() -> None:
    prompt = "pig " * 50_000

    assert row(prompt=prompt).prompt == prompt


def test_what_goes_on_and_on_is_bounded() -> None:
    endless = "猪x" * 500_000
    many = [{"customId": f"MJ::JOB::upsample::{number}"} for number in range(40_000)]
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

    assert time.process_time() - began < 10
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
