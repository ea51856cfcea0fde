"""`bridge.channels.reply`: any answer is read, and only what is safe is kept of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.reply import MAX_DETAIL, read_status, readable, reply_to
from bridge.core.delivery import Attempt, Fault
from bridge.core.http import Response

#: 2026-01-01T12:00:00Z, a Thursday.
NOON = 1767268800.0


def answered(status: int = 500, body: bytes = b"", **headers: str) -> Attempt:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(status=status, headers=named, body=body, received_at=NOON + 0.2)
    return reply_to(response, read_status).attempt(started=NOON, duration=0.2)


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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_said_not_to_be_followed(status: int) -> None:
    assert "redirects are not followed" in answered(status, b"moved").detail


@pytest.mark.parametrize("status", [204, 304, 400])
def test_nothing_else_is_said_to_be_a_redirect(status: int) -> None:
    assert answered(status, b"no").detail == "no"


def test_without_an_answer_the_detail_is_what_went_wrong() -> None:
    response = Response(
        duration=15.0, fault=Fault.TIMEOUT, detail="not over within 15 s"
    )

    reply = reply_to(response, read_status)

    assert reply.attempt(started=NOON, duration=15.0) == Attempt(
        started=NOON, duration=15.0, fault=Fault.TIMEOUT, detail="not over within 15 s"
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
        duration=1, status=200, body=b"half", detail="the answer's body broke off"
    )

    assert read_status(response).detail == "the answer's body broke off · half"


@given(
    st.binary(max_size=3000), st.sampled_from(["utf-8", "gbk", "utf-16", "utf-7", "x"])
)
def test_whatever_is_kept_can_be_printed_and_is_short(
    body: bytes, charset: str
) -> None:
    kept = readable(body, charset=charset)

    assert kept.isprintable()
    assert len(kept.encode()) <= MAX_DETAIL
