"""`bridge.core.http`: what headers and bodies say, whatever is in them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.backoff import MAX_RETRY_AFTER
from bridge.core.http import json_object, retry_after

#: 2026-01-01T12:00:00Z, a Thursday.
NOON = 1767268800.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 7 ", 7.0, id="white space"),
        pytest.param("2.25", 2.25, id="a fraction"),
        pytest.param("0.001", 1, id="next to nothing, again and again"),
        pytest.param("2.", 2.0, id="a bare point"),
        pytest.param("1e3", 1000.0, id="a thousand"),
        pytest.param("86401", MAX_RETRY_AFTER, id="more than a day"),
        pytest.param("1e9", MAX_RETRY_AFTER, id="thirty years"),
        pytest.param("9" * 400, MAX_RETRY_AFTER, id="beyond what a float holds"),
        pytest.param("0", None, id="zero"),
        pytest.param("-5", None, id="negative"),
        pytest.param("Thu, 01 Jan 2026 12:01:00 GMT", 60.0, id="a date"),
        pytest.param("Thu, 01 Jan 2026 13:01:00 +0100", 60.0, id="a date elsewhere"),
        pytest.param("Thu, 01 Jan 2026 12:01:00 -0000", 60.0, id="a date nowhere"),
        pytest.param("Thursday, 01-Jan-26 12:01:00 GMT", 60.0, id="a date of RFC 850"),
        pytest.param("Thu, 01 Jan 2026 11:59:00 GMT", None, id="a past date"),
        pytest.param(
            "Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER, id="the last date"
        ),
        pytest.param("Fri, 99 Foo 2026 99:99:99 GMT", None, id="no date"),
        pytest.param("soon", None, id="a word"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="for ever"),
        pytest.param("1_000", None, id="Python's own notation"),
        pytest.param("١٢", None, id="other digits"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_how_long_a_receiver_asks_us_to_wait(
    value: str | None, seconds: float | None
) -> None:
    assert retry_after(value, now=NOON) == seconds


@given(st.text(), st.floats(0, 1e11))
def test_no_text_makes_a_wait_that_is_not_sensible(value: str, now: float) -> None:
    seconds = retry_after(value, now=now)

    assert seconds is None or (
        0 < seconds <= MAX_RETRY_AFTER and math.isfinite(seconds)
    )


def test_a_date_is_not_understood_without_a_clock() -> None:
    assert retry_after("Thu, 01 Jan 2026 12:01:00 GMT", now=None) is None
    assert retry_after("60", now=None) == 60.0


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param(b'{"ok": true}', {"ok": True}, id="an object"),
        pytest.param('{"ok": true}', {"ok": True}, id="text"),
        pytest.param(
            json.dumps({"a": "\u7b56"}).encode("utf-16"), {"a": "\u7b56"}, id="UTF-16"
        ),
        pytest.param(b"[{}]", {}, id="a list"),
        pytest.param(b"null", {}, id="null"),
        pytest.param(b"<html>", {}, id="a page"),
        pytest.param(b"\xff\xfe\xfd", {}, id="bytes"),
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b'{"a":' * 100_000, {}, id="nested without end"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", {}, id="a number without end"),
    ],
)
def test_only_a_json_object_has_fields(body: bytes | str, fields: object) -> None:
    assert json_object(body) == fields
