"""
A stand-in for Discord: one webhook in one channel, and the threads of it.

Enforced: the API's version, the program's name, the webhook's token, every rule of
`discord_rules`, 5 requests in 2 s for each kind of request, 30 messages a minute in the
channel, the age up to which messages can be edited, threads and forums; 10 MiB a file. It
answers as Discord does, with its codes and rate headers, and holds what a person would see.

`Discord.answer` is all of it, without a network; `Discord.app` puts it on a port.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from bridge.core.delivery import Fault
from bridge.core.http import Request, Response
from tests.platforms.discord_rules import MAX_FILE, complaint

Json: TypeAlias = Mapping[str, Any]

WEBHOOK = "1200000000000000777"
TOKEN = "s3cr3t_w3bh00k-t0k3n_that-nobody-else-may-see_0123456789abcdefghijk"
CHANNEL = "1200000000000000001"
GUILD = "1100000000000000001"

HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body>cloudflare</body></html>"
#: A whole picture, small.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc00000030101008e3b4b6a0000000049454e44ae426082"
)

_PATH = re.compile(
    rf"/api/(?P<version>v\d+)/webhooks/{WEBHOOK}/(?P<token>[^/]+)(?:/messages/(?P<message>\d+))?"
)
_PERCENT = re.compile(r"[▰▱]{10} (\d+)%")
_AGENT = re.compile(r"DiscordBot \([^,()]+, \d[\w.+-]*\).*")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def error(status: int, code: int, message: str, **more: object) -> Said:
    """An error as Discord words it."""
    return _json({"message": message, "code": code, **more}, status)


def page(status: int, **headers: str) -> Said:
    """A page of the proxy in front of Discord."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(
        status=status, body=HTML, headers={"content-type": "text/html", **named}
    )


class RefusedError(Exception):
    """A request is refused."""

    def __init__(self, said: Said) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    message: str  #: The id in its path.
    query: Mapping[str, str]
    headers: Mapping[str, str]
    payload: Json
    files: Mapping[str, tuple[str, bytes]]  #: By ``files[n]``: the name and the bytes.
    at: float


@dataclass(frozen=True, kw_only=True)
class Called(Asked):
    """The same, with what was answered."""

    said: Said | Fault


@dataclass(kw_only=True)
class Thread:
    """A thread, or a forum's post."""

    id: str
    name: str = ""
    archived: bool = False
    locked: bool = False
    deleted: bool = False


@dataclass(kw_only=True)
class Message:
    """A message, and everything that it said before."""

    id: str
    channel: str
    posted: float
    silent: bool
    author: str
    history: list[Json]
    files: dict[str, bytes] = field(default_factory=dict)
    deleted: bool = False

    @property
    def payload(self) -> Json:
        return self.history[-1]

    @property
    def embed(self) -> Json:
        found: Json = (self.payload.get("embeds") or [{}])[0]
        return found

    @property
    def title(self) -> str:
        return str(self.embed.get("title", ""))

    @property
    def titles(self) -> list[str]:
        """What it was headed by, from the beginning."""
        return [
            (said.get("embeds") or [{}])[0].get("title", "") for said in self.history
        ]

    @property
    def percents(self) -> list[int]:
        """How far the task was, whenever that was said, from the beginning."""
        fields = [
            one["value"]
            for said in self.history
            for embed in said.get("embeds") or []
            for one in embed.get("fields", [])
        ]
        return [int(found[1]) for text in fields if (found := _PERCENT.fullmatch(text))]

    @property
    def text(self) -> str:
        """Everything that can be read."""
        embed = self.embed
        parts = [self.payload.get("content"), embed.get("author", {}).get("name")]
        parts += [embed.get("title"), embed.get("description")]
        for one in embed.get("fields", []):
            parts += [one["name"], one["value"]]
        parts.append(embed.get("footer", {}).get("text"))
        return "\n".join(part for part in parts if part)

    @property
    def picture(self) -> bytes | str | None:
        """The picture that is seen: uploaded, or where it is loaded from."""
        url = self.embed.get("image", {}).get("url")
        if url and url.startswith("attachment://"):
            return self.files.get(url.removeprefix("attachment://"))
        return str(url) if url else None

    @property
    def links(self) -> list[str]:
        rows = self.payload.get("components") or []
        return [button["url"] for row in rows for button in row["components"]]


