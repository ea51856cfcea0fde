"""`bridge.channels.slack`: what a message says, and what it cannot be made to say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import slackblocks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.channels import slack
from bridge.channels.sample import sample_event
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState, Request, Response
from tests.channels.cases import (
    CASES,
    DONE,
    HOSTILE,
    LANGUAGES,
    NASTY_TEXTS,
    NASTY_URLS,
    NOW,
    OPERATORS,
    PROMPT,
    each_hostile,
    endpoint,
    event_of,
    events,
    perform,
)
from tests.channels.goldens import check_golden, languages
from tests.platforms.slack import CHANNEL, HOOK, TOKEN, Slack
from tests.platforms.slack_rules import complaint, pings, texts, units

WEBHOOK = f"https://hooks.slack.com{HOOK}"
SECRETS = (TOKEN, "s3cr3th00k")
PROGRESS: ChannelState = {
    "message": {"id": "1795329601.000200", "channel": CHANNEL},
    "sequence": 1,
}


def webhook(**settings: Any) -> Endpoint:
    return endpoint("slack", WEBHOOK, **settings)


def bot(**settings: Any) -> Endpoint:
    given = {"token": TOKEN, "channel": CHANNEL, "progress": "edit", **settings}
    return endpoint("slack", "https://slack.com/api", **given)


def payload(event: Event, to: Endpoint | None = None) -> Any:
    (request,) = perform(slack, event, to or webhook()).requests
    return json.loads(request.body)


def refuses_blocks(_: Request) -> Response:
    """Slack when nothing of what is sent pleases it."""
    return Response(status=400, body=b"invalid_blocks")


def every_form(event: Event, to: Endpoint) -> list[Any]:
    transcript = perform(slack, event, to, answers=refuses_blocks)
    return [json.loads(request.body) for request in transcript.requests]


def blocks(message: Any, kind: str) -> list[Any]:
    return [block for block in message["blocks"] if block["type"] == kind]


def said(message: Any) -> str:
    return "\n".join(text for _, text in texts(message))


# --- golden payloads ------------------------------------------------------------------


@pytest.mark.parametrize("language", languages("slack"))
@pytest.mark.parametrize("case", sorted(CASES))
def test_what_is_sent_is_what_was_agreed_upon(case: str, language: str) -> None:
    """As a bot that keeps a message up to date; through a webhook it looks the same."""
    channel_state: ChannelState = {} if case == "submitted" else PROGRESS

    transcript = perform(
        slack, CASES[case], bot(language=language), channel_state=channel_state
    )

    check_golden("slack", case, language, transcript.requests)


@pytest.mark.parametrize("language", languages("slack"))
def test_what_a_webhook_is_sent_is_what_was_agreed_upon(language: str) -> None:
    transcript = perform(slack, CASES["succeeded_grid"], webhook(language=language))

    check_golden("slack", "webhook_succeeded_grid", language, transcript.requests)


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_operators_are_told_what_happened_and_why(kind: str) -> None:
    message = payload(OPERATORS[kind])

    assert complaint(message) is None
    assert "connection refused, 10 times in a row" in said(message)
    assert (
        "Since: <!date^1795329060^{date_short_pretty} {time}|2026-11-22 06:31 UTC>"
        in said(message)
    )
    assert not blocks(message, "image")


# --- any text -------------------------------------------------------------------------


def check(message: Mapping[str, Any], *, edited: bool) -> None:
    assert complaint(message) is None
    assert not pings(message, edited=edited)
    assert units(message["text"]) <= 4000
    check_with_slackblocks(message.get("blocks", []))
    assert not any(secret in json.dumps(message) for secret in SECRETS)


def check_with_slackblocks(found: list[Any]) -> None:
    """An independent library checks its limits as its blocks are made."""
    for block in found:
        if block["type"] == "section":
            slackblocks.SectionBlock(_text(block["text"]))
        elif block["type"] == "context":
            slackblocks.ContextBlock([_text(one) for one in block["elements"]])
        else:
            slackblocks.ImageBlock(block["image_url"], block["alt_text"])


def _text(text: Any) -> slackblocks.Text:
    kind = slackblocks.TextType(text["type"])
    return slackblocks.Text(text["text"], type_=kind)


@pytest.mark.parametrize("language", LANGUAGES)
@each_hostile
def test_hostile_events_make_valid_and_inert_messages(
    event: Event, language: str
) -> None:
    for most in (1000, 100_000):
        to = webhook(language=language, prompt_max=most)
        for form in every_form(event, to):
            check(form, edited=False)


@given(event=events(), prompt_max=st.sampled_from([1, 1000, 100_000]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_text_makes_valid_and_inert_messages(event: Event, prompt_max: int) -> None:
    to = bot(prompt_max=prompt_max, final="edit")

    for form in every_form(event, to):
        check(form, edited=False)
    for request in perform(slack, event, to, channel_state=PROGRESS).requests:
        check(json.loads(request.body), edited=request.url.endswith("chat.update"))


@pytest.mark.parametrize("name", sorted(NASTY_TEXTS))
def test_a_prompt_stays_readable(name: str) -> None:
    """What Slack decodes is how the prompt begins."""
    message = payload(HOSTILE[f"prompt_{name}"], webhook(prompt_max=100_000))

    shown = blocks(message, "section")[1]["text"]
    decoded = (
        shown["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )
    assert shown["type"] == "plain_text"
    assert shown["emoji"] is False
    assert decoded == "(no prompt)" or _visible(NASTY_TEXTS[name]).startswith(
        _visible(decoded.removesuffix("…"))
    )


def _visible(text: str) -> str:
    kept = text.encode("utf-16", "replace").decode("utf-16").replace("\ufffd", "?")
    return "".join(char for char in kept if char.isprintable() and not char.isspace())


def test_the_prompt_is_nothing_but_text_without_blocks() -> None:
    event = event_of(
        "task.succeeded", replace(DONE, prompt="a ``` b `c` <!here> :smile:")
    )

    last = every_form(event, webhook())[-1]

    assert "blocks" not in last
    assert "```a ''' b 'c' &lt;!here&gt; :smile:```" in last["text"]


def test_midjourneys_weights_are_no_emoji_in_a_notification() -> None:
    event = event_of("task.succeeded", replace(DONE, prompt="a :smile: hot::2 cold::1"))

    shown = payload(event)["text"]

    assert not re.search(r":[\w+-]+:", shown)
    assert shown.replace("\u2060", "").endswith("a :smile: hot::2 cold::1")


# --- pictures -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/a.png",
        "https://cdn.example/a.JPG?v=1",
        "https://cdn.example/a.jpeg",
        "https://cdn.example/a.gif",
        pytest.param("https://gateway.example/mj/image/17306", id="forwarded"),
        pytest.param(
            "https://cdn.example/" + "a" * 2024 + ".png", id="2048 characters"
        ),
    ],
)
def test_a_picture_that_slack_can_draw_is_shown_large(url: str) -> None:
    message = payload(event_of("task.succeeded", replace(DONE, image_url=url)))

    (image,) = blocks(message, "image")
    assert image["image_url"] == url
    assert PROMPT in image["alt_text"]


@pytest.mark.parametrize("name", sorted(set(NASTY_URLS) - {"expired", "not_found"}))
def test_a_picture_that_slack_cannot_draw_is_no_picture(name: str) -> None:
    message = payload(HOSTILE[f"picture_{name}"])

    for image in blocks(message, "image"):
        assert name in {"513_characters", "with_quotes", "with_spaces", "unicode"}
        assert re.fullmatch(r"https://[!-~]{1,2990}", image["image_url"])
        assert not re.search('["<>| ]', image["image_url"])


def test_where_a_picture_should_be_and_is_not_there_is_a_link() -> None:
    event = event_of(
        "task.succeeded", replace(DONE, image_url="https://cdn.example/a&b.webp")
    )

    shown = said(payload(event))

    assert "The picture cannot be shown here" in shown
    assert "<https://cdn.example/a&amp;b.webp|Open full size>" in shown


def test_with_images_off_there_is_just_a_link() -> None:
    message = payload(CASES["succeeded_grid"], webhook(images="none"))

    assert not blocks(message, "image")
    assert "cannot be shown" not in said(message)
    assert "|Open full size>" in said(message)


def test_a_password_in_a_pictures_address_is_not_told_to_the_channel() -> None:
    assert "hunter2" not in json.dumps(payload(HOSTILE["picture_with_password"]))


@pytest.mark.parametrize("images", ["url", "none"])
def test_a_picture_whose_link_has_expired_is_said_to_have_and_not_asked_for(
    images: str,
) -> None:
    forms = every_form(HOSTILE["picture_expired"], webhook(images=images))

    assert len(forms) == 2
    for form in forms:
        assert "The picture's link has expired" in said(form)
        assert "https://" not in json.dumps(form)


@pytest.mark.parametrize("name", ["local", "private"])
@pytest.mark.parametrize("images", ["url", "none"])
def test_an_address_that_only_the_gateway_can_reach_is_no_link(
    name: str, images: str
) -> None:
    picture, video = HOSTILE[f"picture_{name}"], HOSTILE[f"video_{name}"]

    forms = [
        *every_form(picture, webhook(images=images)),
        *every_form(video, webhook(images=images)),
    ]

    assert not re.search(r"127\.0\.0\.1|192\.168", json.dumps(forms))


@pytest.mark.parametrize("name", ["not_found", "webp"])
def test_a_picture_that_slack_cannot_download_becomes_a_link(name: str) -> None:
    there = Slack(clock=lambda: NOW)

    transcript = perform(
        slack, HOSTILE[f"picture_{name}"], webhook(), answers=there.answers
    )

    (message,) = there.shown
    assert transcript.result == "delivered"
    assert message.picture is None
    assert "|Open full size>" in said(message.payload)


def test_progress_comes_without_pictures() -> None:
    """They change with every look, are WebP more often than not, and cost edits."""
    event = CASES["progress_42"]

    (request,) = perform(slack, event, bot(), channel_state=PROGRESS).requests

    message = json.loads(request.body)
    assert not blocks(message, "image")
    assert "▰▰▰▰▱▱▱▱▱▱  42%" in said(message)


# --- the rest of a message ------------------------------------------------------------


def test_every_revision_of_a_message_has_new_blocks() -> None:
    ids = []
    for case in ("submitted", "progress_42", "succeeded_grid"):
        transcript = perform(
            slack,
            CASES[case],
            bot(final="edit"),
            channel_state={**PROGRESS, "sequence": 0},
        )
        ids += [
            block["block_id"]
            for request in transcript.requests
            for block in json.loads(request.body)["blocks"]
        ]

    assert len(ids) == len(set(ids))


def test_a_time_is_the_readers_own_or_says_that_it_is_utc() -> None:
    shown = said(payload(CASES["succeeded_grid"]))

    assert "<!date^1795329651^{time}|06:40 UTC>" in shown


def test_nothing_is_unfurled() -> None:
    message = payload(CASES["succeeded_grid"])

    assert message["unfurl_links"] is False
    assert message["unfurl_media"] is False


def test_a_failure_says_why_before_anything_else_in_a_notification() -> None:
    message = payload(CASES["failed"])

    assert message["text"] == (
        "❌ Imagine failed · 11 s: Banned prompt detected: **blood** &lt;@1&gt;"
    )


def test_videos_can_be_watched_each() -> None:
    shown = said(payload(CASES["video"]))

    assert shown.count("/0_3.mp4|Watch 4>") == 1


def test_videos_with_long_addresses_are_linked_as_far_as_there_is_room() -> None:
    urls = tuple(f"https://cdn.example/{'a' * 900}/{n}.mp4" for n in range(9))

    message = payload(event_of("task.succeeded", replace(DONE, video_urls=urls)))

    check(message, edited=False)
    assert said(message).count("|Watch ") == 3


def test_a_sample_says_that_it_is_one() -> None:
    message = payload(sample_event("task.succeeded", NOW))

    assert "This is a sample" in message["text"]
    assert "This is a sample" in said({"blocks": message["blocks"]})
