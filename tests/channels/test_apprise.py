"""`bridge.channels.apprise`: what the long tail of services gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from bridge.channels import apprise
from bridge.channels.text import utf8
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.event import Event
from bridge.core.http import File, Notification, Request, Response
from tests.channels.cases import (
    CASES,
    HOSTILE,
    OPERATORS,
    PICTURE_URL,
    TASK_ID,
    Transcript,
    each_hostile,
    endpoint,
    event_of,
    events,
    perform,
)
from tests.channels.cases import DONE as FINISHED
from tests.channels.goldens import check_golden, languages

URL = "pover://u5er@t0ken-of-the-service"
DONE = CASES["succeeded_upscaled"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
TOLD = ("succeeded", "failed", "cancelled", "lost", "corrected", "action_required")


def had(
    event: Event,
    *responses: Response,
    report: Response | None = None,
    **settings: Any,
) -> Transcript:
    """The exchange about an event, with these answers to the request for the picture."""
    queue = list(responses)
    return perform(
        apprise,
        event,
        endpoint("apprise", URL, **settings),
        answers=(lambda _: queue.pop(0)) if responses else None,
        report=report,
    )


def asked(event: Event, **settings: Any) -> Notification:
    """What the adapter is asked to send."""
    *_, notification = had(event, **settings).sent
    assert isinstance(notification, Notification)
    assert notification.url == URL
    return notification


@pytest.mark.parametrize("language", languages("apprise"))
@pytest.mark.parametrize("case", CASES)
def test_what_is_said_is_what_was_agreed_upon(case: str, language: str) -> None:
    transcript = had(CASES[case], language=language)

    check_golden("apprise", case, language, transcript.sent)


def test_a_message_is_a_title_and_plain_text_with_the_pictures_link() -> None:
    notification = asked(DONE)

    assert notification.title == "✅ Upscale finished · 47 s"
    assert notification.type == "success"
    assert f"Open full size: {PICTURE_URL}" in notification.body
    assert notification.file is None


@given(events(tuple(f"task.{kind}" for kind in TOLD)))
def test_whatever_strangers_write_is_short_and_means_nothing(event: Event) -> None:
    notification = asked(event)

    assert utf8(notification.body) < apprise.MAX_TEXTS + apprise.MAX_LINKS + 1500
    assert 0 < len(notification.title) <= apprise.MAX_TITLE
    said = "\n".join(
        line for line in notification.body.splitlines() if "https://" not in line
    )
    for mark in ("@", "<", "](", "**", "`", "||"):
        assert mark not in said


@each_hostile
def test_hostile_events_make_readable_messages(event: Event) -> None:
    notification = asked(event)

    assert notification.body.strip()
    assert "\x00" not in notification.body
    notification.body.encode()


@pytest.mark.parametrize("event", OPERATORS.values(), ids=list(OPERATORS))
def test_operators_hear_what_happened_and_why(event: Event) -> None:
    notification = asked(event, events=["*"])

    assert "connection refused, 10 times in a row" in notification.body
    assert notification.type in {"success", "warning", "failure"}


def test_long_texts_are_cut_and_links_are_not() -> None:
    notification = asked(HOSTILE["prompt_chinese"], prompt_max=100_000)

    assert "…" in notification.body
    assert "Open full size: https://" in notification.body
    assert f"task {TASK_ID}" in notification.body


# --- the picture ----------------------------------------------------------------------


def fetched(data: bytes = PNG, status: int = 200) -> Response:
    return Response(
        duration=0.1, status=status, headers={"content-type": "image/png"}, body=data
    )


def test_a_picture_is_fetched_by_us_and_handed_over() -> None:
    transcript = had(
        DONE,
        fetched(),
        report=Response(duration=0.2, result=AttemptResult.DELIVERED),
        images="upload",
    )

    fetch, notify = transcript.sent
    assert isinstance(fetch, Request)
    assert isinstance(notify, Notification)
    assert (fetch.method, fetch.url, fetch.guarded) == ("GET", PICTURE_URL, True)
    assert notify.file == File(name=f"mj_{TASK_ID}.png", type="image/png", data=PNG)
    assert transcript.outcome.attempt.duration == pytest.approx(0.3)
    assert transcript.outcome.extra_requests == 0, (
        "fetching the picture costs the service nothing"
    )


def test_a_picture_that_only_we_can_reach_is_attached_without_an_excuse() -> None:
    event = event_of(
        "task.succeeded", replace(FINISHED, image_url="http://10.0.0.9/1.png")
    )

    notification = had(event, fetched(), images="upload").sent[-1]

    assert isinstance(notification, Notification)
    assert notification.file is not None
    assert "10.0.0.9" not in notification.body
    assert "cannot be shown" not in notification.body


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(fetched(status=404), id="not found"),
        pytest.param(fetched(b"<html>"), id="a page"),
        pytest.param(
            Response(duration=6.0, fault=Fault.TIMEOUT, detail="too slow"),
            id="too slow",
        ),
        pytest.param(fetched(PNG + bytes(11 * 1024 * 1024)), id="too large"),
    ],
)
def test_a_picture_that_cannot_be_had_is_a_link(answer: Response) -> None:
    transcript = had(DONE, answer, images="upload")

    notification = transcript.sent[-1]
    assert isinstance(notification, Notification)
    assert notification.file is None
    assert PICTURE_URL in notification.body
    assert transcript.result == "delivered"


# --- what came of it ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "result", "detail"),
    [
        pytest.param(
            Response(duration=0.2, result=AttemptResult.DELIVERED, detail="Pushover"),
            "delivered",
            "Pushover",
            id="delivered",
        ),
        pytest.param(
            Response(
                duration=0.2, result=AttemptResult.GONE, detail="apprise:\nno\x1b!"
            ),
            "gone",
            "apprise: no!",
            id="an invalid URL",
        ),
        pytest.param(
            Response(duration=15.0, fault=Fault.TIMEOUT, detail="not within 15 s"),
            "failed",
            "not within 15 s",
            id="too slow",
        ),
    ],
)
def test_the_report_is_taken_at_its_word(
    report: Response, result: str, detail: str
) -> None:
    transcript = had(DONE, report=report)

    assert transcript.result == result
    assert transcript.outcome.attempt.detail == detail
    assert transcript.outcome.attempt.duration == report.duration


def test_a_preview_shows_the_notification_without_the_picture() -> None:
    fetch, notification = had(DONE, images="upload").sent

    assert isinstance(fetch, Request)
    assert isinstance(notification, Notification)
    assert notification.file is None
