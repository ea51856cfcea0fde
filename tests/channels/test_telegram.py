"""`bridge.channels.telegram`: what is peculiar to Telegram in a task's life."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bridge.channels import telegram
from bridge.core.event import Event
from bridge.core.http import ChannelState, Request, Response
from tests.channels.cases import (
    CASES,
    GRID_URL,
    RUNNING,
    Transcript,
    endpoint,
    event_of,
    perform,
)
from tests.channels.rooms import CUT_OFF, is_upload
from tests.platforms.loopback import HTML, Said, answering
from tests.platforms.telegram import CHAT, TOKEN, Message, Telegram

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
STARTED = event_of("task.started", RUNNING)
LATE = event_of(
    "task.progress",
    replace(RUNNING, progress=80, image_url="https://cdn.example/80.webp"),
    sequence=4,
)
FINAL = CASES["succeeded_grid"]
FAILED = CASES["failed"]


@dataclass
class Chat:
    """An endpoint with its channel state, and Telegram behind it."""

    server: Telegram = field(default_factory=Telegram)
    settings: dict[str, Any] = field(default_factory=dict)
    channel_state: ChannelState = field(default_factory=dict)

    def publish(self, event: Event, *, redelivery: bool = False) -> Transcript:
        settings = {"chat_id": str(CHAT), "progress": "edit", **self.settings}
        to = endpoint("telegram", self.server.url, **settings)
        transcript = perform(
            telegram,
            event,
            to,
            answers=answering(self.server),
            channel_state=self.channel_state,
            redelivery=redelivery,
        )
        self.channel_state = transcript.channel_state
        return transcript

    def live(self, *events: Event) -> None:
        for event in events:
            assert self.publish(event).result == "delivered"

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


def test_the_end_may_be_a_reply_and_then_the_first_message_says_so_too() -> None:
    chat = Chat(settings={"final": "reply"})

    chat.live(*WAY, FAILED)

    first, answer = chat.shown
    assert answer.reply_to == first.id
    assert "Banned prompt detected" in answer.text
    assert first.text.startswith("❌ Imagine failed")
    assert "▰" not in first.text


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


# --- edits that fail ------------------------------------------------------------------


def test_an_edit_that_changes_nothing_is_a_success() -> None:
    chat = Chat()
    chat.live(CASES["submitted"])

    assert chat.publish(replace(CASES["submitted"], sequence=2)).result == "delivered"


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

    chat.live(LATE)

    assert tried == server.methods().count("editMessageMedia") == 1
    assert "80%" in chat.shown[0].text
    chat.live(replace(FINAL, sequence=5))
    assert chat.shown[0].look.photo == GRID_URL


def test_an_upload_that_does_not_get_through_is_words_where_no_url_can_be_fetched() -> (
    None
):
    server = Telegram(fetchable=lambda _: "failed to get HTTP URL content")
    to = endpoint("telegram", server.url, chat_id=str(CHAT))
    reach = answering(server, {GRID_URL: Response(status=200, body=PNG)})

    def answers(request: Request) -> Response:
        return CUT_OFF if is_upload(request) else reach(request)

    first = perform(telegram, FINAL, to, answers=answers)
    second = perform(
        telegram, FINAL, to, answers=answers, channel_state=first.channel_state
    )

    assert [first.result, second.result] == ["failed", "delivered"]
    assert server.shown[0].look.photo is None


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
    transcript = Chat(server=server).publish(FINAL)

    assert transcript.result == "gone"
    assert reason in transcript.outcome.attempt.detail
    assert len(transcript.requests) == 1


def test_a_token_that_is_none_disables_the_endpoint() -> None:
    server = Telegram()
    to = endpoint("telegram", f"{server.base}/bot123:forged", chat_id=str(CHAT))

    transcript = perform(telegram, FINAL, to, answers=answering(server))

    assert transcript.result == "gone"
    assert (
        transcript.outcome.attempt.detail == "there is no bot of this token (Not Found)"
    )


def test_a_topic_that_is_not_there_disables_the_endpoint() -> None:
    transcript = Chat(settings={"thread_id": "9"}).publish(FINAL)

    assert transcript.result == "gone"
    assert "thread_id" in transcript.outcome.attempt.detail


def test_too_many_messages_wait_as_long_as_telegram_says() -> None:
    chat = Chat(server=Telegram(most_per_minute=1, clock=lambda: 0.0))
    chat.live(FINAL)

    transcript = chat.publish(FAILED, redelivery=True)

    assert transcript.result == "failed"
    assert transcript.outcome.attempt.retry_after == pytest.approx(60, abs=2)
    assert transcript.outcome.attempt.status == 429


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

    assert chat.publish(FINAL).result == "failed"
    chat.live(FINAL)
    assert len(chat.shown) == 1


def test_no_reason_names_the_token_or_a_url() -> None:
    for server in (Telegram(revoked=True), Telegram(chats=set()), Telegram(losing=1)):
        detail = Chat(server=server).publish(FINAL).outcome.attempt.detail

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

    transcript = perform(telegram, CASES["failed"], to)

    assert [request.url for request in transcript.requests] == [f"{called}sendMessage"]


# --- uploads that do not get through --------------------------------------------------


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        pytest.param("https://api.telegram.org/bot1:ab", [], id="a bot"),
        pytest.param("https://api.telegram.org/", ["url"], id="no bot"),
        pytest.param("https://[::1/bot1:ab", ["url"], id="no host"),
    ],
)
def test_a_url_that_names_no_bot_is_found_before_anything_is_sent(
    url: str, wrong: list[str]
) -> None:
    assert [name for name, _ in telegram.INFO.validate({"url": url})] == wrong


def test_a_probe_says_where_topics_can_be_chosen() -> None:
    chat = b'{"ok": true, "result": {"type": "supergroup", "title": "A", "is_forum": true}}'

    described = telegram.describe(Response(status=200, body=chat))

    assert described == "supergroup “A”, a forum: thread_id chooses the topic"
