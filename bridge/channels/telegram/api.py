"""
The Bot API: those of its methods that are used, as requests.

A message is either a text or a picture with a caption, and which of the two it is decides
by which method it is changed.

Source: Telegram Bot API, "Available methods", "Updating messages" and "Sending files".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from urllib.parse import urlsplit

from bridge.channels.message import MessageButton
from bridge.channels.picture import form
from bridge.channels.reply import MAX_REPLY
from bridge.channels.telegram.payload import Content, TelegramOptions
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import USER_AGENT, File, Request, Response, with_own

#: The topic "General" of a forum is the chat itself, and not to be named.
_GENERAL = "1"
_A_PIXEL = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01"
_PLACE = "photo"
#: ``/test`` leads to Telegram's test environment.
_METHOD = r"(?:/(?!test/?$)[A-Za-z]+)?/?"
_BOT = re.compile(rf"(?P<bot>/bot\d+(?::|%3[Aa])[^/]+(?:/test)?){_METHOD}")
#: A proxy may have a path before it, and a token of its own.
_BOT_ANYWHERE = re.compile(rf"(?P<bot>.*/bot[^/]+(?:/test)?){_METHOD}")


def chat_of(endpoint: Endpoint) -> str:
    """Return the chat that an endpoint's messages go to."""
    return TelegramOptions.of(endpoint).chat_id


def post(
    endpoint: Endpoint, content: Content, *, silent: bool, reply_to: int = 0
) -> Request:
    """Post a message; as a reply to another one, if its id is given."""
    body: dict[str, Json] = {"chat_id": chat(endpoint)}
    thread = TelegramOptions.of(endpoint).thread_id or ""
    if thread and thread != _GENERAL:
        body["message_thread_id"] = int(thread) if thread.isdecimal() else thread
    if silent:
        body["disable_notification"] = True
    if reply_to:
        # If the message was deleted in between, the end is delivered all the same.
        body["reply_parameters"] = {
            "message_id": reply_to,
            "allow_sending_without_reply": True,
        }
    if content.photo is None:
        return call(endpoint, "sendMessage", {**body, **_text(content)})
    caption: dict[str, Json] = {"caption": content.text, "parse_mode": "HTML"}
    body |= {**caption, **_links(content)}
    if isinstance(content.photo, File):
        return _upload(endpoint, "sendPhoto", body, content.photo)
    return call(endpoint, "sendPhoto", {**body, "photo": content.photo})


def edit(endpoint: Endpoint, content: Content, *, id: int, photo: bool) -> Request:  # noqa: A002 - Telegram's word
    """
    Change a message.

    Args:
        id: Which.

        photo: Whether it is a picture until now. One that is stays one: without another
            picture, its caption is changed.
    """
    body: dict[str, Json] = {"chat_id": chat(endpoint), "message_id": id}
    if content.photo is None and not photo:
        return call(endpoint, "editMessageText", {**body, **_text(content)})
    caption: dict[str, Json] = {"caption": content.text, "parse_mode": "HTML"}
    body |= _links(content)
    if content.photo is None:
        return call(endpoint, "editMessageCaption", {**body, **caption})
    if isinstance(content.photo, File):
        media: dict[str, Json] = {"type": "photo", "media": f"attach://{_PLACE}"}
        body["media"] = {**media, **caption}
        return _upload(endpoint, "editMessageMedia", body, content.photo)
    body["media"] = {"type": "photo", "media": content.photo, **caption}
    return call(endpoint, "editMessageMedia", body)


def delete(endpoint: Endpoint, *, id: int) -> Request:  # noqa: A002 - Telegram's word
    """Delete a message."""
    body: dict[str, Json] = {"chat_id": chat(endpoint), "message_id": id}
    return call(endpoint, "deleteMessage", body)


def probe(endpoint: Endpoint) -> Request:
    """Make a request that finds out whether a bot is let into a chat, and changes nothing."""
    return call(endpoint, "getChat", {"chat_id": chat(endpoint)})


