"""`bridge.channels.reply`: any answer is read, and only what is safe is kept of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.reply import (
    MAX_DETAIL,
    json_object,
    read_status,
    readable,
    retry_after,
)
from bridge.core.backoff import MAX_RETRY_AFTER
from bridge.core.delivery import Attempt, Fault
from bridge.core.http import Response

#: 2026-01-01T12:00:00Z, a Thursday.
NOON = 1767268800.0


def answered(status: int = 500, body: bytes = b"", **headers: str) -> Attempt:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(took=0.2, status=status, headers=named, body=body)
    return read_status(response, now=NOON + 0.2).attempt(started=NOON, took=0.2)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 7 ", 7.0, id="white space"),
        pytest.param("2.25", 2.25, id="a fraction"),
        pytest.param("0.001", 1, id="next to nothing, again and again"),
        pytest.param("2.", 2.0, id="a bare point"),
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


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
def test_any_failure_can_ask_for_a_wait(status: int) -> None:
    assert answered(status, retry_after="30").retry_after == 30.0


def test_a_success_asks_for_nothing() -> None:
    attempt = answered(202, b"queued", retry_after="30")

    assert (attempt.succeeded, attempt.retry_after, attempt.detail) == (
        True,
        None,
        "queued",
    )


def test_without_an_answer_the_detail_is_what_went_wrong() -> None:
    response = Response(took=15.0, fault=Fault.TIMEOUT, detail="not over within 15 s")

    reply = read_status(response, now=NOON + 15)

    assert reply.attempt(started=NOON, took=15.0) == Attempt(
        started=NOON, took=15.0, fault=Fault.TIMEOUT, detail="not over within 15 s"
    )


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        pytest.param(b"no\r\n\tway  out\n", {}, "no way out", id="white space"),
        pytest.param(b"\x1b[31mred\x07\x00", {}, "[31mred", id="terminal control"),
        pytest.param("a\u202eb\u200bc".encode(), {}, "abc", id="invisible"),
        pytest.param(b"\xff\xfe\xfd", {}, "\ufffd", id="not UTF-8"),
        pytest.param(
            "未找到".encode("gbk"),
            {"content_type": "text/html; charset=GBK"},
            "未找到",
            id="GBK",
        ),
        pytest.param(
            b"ok",
            {"content_type": "text/plain; charset=nonsense"},
            "ok",
            id="no charset",
        ),
        pytest.param(
            b"ok", {"content_type": "text/plain; charset=zip"}, "ok", id="no text"
        ),
        pytest.param(
            b"\x1f\x8b\x08",
            {"content_encoding": "gzip"},
            "(3 bytes, encoded, not unpacked)",
            id="gzip",
        ),
    ],
)
def test_what_is_kept_of_an_answer_is_one_line_for_people(
    body: bytes, headers: dict[str, str], detail: str
) -> None:
    assert answered(500, body, **headers).detail == detail


def test_a_broken_answer_says_both_what_came_and_what_broke() -> None:
    response = Response(
        took=1, status=200, body=b"half", detail="the answer's body broke off"
    )

    assert (
        read_status(response, now=NOON).detail == "the answer's body broke off · half"
    )


@given(
    st.binary(max_size=3000), st.sampled_from(["utf-8", "gbk", "utf-16", "utf-7", "x"])
)
def test_whatever_is_kept_can_be_printed_and_is_short(
    body: bytes, charset: str
) -> None:
    kept = readable(body, charset=charset)

    assert kept.isprintable()
    assert len(kept.encode()) <= MAX_DETAIL


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(b'{"code": 0}', {"code": 0}, id="an object"),
        pytest.param(b"[1]", {}, id="a list"),
        pytest.param(b"<html>", {}, id="a page"),
        pytest.param(b"\xff", {}, id="not UTF-8"),
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b"[" * 100_000, {}, id="nested too deep"),
    ],
)
def test_only_a_json_object_has_members(body: bytes, found: dict[str, int]) -> None:
    assert json_object(body) == found
