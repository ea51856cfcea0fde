"""`bridge.channels.discord.talk`: a task's life in a channel, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import discord
from bridge.channels.discord.kept import Kept
from bridge.core.delivery import Fault
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState, Request, Response
from tests.channels.cases import (
    BEGAN,
    CASES,
    DONE,
    GRID_URL,
    NOW,
    OPERATORS,
    RUNNING,
    TASK_ID,
    WAITING,
    Talk,
    converse,
    endpoint,
    told,
)
from tests.platforms import discord as platform
from tests.platforms.discord import PNG, TOKEN, Discord, Message, Said, Thread

URL = f"https://canary.discord.com/api/webhooks/1200000000000000777/{TOKEN}"

SUBMITTED = CASES["submitted"]
STARTED = told("task.started", RUNNING, at=BEGAN + 4)
HALFWAY = CASES["progress_42"]
ASKED = told("task.action_required", replace(WAITING), sequence=4)
DONE_AT_LAST = told("task.succeeded", DONE, sequence=5)
FAILED = CASES["failed"]
CORRECTED = told("task.corrected", DONE, sequence=6)
LATE = told("task.progress", replace(RUNNING, progress=80), sequence=4)


class Chat:
    """A Discord, an endpoint, and what is remembered between conversations."""

    def __init__(self, server: Discord | None = None, **settings: Any) -> None:
        self.server = server or Discord(limited=False)
        self.server.clock = lambda: self.now
        self.to: Endpoint = endpoint("discord", URL, **{"progress": "edit", **settings})
        self.channel_state: ChannelState = {}
        self.now = NOW

    def tell(self, event: Event, *, redelivery: bool = False) -> Talk:
        talk = converse(
            discord,
            event,
            self.to,
            answers=self.answers,
            channel_state=self.channel_state,
            at=self.now,
            redelivery=redelivery,
        )
        self.channel_state = talk.channel_state
        return talk

    def answers(self, request: Request) -> Response:
        if request.guarded:
            return Response(took=0.0, status=200, body=PNG)
        return self.server.answers(request)

    def crash_in(self, event: Event, *, after: int) -> None:
        """Begin to tell an event, and die after so many answers of Discord's."""
        left = [after]

        def answers(request: Request) -> Response:
            if left[0] == 0:
                raise SystemExit
            left[0] -= not request.guarded
            return self.answers(request)

        seen: list[ChannelState] = []
        try:
            converse(
                Watching(seen),
                event,
                self.to,
                answers=answers,
                channel_state=self.channel_state,
                at=self.now,
            )
        except SystemExit:
            self.channel_state = seen[-1] if seen else self.channel_state

    @property
    def shown(self) -> list[Message]:
        return self.server.shown

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.shown]


class Watching:
    """The channel, with what it has remembered so far in somebody else's hands."""

    sample_response = staticmethod(discord.sample_response)

    def __init__(self, seen: list[ChannelState]) -> None:
        self.seen = seen

    def deliver(self, context: Any) -> Any:
        talk = discord.deliver(context)
        answer: Response | None = None
        while True:
            try:
                step = next(talk) if answer is None else talk.send(answer)
            except StopIteration as ended:
                return ended.value
            if not isinstance(step, Request):
                self.seen.append(step.channel_state)
            answer = yield step


# --- a task's whole life --------------------------------------------------------------


def test_a_task_is_one_message_edited_in_place_and_one_that_says_how_it_ended() -> None:
    chat = Chat()

    for event in (SUBMITTED, STARTED, HALFWAY, DONE_AT_LAST):
        assert chat.tell(event).result == "delivered"

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


def test_without_progress_every_event_is_a_message_and_nothing_is_remembered() -> None:
    chat = Chat(progress="off")

    assert chat.tell(ASKED).outcome.channel_state is None
    talk = chat.tell(DONE_AT_LAST)

    assert talk.outcome.channel_state is None
    assert talk.remembered == []
    assert chat.titles == ["✋ Imagine waits for you", "✅ Imagine finished · 47 s"]


