"""`bridge.core.action`: what is asked for has one id, and a button has one meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.action import (
    find_button,
    is_marker,
    is_pressed_once,
    marker_of,
    may_be_custom_id,
    press_id,
    submission_id,
    why_not_submitted,
)
from bridge.core.button import Button
from bridge.core.task import TaskKey

KEY = TaskKey("default", "1730621826053455")
U1 = Button.of("MJ::JOB::upsample::1::3f", "U1", None)
U2 = Button.of("MJ::JOB::upsample::2::3f", "U2", None)
V1 = Button.of("MJ::JOB::variation::1::3f", "V1", None)
REROLL = Button.of("MJ::JOB::reroll::0::3f", None, "🔄")
SUBTLE = Button.of("MJ::JOB::low_variation::1::3f::SOLO", "Vary (Subtle)", "🪄")
ALL = [U1, U2, V1, REROLL, SUBTLE]


def test_the_same_press_has_the_same_id_and_any_other_another() -> None:
    ids = [
        press_id(KEY, U1.custom_id, ""),
        press_id(KEY, U2.custom_id, ""),
        press_id(KEY, U1.custom_id, "again"),
        press_id(TaskKey("other", KEY.id), U1.custom_id, ""),
        press_id(TaskKey("default", "2"), U1.custom_id, ""),
        submission_id("default", "imagine", ""),
        submission_id("default", "imagine", "k"),
        submission_id("default", "blend", "k"),
    ]

    assert len(set(ids)) == len(ids)
    assert ids[0] == press_id(KEY, U1.custom_id, "")
    assert all(one.startswith("act_") and len(one) == 36 for one in ids)


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_ids_do_not_run_into_one_another(texts: list[str]) -> None:
    one, other = texts

    assert press_id(KEY, one, other) != press_id(KEY, other, one)
    assert press_id(KEY, one + other, "") != press_id(KEY, one, other) or not other


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("U1", U1),
        ("u2", U2),
        (" v1 ", V1),
        ("upsample:1", U1),
        ("Upsample:2", U2),
        ("variation:1", V1),
        ("reroll", REROLL),
        ("🔄", REROLL),
        ("vary (subtle)", SUBTLE),
        (U2.custom_id, U2),
        (U2.custom_id.lower(), U2),
        ("upsample", None),
        ("upsample:3", None),
        ("U5", None),
        ("", None),
        ("MJ::JOB::upsample::9::3f", None),
    ],
)
def test_a_button_is_a_label_a_kind_with_an_index_or_a_custom_id(
    wanted: str, found: Button | None
) -> None:
    assert find_button(ALL, wanted) == found


def test_a_label_that_two_buttons_have_means_neither() -> None:
    twice = [U1, Button.of("MJ::JOB::upsample::3::3f", "U1", None)]

    assert find_button(twice, "U1") is None
    assert find_button(twice, U1.custom_id) == U1


def test_what_only_buys_the_same_picture_again_is_pressed_once() -> None:
    upscale = Button.of("MJ::JOB::upsample_v6r1_2x_subtle::1::3f::SOLO", None, None)

    assert [is_pressed_once(one.kind) for one in (U1, upscale, V1, REROLL, SUBTLE)] == [
        *(True, True, False, False, False)
    ]


def test_a_marker_is_known_with_what_trueai_adds_to_it() -> None:
    marker = marker_of(press_id(KEY, U1.custom_id, ""))

    assert is_marker(marker)
    assert is_marker(f"{marker}::3")
    assert not any(map(is_marker, (None, "", "mjb-", "order 77", f"x{marker}")))


@pytest.mark.parametrize("text", ["U1", "MJ::JOB", "MJ::JOB::\n", "x" * 2000 + "::::"])
def test_what_cannot_be_a_custom_id_is_not_sent_to_a_gateway(text: str) -> None:
    assert not may_be_custom_id(text)


def test_what_is_submitted_is_one_part_of_a_path() -> None:
    for what in ("imagine", "blend", "upload-discord-images", "edits"):
        assert why_not_submitted(what) is None
    for wrong in ("", "../task", "Imagine", "a/b", "a b", 7, None, "x" * 65, "-"):
        assert why_not_submitted(wrong) is not None
