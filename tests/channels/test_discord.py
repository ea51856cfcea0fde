"""`bridge.channels.discord`: what is peculiar to Discord in a task's life."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.channels import discord
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState, Request, Response
from tests.channels.cases import (
    BEGAN,
    CASES,
    DONE,
    NOW,
    OPERATORS,
    RUNNING,
    TASK_ID,
    WAITING,
    Transcript,
    endpoint,
    event_of,
    perform,
)
from tests.platforms import discord as platform
from tests.platforms.discord import PNG, TOKEN, Discord, Message, Thread

URL = f"https://canary.discord.com/api/webhooks/1200000000000000777/{TOKEN}"

SUBMITTED = CASES["submitted"]
STARTED = event_of("task.started", RUNNING, at=BEGAN + 4)
HALFWAY = CASES["progress_42"]
ASKED = event_of("task.action_required", replace(WAITING), sequence=4)
DONE_AT_LAST = event_of("task.succeeded", DONE, sequence=5)
FAILED = CASES["failed"]


class Chat:
    """A Discord, an endpoint, and the state that is kept between deliveries."""

    def __init__(self, server: Discord | None = None, **settings: Any) -> None:
        self.server = server or Discord(limited=False)
        self.server.clock = lambda: self.now
        self.to: Endpoint = endpoint("discord", URL, **{"progress": "edit", **settings})
        self.channel_state: ChannelState = {}
        self.now = NOW

    def publish(self, event: Event) -> Transcript:
        transcript = perform(
            discord,
            event,
            self.to,
            answers=self.answers,
            channel_state=self.channel_state,
            at=self.now,
        )
        self.channel_state = transcript.channel_state
        return transcript

    def answers(self, request: Request) -> Response:
        if request.guarded:
            return Response(status=200, body=PNG)
        return self.server.answers(request)

    @property
    def shown(self) -> list[Message]:
        return self.server.shown

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.shown]


# --- a task's whole life --------------------------------------------------------------


def test_a_task_that_is_followed_is_five_requests_and_makes_a_sound_at_its_end() -> (
    None
):
    chat = Chat()

    for event in (SUBMITTED, STARTED, HALFWAY, DONE_AT_LAST):
        assert chat.publish(event).result == "delivered"

    followed, ended = chat.server.messages
    assert followed.titles == [
        "🕓 Imagine queued",
        "🎨 Imagine in progress",
        "🎨 Imagine in progress",
    ]
    assert followed.percents == [0, 42]
    assert (followed.silent, followed.deleted) == (True, True)
    assert chat.shown == [ended]
    assert (ended.title, ended.silent) == ("✅ Imagine finished · 47 s", False)
    assert ended.picture == PNG
    assert chat.server.methods() == ["POST", "PATCH", "PATCH", "POST", "DELETE"]


def test_a_message_that_is_too_old_to_be_edited_makes_way_for_another() -> None:
    chat = Chat(final="edit")
    chat.publish(SUBMITTED)

    chat.now += 56 * 60
    chat.publish(DONE_AT_LAST)

    assert chat.titles == ["✅ Imagine finished · 47 s"]
    assert "PATCH" not in chat.server.methods()


def test_the_end_may_be_told_as_a_reply_that_leads_to_where_it_began() -> None:
    chat = Chat(final="reply")

    chat.publish(SUBMITTED)
    chat.publish(DONE_AT_LAST)

    parent, reply = chat.shown
    assert parent.title == reply.title == "✅ Imagine finished · 47 s"
    assert (parent.picture, reply.picture) == (PNG, PNG)
    assert reply.embed["url"] == (
        f"https://discord.com/channels/{platform.GUILD}/{platform.CHANNEL}/{parent.id}"
    )


def test_a_reply_leads_nowhere_if_the_webhook_does_not_say_where_it_is() -> None:
    chat = Chat(final="reply")
    chat.publish(SUBMITTED)
    chat.server.faults.append(platform.page(502))

    assert chat.publish(DONE_AT_LAST).result == "delivered"

    assert "url" not in chat.shown[1].embed


def test_a_preview_of_a_reply_shows_where_it_leads() -> None:
    to = endpoint("discord", URL, progress="edit", final="reply", images="none")
    begun = perform(discord, SUBMITTED, to)

    transcript = perform(discord, DONE_AT_LAST, to, channel_state=begun.channel_state)

    assert [one.method for one in transcript.requests] == ["GET", "POST", "PATCH"]
    assert (
        b"https://discord.com/channels/1100000000000000001/"
        in transcript.requests[1].body
    )


def test_silence_can_be_asked_for() -> None:
    chat = Chat(silent=True)

    chat.publish(FAILED)

    assert chat.shown[0].silent


# --- what moderators do ---------------------------------------------------------------


def test_a_message_that_takes_no_more_edits_is_replaced() -> None:
    chat = Chat()
    chat.publish(SUBMITTED)
    chat.now += 3601

    chat.publish(HALFWAY)

    assert chat.titles == ["🎨 Imagine in progress"]
    assert chat.server.methods() == ["POST", "PATCH", "POST", "DELETE"]


@pytest.mark.parametrize("event", [SUBMITTED, DONE_AT_LAST, OPERATORS["delivery.dead"]])
def test_a_webhook_that_was_deleted_is_not_called_again(event: Event) -> None:
    chat = Chat()
    chat.server.trouble = platform.UNKNOWN_WEBHOOK

    transcript = chat.publish(event)

    assert transcript.result == "gone"
    assert transcript.outcome.attempt.detail == (
        "the webhook was deleted: Discord 10015: Unknown Webhook"
    )
    assert chat.server.methods() == ["POST"]


# --- threads --------------------------------------------------------------------------


@pytest.mark.parametrize("asked_in", ["settings", "url"])
def test_everything_happens_in_the_thread_that_was_named(asked_in: str) -> None:
    server = Discord(limited=False, threads={"42": Thread(id="42")})
    chat = Chat(server, **({"thread_id": "42"} if asked_in == "settings" else {}))
    if asked_in == "url":
        chat.to = replace(chat.to, url=f"{URL}?thread_id=42")

    chat.publish(SUBMITTED)
    chat.publish(HALFWAY)
    chat.publish(DONE_AT_LAST)

    assert {call.query["thread_id"] for call in server.calls} == {"42"}
    assert chat.titles == ["✅ Imagine finished · 47 s"]


@pytest.mark.parametrize("progress", ["edit", "off"])
def test_in_a_forum_a_task_has_a_thread_of_its_own(progress: str) -> None:
    chat = Chat(
        Discord(limited=False, forum=True), thread_name="pig", progress=progress
    )

    chat.publish(SUBMITTED if progress == "edit" else ASKED)
    chat.publish(HALFWAY) if progress == "edit" else None
    chat.publish(DONE_AT_LAST)

    [thread] = chat.server.threads.values()
    first, last = chat.shown
    assert thread.name == "pig"
    assert {first.channel, last.channel} == {thread.id}
    assert first.title == last.title == "✅ Imagine finished · 47 s"
    assert (first.picture, last.picture) == (PNG, PNG)


@pytest.mark.parametrize("what", ["deleted", "archived", "locked"])
def test_a_tasks_thread_that_somebody_closed_makes_way_for_another(what: str) -> None:
    chat = Chat(Discord(limited=False, forum=True), thread_name="pig")
    chat.publish(SUBMITTED)
    setattr(next(iter(chat.server.threads.values())), what, True)

    assert chat.publish(HALFWAY).result == "delivered"
    assert chat.publish(DONE_AT_LAST).result == "delivered"

    assert chat.titles[-1] == "✅ Imagine finished · 47 s"


def test_a_forum_without_a_thread_says_what_is_missing() -> None:
    chat = Chat(Discord(limited=False, forum=True))

    transcript = chat.publish(DONE_AT_LAST)

    assert transcript.result == "gone"
    assert transcript.outcome.attempt.detail.startswith(
        "a forum channel needs thread_id or thread_name"
    )


# --- forms ----------------------------------------------------------------------------


def test_a_message_that_is_refused_gets_simpler_until_it_is_taken() -> None:
    chat = Chat()
    bad = platform.invalid_form({"embeds.0.title": "I do not like it."})
    chat.server.faults.extend([bad, bad, bad])

    transcript = chat.publish(CASES["succeeded_upscaled"])

    sent = [call.payload for call in chat.server.calls]
    assert ["components" in payload for payload in sent] == [True, False, False, False]
    assert ["attachments" in payload for payload in sent] == [True, True, False, False]
    assert ["embeds" in payload for payload in sent] == [True, True, True, False]
    assert transcript.outcome.attempt.detail.endswith(
        "in a simpler form, because the full one was refused: Discord 50035: Invalid Form Body"
        " · embeds.0.title: I do not like it."
    )
    assert chat.shown[0].text.startswith("**✅ Upscale finished · 47 s**\na lighthouse")


def test_a_name_that_is_refused_costs_the_name_and_not_the_picture() -> None:
    chat = Chat()
    chat.to = endpoint("discord", chat.to.url, username="Midjourney", events=["*"])
    chat.server.faults.append(platform.invalid_form({"username": "cannot be that"}))

    transcript = chat.publish(CASES["succeeded_upscaled"])

    sent = [call.payload for call in chat.server.calls]
    assert ["username" in payload for payload in sent] == [True, False]
    assert all(payload["embeds"] and payload["attachments"] for payload in sent)
    assert transcript.result == "delivered"
    assert (
        "in a simpler form, because the full one was refused: Discord 50035"
        in transcript.outcome.attempt.detail
    )


def test_an_edit_in_plain_text_shows_nothing_of_the_card() -> None:
    chat = Chat()
    chat.publish(SUBMITTED)
    chat.server.faults.extend([platform.invalid_form({"embeds.0": "no"})] * 2)

    chat.publish(HALFWAY)

    [message] = chat.shown
    assert message.embed == {}
    assert message.text.startswith("**🎨 Imagine in progress**\n▰▰▰▰▱▱▱▱▱▱ 42%")


def test_what_a_moderator_forbids_is_told_without_a_strangers_word() -> None:
    server = Discord(limited=False, moderated=("lighthouse", "blood"))
    chat = Chat(server)

    transcript = chat.publish(FAILED)

    assert transcript.order == ["POST", "POST"]
    assert chat.shown[0].text == f"**❌ Imagine failed · 11 s**\ntask {TASK_ID}"


def test_a_name_that_discord_forbids_costs_the_name_and_not_the_message() -> None:
    chat = Chat(username="Discord bot")

    assert chat.publish(FAILED).result == "delivered"
    assert chat.shown[0].author == "art"


# --- limits ---------------------------------------------------------------------------


def test_a_budget_that_is_used_up_holds_the_endpoint() -> None:
    chat = Chat(Discord(limited=True))
    events = [
        event_of("task.failed", replace(RUNNING, id=str(n)), sequence=1)
        for n in range(6)
    ]

    for event in events[:4]:
        chat.channel_state = {}
        assert chat.publish(event).outcome.attempt.retry_after is None
    chat.channel_state = {}
    fifth = chat.publish(events[4])
    chat.channel_state = {}
    sixth = chat.publish(events[5])

    assert (fifth.result, fifth.outcome.attempt.retry_after) == ("delivered", 2.0)
    assert (sixth.result, sixth.outcome.attempt.retry_after) == ("failed", 2.0)


def test_a_budget_for_deleting_is_no_budget_for_telling() -> None:
    chat = Chat(Discord())
    chat.server.buckets["DELETE"].most = 1
    chat.publish(SUBMITTED)

    transcript = chat.publish(DONE_AT_LAST)

    assert transcript.order[-1] == "DELETE"
    assert (transcript.result, transcript.outcome.attempt.retry_after) == (
        "delivered",
        None,
    )


def test_a_url_that_is_no_webhooks_says_so() -> None:
    chat = Chat()
    chat.to = replace(chat.to, url="https://discord.com/channels/1/2")

    transcript = chat.publish(DONE_AT_LAST)

    assert (transcript.result, transcript.requests) == ("gone", [])
    assert "https://discord.com/api/webhooks/<id>/<token>" in (
        transcript.outcome.attempt.detail
    )


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        pytest.param({"url": URL}, [], id="a webhook"),
        pytest.param({"url": "https://discord.com/channels/1/2"}, ["url"], id="a link"),
        pytest.param({"url": URL, "username": "Clyde"}, ["username"], id="nobody's"),
        pytest.param(
            {"url": URL, "thread_id": "1", "thread_name": "pig"},
            ["thread_name"],
            id="a thread that is there and new",
        ),
    ],
)
def test_settings_that_cannot_work_are_found_before_anything_is_sent(
    settings: dict[str, Any], wrong: list[str]
) -> None:
    assert [name for name, _ in discord.INFO.validate(settings)] == wrong