def test_the_end_may_be_told_by_an_edit() -> None:
    chat = Chat(final="edit")

    chat.tell(SUBMITTED)
    chat.tell(DONE_AT_LAST)

    [message] = chat.server.messages
    assert message.titles == ["🕓 Imagine queued", "✅ Imagine finished · 47 s"]
    assert message.picture == PNG


def test_a_message_that_is_too_old_to_be_edited_makes_way_for_another() -> None:
    chat = Chat(final="edit")
    chat.tell(SUBMITTED)

    chat.now += 56 * 60
    chat.tell(DONE_AT_LAST)

    assert chat.titles == ["✅ Imagine finished · 47 s"]
    assert "PATCH" not in chat.server.methods()


def test_the_end_may_be_told_as_a_reply_that_leads_to_where_it_began() -> None:
    chat = Chat(final="reply")

    chat.tell(SUBMITTED)
    chat.tell(DONE_AT_LAST)

    parent, reply = chat.shown
    assert parent.title == reply.title == "✅ Imagine finished · 47 s"
    assert (parent.picture, reply.picture) == (None, PNG)
    assert reply.embed["url"] == (
        f"https://discord.com/channels/{platform.GUILD}/{platform.CHANNEL}/{parent.id}"
    )


def test_a_reply_leads_nowhere_if_the_webhook_does_not_say_where_it_is() -> None:
    chat = Chat(final="reply")
    chat.tell(SUBMITTED)
    chat.server.faults.append(platform.page(502))

    assert chat.tell(DONE_AT_LAST).result == "delivered"

    assert "url" not in chat.shown[1].embed


@pytest.mark.parametrize("final", ["replace", "edit", "reply"])
def test_a_question_is_told_so_that_it_is_noticed_and_then_followed_on(
    final: str,
) -> None:
    chat = Chat(final=final)

    chat.tell(SUBMITTED)
    talk = chat.tell(ASKED)
    chat.tell(told("task.submitted", WAITING, sequence=5))
    chat.tell(told("task.failed", RUNNING, sequence=6))

    if final == "replace":
        asked = chat.server.messages[1]
        assert asked.titles == ["✋ Imagine waits for you", "🕓 Imagine queued"]
        assert not asked.silent
    assert talk.outcome.edit_in == 5.0
    ended = ["❌ Imagine failed"]
    replies = ["✋ Imagine waits for you", "❌ Imagine failed"]
    assert chat.titles == (ended + replies if final == "reply" else ended)


def test_the_next_edit_waits_as_long_as_the_settings_say() -> None:
    chat = Chat(min_interval=12)

    assert chat.tell(SUBMITTED).outcome.edit_in == 12.0
    assert chat.tell(HALFWAY).outcome.edit_in == 12.0
    assert chat.tell(FAILED).outcome.edit_in == 0.0


def test_silence_can_be_asked_for() -> None:
    chat = Chat(silent=True)

    chat.tell(FAILED)

    assert chat.shown[0].silent


def test_an_operators_event_is_a_message_of_its_own() -> None:
    chat = Chat()

    talk = chat.tell(OPERATORS["endpoint.disabled"])

    assert (talk.outcome.channel_state, talk.outcome.edit_in) == (None, 0.0)
    assert chat.titles == ["🔕 Endpoint pipeline was disabled"]


# --- order ----------------------------------------------------------------------------


@pytest.mark.parametrize("end", [DONE_AT_LAST, FAILED], ids=["success", "failure"])
@pytest.mark.parametrize("final", ["replace", "edit", "reply"])
def test_a_late_progress_never_overwrites_an_end(end: Event, final: str) -> None:
    chat = Chat(final=final)
    chat.tell(SUBMITTED)
    chat.tell(end)
    before = [message.payload for message in chat.shown]

    late = chat.tell(LATE)

    assert late.requests == []
    assert late.result == "delivered"
    assert late.outcome.attempt.detail.startswith("skipped: ")
    assert [message.payload for message in chat.shown] == before


