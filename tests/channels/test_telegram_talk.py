"""`bridge.channels.telegram`: a task's whole life in a chat, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bridge.channels import telegram
from bridge.core.delivery import Fault
from bridge.core.event import Event
from bridge.core.http import ChannelState, Request, Response
from tests.channels.cases import (
    CASES,
    DONE,
    GRID_URL,
    RUNNING,
    Talk,
    converse,
    endpoint,
    told,
)
from tests.platforms.loopback import HTML, Said, answering
from tests.platforms.telegram import CHAT, TOKEN, Message, Telegram

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
STARTED = told("task.started", RUNNING)
LATE = told(
    "task.progress",
    replace(RUNNING, progress=80, image_url="https://cdn.example/80.webp"),
    sequence=3,
)
FINAL = CASES["succeeded_grid"]
FAILED = CASES["failed"]


def is_upload(request: Request) -> bool:
    """Whether a request carries a file."""
    return request.headers.get("content-type", "").startswith("multipart/")


@dataclass
class Chat:
    """An endpoint with its memory, and Telegram behind it."""

    server: Telegram = field(default_factory=Telegram)
    settings: dict[str, Any] = field(default_factory=dict)
    channel_state: ChannelState = field(default_factory=dict)
    talks: list[Talk] = field(default_factory=list)

    def tell(self, event: Event, *, redelivery: bool = False) -> Talk:
        settings = {"chat_id": str(CHAT), "progress": "edit", **self.settings}
        to = endpoint("telegram", self.server.url, **settings)
        talk = converse(
            telegram,
            event,
            to,
            answers=answering(self.server),
            channel_state=self.channel_state,
            redelivery=redelivery,
        )
        self.channel_state = talk.channel_state
        self.talks.append(talk)
        return talk

    def live(self, *events: Event) -> None:
        for event in events:
            assert self.tell(event).result == "delivered"

    @property
    def shown(self) -> list[Message]:
        return self.server.shown


WAY = (CASES["submitted"], STARTED, CASES["progress_42"])


# --- a task's life --------------------------------------------------------------------


def test_a_tasks_life_is_one_quiet_message_and_one_that_is_heard() -> None:
    chat = Chat()
    chat.live(*WAY)
    (quiet,) = chat.shown
    assert quiet.silent
    assert [look.text.split("\n")[0] for look in quiet.history] == [
        "🕓 Imagine queued",
        "🎨 Imagine in progress",
        "🎨 Imagine in progress",
    ]
    assert "▰▰▰▰▱▱▱▱▱▱ 42%" in quiet.text
    assert quiet.look.photo == "https://cdn.example/attachments/13/36/42.webp"

    chat.live(FINAL)

    (final,) = chat.shown
    assert final is not quiet
    assert not final.silent
    assert final.look.photo == GRID_URL


def test_progress_waits_for_the_next_edit_as_long_as_it_was_asked_to() -> None:
    chat = Chat(settings={"min_interval": 7})

    assert chat.tell(CASES["submitted"]).outcome.edit_in == 7
    assert chat.tell(CASES["progress_42"]).outcome.edit_in == 7
    assert chat.tell(FINAL).outcome.edit_in == 0


def test_the_end_may_be_told_by_an_edit() -> None:
    chat = Chat(settings={"final": "edit"})

    chat.live(*WAY, FINAL)

    (only,) = chat.shown
    assert only.look.photo == GRID_URL
    assert only.text.startswith("✅ Imagine finished")


def test_the_end_may_be_a_reply_and_then_the_first_message_says_so_too() -> None:
    chat = Chat(settings={"final": "reply"})

    chat.live(*WAY, FAILED)

    first, answer = chat.shown
    assert answer.reply_to == first.id
    assert "Banned prompt detected" in answer.text
    assert first.text.startswith("❌ Imagine failed")
    assert "▰" not in first.text


def test_a_task_that_waits_for_somebody_is_heard() -> None:
    chat = Chat()

    chat.live(CASES["submitted"], CASES["modal"])

    (message,) = chat.shown
    assert not message.silent
    assert message.text.startswith("✋ Vary region waits for you")
    chat.live(replace(STARTED, sequence=5))
    assert message.text.startswith("🎨")


def test_a_correction_answers_what_it_corrects() -> None:
    chat = Chat()
    chat.live(*WAY, FAILED)

    chat.live(told("task.corrected", DONE))

    failed, corrected = chat.shown
    assert corrected.reply_to == failed.id


def test_a_silent_endpoint_makes_no_sound() -> None:
    chat = Chat(settings={"silent": True})

    chat.live(FINAL)

    assert chat.shown[0].silent


def test_messages_go_to_their_topic() -> None:
    chat = Chat(server=Telegram(topics={42}), settings={"thread_id": "42"})

    chat.live(FINAL)

    assert chat.shown[0].thread == 42


def test_the_general_topic_is_not_named() -> None:
    chat = Chat(server=Telegram(topics={42}), settings={"thread_id": "1"})

    chat.live(FINAL)

    assert chat.shown[0].thread is None


def test_without_edits_progress_is_not_told() -> None:
    chat = Chat(settings={"progress": "off"})

    talk = chat.tell(CASES["progress_42"])

    assert talk.outcome.attempt.detail == "skipped: progress is off"
    assert chat.server.calls == []


# --- order ----------------------------------------------------------------------------


@pytest.mark.parametrize("final", ["replace", "edit", "reply"])
def test_what_comes_late_never_overwrites_the_end(final: str) -> None:
    chat = Chat(settings={"final": final})
    chat.live(*WAY, FINAL)
    before = len(chat.server.calls)

    talk = chat.tell(LATE)

    assert talk.outcome.attempt.detail.startswith("skipped")
    assert len(chat.server.calls) == before


def test_what_comes_twice_is_told_once() -> None:
    chat = Chat()
    chat.live(*WAY, CASES["progress_42"], FINAL, FINAL)

    (message,) = chat.shown
    assert len(message.history) == 1


def test_a_redelivery_is_a_new_message_and_changes_nothing() -> None:
    chat = Chat()
    chat.live(*WAY, FINAL)
    channel_state = chat.channel_state

    chat.tell(FINAL, redelivery=True)

    assert len(chat.shown) == 2
    assert chat.channel_state == channel_state


def test_a_message_that_may_have_been_posted_is_not_posted_again() -> None:
    chat = Chat(server=Telegram(losing=1))

    assert chat.tell(CASES["submitted"]).result == "failed"
    assert chat.channel_state["posting"] is True
    chat.live(CASES["submitted"], STARTED)
    assert len(chat.shown) == 1

    chat.live(FINAL)
    assert chat.shown[-1].text.startswith("✅")


def test_a_message_that_was_surely_not_posted_is_posted_later() -> None:
    chat = Chat()
    chat.server.refuse_once(429, "Too Many Requests: retry after 3", retry_after=3)

    assert chat.tell(CASES["submitted"]).result == "failed"
    chat.live(CASES["submitted"])

    assert len(chat.shown) == 1


def test_an_end_that_is_out_is_not_posted_again_for_the_old_messages_sake() -> None:
    chat = Chat()
    chat.live(*WAY)
    answers = answering(chat.server)
    lost = [True]

    def fails_to_delete(request: Any) -> Response:
        if request.url.endswith("/deleteMessage") and lost.pop():
            lost.append(False)
            return Response(took=1.0, fault=Fault.TIMEOUT, detail="timed out")
        return answers(request)

    to = endpoint("telegram", chat.server.url, chat_id=str(CHAT), progress="edit")
    talk = converse(
        telegram, FINAL, to, answers=fails_to_delete, channel_state=chat.channel_state
    )
    assert talk.result == "failed"
    chat.channel_state = talk.channel_state
    chat.live(FINAL)

    (final,) = chat.shown
    assert final.text.startswith("✅")


def test_an_old_message_that_cannot_be_deleted_stays() -> None:
    chat = Chat()
    chat.live(*WAY)
    chat.shown[0].deleted = True

    assert chat.tell(FINAL).outcome.attempt.detail.startswith("told; its old message:")
    assert len(chat.shown) == 1


def test_the_memory_of_another_chat_is_no_memory() -> None:
    chat = Chat(server=Telegram(chats={CHAT, 7}))
    chat.live(*WAY)
    chat.settings["chat_id"] = "7"

    chat.live(FINAL)

    assert [message.chat for message in chat.shown] == [CHAT, 7]


@pytest.mark.parametrize(
    "channel_state", [{}, {"id": "x"}, {"chat": str(CHAT), "id": True, "sequence": "9"}]
)
def test_a_memory_that_is_lost_or_strange_costs_a_message_at_most(
    channel_state: ChannelState,
) -> None:
    chat = Chat()
    chat.live(*WAY)
    chat.channel_state = channel_state

    chat.live(FINAL)

    assert chat.shown[-1].text.startswith("✅")


# --- edits that fail ------------------------------------------------------------------


def test_a_message_that_somebody_deleted_is_posted_anew() -> None:
    chat = Chat()
    chat.live(*WAY)
    chat.shown[0].deleted = True

    chat.live(LATE if LATE.sequence > 3 else replace(LATE, sequence=4))

    (message,) = chat.shown
    assert "80%" in message.text
    assert message.silent


@pytest.mark.parametrize("final", ["replace", "edit", "reply"])
def test_the_end_comes_even_if_the_old_message_is_gone(final: str) -> None:
    chat = Chat(settings={"final": final})
    chat.live(*WAY)
    chat.shown[0].deleted = True

    chat.live(FINAL)

    (message,) = chat.shown
    assert message.look.photo == GRID_URL


def test_an_edit_that_changes_nothing_is_a_success() -> None:
    chat = Chat()
    chat.live(CASES["submitted"])

    assert chat.tell(replace(CASES["submitted"], sequence=2)).result == "delivered"


def test_a_text_that_cannot_become_a_picture_is_replaced() -> None:
    chat = Chat(server=Telegram(media_into_texts=False), settings={"final": "edit"})

    chat.live(CASES["submitted"], STARTED, FINAL)

    (message,) = chat.shown
    assert message.look.photo == GRID_URL


def test_progress_pictures_that_are_refused_are_not_tried_again() -> None:
    server = Telegram(
        fetchable=lambda url: "wrong HTTP URL" if url.endswith("webp") else None
    )
    chat = Chat(server=server)
    chat.live(*WAY)
    tried = server.methods().count("editMessageMedia")

    chat.live(replace(LATE, sequence=4))

    assert tried == server.methods().count("editMessageMedia") == 1
    assert "80%" in chat.shown[0].text
    chat.live(replace(FINAL, sequence=5))
    assert chat.shown[0].look.photo == GRID_URL


# --- what Telegram says ---------------------------------------------------------------

KICKED = (403, "Forbidden: bot was kicked from the supergroup chat")


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        pytest.param(
            Telegram(revoked=True), "the bot's token is not valid", id="revoked"
        ),
        pytest.param(Telegram(chats=set()), "there is no such chat", id="no chat"),
        pytest.param(Telegram(barred=KICKED), "bot was kicked", id="kicked"),
        pytest.param(
            Telegram(barred=(403, "Forbidden: bot was blocked by the user")),
            "bot was blocked",
            id="blocked",
        ),
        pytest.param(
            Telegram(moved_to=-1009), "its chat_id is -1009 now", id="a supergroup now"
        ),
        pytest.param(
            Telegram(barred=(400, "Bad Request: have no rights to send a message")),
            "may not write",
            id="muted",
        ),
        pytest.param(
            Telegram(barred=(400, "Bad Request: TOPIC_CLOSED")),
            "is closed",
            id="closed",
        ),
    ],
)
def test_where_nothing_can_be_told_the_endpoint_is_disabled_with_the_reason(
    server: Telegram, reason: str
) -> None:
    talk = Chat(server=server).tell(FINAL)

    assert talk.result == "gone"
    assert reason in talk.outcome.attempt.detail
    assert len(talk.requests) == 1


def test_a_token_that_is_none_disables_the_endpoint() -> None:
    server = Telegram()
    to = endpoint("telegram", f"{server.base}/bot123:forged", chat_id=str(CHAT))

    talk = converse(telegram, FINAL, to, answers=answering(server))

    assert talk.result == "gone"
    assert talk.outcome.attempt.detail == "there is no bot of this token (Not Found)"


def test_a_topic_that_is_not_there_disables_the_endpoint() -> None:
    talk = Chat(settings={"thread_id": "9"}).tell(FINAL)

    assert talk.result == "gone"
    assert "thread_id" in talk.outcome.attempt.detail


def test_too_many_messages_wait_as_long_as_telegram_says() -> None:
    chat = Chat(server=Telegram(most_per_minute=1, clock=lambda: 0.0))
    chat.live(FINAL)

    talk = chat.tell(FAILED, redelivery=True)

    assert talk.result == "failed"
    assert talk.outcome.attempt.retry_after == pytest.approx(60, abs=2)
    assert talk.outcome.attempt.status == 429


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Said(status=502, body=HTML), id="a proxy's page"),
        pytest.param(Said(status=200, body=HTML), id="a page with 200"),
        pytest.param(Said(status=200, body=b"[1]"), id="other JSON"),
        pytest.param(Said(status=404, body=HTML), id="a page with 404"),
        pytest.param(Said(status=500, body=b'{"ok":false,"error_code":500}'), id="500"),
        pytest.param(Said(lost=True), id="nothing"),
        pytest.param(Said(status=200, body=b"[" * 100_000), id="a bottomless list"),
    ],
)
def test_what_is_not_telegrams_yes_is_tried_again(said: Said) -> None:
    chat = Chat()
    chat.server.faults.append(said)

    assert chat.tell(FINAL).result == "failed"
    chat.live(FINAL)
    assert len(chat.shown) == 1


def test_what_is_refused_in_every_form_is_given_up() -> None:
    server = Telegram(barred=(400, "Bad Request: can't parse entities"))

    talk = Chat(server=server).tell(FINAL)

    assert talk.result == "hopeless"
    assert "can't parse entities" in talk.outcome.attempt.detail


def test_no_reason_names_the_token_or_a_url() -> None:
    for server in (Telegram(revoked=True), Telegram(chats=set()), Telegram(losing=1)):
        detail = Chat(server=server).tell(FINAL).outcome.attempt.detail

        assert TOKEN not in detail
        assert "://" not in detail


# --- looking before anything happens ----------------------------------------------------


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (Telegram(), "supergroup “Art”"),
        (Telegram(revoked=True), "Telegram refuses it: the bot's token is not valid"),
        (Telegram(chats=set()), "Telegram refuses it: there is no such chat"),
    ],
)
def test_a_probe_tells_whether_the_bot_is_let_in(server: Telegram, said: str) -> None:
    to = endpoint("telegram", server.url, chat_id=str(CHAT))

    response = answering(server)(telegram.probe(to))

    assert telegram.describe(response).startswith(said)
    assert server.messages == []


@pytest.mark.parametrize("images", ["url", "upload", "none"])
def test_a_preview_shows_the_whole_conversation(images: str) -> None:
    url = f"https://api.telegram.org/bot{TOKEN}"
    to = endpoint("telegram", url, chat_id="1", progress="edit", images=images)

    begun = converse(telegram, CASES["submitted"], to)
    ended = converse(telegram, FINAL, to, channel_state=begun.channel_state)

    methods = [request.url.rpartition("/")[2] for request in ended.requests]
    assert ended.result == "delivered"
    assert methods[-1] == "deleteMessage"


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://api.telegram.org/bot1:ab", "https://api.telegram.org/bot1:ab/"),
        (
            "https://api.telegram.org/bot1:ab/sendMessage?chat_id=5",
            "https://api.telegram.org/bot1:ab/",
        ),
        ("https://api.telegram.org/bot1:ab/", "https://api.telegram.org/bot1:ab/"),
        (
            "https://api.telegram.org/bot1:ab/test/getMe",
            "https://api.telegram.org/bot1:ab/test/",
        ),
        ("http://127.0.0.1:8081/robots/botKEY", "http://127.0.0.1:8081/robots/botKEY/"),
    ],
)
def test_a_method_with_its_query_is_taken_for_the_bot_that_it_is_of(
    url: str, called: str
) -> None:
    to = endpoint("telegram", url, chat_id="1", images="none")

    talk = converse(telegram, CASES["failed"], to)

    assert [request.url for request in talk.requests] == [f"{called}sendMessage"]


def test_an_older_announcement_is_told_and_changes_nothing() -> None:
    chat = Chat()
    chat.live(*WAY, FINAL)
    channel_state = chat.channel_state

    chat.live(CASES["modal"])

    assert len(chat.shown) == 2
    assert chat.channel_state == channel_state


# --- uploads that do not get through --------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.CONNECTION])
@pytest.mark.parametrize("images", ["upload", "url"])
@pytest.mark.parametrize("progress", ["edit", "off"])
def test_an_upload_that_does_not_get_through_is_not_tried_the_next_time(
    progress: str, images: str, fault: Fault
) -> None:
    """By its URL if Telegram can fetch that; where it cannot, in words."""
    server = Telegram(fetchable=lambda _: "failed to get HTTP URL content")
    if images == "upload":
        server.fetchable = None
    chat = Chat(server=server, settings={"images": images, "progress": progress})
    if progress == "edit":
        chat.tell(CASES["submitted"])
    reach = answering(server, {GRID_URL: Response(took=0.1, status=200, body=PNG)})

    def answers(request: Request) -> Response:
        if is_upload(request):
            return Response(took=9.0, fault=fault, detail="cut off")
        return reach(request)

    talks = []
    for _ in range(2):
        talk = converse(
            telegram,
            FINAL,
            endpoint(
                "telegram",
                server.url,
                chat_id=str(CHAT),
                progress=progress,
                images=images,
            ),
            answers=answers,
            channel_state=chat.channel_state,
        )
        chat.channel_state = talk.channel_state
        talks.append(talk)

    assert [talk.result for talk in talks] == ["failed", "delivered"]
    assert [any(map(is_upload, talk.requests)) for talk in talks] == [True, False]
    assert server.shown[-1].look.photo == (GRID_URL if images == "upload" else None)
    assert "linked_of" not in chat.channel_state


def test_where_a_url_gets_no_answer_either_the_upload_has_another_try() -> None:
    to = endpoint(
        "telegram", Telegram().url, chat_id=str(CHAT), progress="off", images="upload"
    )

    def answers(request: Request) -> Response:
        if request.guarded:
            return Response(took=0.1, status=200, body=PNG)
        return Response(took=9.0, fault=Fault.TIMEOUT, detail="timed out")

    uploads: list[bool] = []
    channel_state: ChannelState = {}
    for _ in range(3):
        talk = converse(
            telegram, FINAL, to, answers=answers, channel_state=channel_state
        )
        channel_state = talk.channel_state
        uploads.append(any(map(is_upload, talk.requests)))

    assert uploads == [True, False, True]
