"""
The ntfy channel: a push notification to anyone who subscribes to a topic.

Messages are plain text (``markdown`` is never asked for), so nothing in a prompt can be
more than text.

Sources: ntfy, "Publish as JSON" and "Limitations"; its server reads a JSON publication up
to twice its limit for messages, and makes an attachment of a message that reaches it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from bridge.channels import one_shot
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.info import ChannelInfo, SettingProblem, place_of
from bridge.channels.message import Message
from bridge.channels.one_shot import encoded, post
from bridge.channels.reply import Reply, is_page, readable
from bridge.channels.text import cut, utf8
from bridge.core.delivery import REFUSALS, AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response, json_object

_HOST = "ntfy.sh"
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")


def _problems(settings: Mapping[str, object]) -> Iterator[SettingProblem]:
    host, place = place_of(settings.get("url"))
    before, _, topic = place.partition("?")[0].rstrip("/").rpartition("/")
    if not topic:
        yield "url", f"names no topic: it looks like https://{_HOST}/your-topic"
    elif not _TOPIC.fullmatch(unquote(topic)) or (host == _HOST and before):
        of = "up to 64 letters, digits, - and _"
        text = f"ends in no topic, which is {of}: https://{_HOST}/your-topic"
        yield "url", text


@dataclass(frozen=True, slots=True, kw_only=True)
class NtfyOptions(ChatOptions):
    """
    Options of an ntfy endpoint.

    Attributes:
        token: An access token, for topics that want one.
    """

    token: str | None = field(default=None, repr=False)


# No rate: ntfy itself says when to wait.
INFO = ChannelInfo(
    hosts=(_HOST,),
    options=NtfyOptions,
    ability="notifications with the picture",
    validate=_problems,
)

#: Bytes of a message; at 4,096 ntfy makes a text file of it.
MAX_MESSAGE = 4000
MAX_TITLE = 200
#: Bytes of the whole publication, escapes included.
MAX_BODY = 8192
#: Buttons of a notification.
MAX_ACTIONS = 3
#: Bytes of the URLs that can be opened; the first is there twice, and the text must
#: fit beside them and the picture's.
MAX_LINKS = 2048
#: Bytes of a message when ntfy has taken nothing longer.
SHORT = 500

#: ntfy draws these before the title, so the title itself has no emoji.
_TAGS = {
    "task.submitted": "clock4",
    "task.started": "art",
    "task.progress": "art",
    "task.action_required": "raised_hand",
    "task.succeeded": "white_check_mark",
    "task.failed": "x",
    "task.cancelled": "no_entry_sign",
    "task.lost": "question",
    "task.corrected": "memo",
    "task.archived": "card_index_dividers",
    "endpoint.disabled": "no_bell",
    "endpoint.recovered": "green_heart",
    "upstream.unhealthy": "electric_plug",
    "upstream.recovered": "green_heart",
    "delivery.dead": "skull",
    "archive.full": "file_cabinet",
    "action.refused": "no_entry_sign",
    "action.unknown": "question",
    "rule.limited": "vertical_traffic_light",
}
_LOW, _USUAL, _HIGH = 2, 3, 4
#: What needs attention rings; a step on the way does not.
_PRIORITIES = {
    "task.submitted": _LOW,
    "task.started": _LOW,
    "task.cancelled": _LOW,
    "task.action_required": _HIGH,
    "task.failed": _HIGH,
    "task.lost": _HIGH,
    "endpoint.disabled": _HIGH,
    "upstream.unhealthy": _HIGH,
    "delivery.dead": _HIGH,
    "action.unknown": _HIGH,
}
#: By status: nothing can be published before a person has acted.
_GONE = {
    401: "the token is not valid",
    403: "this topic may not be published to",
    410: "the topic is gone",
}


def deliver(context: DeliveryContext) -> Exchange:
    """Post an event's message, see `bridge.channels.base.Channel`."""
    return one_shot.deliver(
        context,
        partial(_variants, context.endpoint),
        _read,
        platform="ntfy",
        links_limit=MAX_LINKS,
    )


