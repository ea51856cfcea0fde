"""
Feishu, and Lark, which is the same outside of China: a card in a group, by a custom robot.

Untrusted text goes into ``plain_text``, in which Feishu reads neither tags like
``<at id=all></at>`` nor markdown. A picture can only be shown by apps, with an uploaded
``image_key``; so there is a button that opens it.

Source: open.feishu.cn, "Custom bot usage guide" (自定义机器人使用指南) and "Card JSON 2.0".
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from bridge.channels import robot_codes
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.endpoint_options import RobotOptions
from bridge.channels.info import ChannelInfo, url_like
from bridge.channels.message import Message
from bridge.channels.one_shot import post
from bridge.channels.reply import Reply
from bridge.channels.robot_codes import (
    BUSY,
    NO_KEYWORD,
    NO_ROBOT,
    TOO_FAST,
    UNFIT,
    UNKNOWN,
    UNLISTED,
    UNSIGNED,
)
from bridge.channels.text import fit, json_size
from bridge.core.endpoint import Rate
from bridge.core.event_data import Json
from bridge.core.http import Request, Response

_HOSTS = ("open.feishu.cn", "open.larksuite.com")

INFO = ChannelInfo(
    hosts=_HOSTS,
    aliases=("lark",),
    options=RobotOptions,
    rate=Rate(per_second=1.5, burst=3.0),  # 5/s and 100/min
    ability="cards with a link to the picture",
    validate=url_like(
        _HOSTS,
        r"/open-apis/bot/(?:v2/)?hook/[^/?]+.*",
        "a robot's: they look like https://open.feishu.cn/open-apis/bot/v2/hook/<key>",
    ),
)

#: Bytes of a whole body. Feishu refuses more than 20 KB, and counts what it adds.
MAX_BODY = 18_000
#: Bytes that the parts may have of them, as they are in the body.
_MAX_PROMPT = 4_500
_MAX_RESULT = 4_500
_MAX_REASON = 1_500
_MAX_LINKS = 4_000

_COLOURS = {
    "task.submitted": "grey",
    "task.started": "blue",
    "task.progress": "blue",
    "task.action_required": "yellow",
    "task.succeeded": "green",
    "task.failed": "red",
    "task.cancelled": "grey",
    "task.lost": "orange",
    "task.corrected": "purple",
    "task.archived": "green",
    "endpoint.disabled": "red",
    "endpoint.recovered": "green",
    "upstream.unhealthy": "red",
    "upstream.recovered": "green",
    "delivery.dead": "red",
    "archive.full": "orange",
    "action.refused": "orange",
    "action.unknown": "yellow",
    "rule.limited": "yellow",
}

_REPLIES = {
    19001: NO_ROBOT,
    19021: UNSIGNED,
    19022: UNLISTED,
    19024: NO_KEYWORD,
    9499: UNFIT,
    10002: UNFIT,
    19002: UNFIT,
    19003: UNFIT,
    11246: UNFIT,  # a card that it cannot read
    230099: UNFIT,  # the same, in newer words
    200621: UNFIT,
    # At full and half hours, when every reminder rings, the slowest get this.
    11232: TOO_FAST,
    99991400: TOO_FAST,
    11233: BUSY,
}


def deliver(context: DeliveryContext) -> Exchange:
    """Post an event's message; see `bridge.channels.base.Channel.deliver`."""
    return robot_codes.deliver(
        context, partial(_variants, context), _PLATFORM, links_limit=_MAX_LINKS
    )


def sample_response(request: Request) -> Response:  # noqa: ARG001 - every message is answered the same
    """Answer as Feishu does when all is well."""
    body = {
        "StatusCode": 0,
        "StatusMessage": "success",
        "code": 0,
        "data": {},
        "msg": "success",
    }
    return Response(status=200, body=json.dumps(body).encode())


def sign(secret: str, *, at: int) -> str:
    """Sign a second: the key is the text, and the message is empty."""
    key = f"{at}\n{secret}".encode()
    return b64encode(hmac.digest(key, b"", "sha256")).decode()


def _reply_of(code: int, text: str, headers: Mapping[str, str]) -> Reply:  # noqa: ARG001 - Feishu's codes are enough
    reply = _REPLIES.get(code, UNKNOWN)
    reset = headers.get("x-ogw-ratelimit-reset", "")
    if reply.retry_after is not None and reset.isascii() and reset.isdigit():
        return replace(reply, retry_after=max(1.0, float(reset[:6])))
    return reply


#: Older robots answer with a ``StatusCode`` only.
_PLATFORM = robot_codes.Platform(
    name="Feishu",
    codes=("code", "StatusCode"),
    texts=("msg", "StatusMessage"),
    reply_of=_reply_of,
)


def _variants(context: DeliveryContext, message: Message) -> Iterator[Request]:
    yield _request(context, {"msg_type": "interactive", "card": _card(message)})
    yield _request(
        context,
        {"msg_type": "post", "content": {"post": {_place(context): _post(message)}}},
    )


def _request(context: DeliveryContext, payload: dict[str, Json]) -> Request:
    secret, at = RobotOptions.of(context.endpoint).secret, int(context.now)
    if secret:
        payload = {"timestamp": str(at), "sign": sign(secret, at=at), **payload}
    return post(context.endpoint, payload)


def _parts(message: Message) -> tuple[str, ...]:
    """What there is to read, in the order of reading."""
    return (
        *message.notes,
        fit(message.labelled_reason, _MAX_REASON, measure=json_size),
        fit(message.prompt, _MAX_PROMPT, measure=json_size),
        fit(message.result, _MAX_RESULT, measure=json_size),
        message.labelled_steps,
    )


# --- the card -------------------------------------------------------------------------


def _card(message: Message) -> dict[str, Json]:
    elements: list[Json] = [
        {"tag": "div", "text": _plain(text)} for text in _parts(message) if text
    ]
    elements += _buttons(message)
    # Which text of a card Feishu seeks the keyword in is not documented: it is in both.
    foot = " · ".join(part for part in (message.foot, message.keyword) if part)
    small: dict[str, Json] = {"text_size": "notation", "text_color": "grey"}
    elements.append({"tag": "div", "text": {**_plain(foot), **small}})
    return {
        "schema": "2.0",
        "header": {
            "template": _COLOURS[message.type],
            "title": _plain(message.head),
        },
        "body": {"elements": elements},
    }


def _plain(text: str) -> dict[str, Json]:
    return {"tag": "plain_text", "content": text}


def _buttons(message: Message) -> list[Json]:
    """One button on its own; several side by side, which takes columns."""
    made: list[Json] = [
        {
            "tag": "button",
            "text": _plain(label),
            "type": "default" if n else "primary",
            "behaviors": [{"type": "open_url", "default_url": url}],
        }
        for n, (label, url) in enumerate(message.leads())
    ]
    if len(made) < 2:
        return made
    columns: list[Json] = [
        {"tag": "column", "width": "auto", "elements": [button]} for button in made
    ]
    return [{"tag": "column_set", "flex_mode": "flow", "columns": columns}]


# --- simpler: a post, whose texts are as plain as a card's -----------------------------


def _place(context: DeliveryContext) -> str:
    return "zh_cn" if RobotOptions.of(context.endpoint).language == "zh" else "en_us"


def _post(message: Message) -> dict[str, Json]:
    lines: list[Json] = [
        [{"tag": "text", "text": text}]
        for text in (*_parts(message), message.foot)
        if text
    ]
    lines += [
        [{"tag": "a", "text": label, "href": url}] for label, url in message.leads()
    ]
    return {"title": message.head, "content": lines}