def test_an_edit_never_goes_back() -> None:
    chat = Chat()
    chat.tell(LATE)

    assert chat.tell(HALFWAY).requests == []
    assert chat.shown[0].percents == [80]


def test_an_end_that_is_sent_again_is_a_message_more_and_changes_nothing() -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    chat.tell(DONE_AT_LAST)

    talk = chat.tell(DONE_AT_LAST, redelivery=True)

    assert talk.outcome.channel_state is None
    assert chat.titles == ["✅ Imagine finished · 47 s"] * 2


def test_progress_that_is_sent_again_is_not_told_again() -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    chat.tell(HALFWAY)

    assert chat.tell(HALFWAY, redelivery=True).requests == []


def test_a_correction_is_a_message_of_its_own() -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    chat.tell(FAILED)

    chat.tell(CORRECTED)

    assert chat.titles[0] == "❌ Imagine failed · 11 s"
    assert chat.titles[1].startswith("📝 Imagine: finished after all")


def test_an_end_is_told_even_if_the_task_counts_from_one_again() -> None:
    """A task that was forgotten and tracked again begins anew; it must not be swallowed."""
    chat = Chat()
    chat.tell(SUBMITTED)
    chat.tell(DONE_AT_LAST)

    chat.tell(told("task.failed", RUNNING, sequence=1))

    assert len(chat.shown) == 2


@given(st.permutations([SUBMITTED, STARTED, HALFWAY, LATE, ASKED]), st.data())
def test_in_any_order_and_with_any_answer_lost_the_channel_ends_with_the_end(
    events: list[Event], data: st.DataObject
) -> None:
    chat = Chat(final=data.draw(st.sampled_from(["replace", "edit", "reply"])))
    for event in [*events, DONE_AT_LAST]:
        chat.server.losing = data.draw(st.sampled_from([0, 0, 0, 1, 2]))
        while chat.tell(event).result == "failed":
            """What waits behind it waits on."""
    ends = [one for one in chat.shown if one.title.startswith("✅")]
    assert ends
    # An upload whose answer got lost is not tried twice: the picture is linked then.
    assert {ends[-1].picture, ends[0].picture} & {PNG, GRID_URL}
    for message in chat.server.messages:
        assert all(one <= other for one, other in pairwise(message.percents))


# --- crashes --------------------------------------------------------------------------


def test_a_crash_while_progress_is_posted_costs_the_progress_and_no_second_message() -> (
    None
):
    chat = Chat()
    chat.server.losing = 1

    chat.crash_in(SUBMITTED, after=1)
    chat.channel_state = {"posting": True}
    assert chat.tell(HALFWAY).outcome.attempt.detail.startswith("skipped: ")
    chat.tell(DONE_AT_LAST)

    assert chat.server.methods() == ["POST", "POST"]


def test_it_is_remembered_that_progress_is_about_to_be_posted() -> None:
    chat = Chat()

    talk = chat.tell(SUBMITTED)

    assert talk.order == ["remember", "POST"]
    assert talk.remembered[0]["posting"] is True
    assert "posting" not in talk.channel_state


def test_a_crash_before_the_older_message_is_gone_tells_the_end_once() -> None:
    chat = Chat()
    chat.tell(SUBMITTED)

    chat.crash_in(DONE_AT_LAST, after=1)
    assert len(chat.shown) == 2
    talk = chat.tell(DONE_AT_LAST)

    assert talk.order == ["DELETE"]
    assert talk.result == "delivered"
    assert chat.titles == ["✅ Imagine finished · 47 s"]