@dataclass
class Bucket:
    """At most so many in so many seconds."""

    most: int
    seconds: float
    taken: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until there is a place; 0 if there is one."""
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        return (
            0.0 if len(self.taken) < self.most else self.taken[0] + self.seconds - now
        )

    def headers(self, now: float) -> dict[str, str]:
        after = self.taken[0] + self.seconds - now if self.taken else self.seconds
        return {
            "x-ratelimit-limit": str(self.most),
            "x-ratelimit-remaining": str(self.most - len(self.taken)),
            "x-ratelimit-reset": f"{now + after:.3f}",
            "x-ratelimit-reset-after": f"{after:.3f}",
            "x-ratelimit-bucket": f"{self.most}-in-{self.seconds:g}",
        }


@dataclass(kw_only=True)
class Discord:
    """
    A channel with a webhook.

    Attributes:
        forum: Whether every message has to be in a thread.

        trouble: What every request is answered by now, such as `UNKNOWN_WEBHOOK`.

        faults: Taken one by one instead of an answer; what they stand for is not done.

        losing: Answers still to be lost after what was asked for has been done.

        moderated: Words that the server's moderation lets nobody write.

        limited: Whether there are limits.

        clock: May be replaced, to let time pass.
    """

    application: str | None = None
    name: str = "art"
    forum: bool = False
    trouble: Said | None = None
    faults: deque[Said | Fault] = field(default_factory=deque)
    losing: int = 0
    moderated: tuple[str, ...] = ()
    limited: bool = True
    editable_s: float = 3600.0
    clock: Callable[[], float] = time.time
    threads: dict[str, Thread] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)
    pinged: list[str] = field(default_factory=list)
    pictures: dict[str, Said] = field(
        default_factory=lambda: {
            "/pictures/pig.png": Said(body=PNG, headers={"content-type": "image/png"})
        }
    )
    buckets: dict[str, Bucket] = field(
        default_factory=lambda: {
            method: Bucket(5, 2.0) for method in ("GET", "POST", "PATCH", "DELETE")
        }
    )
    hidden: Bucket = field(default_factory=lambda: Bucket(30, 60.0))

    # --- for those who look -----------------------------------------------------------

    @property
    def path(self) -> str:
        """The webhook's, as Discord's interface hands it out."""
        return f"/api/webhooks/{WEBHOOK}/{TOKEN}"

    @property
    def shown(self) -> list[Message]:
        """What a person sees."""
        return [one for one in self.messages if not one.deleted]

    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    def statuses(self) -> list[int]:
        """What it answered; 0 for what was cut off."""
        return [0 if isinstance(c.said, Fault) else c.said.status for c in self.calls]

    # --- what it does -----------------------------------------------------------------

    def answers(self, request: Request) -> Response:
        """Answer a request of a channel's, without a network."""
        said = self.answer(request.method, request.url, request.headers, request.body)
        if isinstance(said, Fault):
            return Response(
                duration=0.01, fault=said, detail="cut off", received_at=self.clock()
            )
        return Response(
            duration=0.01,
            status=said.status,
            headers=said.headers,
            body=said.body[: request.max_bytes],
            received_at=self.clock(),
        )

    def answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Said | Fault:
        """Take one request."""
        parts = urlsplit(url)
        if parts.path in self.pictures:
            return self.pictures[parts.path]
        found = _PATH.fullmatch(parts.path)
        payload, files = _unpacked(headers.get("content-type", ""), body)
        asked = Asked(
            method=method,
            path=parts.path,
            message=(found["message"] or "") if found else "",
            query=dict(parse_qsl(parts.query)),
            headers=headers,
            payload=payload,
            files=files,
            at=self.clock(),
        )
        said: Said | Fault
        if self.faults:
            said = self.faults.popleft()
        else:
            try:
                said = self._take(asked)
            except RefusedError as refused:
                said = refused.said
        self.calls.append(Called(**vars(asked), said=said))
        if self.losing and not isinstance(said, Fault):
            self.losing -= 1
            return Fault.TIMEOUT
        return said

    @property
    def app(self) -> Starlette:
        async def take(request: HttpRequest) -> HttpResponse:
            body = await request.body()
            said = self.answer(request.method, str(request.url), request.headers, body)
            if isinstance(said, Fault):
                # What a client sees of a request that came to nothing.
                said = page(504)
            return HttpResponse(said.body, said.status, dict(said.headers))

        methods = ["GET", "POST", "PATCH", "DELETE", "PUT"]
        return Starlette(routes=[Route("/{rest:path}", take, methods=methods)])

    def _take(self, asked: Asked) -> Said:
        found = _PATH.fullmatch(asked.path)
        if not _AGENT.fullmatch(asked.headers.get("user-agent", "")):
            raise RefusedError(page(403))
        if found is None or found["version"] != "v10":
            raise RefusedError(error(404, 0, "404: Not Found"))
        limit = self._limits(asked.method) if self.limited else {}
        if self.trouble:
            raise RefusedError(self.trouble)
        if found["token"] != TOKEN:
            raise RefusedError(INVALID_TOKEN)
        kind = (asked.method, bool(asked.message))
        do = {
            ("GET", False): self._tell,
            ("POST", False): self._post,
            ("PATCH", True): self._edit,
            ("DELETE", True): self._delete,
        }.get(kind)
        if do is None:
            raise RefusedError(error(405, 0, "405: Method Not Allowed"))
        said = do(asked)
        return Said(
            status=said.status, body=said.body, headers={**said.headers, **limit}
        )

    def _limits(self, method: str) -> dict[str, str]:
        now, bucket = self.clock(), self.buckets[method]
        if wait := bucket.wait(now):
            raise RefusedError(too_many(wait, "user", **bucket.headers(now)))
        if method == "POST" and (wait := self.hidden.wait(now)):
            raise RefusedError(too_many(wait, "shared", **bucket.headers(now)))
        bucket.taken.append(now)
        if method == "POST":
            self.hidden.taken.append(now)
        return bucket.headers(now)

    def _tell(self, _: Asked) -> Said:
        return _json(
            {
                "id": WEBHOOK,
                "type": 1,
                "name": self.name,
                "channel_id": CHANNEL,
                "guild_id": GUILD,
                "application_id": self.application,
                "token": TOKEN,
            }
        )

    def _post(self, asked: Asked) -> Said:
        saved = asked.query.get("wait") == "true"
        place = self._place(asked)
        try:
            payload = self._checked(asked)
        except RefusedError:
            if saved:
                raise
            return Said(status=204)  # it is lost, and nobody is told
        if place is None:
            thread = Thread(id=self._next_id(), name=payload["thread_name"])
            self.threads[thread.id] = thread
            place = thread.id
        self.pinged += _pings(payload)
        message = Message(
            id=self._next_id(),
            channel=place,
            posted=asked.at,
            silent=bool(payload.get("flags", 0) & 1 << 12),
            author=payload.get("username", self.name),
            history=[payload],
            files=dict(asked.files.values()),
        )
        self.messages.append(message)
        return _told(message) if saved else Said(status=204)

    def _edit(self, asked: Asked) -> Said:
        message = self._find(asked)
        if (thread := self.threads.get(message.channel)) and thread.archived:
            raise RefusedError(error(400, 50083, "Thread is archived"))
        if asked.at - message.posted > self.editable_s:
            text = "Maximum number of edits to messages older than 1 hour reached."
            raise RefusedError(error(400, 30046, text))
        payload = self._checked(asked)
        # Without a word about mentions, an edit falls back to the default ones.
        self.pinged += _pings(payload)
        message.history.append({**message.payload, **payload})
        if "attachments" in payload:
            kept = {one["filename"] for one in payload["attachments"]}
            message.files = {k: v for k, v in message.files.items() if k in kept}
        message.files |= dict(asked.files.values())
        return _told(message)

    def _delete(self, asked: Asked) -> Said:
        self._find(asked).deleted = True
        return Said(status=204)

    def _find(self, asked: Asked) -> Message:
        place = asked.query.get("thread_id", CHANNEL)
        if place != CHANNEL:
            self._thread(place)
        for message in self.messages:
            at = (message.id, message.channel)
            if at == (asked.message, place) and not message.deleted:
                return message
        raise RefusedError(UNKNOWN_MESSAGE)

    def _place(self, asked: Asked) -> str | None:
        """Where a new message goes; ``None`` for a thread that it begins."""
        thread, name = asked.query.get("thread_id"), asked.payload.get("thread_name")
        if thread and name:
            text = "Webhooks can only create threads without thread_id"
            raise RefusedError(error(400, 220002, text))
        if thread:
            if self._thread(thread).locked:
                raise RefusedError(error(403, 160005, "Thread is locked"))
            self.threads[thread].archived = False
            return thread
        if self.forum and not name:
            text = (
                "Webhooks posted to forum channels must have a thread_name or thread_id"
            )
            raise RefusedError(error(400, 220001, text))
        if name and not self.forum:
            text = "Webhooks can only create threads in forum channels"
            raise RefusedError(error(400, 220003, text))
        return None if name else CHANNEL

    def _thread(self, id: str) -> Thread:  # noqa: A002 - Discord's word
        thread = self.threads.get(id)
        if thread is None or thread.deleted:
            raise RefusedError(UNKNOWN_CHANNEL)
        return thread

    def _checked(self, asked: Asked) -> Json:
        payload, edit = asked.payload, asked.method == "PATCH"
        if any(len(data) > MAX_FILE for _, data in asked.files.values()):
            raise RefusedError(error(413, 40005, "Request entity too large"))
        names = {place: name for place, (name, _) in asked.files.items()}
        owned = self.application is not None
        if wrong := complaint(payload, edit=edit, files=names, owned=owned):
            raise RefusedError(invalid_form(wrong))
        says_something = payload.get("content") or payload.get("embeds")
        if not (edit or says_something or asked.files):
            raise RefusedError(error(400, 50006, "Cannot send an empty message"))
        everything = json.dumps(payload, ensure_ascii=False).lower()
        if any(word in everything for word in self.moderated):
            text = "Message was blocked by automatic moderation"
            raise RefusedError(error(400, 200000, text))
        if asked.query.get("with_components") == "true" or owned:
            return payload
        return {name: said for name, said in payload.items() if name != "components"}

    def _next_id(self) -> str:
        return str(1300000000000000000 + len(self.messages) + 1000 * len(self.threads))