def sample_response(request: Request) -> Response:
    """Answer as Telegram does; see `bridge.channels.base.Channel`."""
    if request.method == "GET":
        headers = {"content-type": "image/png"}
        return Response(status=200, headers=headers, body=_A_PIXEL)
    method = urlsplit(request.url).path.rpartition("/")[2]
    result: Json = True if method == "deleteMessage" else {"message_id": 1001}
    body = json.dumps({"ok": True, "result": result})
    return Response(status=200, body=body.encode())


def chat(endpoint: Endpoint) -> Json:
    """Return the chat as the Bot API takes it."""
    name = chat_of(endpoint)
    return int(name) if re.fullmatch(r"-?\d{1,18}", name, re.ASCII) else name


def _text(content: Content) -> dict[str, Json]:
    preview: dict[str, Json] = {"is_disabled": True}
    if content.preview:
        preview = {
            "url": content.preview,
            "prefer_large_media": True,
            "show_above_text": True,
        }
    return {
        "text": content.text,
        "parse_mode": "HTML",
        "link_preview_options": preview,
        **_links(content),
    }


def _links(content: Content) -> dict[str, Json]:
    """Make the buttons: those that are pressed, then one of each link, two in a row."""
    if not content.links and not content.buttons:
        return {}
    rows = pressed_rows(content.buttons)
    links: list[Json] = [{"text": label, "url": url} for label, url in content.links]
    rows += [links[n : n + 2] for n in range(0, len(links), 2)]
    return {"reply_markup": {"inline_keyboard": rows}}


def pressed_rows(rows: Sequence[Sequence[MessageButton]]) -> list[Json]:
    """
    Make the buttons that are pressed.

    Telegram has no form in which to ask for a prompt: such a button leads to the page, if
    there is one.
    """
    made: list[list[Json]] = [
        [
            {"text": one.label, "url": one.page}
            if one.asks
            else {"text": one.label, "callback_data": one.token}
            for one in row
            if one.page or not one.asks
        ]
        for row in rows
    ]
    return [row for row in made if row]


def call(endpoint: Endpoint, method: str, body: Mapping[str, Json]) -> Request:
    """Call a method of the Bot API."""
    text = json.dumps(body, ensure_ascii=False)
    return _request(endpoint, method, "application/json", text.encode(errors="replace"))


def _upload(
    endpoint: Endpoint, method: str, body: Mapping[str, Json], file: File
) -> Request:
    """Make a form of a call: values that are not texts are written as JSON."""
    fields = {
        name: (value if isinstance(value, str) else _json(value)).encode(
            errors="replace"
        )
        for name, value in body.items()
    }
    digest = sha256(b"".join(fields.values())).hexdigest()
    content_type, packed = form(fields, _PLACE, file, boundary=f"mjb{digest[:24]}")
    return _request(endpoint, method, content_type, packed)


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def native_of_bot(
    endpoint: Endpoint, endpoints: Sequence[Endpoint]
) -> Sequence[Endpoint]:
    """Return the endpoint and, of some others, those with buttons whose clicks its bot gets, too."""
    bot = bot_of(endpoint.url) or endpoint.url
    others = [
        one
        for one in endpoints
        if one.name != endpoint.name
        and one.kind == endpoint.kind
        and TelegramOptions.of(one).buttons == "native"
        and (bot_of(one.url) or one.url) == bot
    ]
    return [endpoint, *others]


def bot_of(url: str) -> str | None:
    """
    Find a bot from what people paste: its address, or one of its methods with a query.

    Returns:
        What every method is appended to; ``None`` if the URL names no bot. Never raises.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    official = (parts.hostname or "").rstrip(".") == "api.telegram.org"
    found = (_BOT if official else _BOT_ANYWHERE).fullmatch(parts.path)
    return f"{parts.scheme}://{parts.netloc}{found['bot']}" if found else None


def _request(
    endpoint: Endpoint, method: str, content_type: str, body: bytes
) -> Request:
    headers = {"content-type": content_type, "user-agent": USER_AGENT}
    return Request(
        url=f"{bot_of(endpoint.url) or endpoint.url.rstrip('/')}/{method}",
        body=body,
        headers=with_own(headers, endpoint.headers),
        max_bytes=MAX_REPLY,
    )