@pytest.mark.parametrize(
    "trouble",
    [platform.page(503), Fault.TIMEOUT, platform.too_many(1.5, "user")],
    ids=["unavailable", "timeout", "too many"],
)
def test_the_older_message_is_dealt_with_later_if_it_cannot_be_now(
    trouble: Said | Fault,
) -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    answers = [None, trouble]

    talk = converse(
        discord,
        DONE_AT_LAST,
        chat.to,
        answers=partial(answer_or, chat, answers=answers),
        channel_state=chat.channel_state,
    )
    chat.channel_state = talk.channel_state
    assert talk.result == "failed"
    later = chat.tell(DONE_AT_LAST)

    assert (later.order, later.result) == (["DELETE"], "delivered")
    assert chat.titles == ["✅ Imagine finished · 47 s"]
    assert "chore" not in later.channel_state


def test_an_older_message_that_cannot_be_dealt_with_stays_in_the_end() -> None:
    """It was told: that the old one does not go is no reason to give the delivery up."""
    chat = Chat()
    chat.tell(SUBMITTED)

    talks: list[Talk] = []
    for _ in range(3):
        answers = [platform.page(500)] if talks else [None, platform.page(500)]
        answered = partial(answer_or, chat, answers=answers)
        talk = converse(
            discord,
            DONE_AT_LAST,
            chat.to,
            answers=answered,
            channel_state=chat.channel_state,
        )
        chat.channel_state = talk.channel_state
        talks.append(talk)

    assert [talk.result for talk in talks] == ["failed", "failed", "delivered"]
    assert [talk.order[-1] for talk in talks] == ["DELETE"] * 3
    assert talks[0].outcome.attempt.detail.startswith("told; its older message: ")
    assert "its older message stays: " in talks[2].outcome.attempt.detail
    assert not {"chore", "tries"} & set(chat.channel_state)
    assert len(chat.shown) == 2


@pytest.mark.parametrize("final", ["replace", "reply"])
def test_tidying_up_holds_nobody_elses_news_back(final: str) -> None:
    chat = Chat(final=final)
    chat.tell(SUBMITTED)
    before = (
        [None, None] if final == "reply" else [None]
    )  # the server's id is asked for
    answers = [*before, platform.too_many(40.0, "shared")]

    talk = converse(
        discord,
        DONE_AT_LAST,
        chat.to,
        answers=partial(answer_or, chat, answers=answers),
        channel_state=chat.channel_state,
    )

    assert talk.result == "failed"
    assert talk.outcome.attempt.retry_after is None


def test_a_budget_for_deleting_is_no_budget_for_telling() -> None:
    chat = Chat(Discord())
    chat.server.buckets["DELETE"].most = 1
    chat.tell(SUBMITTED)

    talk = chat.tell(DONE_AT_LAST)

    assert talk.order[-1] == "DELETE"
    assert (talk.result, talk.outcome.attempt.retry_after) == ("delivered", None)


def answer_or(chat: Chat, request: Request, answers: list[Any]) -> Response:
    """Answer as Discord does, but where something else comes first."""
    if not request.guarded and (trouble := answers.pop(0)) is not None:
        chat.server.faults.append(trouble)
    return chat.answers(request)


@pytest.mark.parametrize(
    "trouble",
    [platform.MISSING_PERMISSIONS, platform.UNKNOWN_MESSAGE, platform.page(403)],
)
def test_what_becomes_of_the_older_message_is_no_matter_otherwise(
    trouble: Said,
) -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    answers = [None, trouble]

    talk = converse(
        discord,
        DONE_AT_LAST,
        chat.to,
        answers=partial(answer_or, chat, answers=answers),
        channel_state=chat.channel_state,
    )

    assert (talk.result, talk.outcome.attempt.status) == ("delivered", 200)


def test_an_answer_that_got_lost_is_no_reason_to_follow_a_task_twice() -> None:
    chat = Chat()
    chat.server.losing = 1

    assert chat.tell(SUBMITTED).result == "failed"
    assert chat.tell(SUBMITTED).requests == []
    assert chat.tell(HALFWAY).requests == []
    chat.tell(DONE_AT_LAST)

    assert len(chat.shown) == 2