def sample_response(request: Request) -> Response:
    """Answer as ntfy does, see `bridge.channels.base.Channel`."""
    topic = json.loads(request.body)["topic"]
    body = json.dumps({"id": "sPs71M8A2T", "event": "message", "topic": topic})
    return Response(
        status=200,
        headers={"content-type": "application/json"},
        body=body.encode(),
    )


# --- what is published ----------------------------------------------------------------


def _variants(endpoint: Endpoint, message: Message) -> Iterator[Request]:
    """Yield the publication, and what is left of it where ntfy does not take it."""
    server, topic = _place(endpoint.url)
    headers = {}
    if token := NtfyOptions.of(endpoint).token:
        headers["authorization"] = f"Bearer {token}"

    def publishing(publication: dict[str, Any]) -> Request:
        payload = {"topic": topic, **publication}
        return post(endpoint, payload, url=server, headers=headers)

    whole = _publication(message, silent=NtfyOptions.of(endpoint).silent)
    yield publishing(_fitting({**whole, **_links(message)}, topic))
    yield publishing(_fitting(whole, topic))
    yield publishing({**whole, "message": cut(whole["message"], SHORT, utf8)})


def _publication(message: Message, *, silent: bool) -> dict[str, Any]:
    title = message.headline + (f" · {message.duration}" if message.duration else "")
    return {
        "title": cut(title, MAX_TITLE, utf8),
        "message": cut(_text(message), MAX_MESSAGE, utf8),
        "tags": [_TAGS[message.type]],
        "priority": _LOW if silent else _PRIORITIES.get(message.type, _USUAL),
    }


def _fitting(publication: dict[str, Any], topic: str) -> dict[str, Any]:
    """Shorten the message until the publication, escapes and all, is what ntfy reads."""
    made = dict(publication)
    while len(encoded({"topic": topic, **made})) > MAX_BODY:
        made["message"] = cut(made["message"], utf8(made["message"]) * 9 // 10, utf8)
    return made


def _links(message: Message) -> dict[str, Any]:
    """Attach the picture, and lead to what can be opened."""
    made: dict[str, Any] = {}
    if links := message.leads(MAX_ACTIONS):
        made["click"] = links[0][1]
        made["actions"] = [
            {"action": "view", "label": label, "url": url} for label, url in links
        ]
    if message.public_picture:
        made["attach"] = message.public_picture
        made["filename"] = _filename(message.task_id, message.public_picture)
    return made


def _filename(task_id: str, url: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "", task_id)[:64]
    ending = urlsplit(url).path.rpartition(".")[2].lower()
    known = ending if ending in {"png", "jpg", "jpeg", "gif", "webp"} else "png"
    return f"mj_{plain}.{known}"


def _text(message: Message) -> str:
    parts = (
        message.prompt,
        message.result,
        message.labelled_reason,
        message.labelled_steps,
        *message.notes,
        message.foot,
    )
    return "\n\n".join(part for part in parts if part)


def _place(url: str) -> tuple[str, str]:
    """Take a topic's URL apart: where the server takes publications as JSON, the topic."""
    parts = urlsplit(url)
    root, _, topic = parts.path.rstrip("/").rpartition("/")
    server = urlunsplit((parts.scheme, parts.netloc, f"{root}/", parts.query, ""))
    return server, unquote(topic)


# --- replies --------------------------------------------------------------------------


def _read(response: Response) -> Reply:
    status = response.status or 0
    error = _error(response.body)
    detail = f"ntfy answered HTTP {status}" + (f": {error}" if error else "")
    if 200 <= status < 300:
        if is_page(response):
            detail = f"HTTP {status} with a web page: this is not ntfy"
            return Reply(result=AttemptResult.FAILED, detail=detail)
        return Reply(result=AttemptResult.DELIVERED)
    if why := _GONE.get(status):
        return Reply(result=AttemptResult.GONE, detail=f"{why} ({detail})")
    if status in REFUSALS:
        return Reply(
            result=AttemptResult.PERMANENT_FAILURE, detail=detail, fallback=True
        )
    return Reply(result=AttemptResult.FAILED, detail=detail)


def _error(body: bytes) -> str:
    """Return ntfy's own words; its ``link`` is left out."""
    error = json_object(body).get("error")
    return readable(str(error or "").encode(errors="replace"))[:200]