def invalid_form(wrong: Mapping[str, str]) -> Said:
    """What Discord says to a form that is wrong: the way to each mistake, as a tree."""
    errors: dict[str, Any] = {}
    for path, why in wrong.items():
        place = errors
        for step in path.split("."):
            place = place.setdefault(step, {})
        place.setdefault("_errors", []).append({"code": "INVALID", "message": why})
    return error(400, 50035, "Invalid Form Body", errors=errors)


def too_many(wait: float, scope: str, **headers: str) -> Said:
    """What Discord says to who is too fast."""
    body = {
        "message": "You are being rate limited.",
        "retry_after": round(wait, 3),
        "global": scope == "global",
    }
    said = {**headers, "retry-after": str(math.ceil(wait)), "x-ratelimit-scope": scope}
    return Said(
        status=429,
        body=json.dumps(body).encode(),
        headers={"content-type": "application/json", **said},
    )


def _told(message: Message) -> Said:
    said = {"id": message.id, "type": 0, "channel_id": message.channel}
    return _json(
        {**said, "webhook_id": WEBHOOK, "embeds": message.payload.get("embeds")}
    )


def _json(body: object, status: int = 200) -> Said:
    return Said(
        status=status,
        body=json.dumps(body, ensure_ascii=False).encode(),
        headers={"content-type": "application/json"},
    )


