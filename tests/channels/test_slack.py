"""`bridge.channels.slack`: what a person sees in the channel, from queued to done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import slack
from bridge.core.change import ChangeType
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState
from bridge.sandbox.server import serving
from tests.channels.cases import (
    CASES,
    DONE,
    NOW,
    OPERATORS,
    RUNNING,
    WAITING,
    Talk,
    converse,
    told,
)
from tests.channels.test_slack_payload import SECRETS, bot, webhook
from tests.platforms.slack import CHANNEL, HOOK, HTML, TOKEN, Said, Slack, Window

SUBMITTED = CASES["submitted"]
STARTED = told("task.started", RUNNING)
PROGRESS = CASES["progress_42"]
SUCCEEDED = CASES["succeeded_grid"]
LATER_80 = told("task.progress", replace(RUNNING, progress=80), sequence=9)


class Room:
    """A workspace whose clock stands still until told, and what the bridge remembers."""

    def __init__(self, to: Endpoint | None = None) -> None:
        self.now = NOW
        self.slack = Slack(clock=lambda: self.now)
        self.to = to or bot()
        self.channel_state: ChannelState = {}

    def tell(self, event: Event, **how: Any) -> Talk:
        """One delivery; what is remembered is kept, as the store does."""
        talk = converse(
            slack,
            event,
            self.to,
            answers=self.slack.answers,
            channel_state=self.channel_state,
            at=self.now,
            **how,
        )
        self.channel_state = talk.channel_state
        assert not self.slack.pinged
        return talk

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

    talk = room.tell(SUCCEEDED)

    assert talk.result == "delivered"
    assert room.lines[0].startswith("✅ Imagine finished · 47 s: a lighthouse")
    assert room.slack.channel.messages[0].picture is not None


def test_a_webhook_cannot_edit_so_progress_is_left_out() -> None:
    room = Room(webhook(progress="edit"))

    talks = [room.tell(event) for event in (SUBMITTED, STARTED, PROGRESS, SUCCEEDED)]

    assert len(room.lines) == 1
    assert "cannot edit" in talks[0].outcome.attempt.detail
    assert all(talk.result == "delivered" for talk in talks)


def test_a_webhook_whose_owner_asked_for_more_is_told_more() -> None:
    room = Room(webhook(progress="off"))

    for event in (SUBMITTED, CASES["modal"], PROGRESS, SUCCEEDED):
        room.tell(event)

    assert [line[0] for line in room.lines] == ["🕓", "✋", "✅"]


@pytest.mark.parametrize("to", [webhook(), bot()], ids=["webhook", "bot"])
def test_operators_get_a_message_for_each_event(to: Endpoint) -> None:
    room = Room(to)

    for event in OPERATORS.values():
        room.tell(event)

    assert len(room.lines) == len(OPERATORS)
    assert room.channel_state == {}


def test_a_bot_that_does_not_edit_says_each_event_once() -> None:
    room = Room(bot(progress="off"))

    for event in (SUBMITTED, PROGRESS, SUCCEEDED):
        room.tell(event)

    assert [line[0] for line in room.lines] == ["🕓", "✅"]
    assert room.channel_state == {}


# --- one message, kept up to date -----------------------------------------------------


def test_a_tasks_whole_life_is_one_message_edited_and_one_at_the_end(
    room: Room,
) -> None:
    for event in (SUBMITTED, STARTED, PROGRESS, SUCCEEDED):
        talk = room.tell(event)
        assert talk.result == "delivered"

    first, last = room.slack.channel.messages
    assert room.slack.methods() == [
        "chat.postMessage",
        "chat.update",
        "chat.update",
        "chat.postMessage",
        "chat.delete",
    ]
    assert [payload["text"][0] for payload in first.history] == ["🕓", "🎨", "🎨"]
    assert first.deleted
    assert room.slack.shown == [last]
    assert last.picture is not None


def test_the_final_message_is_out_before_the_old_one_goes(room: Room) -> None:
    room.tell(SUBMITTED)

    talk = room.tell(SUCCEEDED)

    assert talk.order == ["POST", "remember", "POST"]


def test_final_edit_is_one_message_and_quiet() -> None:
    room = Room(bot(final="edit"))

    for event in (SUBMITTED, PROGRESS, SUCCEEDED):
        room.tell(event)

    (message,) = room.slack.channel.messages
    assert message.text.startswith("✅")
    assert message.picture is not None


def test_final_reply_answers_in_the_thread_and_shows_the_picture_above() -> None:
    room = Room(bot(final="reply"))

    for event in (SUBMITTED, PROGRESS, SUCCEEDED):
        room.tell(event)

    parent, reply = room.slack.shown
    assert reply.thread_ts == parent.ts
    assert reply.text == "✅  *Imagine finished*  ·  47 s"
    assert parent.text.startswith("✅")
    assert parent.picture is not None


def test_without_a_message_to_change_the_final_one_is_posted() -> None:
    for mode in ("replace", "edit", "reply"):
        room = Room(bot(final=mode))

        room.tell(SUCCEEDED)

        assert room.slack.methods() == ["chat.postMessage"]


def test_edits_leave_each_other_time(room: Room) -> None:
    assert room.tell(SUBMITTED).outcome.edit_in == 5.0
    assert room.tell(PROGRESS).outcome.edit_in == 5.0


def test_a_task_that_waits_for_a_person_says_so_in_a_message_of_its_own(
    room: Room,
) -> None:
    modal = CASES["modal"]
    again = told("task.submitted", WAITING, sequence=3)

    room.tell(SUBMITTED)
    room.tell(modal)
    assert [line[0] for line in room.lines] == ["✋"]
    room.tell(again)
    room.tell(SUCCEEDED)

    _, waits, last = room.slack.channel.messages
    assert [payload["text"][0] for payload in waits.history] == ["✋", "🕓"]
    assert room.slack.shown == [last]


def test_a_correction_is_told_anew_and_the_first_end_stays(room: Room) -> None:
    room.tell(CASES["failed"])

    room.tell(told("task.corrected", DONE))

    assert [line[0] for line in room.lines] == ["❌", "📝"]


# --- order ----------------------------------------------------------------------------


def test_a_late_progress_never_overwrites_the_end() -> None:
    for mode in ("replace", "edit", "reply"):
        room = Room(bot(final=mode))
        room.tell(SUBMITTED)
        room.tell(SUCCEEDED)

        talks = [room.tell(PROGRESS), room.tell(LATER_80)]

        assert not any("80%" in line or "42%" in line for line in room.lines)
        assert all(not talk.requests for talk in talks)
        assert all(talk.result == "delivered" for talk in talks)


def test_an_old_progress_never_overwrites_a_newer_one(room: Room) -> None:
    room.tell(SUBMITTED)
    room.tell(LATER_80)

    room.tell(PROGRESS)

    assert "80%" in room.lines[0]


def test_what_is_sent_again_is_posted_anew_and_changes_nothing_else(
    room: Room,
) -> None:
    room.tell(SUBMITTED)
    room.tell(SUCCEEDED)
    before = dict(room.channel_state)

    room.tell(SUCCEEDED, redelivery=True)

    assert [line[0] for line in room.lines] == ["✅", "✅"]
    assert room.channel_state == before


def test_an_end_that_was_never_told_takes_its_place_when_it_is_asked_for(
    room: Room,
) -> None:
    room.tell(SUBMITTED)

    room.tell(SUCCEEDED, redelivery=True)

    assert [line[0] for line in room.lines] == ["✅"]


@given(
    st.lists(
        st.sampled_from(
            [SUBMITTED, STARTED, PROGRESS, LATER_80, SUCCEEDED, CASES["modal"]]
        ),
        max_size=8,
    ),
    st.sampled_from(["replace", "edit", "reply"]),
)
def test_whatever_the_order_the_end_is_the_last_word(
    history: list[Event], mode: str
) -> None:
    room = Room(bot(final=mode))
    room.slack.limited = False

    for event in history:
        room.tell(event)

    if SUCCEEDED in history:
        seen = next(place for place, one in enumerate(history) if one is SUCCEEDED)
        newer = [one.sequence for one in history[:seen] if one is LATER_80]
        assert any(line.startswith("✅") for line in room.lines)
        if not newer:
            assert not any(line.startswith("🎨") for line in room.lines)


# --- what goes wrong ------------------------------------------------------------------


def test_a_message_that_was_deleted_is_posted_anew(room: Room) -> None:
    room.tell(SUBMITTED)
    room.slack.channel.messages[0].deleted = True

    room.tell(PROGRESS)
    room.tell(LATER_80)

    assert len(room.slack.shown) == 1
    assert "80%" in room.lines[0]


@pytest.mark.parametrize("mode", ["replace", "edit", "reply"])
def test_the_end_is_told_although_the_message_was_deleted(mode: str) -> None:
    room = Room(bot(final=mode))
    room.tell(SUBMITTED)
    room.slack.channel.messages[0].deleted = True

    talk = room.tell(SUCCEEDED)

    assert talk.result == "delivered"
    assert [line[0] for line in room.lines] == ["✅"]


def test_the_end_is_told_although_the_message_is_too_old_to_be_edited() -> None:
    room = Room(bot(final="edit"))
    room.slack.edit_window_s = 60
    room.tell(SUBMITTED)
    room.now += 61

    room.tell(SUCCEEDED)

    assert [line[0] for line in room.lines] == ["✅"]


def test_after_a_timeout_progress_is_not_posted_a_second_time(room: Room) -> None:
    """Slack took the message, and nobody knows its id: a second one would stay forever."""
    room.slack.losing = 1

    lost = room.tell(SUBMITTED)
    again = room.tell(SUBMITTED)
    room.tell(SUCCEEDED)

    assert lost.result == "failed"
    assert (again.result, again.requests) == ("delivered", [])
    assert [line[0] for line in room.lines] == ["🕓", "✅"]


def test_a_worker_that_dies_while_posting_progress_leaves_a_mark(room: Room) -> None:
    talk = room.tell(SUBMITTED)

    assert talk.order == ["remember", "POST"]
    assert talk.remembered == [{"posting": True}]


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

    assert room.tell(SUBMITTED).result == "failed"
    assert room.tell(SUBMITTED).result == "delivered"

    assert [line[0] for line in room.lines] == ["🕓"]


def test_an_end_that_is_out_is_not_repeated_when_the_worker_died(room: Room) -> None:
    room.tell(SUBMITTED)
    talk = room.tell(SUCCEEDED)
    room.channel_state = talk.remembered[-1]  # It died before it could settle.
    room.slack.channel.messages[0].deleted = False

    room.tell(SUCCEEDED)

    assert [line[0] for line in room.lines] == ["✅"]


def test_an_old_message_that_cannot_be_deleted_yet_is_deleted_later(
    room: Room,
) -> None:
    room.tell(SUBMITTED)
    room.slack.deletions = Window(0, 60.0)
    room.slack.deletions.taken.append(room.now)

    first = room.tell(SUCCEEDED)
    room.slack.deletions = Window(50, 60.0)
    second = room.tell(SUCCEEDED)

    assert first.result == "failed"
    assert first.outcome.attempt.retry_after is None
    assert second.result == "delivered"
    assert [line[0] for line in room.lines] == ["✅"]


def test_an_old_message_that_will_not_go_costs_no_news(room: Room) -> None:
    room.tell(SUBMITTED)
    room.slack.deletions = Window(0, 60.0)
    room.slack.deletions.taken.append(room.now)

    talks = [room.tell(SUCCEEDED) for _ in range(3)]

    assert [talk.result for talk in talks] == ["failed", "failed", "delivered"]
    assert "its old message: ratelimited" in talks[-1].outcome.attempt.detail
    assert [line[0] for line in room.lines] == ["🕓", "✅"]


def test_edits_go_first_when_there_are_too_many_and_nobody_waits_for_them(
    room: Room,
) -> None:
    room.tell(SUBMITTED)
    room.slack.edits = Window(0, 60.0)
    room.slack.edits.taken.append(room.now)

    edit = room.tell(PROGRESS)
    end = room.tell(SUCCEEDED)

    assert edit.result == "delivered"
    assert edit.outcome.attempt.retry_after is None
    assert edit.outcome.edit_in > 30
    assert end.result == "delivered"


def test_a_channel_that_is_full_holds_the_endpoint(room: Room) -> None:
    room.to = bot(progress="off")

    talks = [room.tell(SUCCEEDED) for _ in range(6)]

    assert [talk.result for talk in talks] == ["delivered"] * 5 + ["failed"]
    assert (talks[-1].outcome.attempt.retry_after or 0) >= 1


@pytest.mark.parametrize("word", ["token_revoked", "account_inactive", "invalid_auth"])
@pytest.mark.parametrize("event", [SUBMITTED, PROGRESS, SUCCEEDED])
def test_a_token_that_is_refused_disables_the_endpoint(
    room: Room, word: str, event: Event
) -> None:
    room.slack.token_trouble = word

    talk = room.tell(event)

    assert talk.result == "gone"
    assert word in talk.outcome.attempt.detail


@pytest.mark.parametrize("to", [webhook(), bot()], ids=["webhook", "bot"])
def test_an_archived_channel_disables_the_endpoint(to: Endpoint) -> None:
    room = Room(to)
    room.slack.channel.archived = True

    talk = room.tell(SUCCEEDED)

    assert talk.result == "gone"
    assert "the channel was archived" in talk.outcome.attempt.detail


def test_a_removed_webhook_disables_the_endpoint() -> None:
    room = Room(webhook())
    room.slack.hook_trouble = (404, "no_service")

    assert room.tell(SUCCEEDED).result == "gone"


def test_a_bot_that_was_thrown_out_is_to_be_invited(room: Room) -> None:
    room.slack.channel.has_bot = False

    assert "invite it" in room.tell(SUCCEEDED).outcome.attempt.detail


@pytest.mark.parametrize("to", [webhook(), bot()], ids=["webhook", "bot"])
def test_a_picture_that_is_not_there_costs_the_picture_and_not_the_message(
    to: Endpoint,
) -> None:
    room = Room(to)
    room.slack.drawable = lambda _: False

    talk = room.tell(SUCCEEDED)

    assert talk.result == "delivered"
    assert "simpler form" in talk.outcome.attempt.detail
    assert room.slack.shown[0].picture is None
    assert len(talk.requests) == 2


def test_a_message_that_has_no_blocks_shows_none_of_the_old_ones() -> None:
    room = Room(bot(final="edit"))
    room.tell(SUBMITTED)
    for _ in range(2):
        room.slack.faults.append(Said(body=b'{"ok": false, "error": "invalid_blocks"}'))

    room.tell(SUCCEEDED)

    assert room.slack.shown[0].payload["blocks"] == []


def test_a_page_of_a_proxys_is_no_delivery() -> None:
    for to in (webhook(), bot()):
        room = Room(to)
        room.slack.faults.append(Said(status=200, body=HTML))

        assert room.tell(SUCCEEDED).result == "failed"


@given(
    st.dictionaries(
        st.sampled_from(
            ["ts", "channel", "sequence", "posting", "final", "event", "todo", "old"]
        ),
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    ),
    st.sampled_from([PROGRESS, SUCCEEDED]),
    st.sampled_from(["replace", "edit", "reply"]),
)
def test_a_memory_that_makes_no_sense_costs_a_message_at_most(
    channel_state: dict[str, Any], event: Event, mode: str
) -> None:
    room = Room(bot(final=mode))
    room.channel_state = channel_state

    assert room.tell(event).result in {"delivered", "gone"}


# --- requests -------------------------------------------------------------------------


def test_the_token_is_in_a_header_and_nowhere_else(room: Room) -> None:
    talks = [room.tell(event) for event in (SUBMITTED, PROGRESS, SUCCEEDED)]

    for talk in talks:
        assert TOKEN not in talk.outcome.attempt.detail
        assert TOKEN not in json.dumps(dict(talk.channel_state))
        for request in talk.requests:
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
    talk = converse(slack, SUBMITTED, replace(bot(), url=url))

    assert talk.requests[0].url == "https://slack.com/api/chat.postMessage"


def test_an_incoming_webhook_stays_one_with_a_token_beside_it() -> None:
    talk = converse(slack, SUCCEEDED, replace(bot(), url=webhook().url))

    assert [request.url for request in talk.requests] == [webhook().url]


def test_own_headers_come_along_but_never_in_place_of_ours() -> None:
    own = {"X-Proxy-Key": "k", "Authorization": "Basic x"}

    (request,) = converse(slack, SUBMITTED, bot(headers=own)).requests

    assert request.headers["x-proxy-key"] == "k"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_preview_shows_what_would_be_sent_next() -> None:
    talk = converse(
        slack, SUCCEEDED, bot(), channel_state={"ts": "1.2", "channel": CHANNEL}
    )

    assert [request.url.rpartition("/")[2] for request in talk.requests] == [
        "chat.postMessage",
        "chat.delete",
    ]


async def test_the_stand_in_answers_over_http_as_it_does_without() -> None:
    there = Slack(clock=lambda: NOW)
    async with serving(there.app) as base, httpx.AsyncClient(trust_env=False) as http:
        hook = converse(slack, SUCCEEDED, replace(webhook(), url=base + HOOK))
        api = converse(slack, SUCCEEDED, replace(bot(), url=f"{base}/api"))
        for talk in (hook, api):
            (request,) = talk.requests
            answer = await http.post(
                request.url, content=request.body, headers=dict(request.headers)
            )
            assert answer.status_code == 200

    assert there.methods() == ["webhook", "chat.postMessage"]
    assert len(there.shown) == 2


def test_every_kind_of_event_is_told_in_every_way() -> None:
    for kind in ChangeType:
        for mode in ("replace", "edit", "reply"):
            room = Room(bot(final=mode))
            room.tell(told("task.submitted", WAITING, sequence=1))

            assert room.tell(told(kind, DONE, sequence=7)).result == "delivered"
