"""
A chat on each platform that follows tasks: an endpoint, the platform behind it, and the state
that is kept between deliveries.

What the platforms call differently has one name here: requests are ``post``, ``edit``,
``delete``, ``fetch`` (of a picture) and ``ask``; messages are `Seen`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bridge.channels import CHANNELS
from bridge.channels.base import DeliveryContext, SaveState
from bridge.core.delivery import Fault
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState, Request, Response
from tests.channels.cases import GRID_URL, NOW, Transcript, endpoint, perform
from tests.platforms import discord, slack, telegram
from tests.platforms.loopback import HTML, answering

PNG = discord.PNG
PAGE = Response(status=200, body=HTML, headers={"content-type": "text/html"})
UNAVAILABLE = replace(PAGE, status=503)
CUT_OFF = Response(duration=9.0, fault=Fault.TIMEOUT, detail="cut off")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A message as a person sees it."""

    text: str
    picture: bool
    answers: bool  #: Whether it answers another message, or leads to it.


def is_upload(request: Request) -> bool:
    """Whether a request carries a file."""
    return request.headers.get("content-type", "").startswith("multipart/")


class Room(ABC):
    """A chat with one endpoint, whose clock stands still until it is moved."""

    kind: str
    secret: str

    def __init__(self, **settings: Any) -> None:
        self.now = NOW
        self.settings = {"progress": "edit", **settings}
        self.state: ChannelState = {}
        #: What the next requests of a name are answered, in place of the platform.
        self.instead: dict[str, list[Response]] = {}
        #: Requests that are done, but whose answers get lost; by name.
        self.losing: list[str] = []
        #: Whether no file gets through in time.
        self.cuts_uploads = False
        #: What happens right after the next request of a name was answered.
        self.after: dict[str, Callable[[], None]] = {}

    def publish(self, event: Event, *, redelivery: bool = False) -> Transcript:
        """One delivery, as a worker makes it and the store keeps its state."""
        transcript = perform(
            CHANNELS[self.kind],
            event,
            self.to,
            answers=self.answers,
            channel_state=self.state,
            at=self.now,
            redelivery=redelivery,
        )
        self.state = json.loads(json.dumps(transcript.channel_state))
        return transcript

    def answers(self, request: Request) -> Response:
        """Answer a request, or do what is to come in place of that."""
        name = self.named(request)
        if self.instead.get(name):
            return self.instead[name].pop(0)
        if request.guarded:
            return Response(status=200, body=PNG)
        if self.cuts_uploads and is_upload(request):
            return CUT_OFF
        response = self.platform(request)
        if then := self.after.pop(name, None):
            then()
        if name in self.losing:
            self.losing.remove(name)
            return CUT_OFF
        return response

    def crash(self, event: Event, *, before: str) -> None:
        """Deliver an event, and die before the first request of a name."""
        exchange = CHANNELS[self.kind].deliver(
            DeliveryContext(
                event=event,
                endpoint=self.to,
                now=self.now,
                started=self.now,
                channel_state=self.state,
            )
        )
        step = next(exchange)
        while not isinstance(step, Request) or self.named(step) != before:
            if isinstance(step, SaveState):
                self.state = step.channel_state
                step = exchange.send(Response(duration=0.0))
            else:
                assert isinstance(step, Request)
                step = exchange.send(self.answers(step))

    def names(self, transcript: Transcript) -> list[str]:
        """What a delivery has requested, and when state was saved."""
        requests = iter(transcript.requests)
        return [
            step if step == "save" else self.named(next(requests))
            for step in transcript.order
        ]

    def named(self, request: Request) -> str:
        """Return the common name of a request."""
        if request.guarded:
            return "fetch"
        return self.name_of(request)

    @property
    def emoji(self) -> list[str]:
        """How the messages begin that are seen."""
        return [one.text[0] for one in self.seen]

    @property
    @abstractmethod
    def to(self) -> Endpoint:
        """The endpoint."""

    @property
    @abstractmethod
    def seen(self) -> list[Seen]:
        """What a person sees, in the order in which it was posted."""

    @abstractmethod
    def platform(self, request: Request) -> Response:
        """Answer a request as the platform does."""

    @abstractmethod
    def name_of(self, request: Request) -> str:
        """Return the common name of a request to the platform."""

    @abstractmethod
    def remove(self) -> None:
        """Delete the oldest message that is there, as a moderator does."""

    @abstractmethod
    def move(self) -> None:
        """Have the endpoint lead to another place."""

    @abstractmethod
    def too_many(self, seconds: int | None) -> Response:
        """What the platform answers where its limit is reached."""

    @abstractmethod
    def frozen(self) -> Response:
        """What it answers about a message that cannot be changed any more."""

    @abstractmethod
    def refused(self) -> Response:
        """What it answers to a message that it does not like."""

    @abstractmethod
    def gone(self) -> Response:
        """What it answers where nothing is taken any more."""

    @abstractmethod
    def old_states(self) -> list[ChannelState]:
        """What versions before the common driver have saved."""


