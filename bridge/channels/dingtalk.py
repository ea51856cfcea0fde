"""
DingTalk: markdown with the picture in it, by a group's custom robot.

Untrusted text is defanged, because DingTalk's markdown knows no escapes. Nobody is mentioned:
that takes the ``at`` object, which is ours.

Source: open.dingtalk.com, "Custom robot access" (自定义机器人接入) and its table of errors.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

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
    SWITCHED_OFF,
    TOO_FAST,
    UNFIT,
    UNKNOWN,
    UNLISTED,
    UNSIGNED,
)
from bridge.channels.text import cut, defang, defang_line, fit, json_size, utf16
from bridge.channels.urls import in_parentheses
from bridge.core.delivery import AttemptResult
from bridge.core.event_data import Json
from bridge.core.http import Request, Response

_HOSTS = ("oapi.dingtalk.com",)

INFO = ChannelInfo(
    hosts=_HOSTS,
    options=RobotOptions,
    rate=robot_codes.TWENTY_A_MINUTE,
    ability="messages with the picture",
    validate=url_like(
        _HOSTS,
        r"/robot/send\?(?:.*&)?access_token=[^&]+.*",
        "a robot's: they look like https://oapi.dingtalk.com/robot/send?access_token=<token>",
    ),
)

#: Bytes of a whole body. "message too long, exceed 20000 bytes".
MAX_BODY = 18_000
#: Bytes that the parts may have of them, as they are in the body.
_MAX_PROMPT = 4_500
_MAX_RESULT = 4_500
_MAX_REASON = 1_500
_MAX_LINKS = 2_100
#: UTF-16 units of the title, which is what a locked screen shows.
_MAX_TITLE = 80
#: A robot that sends more than 20 in a minute is shut out for ten.
_SHUT_OUT = replace(TOO_FAST, retry_after=600.0)

_REPLIES = {
    -1: BUSY,
    130101: _SHUT_OUT,
    410100: _SHUT_OUT,
    90030: TOO_FAST,
    300005: NO_ROBOT,
    400013: Reply(result=AttemptResult.GONE, detail="the group was dissolved"),
    400101: NO_ROBOT,
    400102: SWITCHED_OFF,
    400106: NO_ROBOT,
    400105: UNFIT,
    40035: UNFIT,
    430101: UNFIT,  # a link that it holds to be unsafe
    430102: UNFIT,  # a text that it holds to be improper
    430103: UNFIT,  # a picture
    430104: UNFIT,
    460101: UNFIT,  # too long
}
#: 310000 stands for each of the three ways to guard a robot; the text says which it was.
_GUARDS = (
    (("keyword", "关键词"), NO_KEYWORD),
    (("timestamp", "时间戳", "sign", "签名"), UNSIGNED),
    (("whitelist", "白名单", "ip "), UNLISTED),
)


def deliver(context: DeliveryContext) -> Exchange:
    """Post an event's message; see `bridge.channels.base.Channel.deliver`."""
    return robot_codes.deliver(
        context, partial(_variants, context), _PLATFORM, links_limit=_MAX_LINKS
    )


def sample_response(request: Request) -> Response:  # noqa: ARG001 - every message is answered the same
    """Answer as DingTalk does when all is well."""
    return Response(status=200, body=b'{"errcode":0,"errmsg":"ok"}')


def sign(secret: str, *, at_ms: int) -> str:
    """Sign a millisecond; the result is not encoded for a URL yet."""
    signed = hmac.digest(secret.encode(), f"{at_ms}\n{secret}".encode(), "sha256")
    return b64encode(signed).decode()


def _reply_of(code: int, text: str, headers: Mapping[str, str]) -> Reply:  # noqa: ARG001 - it has no headers of its own
    if code != 310000:
        return _REPLIES.get(code, UNKNOWN)
    for marks, reply in _GUARDS:
        if any(mark in text.lower() for mark in marks):
            return reply
    why = "the robot's security settings refuse us: mend them, then resume"
    return Reply(result=AttemptResult.GONE, detail=why)


_PLATFORM = robot_codes.Platform(
    name="DingTalk", codes=("errcode",), texts=("errmsg",), reply_of=_reply_of
)


def _variants(context: DeliveryContext, message: Message) -> Iterator[Request]:
    yield _request(context, _markdown(message, rich=True))
    # What it holds against a message is most often a picture or a link in it.
    yield _request(context, _markdown(message, rich=False))
    yield _request(context, {"msgtype": "text", "text": {"content": _text(message)}})


def _request(context: DeliveryContext, payload: dict[str, Json]) -> Request:
    nobody: dict[str, Json] = {
        "at": {"atMobiles": [], "atUserIds": [], "isAtAll": False}
    }
    return post(context.endpoint, {**payload, **nobody}, url=_signed(context))


def _signed(context: DeliveryContext) -> str:
    """Return the robot's URL with time and signature, each encoded once."""
    url, secret = context.endpoint.url, RobotOptions.of(context.endpoint).secret
    if not secret:
        return url
    place, _, query = url.partition("#")[0].partition("?")
    pairs = [
        pair
        for pair in query.split("&")
        if pair and pair.partition("=")[0] not in {"timestamp", "sign"}
    ]
    at_ms = int(context.now * 1000)
    pairs += [
        f"timestamp={at_ms}",
        f"sign={quote(sign(secret, at_ms=at_ms), safe='')}",
    ]
    return f"{place}?{'&'.join(pairs)}"


# --- the message ----------------------------------------------------------------------


def _markdown(message: Message, *, rich: bool) -> dict[str, Json]:
    parts = [
        f"#### {_head(message)}",
        *message.notes,
        fit(message.labelled_reason, _MAX_REASON, defang_line, json_size),
        fit(message.prompt, _MAX_PROMPT, _quote, json_size),
        fit(message.result, _MAX_RESULT, _quote, json_size),
    ]
    if rich and message.public_picture:
        parts.append(f"![Midjourney]({in_parentheses(message.public_picture)})")
    parts.append(defang(message.labelled_steps))
    if rich:
        links = (f"[{label}]({in_parentheses(url)})" for label, url in message.leads())
        parts.append(" · ".join(links))
    parts.append(defang(message.foot))
    text = "\n\n".join(part for part in parts if part)
    return {"msgtype": "markdown", "markdown": {"title": _title(message), "text": text}}


def _head(message: Message) -> str:
    """The headline; the keyword in it stays as it is, or DingTalk would not find it."""
    title = message.title
    return message.head.removesuffix(title) + defang(title)


def _title(message: Message) -> str:
    """What a locked screen shows: plain text, with as much of the prompt as fits."""
    left = _MAX_TITLE - utf16(message.head)
    about = defang_line(message.reason or message.prompt)
    if left < 12 or not about:
        return message.head
    return f"{message.head}{message.strings.colon}{cut(about, left)}"


def _quote(text: str) -> str:
    lines = [one.strip() for one in defang(text).split("\n")]
    # Two spaces at its end keep a line a line.
    return "  \n".join(f"> {one}" for one in lines) if text else ""


def _text(message: Message) -> str:
    parts = (
        _head(message),
        *message.notes,
        fit(message.labelled_reason, _MAX_REASON, defang_line, json_size),
        fit(message.prompt, _MAX_PROMPT, defang, json_size),
        fit(message.result, _MAX_RESULT, defang, json_size),
        defang(message.foot),
    )
    return "\n".join(part for part in parts if part)