def test_a_refusal_that_did_arrive_leaves_the_way_open() -> None:
    chat = Chat()
    chat.server.faults.append(platform.too_many(1.0, "user"))

    assert chat.tell(SUBMITTED).outcome.attempt.retry_after == 1.0
    assert chat.tell(SUBMITTED).result == "delivered"
    assert chat.titles == ["🕓 Imagine queued"]


class SlowToUpload:
    """A Discord to which no file gets through in time."""

    def __init__(self, chat: Chat, fault: Fault) -> None:
        self.chat = chat
        self.fault = fault

    def __call__(self, request: Request) -> Response:
        if request.headers.get("content-type", "").startswith("multipart/"):
            return Response(took=9.0, fault=self.fault, detail="cut off")
        return self.chat.answers(request)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.CONNECTION])
@pytest.mark.parametrize(
    "settings",
    [{"progress": "off"}, {}, {"final": "edit"}, {"final": "reply"}],
    ids=["alone", "replace", "edit", "reply"],
)
def test_an_upload_that_does_not_get_through_is_a_link_the_next_time(
    settings: dict[str, Any], fault: Fault
) -> None:
    chat = Chat(**settings)
    if not settings.get("progress"):
        chat.tell(SUBMITTED)
    slow = SlowToUpload(chat, fault)
    meanings = []
    for _ in range(2):
        talk = converse(
            discord,
            DONE_AT_LAST,
            chat.to,
            answers=slow,
            channel_state=chat.channel_state,
        )
        chat.channel_state = talk.channel_state
        meanings.append(talk.result)

    assert meanings == ["failed", "delivered"]
    assert chat.shown[-1].picture == GRID_URL
    assert not any(request.guarded for request in talk.requests)
    assert "linked_of" not in chat.channel_state


def test_where_a_link_gets_no_answer_either_it_was_not_the_file() -> None:
    chat = Chat(progress="off")
    chat.server.faults.extend([Fault.TIMEOUT, Fault.TIMEOUT])

    talks = [chat.tell(DONE_AT_LAST) for _ in range(3)]

    assert [talk.order for talk in talks] == [
        ["GET", "POST"],
        ["POST"],
        ["GET", "POST"],
    ]
    assert chat.shown[0].picture == PNG


# --- what moderators do ---------------------------------------------------------------


def test_a_message_that_was_deleted_is_posted_anew() -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    chat.server.messages[0].deleted = True

    talk = chat.tell(HALFWAY)

    assert talk.order == ["PATCH", "remember", "POST"]
    assert chat.titles == ["🎨 Imagine in progress"]
    assert chat.shown[0].silent
    chat.tell(DONE_AT_LAST)
    assert chat.titles == ["✅ Imagine finished · 47 s"]


@pytest.mark.parametrize("final", ["replace", "edit", "reply"])
def test_a_message_that_was_deleted_does_not_hold_up_the_end(final: str) -> None:
    chat = Chat(final=final)
    chat.tell(SUBMITTED)
    chat.server.messages[0].deleted = True

    assert chat.tell(DONE_AT_LAST).result == "delivered"
    assert chat.titles == ["✅ Imagine finished · 47 s"]


def test_a_message_that_takes_no_more_edits_is_replaced() -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    chat.now += 3601

    chat.tell(HALFWAY)

    assert chat.titles == ["🎨 Imagine in progress"]
    assert chat.server.methods() == ["POST", "PATCH", "POST", "DELETE"]


@pytest.mark.parametrize("event", [SUBMITTED, DONE_AT_LAST, OPERATORS["delivery.dead"]])
def test_a_webhook_that_was_deleted_is_not_called_again(event: Event) -> None:
    chat = Chat()
    chat.server.trouble = platform.UNKNOWN_WEBHOOK

    talk = chat.tell(event)

    assert talk.result == "gone"
    assert talk.outcome.attempt.detail == (
        "the webhook was deleted: Discord 10015: Unknown Webhook"
    )
    assert chat.server.methods() == ["POST"]


