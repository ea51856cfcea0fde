"""`bridge.channels.text`: what is left of a stranger's text, for people to read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from bridge.channels.text import clean, line
from bridge.channels.wording import message_of
from tests.channels.cases import WAITING, event_of, texts

#: What turns the reading direction around, and what controls a terminal.
REFUSED = frozenset(
    map(
        chr,
        (
            *(code for code in range(0x20) if code != 0x0A),
            *range(0x7F, 0xA0),
            *(0x061C, 0x200E, 0x200F),
            *range(0x202A, 0x202F),
            *range(0x2066, 0x206A),
        ),
    )
)


@pytest.mark.parametrize("char", sorted(REFUSED), ids=lambda char: f"U+{ord(char):04X}")
def test_no_control_survives(char: str) -> None:
    assert char not in clean(f"gnp{char}exe")


@given(texts)
def test_whatever_is_cleaned_is_clean_and_stays_so(text: str) -> None:
    once = clean(text)

    assert not REFUSED & set(once)
    assert "\n\n\n" not in once.replace(" ", "")
    assert clean(once) == once


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\u200d\u200d", id="joiners"),
        pytest.param("\u200c", id="non-joiner"),
        pytest.param("\u3164\u3164", id="Hangul filler"),
        pytest.param("\uffa0\u115f\u1160", id="its relatives"),
        pytest.param("\u2800 \u2800", id="empty braille"),
        pytest.param("\ufe0f\u200d\ufe0e", id="variation selectors"),
        pytest.param("\u034f\U000e0101", id="other marks"),
        pytest.param("\U000e0067\U000e007f", id="tags"),
        pytest.param("\u200b\u2060 \t\n\u00a0\u3000", id="spaces"),
    ],
)
def test_a_prompt_that_shows_nothing_is_said_to_be_none(text: str) -> None:
    event = event_of("task.submitted", replace(WAITING, prompt=text))

    assert (clean(text), line(text)) == ("", "")
    assert message_of(event).prompt == "(no prompt)"


@pytest.mark.parametrize("text", ["👩‍👩‍👧‍👦", "e\u0301", "🏳️‍🌈", "ㅤa", "한", "⠿", "0️⃣"])
def test_what_shows_something_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_a_flag_made_of_tags_leaves_none_behind() -> None:
    scotland = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"

    assert clean(f"a {scotland} b") == "a 🏴 b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\n\nb", "a\n\nb"),
        ("a\n \n \nb", "a\n\nb"),
        ("a\n\t\n\u3000\n\u00a0\n  b", "a\n\n  b"),
        ("a\n \nb", "a\n \nb"),
        ("a\n  b", "a\n  b"),
        ("a\r\nb", "a\nb"),
        ("a\rb\r\rc", "a\nb\n\nc"),
        ("a\u2028b\u2029c\x85d\x0ce\x0bf", "a\nb\nc\nd\ne\nf"),
    ],
)
def test_lines_end_where_somebodys_system_ended_them_and_one_is_left_empty(
    text: str, expected: str
) -> None:
    assert clean(text) == expected


def test_empty_lines_without_end_are_dealt_with_at_once() -> None:
    assert clean("a" + "\n \t" * 50_000 + "b" + " " * 50_000 + "\n") == "a\n\n  b"
