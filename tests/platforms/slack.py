"""
A stand-in for Slack: one workspace, with an incoming webhook and a bot.

Enforced: the webhook's URL and the bot's token, who is in which channel and what is
archived, every rule of `slack_rules`, a message a second in a channel (a few at once are
taken), 50 edits and 50 deletions a minute; a picture that it could not download refuses the
whole message. It answers as Slack does: bare words to the webhook, 200 and ``"ok": false``
to the bot, ``Retry-After`` with every 429.

`Slack.answer` is all of it, without a network; `Slack.app` puts it on a port.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from bridge.core.delivery import Fault
from bridge.core.http import Request, Response
from tests.platforms.slack_rules import complaint, pings

TOKEN = "xoxb-1234-5678-s3cr3tb0tt0k3n"
CHANNEL = "C0123456789"
HOOK = "/services/T0000/B0000/s3cr3th00k"

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Called:
    """One request that came, and what was answered."""

    method: str  #: ``webhook``, or the method of the Web API.
    payload: Mapping[str, Any]
    said: Said


@dataclass(kw_only=True)
class Message:
    """A message in a channel, and everything that it said before."""

    ts: str
    channel: str
    history: list[Mapping[str, Any]]
    thread_ts: str | None = None
    deleted: bool = False
    by_bot: bool = True

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.history[-1]

    @property
    def text(self) -> str:
        return str(self.payload["text"])

    @property
    def picture(self) -> str | None:
        for block in self.payload.get("blocks", []):
            if block["type"] == "image":
                return str(block["image_url"])
        return None


@dataclass(kw_only=True)
class Channel:
    """A channel; people may archive it, or throw the bot out."""

    id: str = CHANNEL
    archived: bool = False
    has_bot: bool = True
    messages: list[Message] = field(default_factory=list)


@dataclass
class Window:
    """At most so many in so many seconds."""

    most: int
    seconds: float
    taken: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> int:
        """Take a place; else say in how many whole seconds there is one."""
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        if len(self.taken) < self.most:
            self.taken.append(now)
            return 0
        return max(1, round(self.taken[0] + self.seconds - now + 0.5))


@dataclass(kw_only=True)
class Slack:
    """
    A workspace.

    Attributes:
        token_trouble: Why the token is refused; empty while it is not.

        hook_trouble: The status and the word that the webhook answers; ``None`` for none.

        faults: Taken one by one instead of an answer; what they stand for is not done.

        losing: Answers still to be lost after what was asked for has been done.

        posts, edits, deletions: The limits; posts by channel.
    """

    channels: dict[str, Channel] = field(
        default_factory=lambda: {CHANNEL: Channel(), "C2": Channel(id="C2")}
    )
    token_trouble: str = ""
    hook_trouble: tuple[int, str] | None = None
    faults: deque[Said | Fault] = field(default_factory=deque)
    losing: int = 0
    drawable: Callable[[str], bool] | None = None
    edit_window_s: float | None = None
    clock: Callable[[], float] = time.time
    limited: bool = True
    posts: dict[str, Window] = field(default_factory=dict)
    edits: Window = field(default_factory=lambda: Window(50, 60.0))
    deletions: Window = field(default_factory=lambda: Window(50, 60.0))
    calls: list[Called] = field(default_factory=list)
    pinged: list[str] = field(default_factory=list)

    # --- for those who look -----------------------------------------------------------

    @property
    def channel(self) -> Channel:
        return self.channels[CHANNEL]

    @property
    def shown(self) -> list[Message]:
        """What a person sees in the channel."""
        return [one for one in self.channel.messages if not one.deleted]

    @property
    def top(self) -> list[Message]:
        """The same, without what is in threads."""
        return [one for one in self.shown if one.thread_ts is None]

    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    # --- what it does -----------------------------------------------------------------

    def answers(self, request: Request) -> Response:
        """Answer a request of a channel's, without a network."""
        said = self.answer(urlsplit(request.url).path, request.headers, request.body)
        if isinstance(said, Fault):
            return Response(duration=0.01, fault=said, detail="cut off")
        return Response(
            duration=0.01, status=said.status, headers=said.headers, body=said.body
        )

    def answer(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> Said | Fault:
        """Take one request."""
        method = "webhook" if path.startswith("/services/") else path.rpartition("/")[2]
        try:
            payload = json.loads(body)
        except ValueError:
            payload = {}
        if self.faults:
            fault = self.faults.popleft()
            if isinstance(fault, Said):
                self.calls.append(Called(method=method, payload=payload, said=fault))
            return fault
        if method == "webhook":
            said = self._hook(path, headers, payload)
        else:
            said = self._api(method, headers, payload)
        self.calls.append(Called(method=method, payload=payload, said=said))
        if self.losing:
            self.losing -= 1
            return Fault.TIMEOUT
        return said

    @property
    def app(self) -> Starlette:
        async def take(request: HttpRequest) -> HttpResponse:
            said = self.answer(request.url.path, request.headers, await request.body())
            if isinstance(said, Fault):
                # What a client sees of a request that came to nothing.
                said = Said(status=504, body=HTML)
            return HttpResponse(said.body, said.status, dict(said.headers))

        return Starlette(
            routes=[
                Route("/services/{rest:path}", take, methods=["POST"]),
                Route("/api/{method}", take, methods=["POST"]),
            ]
        )

    # --- the webhook ------------------------------------------------------------------

    def _hook(self, path: str, headers: Mapping[str, str], payload: Any) -> Said:
        if path != HOOK:
            return Said(status=404, body=b"no_service")
        if self.hook_trouble:
            status, word = self.hook_trouble
            return Said(status=status, body=word.encode())
        if self.channel.archived:
            return Said(status=410, body=b"channel_is_archived")
        if not headers.get("content-type", "").startswith("application/json"):
            return Said(status=400, body=b"invalid_payload")
        if wait := self._too_fast(CHANNEL):
            return Said(
                status=429, body=b"rate_limited", headers={"retry-after": str(wait)}
            )
        if wrong := complaint(payload, drawable=self._draws):
            return Said(status=400, body=wrong.partition(" ")[0].encode())
        self._post(CHANNEL, payload, by_bot=False)
        return Said()

    # --- the Web API ------------------------------------------------------------------

    def _api(self, method: str, headers: Mapping[str, str], payload: Any) -> Said:
        if not headers.get("content-type", "").startswith("application/json"):
            return _no("invalid_post_type")
        given = headers.get("authorization", "")
        if not given:
            return _no("not_authed")
        if given != f"Bearer {TOKEN}":
            return _no("invalid_auth")
        if self.token_trouble:
            return _no(self.token_trouble)
        if method == "auth.test":
            return _yes(team="Acme", user="mjbot", bot_id="B1", user_id="U1")
        do = {
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.delete": self._delete,
        }.get(method)
        if do is None:
            return _no("unknown_method")
        channel = self.channels.get(payload.get("channel"))
        if channel is None:
            return _no("channel_not_found")
        if channel.archived:
            return _no("is_archived")
        if not channel.has_bot:
            return _no("not_in_channel")
        return do(channel, payload)

    def _post_message(self, channel: Channel, payload: Any) -> Said:
        if wait := self._too_fast(channel.id):
            return _slow_down(wait)
        if wrong := complaint(payload, drawable=self._draws):
            return _refused(wrong)
        thread = payload.get("thread_ts")
        if thread is not None and self._find(channel, thread) is None:
            return _no("thread_not_found")
        message = self._post(channel.id, payload, by_bot=True)
        return _yes(channel=channel.id, ts=message.ts, message=payload)

    def _update(self, channel: Channel, payload: Any) -> Said:
        if self.limited and (wait := self.edits.wait(self.clock())):
            return _slow_down(wait)
        message = self._find(channel, payload.get("ts"))
        if message is None:
            return _no("message_not_found")
        if not message.by_bot:
            return _no("cant_update_message")
        age = self.clock() - float(message.ts)
        if self.edit_window_s is not None and age > self.edit_window_s:
            return _no("edit_window_closed")
        if wrong := complaint(payload, drawable=self._draws):
            return _refused(wrong)
        self.pinged += pings(payload, edited=True)
        message.history.append(payload)
        return _yes(channel=channel.id, ts=message.ts, text=payload["text"])

    def _delete(self, channel: Channel, payload: Any) -> Said:
        if self.limited and (wait := self.deletions.wait(self.clock())):
            return _slow_down(wait)
        message = self._find(channel, payload.get("ts"))
        if message is None:
            return _no("message_not_found")
        message.deleted = True
        return _yes(channel=channel.id, ts=message.ts)

    # --- both -------------------------------------------------------------------------

    def _post(self, channel: str, payload: Any, *, by_bot: bool) -> Message:
        self.pinged += pings(payload, edited=False)
        known = self.channels[channel].messages
        now = self.clock()
        message = Message(
            ts=f"{now:.0f}.{len(known):06}",
            channel=channel,
            history=[payload],
            thread_ts=payload.get("thread_ts"),
            by_bot=by_bot,
        )
        known.append(message)
        return message

    def _find(self, channel: Channel, ts: object) -> Message | None:
        for message in channel.messages:
            if message.ts == ts and not message.deleted:
                return message
        return None

    def _too_fast(self, channel: str) -> int:
        if not self.limited:
            return 0
        # One a second, and short bursts are allowed: five in five seconds.
        window = self.posts.setdefault(channel, Window(5, 5.0))
        return window.wait(self.clock())

    def _draws(self, url: str) -> bool:
        if self.drawable is not None:
            return self.drawable(url)
        parts = urlsplit(url)
        name = parts.path.rpartition("/")[2]
        expires = parse_qs(parts.query).get("ex", ["7fffffff"])[0]
        return (
            not re.search(r"\.(webp|mp4|avif)$", name)
            and "404" not in name
            and int(expires, 16) > self.clock()
        )


def _yes(**data: Any) -> Said:
    return _json({"ok": True, **data})


def _no(error: str, **data: Any) -> Said:
    return _json({"ok": False, "error": error, **data})


def _refused(wrong: str) -> Said:
    word, _, where = wrong.partition(" ")
    messages = [f"[ERROR] {where}"] if where else []
    return _no(word, response_metadata={"messages": messages})


def _slow_down(wait: int) -> Said:
    said = _no("ratelimited")
    return Said(status=429, body=said.body, headers={"retry-after": str(wait)})


def _json(data: Mapping[str, Any]) -> Said:
    return Said(
        body=json.dumps(data).encode(),
        headers={"content-type": "application/json; charset=utf-8"},
    )