def test_a_webhook_that_was_deleted_under_a_task_is_not_called_again() -> None:
    chat = Chat()
    chat.tell(SUBMITTED)
    chat.server.trouble = platform.UNKNOWN_WEBHOOK

    assert chat.tell(HALFWAY).result == "gone"
    assert chat.server.methods() == ["POST", "PATCH"]


# --- threads --------------------------------------------------------------------------


@pytest.mark.parametrize("asked_in", ["settings", "url"])
def test_everything_happens_in_the_thread_that_was_named(asked_in: str) -> None:
    server = Discord(limited=False, threads={"42": Thread(id="42")})
    chat = Chat(server, **({"thread_id": "42"} if asked_in == "settings" else {}))
    if asked_in == "url":
        chat.to = replace(chat.to, url=f"{URL}?thread_id=42")

    chat.tell(SUBMITTED)
    chat.tell(HALFWAY)
    chat.tell(DONE_AT_LAST)

    assert {call.query["thread_id"] for call in server.calls} == {"42"}
    assert chat.titles == ["✅ Imagine finished · 47 s"]


@pytest.mark.parametrize("progress", ["edit", "off"])
def test_in_a_forum_a_task_has_a_thread_of_its_own(progress: str) -> None:
    chat = Chat(
        Discord(limited=False, forum=True), thread_name="pig", progress=progress
    )

    chat.tell(SUBMITTED if progress == "edit" else ASKED)
    chat.tell(HALFWAY) if progress == "edit" else None
    chat.tell(DONE_AT_LAST)

    [thread] = chat.server.threads.values()
    first, last = chat.shown
    assert thread.name == "pig"
    assert {first.channel, last.channel} == {thread.id}
    assert first.title == last.title == "✅ Imagine finished · 47 s"
    assert (first.picture, last.picture) == (None, PNG)


@pytest.mark.parametrize("what", ["deleted", "archived", "locked"])
def test_a_tasks_thread_that_somebody_closed_makes_way_for_another(what: str) -> None:
    chat = Chat(Discord(limited=False, forum=True), thread_name="pig")
    chat.tell(SUBMITTED)
    setattr(next(iter(chat.server.threads.values())), what, True)

    assert chat.tell(HALFWAY).result == "delivered"
    assert chat.tell(DONE_AT_LAST).result == "delivered"

    assert chat.titles[-1] == "✅ Imagine finished · 47 s"


def test_a_forum_without_a_thread_says_what_is_missing() -> None:
    chat = Chat(Discord(limited=False, forum=True))

    talk = chat.tell(DONE_AT_LAST)

    assert talk.result == "gone"
    assert talk.outcome.attempt.detail.startswith(
        "a forum channel needs thread_id or thread_name"
    )


# --- forms ----------------------------------------------------------------------------


def test_a_message_that_is_refused_gets_plainer_until_it_is_taken() -> None:
    chat = Chat()
    bad = platform.invalid_form({"embeds.0.title": "I do not like it."})
    chat.server.faults.extend([bad, bad, bad])

    talk = chat.tell(CASES["succeeded_upscaled"])

    sent = [call.payload for call in chat.server.calls]
    assert ["components" in payload for payload in sent] == [True, False, False, False]
    assert ["attachments" in payload for payload in sent] == [True, True, False, False]
    assert ["embeds" in payload for payload in sent] == [True, True, True, False]
    assert talk.outcome.attempt.detail.endswith(
        "told more plainly: Discord 50035: Invalid Form Body"
        " · embeds.0.title: I do not like it."
    )
    assert chat.shown[0].text.startswith("**✅ Upscale finished · 47 s**\na lighthouse")


