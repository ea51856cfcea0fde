"""
A stand-in for Telegram's Bot API, as far as messages go.

Enforced: the token, the chat and its topic, the bot's rights, markup, lengths as they are
counted there (UTF-16, after the markup was read), which method changes which message, sizes
and kinds of uploads, URLs of pictures and buttons, and the rate of a group.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from email.policy import HTTP
from ipaddress import ip_address
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from tests.platforms.loopback import Asked, Said
from tests.platforms.telegram_rules import Read, Unreadable, read, units

TOKEN = "123456789:not-a-real-token-of-any-bot"
CHAT = -1001234567890

Json: TypeAlias = dict[str, Any]

_COMMON = {"chat_id", "message_thread_id", "disable_notification", "reply_parameters"}
_MARKED = {"parse_mode", "reply_markup"}
_PARAMETERS: Mapping[str, set[str]] = {
    "sendMessage": {"text", "link_preview_options", *_COMMON, *_MARKED},
    "sendPhoto": {"photo", "caption", *_COMMON, *_MARKED},
    "editMessageText": {
        "chat_id",
        "message_id",
        "text",
        "link_preview_options",
        *_MARKED,
    },
    "editMessageCaption": {"chat_id", "message_id", "caption", *_MARKED},
    "editMessageMedia": {"chat_id", "message_id", "media", "reply_markup"},
    "deleteMessage": {"chat_id", "message_id"},
    "getChat": {"chat_id"},
    "setWebhook": {"url", "secret_token", "allowed_updates"},
    "deleteWebhook": set(),
    "getWebhookInfo": set(),
    "answerCallbackQuery": {"callback_query_id", "text", "show_alert", "url"},
}
#: What has to do with clicks, and with no chat.
_OF_CLICKS = {"setWebhook", "deleteWebhook", "getWebhookInfo", "answerCallbackQuery"}
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")


class Refused(Exception):  # noqa: N818 - it is what happened to a call
    """A call is refused, in Telegram's words."""

    def __init__(self, code: int, words: str, **parameters: int) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words
        self.parameters = parameters


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a message looked like at one time."""

    text: str
    marks: tuple[tuple[str, str], ...] = ()
    photo: str | bytes | None = field(default=None, repr=False)
    buttons: tuple[tuple[str, str], ...] = ()
    preview: str | None = None


@dataclass(kw_only=True)
class Message:
    """A message in a chat, with what it looked like before."""

    id: int
    chat: int
    thread: int | None
    silent: bool
    reply_to: int | None
    history: list[Look]
    deleted: bool = False

    @property
    def look(self) -> Look:
        return self.history[-1]

    @property
    def text(self) -> str:
        return self.look.text


@dataclass(kw_only=True)
class Telegram:
    """
    Telegram, with one bot in one chat.

    Attributes:
        topics: Of the forum that the chat is; empty if it is none.

        revoked: Whether the bot's token was revoked.

        barred: What the bot is told when it writes there; the code, and the words.

        moved_to: The supergroup that the group has become.

        photos: Whether the bot may send pictures.

        fetchable: Whether Telegram can fetch a picture from a URL; a word of its own for
            why it cannot.

        most_per_minute: Messages and edits in the chat; ``None`` for no limit.

        faults: Answers that come first, before anything is looked at.

        losing: Answers still to be lost after what was asked for has been done.

        messages: Everything that was ever posted.

        webhook: Where clicks go, as it was told.

        read_into: What Telegram has found in texts by itself: nobody means that to be.
    """

    base: str = "https://api.telegram.org"
    chats: set[int] = field(default_factory=lambda: {CHAT})
    topics: set[int] = field(default_factory=set)
    revoked: bool = False
    barred: tuple[int, str] | None = None
    moved_to: int | None = None
    photos: bool = True
    media_into_texts: bool = True
    fetchable: Callable[[str], str | None] | None = None
    most_per_minute: int | None = None
    clock: Callable[[], float] = time.monotonic
    faults: deque[Said] = field(default_factory=deque)
    losing: int = 0
    messages: list[Message] = field(default_factory=list)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    read_into: list[tuple[str, str]] = field(default_factory=list)
    webhook: Json = field(default_factory=dict)
    _seen: deque[float] = field(default_factory=deque)

    @property
    def url(self) -> str:
        """What the operator configures."""
        return f"{self.base}/bot{TOKEN}"

    @property
    def shown(self) -> list[Message]:
        """What a person sees in the chat."""
        return [message for message in self.messages if not message.deleted]

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    def refuse_once(self, code: int, words: str, **parameters: int) -> None:
        """Refuse the next call, whatever it is."""
        self.faults.append(_no(code, words, parameters))

    # --- what it does -----------------------------------------------------------------

    def answer(self, asked: Asked) -> Said:
        """Take one call."""
        place, _, method = asked.path.removeprefix("/").partition("/")
        if self.faults:
            return self.faults.popleft()
        try:
            self._admit(place, method)
            body = _body(asked)
            self.calls.append((method, body))
            result = self._do(method, body)
        except Refused as refused:
            self.refusals.append((refused.code, refused.words))
            return _no(refused.code, refused.words, refused.parameters)
        if self.losing:
            self.losing -= 1
            return Said(lost=True)
        return _said(200, {"ok": True, "result": result})

    def _admit(self, place: str, method: str) -> None:
        if place != f"bot{TOKEN}" or method not in _PARAMETERS:
            raise Refused(404, "Not Found")
        if self.revoked:
            raise Refused(401, "Unauthorized")

    def _do(self, method: str, body: Json) -> Any:
        if unknown := body.keys() - _PARAMETERS[method] - {"photo"}:
            msg = f"nobody knows {unknown}"
            raise AssertionError(msg)
        if method in _OF_CLICKS:
            return self._of_clicks(method, body)
        chat = body.get("chat_id")
        if self.moved_to is not None and chat != self.moved_to:
            raise Refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.moved_to,
            )
        if chat not in self.chats | {self.moved_to}:
            raise Refused(400, "Bad Request: chat not found")
        if method == "getChat":
            return {"id": chat, "type": "supergroup", "title": "Art"}
        if self.barred is not None:
            raise Refused(*self.barred)
        if method == "deleteMessage":
            self._find(body, "message to delete not found").deleted = True
            return True
        self._count()
        if method.startswith("send"):
            return self._send(method, body)
        return self._edit(method, body)

    def _of_clicks(self, method: str, body: Json) -> Any:
        if method == "getWebhookInfo":
            return {"url": self.webhook.get("url", "")}
        if method != "answerCallbackQuery":
            self.webhook = body
        return True

    def _send(self, method: str, body: Json) -> Json:
        thread = body.get("message_thread_id")
        if thread is not None and thread not in self.topics:
            raise Refused(400, "Bad Request: message thread not found")
        if method == "sendPhoto":
            look = self._photo(body.get("photo"), body)
        else:
            look = self._words(body)
        reply = body.get("reply_parameters")
        if reply and not self._is_there(reply["message_id"]):
            if not reply.get("allow_sending_without_reply"):
                raise Refused(400, "Bad Request: message to be replied not found")
            reply = None
        message = Message(
            id=1000 + len(self.messages) + 1,
            chat=body["chat_id"],
            thread=thread,
            silent=bool(body.get("disable_notification")),
            reply_to=reply["message_id"] if reply else None,
            history=[look],
        )
        self.messages.append(message)
        return {
            "message_id": message.id,
            "chat": {"id": message.chat},
            "text": look.text,
        }

    def _edit(self, method: str, body: Json) -> Json:
        message = self._find(body, "message to edit not found")
        before = message.look
        if method == "editMessageText":
            if before.photo is not None:
                raise Refused(
                    400, "Bad Request: there is no text in the message to edit"
                )
            look = self._words(body)
        elif method == "editMessageCaption":
            if before.photo is None:
                raise Refused(
                    400, "Bad Request: there is no caption in the message to edit"
                )
            look = self._look(body.get("caption", ""), 1024, body, photo=before.photo)
        else:
            if before.photo is None and not self.media_into_texts:
                raise Refused(
                    400, "Bad Request: there is no media in the message to edit"
                )
            media = body["media"]
            assert media.keys() <= {"type", "media", "caption", "parse_mode"}
            source = media["media"]
            if source.startswith("attach://"):
                source = body.get(source.removeprefix("attach://"))
            both = {**media, "reply_markup": body.get("reply_markup")}
            look = self._photo(source, both)
        if look == before:
            raise Refused(
                400,
                "Bad Request: message is not modified: specified new message content and "
                "reply markup are exactly the same",
            )
        message.history.append(look)
        return {"message_id": message.id, "chat": {"id": message.chat}}

    # --- what a message looks like ----------------------------------------------------

    def _words(self, body: Json) -> Look:
        preview = body.get("link_preview_options", {})
        url = None if preview.get("is_disabled") else preview.get("url")
        return self._look(body.get("text", ""), 4096, body, preview=url)

    def _photo(self, photo: Any, body: Json) -> Look:
        if not self.photos:
            raise Refused(
                400, "Bad Request: not enough rights to send photos to the chat"
            )
        if isinstance(photo, bytes):
            if len(photo) > 10 << 20:
                raise Refused(413, "Request Entity Too Large")
            if not photo.startswith(_MAGIC):
                raise Refused(400, "Bad Request: IMAGE_PROCESS_FAILED")
        elif not isinstance(photo, str) or not photo:
            raise Refused(400, "Bad Request: there is no photo in the request")
        elif why := (self.fetchable or _unfetchable)(photo):
            raise Refused(400, f"Bad Request: {why}")
        return self._look(body.get("caption", ""), 1024, body, photo=photo)

    def _look(
        self,
        markup: str,
        most: int,
        body: Json,
        *,
        photo: str | bytes | None = None,
        preview: str | None = None,
    ) -> Look:
        assert body.get("parse_mode") == "HTML"
        try:
            seen: Read = read(markup)
        except Unreadable as wrong:
            raise Refused(400, f"Bad Request: can't parse entities: {wrong}") from None
        if units(seen.text) > most:
            what = "message caption" if most == 1024 else "message"
            raise Refused(400, f"Bad Request: {what} is too long")
        if not seen.text.strip() and photo is None:
            raise Refused(400, "Bad Request: message text is empty")
        self.read_into += seen.found
        rows = (body.get("reply_markup") or {}).get("inline_keyboard", [])
        every = [one for row in rows for one in row]
        if any(len(row) > 8 for row in rows) or any(not one["text"] for one in every):
            raise Refused(400, "Bad Request: BUTTON_INVALID")
        for one in every:
            if not 1 <= len(one.get("callback_data", "url").encode()) <= 64:
                raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        buttons = tuple((one["text"], one["url"]) for one in every if "url" in one)
        for _, url in buttons:
            if urlsplit(url).scheme not in {"http", "https"}:
                raise Refused(400, "Bad Request: BUTTON_URL_INVALID")
        return Look(
            text=seen.text,
            marks=seen.marks,
            photo=photo,
            buttons=buttons,
            preview=preview,
        )

    # --- inside -----------------------------------------------------------------------

    def _is_there(self, number: int) -> bool:
        return any(one.id == number for one in self.shown)

    def _find(self, body: Json, words: str) -> Message:
        for message in self.shown:
            if message.id == body.get("message_id") and message.chat == body["chat_id"]:
                return message
        raise Refused(400, f"Bad Request: {words}")

    def _count(self) -> None:
        if self.most_per_minute is None:
            return
        now = self.clock()
        while self._seen and self._seen[0] <= now - 60:
            self._seen.popleft()
        if len(self._seen) >= self.most_per_minute:
            wait = max(1, round(self._seen[0] + 60 - now + 0.5))
            raise Refused(
                429, f"Too Many Requests: retry after {wait}", retry_after=wait
            )
        self._seen.append(now)


def _unfetchable(url: str) -> str | None:
    """Say in Telegram's words why it cannot fetch a picture."""
    host = urlsplit(url).hostname or ""
    if urlsplit(url).scheme not in {"http", "https"} or "." not in host:
        return "wrong file identifier/HTTP URL specified"
    try:
        if not ip_address(host).is_global:
            return "wrong HTTP URL specified"
    except ValueError:
        pass
    if "404" in url or not url.isascii() or " " in url:
        return "failed to get HTTP URL content"
    return None


def _body(asked: Asked) -> Json:
    kind = asked.headers.get("content-type", "")
    if kind == "application/json":
        found: Json = json.loads(asked.body)
        return found
    assert kind.startswith("multipart/form-data; boundary="), kind
    edge = b"--" + kind.partition("boundary=")[2].encode()
    first, *parts, end = asked.body.split(edge)
    assert (first, end) == (b"", b"--\r\n")
    found = {}
    for part in parts:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = HeaderParser(policy=HTTP).parsestr(head.decode())
        name = str(headers.get_param("name", header="content-disposition"))
        value = data.removesuffix(b"\r\n")
        if headers.get_filename() is not None:
            found[name] = value
        elif name in {"caption", "parse_mode", "photo"}:
            found[name] = value.decode()
        else:
            found[name] = json.loads(value)
    return found


def _no(code: int, words: str, parameters: Mapping[str, int]) -> Said:
    body: Json = {"ok": False, "error_code": code, "description": words}
    if parameters:
        body["parameters"] = dict(parameters)
    return _said(code, body)


def _said(status: int, body: Json) -> Said:
    return Said(
        status=status,
        headers={"content-type": "application/json"},
        body=json.dumps(body).encode(),
    )
