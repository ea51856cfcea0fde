"""`bridge.channels.ntfy`: what a telephone shows, and what an ntfy server answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import ntfy
from bridge.channels.sample import sample_event
from bridge.core.event import Event
from tests.channels.cases import (
    CASES,
    DONE,
    GRID_URL,
    HOSTILE,
    LANGUAGES,
    NASTY_TEXTS,
    NOW,
    OPERATORS,
    REPORTED,
    Transcript,
    each_hostile,
    endpoint,
    event_of,
    events,
    perform,
)
from tests.channels.goldens import check_golden, languages
from tests.platforms.loopback import HTML, Said, answering
from tests.platforms.ntfy import TOPIC, Ntfy

FINAL = CASES["succeeded_grid"]


def publish(event: Event, server: Ntfy, **settings: Any) -> Transcript:
    to = endpoint("ntfy", server.url, **settings)
    return perform(ntfy, event, to, answers=answering(server))


def shown(event: Event, **settings: Any) -> dict[str, Any]:
    """What subscribers get of an event."""
    server = Ntfy()
    transcript = publish(event, server, **settings)
    assert transcript.result == "delivered", transcript.outcome
    assert server.refusals == []
    (publication,) = server.published
    return publication


@pytest.mark.parametrize("language", languages("ntfy"))
@pytest.mark.parametrize("case", CASES)
def test_what_is_sent_is_what_was_agreed_upon(case: str, language: str) -> None:
    to = endpoint("ntfy", f"https://ntfy.sh/{TOPIC}", language=language, events=["*"])

    transcript = perform(ntfy, CASES[case], to)

    check_golden("ntfy", case, language, transcript.requests)


def test_a_picture_is_attached_and_opened_by_a_tap() -> None:
    got = shown(FINAL)

    assert (got["topic"], got["tags"]) == (TOPIC, ["white_check_mark"])
    assert got["title"] == "Imagine finished · 47 s"
    assert got["attach"] == got["click"] == GRID_URL
    assert got["filename"] == "mj_1732257600123456.png"
    assert [action["label"] for action in got["actions"]] == ["Open full size"]
    assert "Next: U1 U2 U3" in got["message"]


def test_videos_are_buttons_as_many_as_there_may_be() -> None:
    labels = [action["label"] for action in shown(CASES["video"])["actions"]]

    assert labels == ["Watch 1", "Watch 2", "Watch 3"]


def test_failures_ring_and_success_does_what_is_usual() -> None:
    assert shown(CASES["failed"])["priority"] == 4
    assert shown(CASES["modal"])["priority"] == 4
    assert shown(FINAL)["priority"] == 3
    assert shown(CASES["cancelled"])["priority"] == 2


def test_a_silent_endpoint_never_rings() -> None:
    assert shown(CASES["failed"], silent=True)["priority"] == 2


def test_without_pictures_there_is_a_link() -> None:
    got = shown(FINAL, images="none")

    assert "attach" not in got
    assert got["click"] == GRID_URL


@pytest.mark.parametrize("event", OPERATORS.values(), ids=OPERATORS)
def test_operators_read_what_is_wrong(event: Event) -> None:
    got = shown(event)

    assert "connection refused, 10 times in a row" in got["message"]
    assert "attach" not in got


@pytest.mark.parametrize("kind", [kind for kind in REPORTED if "progress" not in kind])
def test_a_sample_says_that_it_is_one(kind: str) -> None:
    got = shown(sample_event(kind, NOW), events=["*"])

    assert "sample" in got["title"] + got["message"]


@pytest.mark.parametrize(
    ("url", "server", "topic"),
    [
        ("https://ntfy.sh/art", "https://ntfy.sh/", "art"),
        ("https://ntfy.sh/art/", "https://ntfy.sh/", "art"),
        ("https://home.example/push/art", "https://home.example/push/", "art"),
        (
            "http://127.0.0.1:8080/art?auth=QmU",
            "http://127.0.0.1:8080/?auth=QmU",
            "art",
        ),
    ],
)
def test_a_topics_url_says_where_its_server_is(
    url: str, server: str, topic: str
) -> None:
    (request,) = perform(ntfy, FINAL, endpoint("ntfy", url)).requests

    assert request.url == server
    assert f'"topic":"{topic}"' in request.body.decode()


def test_a_token_is_a_header_and_nothing_else() -> None:
    to = endpoint("ntfy", "https://ntfy.sh/art", token="tk_s3cr3t")

    (request,) = perform(ntfy, FINAL, to).requests

    assert request.headers["authorization"] == "Bearer tk_s3cr3t"
    assert b"tk_s3cr3t" not in request.body


# --- any text -------------------------------------------------------------------------


@each_hostile
def test_whatever_a_stranger_wrote_makes_a_message(event: Event) -> None:
    got = shown(event, prompt_max=100_000)

    assert got["title"]
    assert "markdown" not in got


@given(events(), st.sampled_from(LANGUAGES))
def test_any_text_makes_a_publication_that_is_taken(
    event: Event, language: str
) -> None:
    if event.type != "task.progress":
        shown(event, language=language, prompt_max=5000, events=["*"])


def test_what_people_wrote_is_what_people_read() -> None:
    nasty = NASTY_TEXTS["markdown"]

    got = shown(event_of("task.succeeded", replace(DONE, prompt=nasty)))

    assert nasty in got["message"]


def test_quotes_that_double_in_json_still_fit() -> None:
    event = event_of("task.succeeded", replace(DONE, prompt='"' * 50_000))

    assert len(shown(event, prompt_max=50_000)["message"]) > 3000


# --- what ntfy answers ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "settings", "reason"),
    [
        (Ntfy(tokens=frozenset({"tk_a"})), {}, "may not be published to"),
        (Ntfy(tokens=frozenset({"tk_a"})), {"token": "tk_b"}, "the token is not valid"),
        (Ntfy(reserved=frozenset({TOPIC})), {}, "may not be published to"),
    ],
    ids=["no token", "wrong token", "reserved"],
)
def test_who_may_not_publish_is_told_why(
    server: Ntfy, settings: dict[str, str], reason: str
) -> None:
    transcript = publish(FINAL, server, **settings)

    assert transcript.result == "gone"
    assert reason in transcript.outcome.attempt.detail
    assert "://" not in transcript.outcome.attempt.detail


def test_too_many_messages_wait_as_long_as_ntfy_says() -> None:
    server = Ntfy(most_per_minute=1, clock=lambda: 0.0)
    publish(FINAL, server)

    transcript = publish(CASES["failed"], server)

    assert transcript.result == "failed"
    assert transcript.outcome.attempt.retry_after == 7


def test_a_server_without_attachments_gets_the_words() -> None:
    server = Ntfy(attachments=False)

    assert publish(FINAL, server).result == "delivered"
    (got,) = server.published
    assert got["title"] == "Imagine finished · 47 s"
    assert "attach" not in got


def test_what_is_too_large_is_said_shorter() -> None:
    server = Ntfy()
    server.faults += [Said(status=413)] * 2

    transcript = publish(HOSTILE["prompt_long_without_spaces"], server)

    assert (transcript.result, len(transcript.requests)) == ("delivered", 3)
    assert len(server.published[0]["message"]) <= 500


def test_what_is_never_taken_is_given_up() -> None:
    server = Ntfy()
    server.faults += [Said(status=400, body=b'{"error":"invalid request"}')] * 3

    transcript = publish(FINAL, server)

    assert transcript.result == "permanent_failure"
    assert (
        transcript.outcome.attempt.detail == "ntfy answered HTTP 400: invalid request"
    )


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Said(status=200, body=HTML), id="a page with 200"),
        pytest.param(Said(status=502, body=HTML), id="a proxy's page"),
        pytest.param(Said(status=404), id="another server"),
        pytest.param(Said(lost=True), id="nothing"),
        pytest.param(Said(status=500, body=b"[1]"), id="other JSON"),
    ],
)
def test_what_is_not_a_yes_is_tried_again(said: Said) -> None:
    server = Ntfy()
    server.faults.append(said)

    assert publish(FINAL, server).result == "failed"
    assert publish(FINAL, server).result == "delivered"
