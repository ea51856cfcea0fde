"""What is promised of every chat, whatever the platform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from bridge.channels import CHANNELS, channel_for
from bridge.channels.strings import STRINGS
from bridge.channels.wording import message_of
from bridge.core.button import Button
from bridge.core.delivery import Fault
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import Notification, Request, Response
from bridge.core.task import TaskStatus
from tests.channels.cases import (
    CASES,
    DONE,
    GRID_URL,
    LANGUAGES,
    REPORTED,
    endpoint,
    event_of,
    operators_event,
    perform,
)
from tests.channels.goldens import json_of, parts_of
from tests.channels.test_text import REFUSED

#: By name: the kind, and what it cannot do without.
CHATS: dict[str, tuple[str, dict[str, Any]]] = {
    "slack": ("slack", {"url": "https://hooks.slack.com/services/T0/B0/XXXX"}),
    "slack bot": (
        "slack",
        {"url": "https://slack.com/api", "token": "xoxb-1", "channel": "C0123456789"},
    ),
    "discord": ("discord", {"url": f"https://discord.com/api/webhooks/1/{'t' * 20}"}),
    "telegram": (
        "telegram",
        {"url": "https://api.telegram.org/bot1:abc", "chat_id": "7"},
    ),
    "apprise": ("apprise", {"url": "json://localhost"}),
    **{
        kind: (kind, {"url": "https://example.com/hooks/x"})
        for kind in ("feishu", "dingtalk", "wecom", "teams", "ntfy")
    },
}
chats = pytest.mark.parametrize("chat", CHATS)


def to_chat(chat: str, **settings: Any) -> Endpoint:
    kind, own = CHATS[chat]
    return endpoint(kind, **own, **settings)


def test_every_chat_is_one_of_these() -> None:
    kinds = {kind for kind, channel in CHANNELS.items() if channel.INFO.is_chat}

    listed = {kind for kind, _ in CHATS.values()}
    assert kinds == listed, "name each kind of chat in CHATS, with what it needs"


@chats
def test_progress_is_no_message_of_its_own(chat: str) -> None:
    """Ten messages a picture, each of which rings, are not what ``task.*`` asks for."""
    to = to_chat(chat, events=["task.*"], progress="off")

    transcript = perform(channel_for(to.kind), CASES["progress_42"], to)

    assert (transcript.sent, transcript.result) == ([], "delivered")
    assert transcript.outcome.attempt.detail.startswith("skipped: ")


# --- pictures that have expired -------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("images", ["upload", "url", "none"])
@pytest.mark.parametrize("chat", [name for name in CHATS if "slack" not in name])
def test_a_picture_that_has_expired_is_not_offered_and_said_to_have(
    chat: str, images: str, language: str
) -> None:
    """It was alive when it was made, and is told of two days later."""
    to = to_chat(chat, images=images, language=language)
    channel = channel_for(to.kind)

    def answers(request: Request) -> Response:
        if request.guarded:
            return Response(status=403, body=b"expired")
        if to.kind == "telegram" and b'"photo": "https' in request.body:
            words = {"ok": False, "error_code": 400, "description": "wrong content"}
            return Response(status=400, body=json.dumps(words).encode())
        return channel.sample_response(request)

    event = CASES["succeeded_grid"]
    transcript = perform(channel, event, to, answers=answers, at=event.at + 2 * 86400)

    said = "\n".join(everything(transcript.sent[-1]))
    assert transcript.result == "delivered"
    assert GRID_URL.partition("?")[0] not in said
    assert {"en": "has expired", "zh": "已过期"}[language] in said


@pytest.mark.parametrize("images", ["upload", "url", "none"])
@pytest.mark.parametrize("chat", CHATS)
def test_a_video_can_be_watched_although_its_still_has_expired(
    chat: str, images: str
) -> None:
    to = to_chat(chat, images=images)
    video = "https://cdn.example/video/0.mp4"
    event = event_of("task.succeeded", replace(DONE, video_urls=(video,)))
    channel = channel_for(to.kind)

    def answers(request: Request) -> Response:
        if request.guarded:
            return Response(status=403, body=b"expired")
        return channel.sample_response(request)

    transcript = perform(channel, event, to, answers=answers, at=event.at + 2 * 86400)

    said = "\n".join(everything(transcript.sent[-1]))
    assert video in said
    assert "has expired" not in said


# --- pictures that only some can see --------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("localhost:8080", "127.0.0.1", "[::1]", "gateway.localhost", "gw.localhost."),
        *("gw", "gw.lan.", "gw.home.arpa", "gw.local", "gw.internal"),
        *("10.0.0.9", "192.168.1.7:8080", "169.254.1.1", "100.64.0.1", "[fd00::1]"),
    ],
)
@pytest.mark.parametrize("chat", CHATS)
def test_what_lies_in_a_network_of_its_own_is_neither_shown_nor_linked(
    chat: str, host: str
) -> None:
    to = to_chat(chat)
    channel = channel_for(to.kind)
    picture = replace(DONE, image_url=f"https://{host}/mine.png")
    videos = replace(picture, video_urls=(f"https://{host}/mine.mp4",))

    def answers(request: Request) -> Response:
        if request.guarded:
            return Response(duration=0.1, fault=Fault.ADDRESS_BLOCKED)
        return channel.sample_response(request)

    for task in (picture, videos):
        event = event_of("task.succeeded", task)
        transcript = perform(channel, event, to, answers=answers)
        sent = "\n".join(everything(transcript.sent[-1]))
        assert transcript.result == "delivered"
        assert "mine." not in sent
        assert "The picture cannot be shown here" in sent or task is videos


# --- languages ------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("chat", CHATS)
def test_a_message_in_chinese_has_no_english_of_ours_in_it(
    chat: str, case: str
) -> None:
    to = to_chat(chat, language="zh", events=["*"], progress="edit")
    event = CASES[case]
    message = message_of(event, language="zh")
    english = message_of(event, language="en")

    said = "\n".join(
        text
        for one in perform(channel_for(to.kind), event, to).sent
        for text in everything(one)
    )

    assert not said or message.headline in said
    assert english.headline not in said
    for ours in (
        *(f"{label}: " for label in (STRINGS["en"].reason, STRINGS["en"].next)),
        *(STRINGS["en"].open, STRINGS["en"].watch, STRINGS["en"].no_prompt),
        *(STRINGS["en"].modal, f"{STRINGS['en'].task_id} {message.task_id}"),
        english.duration or "Took",
    ):
        assert ours not in said


# --- what nobody sees -----------------------------------------------------------------


def smuggling(kind: str) -> Event:
    """An event with everything that is not to be seen wherever a stranger can put it."""
    text = "".join(f"a{char}b" for char in sorted(REFUSED)) + " <- nothing there"
    if not kind.startswith("task."):
        return operators_event(kind, reason=text)
    status = TaskStatus.FAILURE if kind == "task.failed" else TaskStatus.SUCCESS
    button = Button.of("MJ::JOB::upsample::1::x", text, None)
    after = replace(
        DONE,
        status=status,
        action="DESCRIBE",
        prompt=text,
        prompt_en=text,
        fail_reason=text,
        buttons=(button, replace(button, label=None, emoji=text)),
    )
    return event_of(kind, after)


@chats
@pytest.mark.parametrize("kind", REPORTED)
def test_no_control_and_no_mark_that_turns_a_text_around_is_ever_sent(
    chat: str, kind: str
) -> None:
    for progress in ("off", "edit"):
        to = to_chat(chat, events=["*"], progress=progress)
        for request in perform(channel_for(to.kind), smuggling(kind), to).sent:
            for text in everything(request):
                assert not REFUSED & set(text)


def everything(request: Request | Notification) -> Iterator[str]:
    """All that a request says: the texts in its payload, its headers, its query."""
    if isinstance(request, Notification):
        assert request.body
        yield from (request.url, request.title, request.body)
        return
    yield unquote(request.url)
    yield from request.headers.values()
    if "multipart/" in request.headers.get("content-type", ""):
        for name, part in parts_of(request).items():
            if name == "payload_json":
                yield from _texts(json_of(request))
            elif not part.startswith(b"\x89PNG"):
                yield part.decode()
    elif request.body:
        yield from _texts(json.loads(request.body))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