def test_a_name_that_is_refused_costs_the_name_and_not_the_picture() -> None:
    chat = Chat()
    chat.to = endpoint("discord", chat.to.url, username="Midjourney", events=["*"])
    chat.server.faults.append(platform.invalid_form({"username": "cannot be that"}))

    talk = chat.tell(CASES["succeeded_upscaled"])

    sent = [call.payload for call in chat.server.calls]
    assert ["username" in payload for payload in sent] == [True, False]
    assert all(payload["embeds"] and payload["attachments"] for payload in sent)
    assert talk.result == "delivered"
    assert "told more plainly: Discord 50035" in talk.outcome.attempt.detail


def test_what_is_refused_in_every_form_is_given_up() -> None:
    chat = Chat()
    chat.server.faults.extend([platform.invalid_form({"content": "no"})] * 9)

    talk = chat.tell(CASES["succeeded_upscaled"])

    assert talk.result == "hopeless"
    assert talk.order == ["GET", *["POST"] * 5]
    assert "posting" not in talk.channel_state


def test_a_form_that_was_refused_is_not_tried_again_after_an_interruption() -> None:
    chat = Chat()
    bad = platform.invalid_form({"components": "no"})
    chat.server.faults.extend([bad, platform.too_many(2.0, "user")])

    talk = chat.tell(CASES["succeeded_upscaled"])
    assert (talk.result, talk.outcome.attempt.retry_after) == ("failed", 2.0)
    again = chat.tell(CASES["succeeded_upscaled"])

    assert again.order == ["GET", "POST"]
    assert chat.shown[0].links == []
    assert "form" not in again.channel_state


def test_what_a_moderator_forbids_is_told_without_a_strangers_word() -> None:
    server = Discord(limited=False, moderated=("lighthouse", "blood"))
    chat = Chat(server)

    talk = chat.tell(FAILED)

    assert talk.order == ["POST", "POST"]
    assert chat.shown[0].text == f"**❌ Imagine failed · 11 s**\ntask {TASK_ID}"


def test_a_name_that_discord_forbids_costs_the_name_and_not_the_message() -> None:
    chat = Chat(username="Discord bot")

    assert chat.tell(FAILED).result == "delivered"
    assert chat.shown[0].author == "art"


# --- limits ---------------------------------------------------------------------------


def test_a_budget_that_is_used_up_holds_the_endpoint() -> None:
    chat = Chat(Discord(limited=True))
    events = [
        told("task.failed", replace(RUNNING, id=str(n)), sequence=1) for n in range(6)
    ]

    for event in events[:4]:
        chat.channel_state = {}
        assert chat.tell(event).outcome.attempt.retry_after is None
    chat.channel_state = {}
    fifth = chat.tell(events[4])
    chat.channel_state = {}
    sixth = chat.tell(events[5])

    assert (fifth.result, fifth.outcome.attempt.retry_after) == ("delivered", 2.0)
    assert (sixth.result, sixth.outcome.attempt.retry_after) == ("failed", 2.0)


@given(
    st.dictionaries(
        st.sampled_from([*Kept.__dataclass_fields__, "unknown"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.just([1]),
    )
)
def test_any_memory_is_a_memory(channel_state: dict[str, Any]) -> None:
    """It may come from another version, or from somebody who played with the store."""
    chat = Chat()
    chat.channel_state = channel_state

    assert chat.tell(DONE_AT_LAST).result == "delivered"
    assert Kept.of(Kept.of(channel_state).to_json()) == Kept.of(channel_state)


def test_a_url_that_is_no_webhooks_says_so() -> None:
    chat = Chat()
    chat.to = replace(chat.to, url="https://discord.com/channels/1/2")

    talk = chat.tell(DONE_AT_LAST)

    assert (talk.result, talk.requests) == ("gone", [])
    assert "https://discord.com/api/webhooks/<id>/<token>" in (
        talk.outcome.attempt.detail
    )
