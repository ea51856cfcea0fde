"""`bridge.channels.slack`: what is peculiar to Slack in a task's life."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bridge.channels import slack
from bridge.channels.sample import sample_event
from bridge.channels.slack.api import open_socket, web_api
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState
from bridge.sandbox.server import serving
from tests.channels.cases import (
    CASES,
    NOW,
    OPERATORS,
    RUNNING,
    Transcript,
    event_of,
    perform,
)
from tests.channels.rooms import SlackRoom
from tests.channels.test_slack_payload import SECRETS, bot, webhook
from tests.platforms.slack import HOOK, HTML, TOKEN, Said, Slack

SUBMITTED = CASES["submitted"]
STARTED = event_of("task.started", RUNNING)
PROGRESS = CASES["progress_42"]
SUCCEEDED = CASES["succeeded_grid"]


class Room:
    """A workspace whose clock stands still until it is moved, and the channel state."""

    def __init__(self, to: Endpoint | None = None) -> None:
        self.now = NOW
        self.slack = Slack(clock=lambda: self.now)
        self.to = to or bot()
        self.channel_state: ChannelState = {}

    def publish(self, event: Event, **how: Any) -> Transcript:
        """One delivery, after which the state is kept, as the store does it."""
        transcript = perform(
            slack,
            event,
            self.to,
            answers=self.slack.answers,
            channel_state=self.channel_state,
            at=self.now,
            **how,
        )
        self.channel_state = transcript.channel_state
        assert not self.slack.pinged
        return transcript

    @property
    def lines(self) -> list[str]:
        """How the messages begin that a person sees."""
        return [message.text for message in self.slack.top]


@pytest.fixture
def room() -> Room:
    return Room()


# --- one message for each event -------------------------------------------------------


def test_a_webhook_is_told_what_ended() -> None:
    room = Room(webhook())

    transcript = room.publish(SUCCEEDED)

    assert transcript.result == "delivered"
    assert room.lines[0].startswith("✅ Imagine finished · 47 s: a lighthouse")
    assert room.slack.channel.messages[0].picture is not None


def test_a_webhook_cannot_edit_so_progress_is_left_out() -> None:
    room = Room(webhook(progress="edit"))

    talks = [room.publish(event) for event in (SUBMITTED, STARTED, PROGRESS, SUCCEEDED)]

    assert len(room.lines) == 1
    assert "cannot edit" in talks[0].outcome.attempt.detail
    assert all(transcript.result == "delivered" for transcript in talks)


def test_a_webhook_whose_owner_asked_for_more_is_told_more() -> None:
    room = Room(webhook(progress="off"))

    for event in (SUBMITTED, CASES["modal"], PROGRESS, SUCCEEDED):
        room.publish(event)

    assert [line[0] for line in room.lines] == ["🕓", "✋", "✅"]


def test_operators_get_a_message_for_each_event_through_a_webhook() -> None:
    room = Room(webhook())

    for event in OPERATORS.values():
        room.publish(event)
        room.now += 1  # a webhook may post once a second

    assert len(room.lines) == len(OPERATORS)
    assert room.channel_state == {}


# --- one message, kept up to date -----------------------------------------------------


def test_final_reply_answers_in_the_thread_and_shows_the_picture_above() -> None:
    room = Room(bot(final="reply"))

    for event in (SUBMITTED, PROGRESS, SUCCEEDED):
        room.publish(event)

    parent, reply = room.slack.shown
    assert reply.thread_ts == parent.ts
    assert reply.text == "✅  *Imagine finished*  ·  47 s"
    assert parent.text.startswith("✅")
    assert parent.picture is not None


def test_an_end_whose_thread_vanishes_is_told_in_full_when_there_is_room() -> None:
    room = SlackRoom(final="reply")
    room.publish(SUBMITTED)
    room.instead["edit"] = [room.missing()] * 2
    room.after["post"] = lambda: room.instead.update(post=[room.too_many(20)])

    first = room.publish(SUCCEEDED)
    second = room.publish(SUCCEEDED)

    assert (first.result, first.outcome.attempt.retry_after) == ("failed", 20.0)
    assert second.result == "delivered"
    assert room.seen[-1].picture


# --- what goes wrong ------------------------------------------------------------------


def test_the_end_is_told_although_the_message_is_too_old_to_be_edited() -> None:
    room = Room(bot(final="edit"))
    room.slack.edit_window_s = 60
    room.publish(SUBMITTED)
    room.now += 61

    room.publish(SUCCEEDED)

    assert [line[0] for line in room.lines] == ["✅"]


@pytest.mark.parametrize(
    "fault",
    [
        Said(status=429, body=b"{}", headers={"retry-after": "3"}),
        Said(status=403, body=HTML),
        Said(body=b'{"ok": false, "error": "service_unavailable"}'),
    ],
)
def test_what_was_refused_is_posted_later(room: Room, fault: Said) -> None:
    room.slack.faults.append(fault)

    assert room.publish(SUBMITTED).result == "failed"
    assert room.publish(SUBMITTED).result == "delivered"

    assert [line[0] for line in room.lines] == ["🕓"]


def test_a_channel_that_is_full_holds_the_endpoint(room: Room) -> None:
    room.to = bot(progress="off")

    talks = [room.publish(SUCCEEDED) for _ in range(6)]

    assert [transcript.result for transcript in talks] == ["delivered"] * 5 + ["failed"]
    assert (talks[-1].outcome.attempt.retry_after or 0) >= 1


@pytest.mark.parametrize("to", [webhook(), bot()], ids=["webhook", "bot"])
def test_an_archived_channel_disables_the_endpoint(to: Endpoint) -> None:
    room = Room(to)
    room.slack.channel.archived = True

    transcript = room.publish(SUCCEEDED)

    assert transcript.result == "gone"
    assert "the channel was archived" in transcript.outcome.attempt.detail


def test_a_removed_webhook_disables_the_endpoint() -> None:
    room = Room(webhook())
    room.slack.hook_trouble = (404, "no_service")

    assert room.publish(SUCCEEDED).result == "gone"


def test_a_bot_that_was_thrown_out_is_to_be_invited(room: Room) -> None:
    room.slack.channel.has_bot = False

    assert "invite it" in room.publish(SUCCEEDED).outcome.attempt.detail


@pytest.mark.parametrize("to", [webhook(), bot()], ids=["webhook", "bot"])
def test_a_picture_that_is_not_there_costs_the_picture_and_not_the_message(
    to: Endpoint,
) -> None:
    room = Room(to)
    room.slack.drawable = lambda _: False

    transcript = room.publish(SUCCEEDED)

    assert transcript.result == "delivered"
    assert "simpler form" in transcript.outcome.attempt.detail
    assert room.slack.shown[0].picture is None
    assert len(transcript.requests) == 2


def test_a_message_that_has_no_blocks_shows_none_of_the_old_ones() -> None:
    room = Room(bot(final="edit"))
    room.publish(SUBMITTED)
    for _ in range(2):
        room.slack.faults.append(Said(body=b'{"ok": false, "error": "invalid_blocks"}'))

    room.publish(SUCCEEDED)

    assert room.slack.shown[0].payload["blocks"] == []


def test_a_page_of_a_proxys_is_no_delivery() -> None:
    for to in (webhook(), bot()):
        room = Room(to)
        room.slack.faults.append(Said(status=200, body=HTML))

        assert room.publish(SUCCEEDED).result == "failed"


# --- requests -------------------------------------------------------------------------


def test_the_token_is_in_a_header_and_nowhere_else(room: Room) -> None:
    talks = [room.publish(event) for event in (SUBMITTED, PROGRESS, SUCCEEDED)]

    for transcript in talks:
        assert TOKEN not in transcript.outcome.attempt.detail
        assert TOKEN not in json.dumps(dict(transcript.channel_state))
        for request in transcript.requests:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            assert not any(secret in request.body.decode() for secret in SECRETS)
            assert TOKEN not in request.url


@pytest.mark.parametrize(
    "url",
    [
        "https://slack.com/api",
        "https://slack.com/api/",
        "https://slack.com",
        "https://slack.com/api/chat.postMessage",
    ],
)
def test_the_web_api_is_found_however_its_address_is_written(url: str) -> None:
    transcript = perform(slack, SUBMITTED, replace(bot(), url=url))

    assert transcript.requests[0].url == "https://slack.com/api/chat.postMessage"


def test_an_incoming_webhook_stays_one_with_a_token_beside_it() -> None:
    transcript = perform(slack, SUCCEEDED, replace(bot(), url=webhook().url))

    assert [request.url for request in transcript.requests] == [webhook().url]


def test_own_headers_come_along_but_never_in_place_of_ours() -> None:
    own = {"X-Proxy-Key": "k", "Authorization": "Basic x"}

    (request,) = perform(slack, SUBMITTED, bot(headers=own)).requests

    assert request.headers["x-proxy-key"] == "k"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.component
async def test_the_stand_in_answers_over_http_as_it_does_without() -> None:
    there = Slack(clock=lambda: NOW)
    async with serving(there.app) as base, httpx.AsyncClient(trust_env=False) as http:
        hook = perform(slack, SUCCEEDED, replace(webhook(), url=base + HOOK))
        api = perform(slack, SUCCEEDED, replace(bot(), url=f"{base}/api"))
        for transcript in (hook, api):
            (request,) = transcript.requests
            answer = await http.post(
                request.url, content=request.body, headers=dict(request.headers)
            )
            assert answer.status_code == 200

    assert there.methods() == ["webhook", "chat.postMessage"]
    assert len(there.shown) == 2


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        pytest.param({"url": webhook().url}, [], id="a webhook"),
        pytest.param(
            {"url": "https://slack.com/api"}, ["token", "channel"], id="no bot"
        ),
        pytest.param(
            {"url": "https://hooks.slack.com/triggers/T1/2/3"}, ["url"], id="a workflow"
        ),
        pytest.param(
            {"url": webhook().url, "token": "x", "channel": "C"}, ["url"], id="both"
        ),
        pytest.param(
            {"url": "https://hooks.slack.com/services/T1"}, ["url"], id="half"
        ),
        pytest.param(
            {"url": "https://slack.com/archives/C1", "token": "x", "channel": "C"},
            ["url"],
            id="a link",
        ),
    ],
)
def test_settings_that_cannot_work_are_found_before_anything_is_sent(
    settings: dict[str, Any], wrong: list[str]
) -> None:
    assert [name for name, _ in slack.INFO.validate(settings)] == wrong


def test_a_sample_in_plain_text_says_that_it_is_one() -> None:
    room = Room()
    for _ in range(2):
        room.slack.faults.append(Said(body=b'{"ok": false, "error": "invalid_blocks"}'))

    room.publish(sample_event("task.succeeded", NOW))

    assert "🧪 " in room.lines[0]


def test_a_socket_for_clicks_is_asked_for_with_the_apps_own_token() -> None:
    asked = open_socket(bot(app_token="xapp-1-A0-1-abc"))

    assert asked is not None
    assert asked.url == "https://slack.com/api/apps.connections.open"
    assert asked.headers["authorization"] == "Bearer xapp-1-A0-1-abc"
    assert open_socket(bot()) is None


def test_the_web_api_of_another_workspaces_server_is_asked_there() -> None:
    assert web_api("https://slack.com/api") == "https://slack.com/api/"
    assert web_api("http://127.0.0.1:9/services/x") == "http://127.0.0.1:9/api/"
