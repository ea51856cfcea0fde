"""`bridge.channels.apprise`: what the long tail of services is told."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given

from bridge.channels import apprise
from bridge.channels.text import utf8
from bridge.core.delivery import Fault
from bridge.core.event import Event
from bridge.core.http import Request, Response
from tests.channels.cases import (
    CASES,
    HOSTILE,
    LANGUAGES,
    OPERATORS,
    PICTURE_URL,
    TASK_ID,
    Talk,
    converse,
    endpoint,
    events,
)
from tests.channels.golden import check_golden

URL = "pover://u5er@t0ken-of-the-service"
DONE = CASES["succeeded_upscaled"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
TOLD = ("succeeded", "failed", "cancelled", "lost", "corrected", "action_required")


def had(event: Event, *responses: Response, **settings: Any) -> Talk:
    """The conversation about an event, with these answers in turn."""
    queue = list(responses)
    return converse(
        apprise,
        event,
        endpoint("apprise", URL, **settings),
        answers=(lambda _: queue.pop(0)) if responses else None,
    )


def order(event: Event, **settings: Any) -> dict[str, Any]:
    """What the adapter is asked to send."""
    *_, request = had(event, **settings).requests
    assert (request.method, request.url) == (apprise.NOTIFY, URL)
    asked: dict[str, Any] = json.loads(request.body)
    return asked


def reported(outcome: str, said: str = "") -> Response:
    services = [{"name": "Pushover", "said": said}]
    body = json.dumps({"outcome": outcome, "services": services})
    return Response(took=0.2, body=body.encode())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_what_is_said_is_what_was_agreed_upon(case: str, language: str) -> None:
    talk = had(CASES[case], language=language)

    check_golden("apprise", case, language, talk.requests)


def test_a_message_is_a_title_and_plain_text_with_the_pictures_link() -> None:
    asked = order(DONE)

    assert asked["title"] == "✅ Upscale finished · 47 s"
    assert asked["type"] == "success"
    assert f"Open full size: {PICTURE_URL}" in asked["body"]
    assert asked["attach"] is None


@pytest.mark.parametrize("case", ["submitted", "progress_42"])
def test_what_is_only_a_step_on_the_way_is_not_told(case: str) -> None:
    talk = had(CASES[case], events=["*"])

    assert talk.requests == []
    assert talk.result == "delivered"
    assert talk.outcome.attempt.detail.startswith("skipped: ")


@given(events(tuple(f"task.{kind}" for kind in TOLD)))
def test_whatever_strangers_write_is_short_and_means_nothing(event: Event) -> None:
    asked = order(event)

    assert utf8(asked["body"]) < apprise.TEXTS_MOST + apprise.LINKS_MOST + 1500
    assert 0 < len(asked["title"]) <= apprise.TITLE_MOST
    said = "\n".join(
        line for line in asked["body"].splitlines() if "https://" not in line
    )
    for mark in ("@", "<", "](", "**", "`", "||"):
        assert mark not in said


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_events_make_readable_messages(name: str) -> None:
    asked = order(HOSTILE[name])

    assert asked["body"].strip()
    assert "\x00" not in asked["body"]
    asked["body"].encode()


@pytest.mark.parametrize("event", OPERATORS.values(), ids=list(OPERATORS))
def test_operators_hear_what_happened_and_why(event: Event) -> None:
    asked = order(event, events=["*"])

    assert "connection refused, 10 times in a row" in asked["body"]
    assert asked["type"] in {"success", "failure"}


def test_long_texts_are_cut_and_links_are_not() -> None:
    asked = order(HOSTILE["prompt_chinese"], prompt_max=100_000)

    assert "…" in asked["body"]
    assert "Open full size: https://" in asked["body"]
    assert f"task {TASK_ID}" in asked["body"]


# --- the picture ----------------------------------------------------------------------


def fetched(data: bytes = PNG, status: int = 200) -> Response:
    return Response(
        took=0.1, status=status, headers={"content-type": "image/png"}, body=data
    )


def test_a_picture_is_fetched_by_us_and_handed_over() -> None:
    talk = had(DONE, fetched(), reported("delivered"), images="upload")

    fetch, notify = talk.requests
    attached = json.loads(notify.body)["attach"]
    assert (fetch.method, fetch.url, fetch.guarded) == ("GET", PICTURE_URL, True)
    assert attached["name"] == f"mj_{TASK_ID}.png"
    assert attached["type"] == "image/png"
    assert b64decode(attached["content"]) == PNG
    assert talk.outcome.attempt.took == pytest.approx(0.3)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(fetched(status=404), id="not found"),
        pytest.param(fetched(b"<html>"), id="a page"),
        pytest.param(
            Response(took=6.0, fault=Fault.TIMEOUT, detail="too slow"), id="too slow"
        ),
        pytest.param(fetched(PNG + bytes(11 * 1024 * 1024)), id="too large"),
    ],
)
def test_a_picture_that_cannot_be_had_is_a_link(answer: Response) -> None:
    talk = had(DONE, answer, reported("delivered"), images="upload")

    asked = json.loads(talk.requests[-1].body)
    assert asked["attach"] is None
    assert PICTURE_URL in asked["body"]
    assert talk.result == "delivered"


# --- what came of it ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "meaning", "detail"),
    [
        pytest.param(reported("delivered"), "delivered", "Pushover", id="delivered"),
        pytest.param(
            reported("failed", "error=500"),
            "failed",
            "Pushover: error=500",
            id="failed",
        ),
        pytest.param(
            reported("invalid", "no such service"),
            "gone",
            "Pushover: no such service",
            id="an invalid URL",
        ),
        pytest.param(
            reported("missing", "pip install 'mjbridge[apprise]'"),
            "failed",
            "Pushover: pip install 'mjbridge[apprise]'",
            id="not installed",
        ),
        pytest.param(
            Response(took=15.0, fault=Fault.TIMEOUT, detail="not within 15 s"),
            "failed",
            "not within 15 s",
            id="too slow",
        ),
        pytest.param(Response(took=0.0, body=b"[1]"), "failed", "", id="nonsense"),
    ],
)
def test_the_report_is_taken_at_its_word(
    response: Response, meaning: str, detail: str
) -> None:
    talk = had(DONE, response)

    assert talk.result == meaning
    assert talk.outcome.attempt.detail == detail
    assert talk.outcome.attempt.succeeded or talk.outcome.attempt.outcome != "None"


def test_a_preview_shows_the_order() -> None:
    asked: list[Request] = had(DONE, images="upload").requests

    assert [request.method for request in asked] == ["GET", "NOTIFY"]