def _said(data: Any, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps(data).encode()
    return Response(status=status, body=body, headers=named)


class SlackRoom(Room):
    """A channel with a bot."""

    kind = "slack"
    secret = slack.TOKEN

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.channel = slack.CHANNEL
        self.slack = slack.Slack(clock=lambda: self.now, limited=False)

    @property
    def to(self) -> Endpoint:
        """The bot, in its channel."""
        own = {"token": slack.TOKEN, "channel": self.channel}
        return endpoint("slack", "https://slack.com/api", **own, **self.settings)

    @property
    def seen(self) -> list[Seen]:
        """What a person sees in the channels, threads unfolded."""
        return [
            Seen(
                text=" ".join([one.text, json.dumps(one.payload, ensure_ascii=False)]),
                picture=one.picture is not None,
                answers=one.thread_ts is not None,
            )
            for channel in self.slack.channels.values()
            for one in channel.messages
            if not one.deleted
        ]

    def platform(self, request: Request) -> Response:
        """Answer as Slack does."""
        return self.slack.answers(request)

    def name_of(self, request: Request) -> str:
        """Return the common name of a method."""
        method = request.url.rpartition("/")[2]
        names = {"postMessage": "post", "update": "edit", "delete": "delete"}
        return names[method.removeprefix("chat.")]

    def remove(self) -> None:
        """Delete the oldest message."""
        self.slack.shown[0].deleted = True

    def move(self) -> None:
        """Another channel."""
        self.channel = "C2"

    def too_many(self, seconds: int | None) -> Response:
        """Slack's limit."""
        wait = {} if seconds is None else {"retry_after": str(seconds)}
        return _said({"ok": False, "error": "ratelimited"}, 429, **wait)

    def frozen(self) -> Response:
        """A message that is too old, or somebody else's by now."""
        return _said({"ok": False, "error": "cant_update_message"})

    def missing(self) -> Response:
        """A message that somebody has deleted."""
        return _said({"ok": False, "error": "message_not_found"})

    def refused(self) -> Response:
        """A block that Slack does not draw."""
        return _said({"ok": False, "error": "invalid_blocks"})

    def gone(self) -> Response:
        """A token that somebody took back."""
        return _said({"ok": False, "error": "token_revoked"})

    def old_states(self) -> list[ChannelState]:
        """What slack/memory.py wrote."""
        live: dict[str, Any] = {"ts": "1.2", "channel": slack.CHANNEL, "sequence": 1}
        tidying: dict[str, Any] = {
            "todo": "delete",
            "old": "1.1",
            "old_channel": "C",
            "event": "evt_0",
        }
        return [live, {"posting": True}, {**live, **tidying, "tries": 1}]


class TelegramRoom(Room):
    """A group with a bot."""

    kind = "telegram"
    secret = telegram.TOKEN

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.chat = telegram.CHAT
        self.telegram = telegram.Telegram(
            chats={telegram.CHAT, 7}, fetchable=lambda _: None
        )

    @property
    def to(self) -> Endpoint:
        """The bot, in its group."""
        url, chat = self.telegram.url, str(self.chat)
        return endpoint("telegram", url, chat_id=chat, **self.settings)

    @property
    def seen(self) -> list[Seen]:
        """What a person sees in the groups."""
        return [
            Seen(
                text=one.text,
                picture=one.look.photo in {PNG, GRID_URL},
                answers=one.reply_to is not None,
            )
            for one in self.telegram.shown
        ]

    def platform(self, request: Request) -> Response:
        """Answer as Telegram does."""
        return answering(self.telegram)(request)

    def name_of(self, request: Request) -> str:
        """Return the common name of a method."""
        method = request.url.rpartition("/")[2]
        names = {"send": "post", "edit": "edit", "dele": "delete"}
        return names[method[:4]]

    def remove(self) -> None:
        """Delete the oldest message."""
        self.telegram.shown[0].deleted = True

    def move(self) -> None:
        """Another group."""
        self.chat = 7

    def too_many(self, seconds: int | None) -> Response:
        """Telegram's limit."""
        wait = {} if seconds is None else {"parameters": {"retry_after": seconds}}
        return self._no(429, "Too Many Requests", **wait)

    def frozen(self) -> Response:
        """A message that is too old."""
        return self._no(400, "Bad Request: message can't be edited")

    def refused(self) -> Response:
        """A picture that Telegram does not like."""
        return self._no(400, "Bad Request: IMAGE_PROCESS_FAILED")

    def gone(self) -> Response:
        """A token that somebody took back."""
        return self._no(401, "Unauthorized")

    def old_states(self) -> list[ChannelState]:
        """What telegram/memory.py wrote."""
        live: dict[str, Any] = {"id": 1001, "chat": str(telegram.CHAT), "sequence": 1}
        tidying: dict[str, Any] = {
            "todo": "update",
            "old": 1000,
            "old_photo": True,
            "event": "evt_0",
        }
        shows: dict[str, Any] = {"photo": True, "picture": "abcdef", "unshown": True}
        return [live, {"posting": True}, {**live, **tidying, **shows}]

    @staticmethod
    def _no(code: int, words: str, **more: Any) -> Response:
        data = {"ok": False, "error_code": code, "description": words, **more}
        return _said(data, code)


class DiscordRoom(Room):
    """A channel with a webhook."""

    kind = "discord"
    secret = discord.TOKEN

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        threads = {"42": discord.Thread(id="42")}
        self.discord = discord.Discord(
            clock=lambda: self.now, limited=False, threads=threads
        )

    @property
    def to(self) -> Endpoint:
        """The webhook."""
        url = f"https://discord.com{self.discord.path}"
        return endpoint("discord", url, **self.settings)

    @property
    def seen(self) -> list[Seen]:
        """What a person sees in the channel."""
        return [
            Seen(
                text=f"{one.title} {one.text}",
                picture=one.picture in {PNG, GRID_URL},
                answers="url" in one.embed,
            )
            for one in self.discord.shown
        ]

    def platform(self, request: Request) -> Response:
        """Answer as Discord does."""
        return self.discord.answers(request)

    def name_of(self, request: Request) -> str:
        """Return the common name of a method."""
        names = {"POST": "post", "PATCH": "edit", "DELETE": "delete", "GET": "ask"}
        return names[request.method]

    def remove(self) -> None:
        """Delete the oldest message."""
        self.discord.shown[0].deleted = True

    def move(self) -> None:
        """A thread of the channel."""
        self.settings["thread_id"] = "42"

    def too_many(self, seconds: int | None) -> Response:
        """Discord's limit."""
        wait = {} if seconds is None else {"retry_after": str(seconds)}
        return _said({"message": "You are being rate limited."}, 429, **wait)

    def frozen(self) -> Response:
        """A message of more than an hour, with many edits since."""
        return _said({"code": 30046, "message": "Maximum number of edits"}, 429)

    def refused(self) -> Response:
        """A form that Discord does not like."""
        return _said({"code": 50035, "message": "Invalid Form Body"}, 400)

    def gone(self) -> Response:
        """A webhook that somebody deleted."""
        return _said({"code": 10015, "message": "Unknown Webhook"}, 404)

    def old_states(self) -> list[ChannelState]:
        """What discord/kept.py wrote."""
        kept: dict[str, Any] = {
            "id": "13",
            "channel": "12",
            "posted": 1.5,
            "sequence": 1,
        }
        tidying: dict[str, Any] = {
            "chore": "12",
            "chore_edits": True,
            "tries": 1,
            "event": "evt_0",
        }
        forms: dict[str, Any] = {
            "form": 2,
            "form_of": "evt_0",
            "linked_of": "evt_0",
            "guild": "11",
        }
        return [kept, {"posting": True}, {**kept, **tidying, **forms}]


ROOMS: dict[str, type[Room]] = {
    "slack": SlackRoom,
    "telegram": TelegramRoom,
    "discord": DiscordRoom,
}