def _pings(payload: Json) -> Iterator[str]:
    """Whom a message calls: only its content can, and only whom it is allowed to."""
    content = payload.get("content") or ""
    allowed = payload.get("allowed_mentions", {}).get("parse", ["users"])
    if "users" in allowed:
        yield from re.findall(r"(?<!\\)<@!?\d+>", content)
    if "roles" in allowed:
        yield from re.findall(r"(?<!\\)<@&\d+>", content)
    if "everyone" in allowed:
        yield from re.findall(r"(?<!\\)@(?:everyone|here)", content)


def _unpacked(
    content_type: str, body: bytes
) -> tuple[Json, dict[str, tuple[str, bytes]]]:
    """The payload, and by ``files[n]`` the name and bytes of each file."""
    if not content_type.startswith("multipart/form-data"):
        return _object(body), {}
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    payload: Json = {}
    files = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        names = dict(re.findall(r'(\w+)="([^"]*)"', head.decode()))
        data = data.removesuffix(b"\r\n")
        if names["name"] == "payload_json":
            payload = _object(data)
        else:
            files[names["name"]] = (names["filename"], data)
    return payload, files


def _object(body: bytes) -> Json:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


UNKNOWN_WEBHOOK = error(404, 10015, "Unknown Webhook")
INVALID_TOKEN = error(401, 50027, "Invalid Webhook Token")
UNKNOWN_CHANNEL = error(404, 10003, "Unknown Channel")
UNKNOWN_MESSAGE = error(404, 10008, "Unknown Message")
