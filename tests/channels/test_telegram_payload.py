"""`bridge.channels.telegram`: what a person reads in a chat, and what nobody can make of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import telegram
from bridge.channels.sample import sample_event
from bridge.core.button import Button
from bridge.core.event import Event
from bridge.core.http import Request, Response
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
    each_hostile,
    endpoint,
    event_of,
    events,
    perform,
)
from tests.channels.goldens import check_golden
from tests.platforms.loopback import answering
from tests.platforms.telegram import CHAT, TOKEN, Look, Telegram
from tests.platforms.telegram_rules import units

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
FOUND = Response(status=200, headers={"content-type": "image/png"}, body=PNG)


def seen(event: Event, server: Telegram | None = None, **settings: Any) -> Look:
    """What a person sees of an event that is delivered once."""
    server = server or Telegram()
    settings = {"chat_id": str(CHAT), **settings}
    to = endpoint("telegram", server.url, **settings)
    transcript = perform(
        telegram, event, to, answers=answering(server, {GRID_URL: FOUND})
    )
    assert transcript.result == "delivered", transcript.outcome
    (message,) = server.shown
    return message.look


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
def test_what_is_sent_is_what_was_agreed_upon(case: str, language: str) -> None:
    to = endpoint(
        "telegram",
        f"https://api.telegram.org/bot{TOKEN}",
        chat_id=str(CHAT),
        language=language,
        progress="edit",
    )

    transcript = perform(telegram, CASES[case], to)

    check_golden("telegram", case, language, transcript.requests)


def test_a_picture_is_shown_large_with_what_can_be_done_next() -> None:
    look = seen(CASES["succeeded_grid"])

    assert look.photo == GRID_URL
    assert look.text == (
        "✅ Imagine finished · 47 s\n"
        "a lighthouse in a storm, oil on canvas --ar 16:9 --v 7\n"
        "Next: U1 U2 U3 U4 · V1 V2 V3 V4 · 🔄\n"
        "task 1732257600123456"
    )
    assert look.buttons == (("Open full size", GRID_URL),)


def test_each_described_prompt_is_copied_by_tapping_it() -> None:
    copied = [text for tag, text in seen(CASES["describe"]).marks if tag == "code"]

    assert copied[0].startswith("1️⃣ a lighthouse on a cliff")
    assert copied[3].startswith("4️⃣ a lone tower")


def test_a_description_too_long_for_a_caption_is_a_text_under_its_picture() -> None:
    long = "\n\n".join(f"{n} {'a lighthouse ' * 30}" for n in range(4))
    event = event_of("task.succeeded", replace(DONE, action="DESCRIBE", prompt_en=long))

    look = seen(event, prompt_max=3000)

    assert (look.photo, look.preview) == (None, GRID_URL)
    assert "3 a lighthouse" in look.text


def test_videos_are_buttons() -> None:
    labels = [label for label, _ in seen(CASES["video"]).buttons]

    assert labels == ["Watch 1", "Watch 2", "Watch 3", "Watch 4"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", OPERATORS.values(), ids=OPERATORS)
def test_operators_read_what_is_wrong(event: Event, language: str) -> None:
    look = seen(event, language=language)

    assert "connection refused, 10 times in a row" in look.text
    assert look.photo is None


@pytest.mark.parametrize("kind", [kind for kind in REPORTED if "progress" not in kind])
def test_a_sample_says_that_it_is_one(kind: str) -> None:
    assert "sample" in seen(sample_event(kind, NOW)).text


def test_an_expired_picture_is_said_to_have_expired() -> None:
    look = seen(HOSTILE["picture_expired"], Telegram(fetchable=lambda _: "no"))

    assert "The picture's link has expired" in look.text
    assert (look.photo, look.buttons) == (None, ())


# --- where the picture comes from -----------------------------------------------------


def test_a_picture_that_telegram_cannot_fetch_is_uploaded() -> None:
    server = Telegram(fetchable=lambda _: "failed to get HTTP URL content")

    assert seen(CASES["succeeded_grid"], server).photo == PNG


def test_an_endpoint_may_ask_for_uploads() -> None:
    server = Telegram()

    assert seen(CASES["succeeded_grid"], server, images="upload").photo == PNG
    assert server.methods() == ["sendPhoto"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response(status=404), id="not there"),
        pytest.param(Response(duration=6.0, detail="timed out"), id="too slow"),
        pytest.param(Response(status=200, body=b"<html>no</html>"), id="a web page"),
        pytest.param(Response(status=200, body=PNG + bytes(10 << 20)), id="too large"),
        pytest.param(
            Response(
                duration=0.1, status=200, headers={"content-length": "9999"}, body=PNG
            ),
            id="cut off",
        ),
    ],
)
def test_a_picture_that_nobody_can_fetch_is_a_text_with_a_link(
    answer: Response,
) -> None:
    server = Telegram(fetchable=lambda _: "wrong file identifier/HTTP URL specified")
    to = endpoint("telegram", server.url, chat_id=str(CHAT))

    transcript = perform(
        telegram,
        CASES["succeeded_grid"],
        to,
        answers=answering(server, {GRID_URL: answer}),
    )

    (message,) = server.shown
    assert transcript.result == "delivered"
    assert "The picture cannot be shown here" in message.text
    assert message.look.buttons == (("Open full size", GRID_URL),)
    assert "wrong file identifier" in transcript.outcome.attempt.detail


def test_without_pictures_there_is_a_link() -> None:
    server = Telegram()

    look = seen(CASES["succeeded_grid"], server, images="none")

    assert server.methods() == ["sendMessage"]
    assert look.buttons == (("Open full size", GRID_URL),)
    assert "cannot be shown" not in look.text


@pytest.mark.parametrize("name", ["local", "private", "expired"])
def test_a_picture_that_telegram_cannot_get_is_not_asked_of_it(name: str) -> None:
    look = seen(HOSTILE[f"picture_{name}"], images="url")

    assert not isinstance(look.photo, str)


def test_a_bot_that_may_not_send_pictures_sends_words() -> None:
    look = seen(CASES["succeeded_grid"], Telegram(photos=False))

    assert "Imagine finished" in look.text


def test_buttons_that_are_refused_cost_the_buttons_only() -> None:
    server = Telegram()
    server.refuse_once(400, "Bad Request: BUTTON_URL_INVALID")

    look = seen(CASES["succeeded_grid"], server)

    assert (look.photo, look.buttons) == (GRID_URL, ())


def test_a_picture_is_fetched_as_a_strangers_address_and_not_for_long() -> None:
    to = endpoint(
        "telegram", f"https://api.telegram.org/bot{TOKEN}", chat_id="1", images="upload"
    )

    fetch, _ = perform(telegram, CASES["succeeded_grid"], to).requests

    assert (fetch.method, fetch.guarded) == ("GET", True)
    assert fetch.timeout is not None
    assert fetch.timeout < to.timeout
    assert TOKEN not in str(fetch.headers)


# --- what no text can do --------------------------------------------------------------


@each_hostile
def test_whatever_a_stranger_wrote_makes_a_message_that_does_nothing(
    event: Event,
) -> None:
    server = Telegram()

    look = seen(event, server, prompt_max=100_000)

    assert server.read_into == []
    assert look.text.startswith(("✅ ", "❌ "))
    assert all(url.startswith("https://") for _, url in look.buttons)


@given(events(), st.sampled_from(LANGUAGES), st.sampled_from(["url", "upload", "none"]))
def test_any_text_makes_a_valid_and_inert_message(
    event: Event, language: str, images: str
) -> None:
    if event.type == "task.progress":
        return
    server = Telegram()

    look = seen(event, server, language=language, images=images, prompt_max=5000)

    assert server.read_into == []
    assert units(look.text) <= (4096 if look.photo is None else 1024)
    assert {tag for tag, _ in look.marks} <= {"b", "i", "code"}


def test_what_people_wrote_is_what_people_read() -> None:
    nasty = NASTY_TEXTS["mentions"] + NASTY_TEXTS["tags"]

    look = seen(event_of("task.succeeded", replace(DONE, prompt=nasty)))

    assert ("code", nasty) in look.marks


def test_labels_are_no_commands_and_no_mentions() -> None:
    buttons = (Button.of("MJ::JOB::upsample::1::x", "/start @all", None),)

    look = seen(event_of("task.succeeded", replace(DONE, buttons=buttons)))

    assert ("code", "/start @all") in look.marks


def test_no_payload_holds_the_token() -> None:
    to = endpoint("telegram", f"https://api.telegram.org/bot{TOKEN}", chat_id=str(CHAT))

    def holds(request: Request) -> bool:
        return TOKEN.encode() in request.body or TOKEN in json.dumps(
            dict(request.headers)
        )

    for event in CASES.values():
        assert not any(map(holds, perform(telegram, event, to).requests))
