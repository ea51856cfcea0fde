"""
WeCom: a news card with the picture on top, or markdown where there is none, by a group robot.

A news card is plain text. Markdown knows no escapes, and ``<@userid>`` in it mentions
somebody; so untrusted text is defanged there.

Source: developer.work.weixin.qq.com, "Group robot configuration" (群机器人配置说明) and the
table of global error codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from bridge.channels import robot_codes
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.info import ChannelInfo, url_like
from bridge.channels.message import Message
from bridge.channels.one_shot import post
from bridge.channels.reply import Reply
from bridge.channels.robot_codes import (
    BUSY,
    NO_ROBOT,
    SWITCHED_OFF,
    TOO_FAST,
    UNFIT,
    UNKNOWN,
    UNLISTED,
)
from bridge.channels.text import defang, defang_line, fit, line, utf8
from bridge.channels.urls import in_parentheses
from bridge.core.delivery import AttemptResult
from bridge.core.event_data import Json
from bridge.core.http import Request, Response

_HOSTS = ("qyapi.weixin.qq.com",)

INFO = ChannelInfo(
    hosts=_HOSTS,
    rate=robot_codes.TWENTY_A_MINUTE,
    ability="messages with the picture",
    validate=url_like(
        _HOSTS,
        r"/cgi-bin/webhook/send\?(?:.*&)?key=[^&]+.*",
        "a robot's: they look like https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=<key>",
    ),
)

#: Bytes, as documented; markdown and text are kept a little below.
MAX_TITLE = 128
MAX_DESCRIPTION = 512
MAX_MARKDOWN = 4_000
MAX_TEXT = 2_000
#: Bytes that the parts may have of markdown; the prompt has what is left.
_MAX_REASON = 900
_MAX_RESULT = 1_600
_MAX_STEPS = 400
_MAX_LINKS = 1_200
#: News show JPG and PNG; of anything else there would be a grey box.
_UNSHOWN = (".webp", ".gif")

_REPLIES = {
    -1: BUSY,
    45009: TOO_FAST,
    45033: replace(TOO_FAST, retry_after=5.0),  # too many at once
    60020: UNLISTED,
    93004: SWITCHED_OFF,
    93008: Reply(
        result=AttemptResult.GONE, detail="the robot is no longer in the group"
    ),
    301025: UNLISTED,
}


def deliver(context: DeliveryContext) -> Exchange:
    """Post an event's message; see `bridge.channels.base.Channel.deliver`."""
    return robot_codes.deliver(
        context, partial(_variants, context), _PLATFORM, links_limit=_MAX_LINKS
    )


def sample_response(request: Request) -> Response:  # noqa: ARG001 - every message is answered the same
    """Answer as WeCom does when all is well."""
    return Response(status=200, body=b'{"errcode":0,"errmsg":"ok"}')


def _reply_of(code: int, text: str, headers: Mapping[str, str]) -> Reply:  # noqa: ARG001 - it has no headers of its own
    if code == 93000:
        # An unknown key, or, with older servers, a message that is too long.
        return UNFIT if "invalid input" in text.lower() else NO_ROBOT
    if 40000 <= code < 45000 or code == 45002:
        return UNFIT
    return _REPLIES.get(code, UNKNOWN)


_PLATFORM = robot_codes.Platform(
    name="WeCom", codes=("errcode",), texts=("errmsg",), reply_of=_reply_of
)


def _variants(context: DeliveryContext, message: Message) -> Iterator[Request]:
    payloads = [_markdown(message), _text(message)]
    # A description of a picture is longer than a card can hold, and what it is about; and
    # a card does not show what went wrong.
    long = message.result or message.reason
    picture = _picture(message)
    if picture and message.links and not long:
        payloads.insert(0, _news(message, picture))
    for payload in payloads:
        yield post(context.endpoint, payload)


def _picture(message: Message) -> str | None:
    """Return the URL of the picture if a card can show it."""
    url = message.public_picture
    if url is None or utf8(url) > _MAX_LINKS:
        return None
    return None if urlsplit(url).path.lower().endswith(_UNSHOWN) else url


def _news(message: Message, picture: str) -> dict[str, Json]:
    small = [
        *message.notes,
        fit(message.labelled_steps, 160, measure=utf8),
        fit(message.foot, 100, measure=utf8),
    ]
    rest = "\n".join(part for part in small if part)
    left = MAX_DESCRIPTION - utf8(rest) - 1
    prompt = fit(line(message.prompt), left, measure=utf8)
    return {
        "msgtype": "news",
        "news": {
            "articles": [
                {
                    "title": fit(message.head, MAX_TITLE, measure=utf8),
                    "description": "\n".join(part for part in (prompt, rest) if part),
                    "url": message.page or message.links[0][1],
                    "picurl": picture,
                }
            ]
        },
    }


def _markdown(message: Message) -> dict[str, Json]:
    before = [
        f"**{defang(message.head)}**",
        *message.notes,
        fit(message.labelled_reason, _MAX_REASON, defang_line, utf8),
    ]
    after = [
        fit(message.result, _MAX_RESULT, _quote, utf8),
        fit(message.labelled_steps, _MAX_STEPS, defang, utf8),
        " · ".join(
            f"[{label}]({in_parentheses(url)})" for label, url in message.leads()
        ),
        f'<font color="comment">{defang(message.foot)}</font>' if message.foot else "",
    ]
    taken = utf8(_joined(before, after)) + 1
    prompt = fit(message.prompt, MAX_MARKDOWN - taken, _quote, utf8)
    return {
        "msgtype": "markdown",
        "markdown": {"content": _joined(before, [prompt], after)},
    }


def _text(message: Message) -> dict[str, Json]:
    parts = [
        defang(message.head),
        *message.notes,
        fit(message.labelled_reason, 500, defang_line, utf8),
        fit(message.result, 600, defang, utf8),
    ]
    left = MAX_TEXT - utf8(_joined(parts)) - 1
    prompt = fit(message.prompt, left, defang, utf8)
    return {
        "msgtype": "text",
        "text": {"content": _joined(parts[:1], [prompt], parts[1:])},
    }


def _joined(*parts: list[str]) -> str:
    return "\n".join(text for some in parts for text in some if text)


def _quote(text: str) -> str:
    lines = [one.strip() for one in defang(text).split("\n") if one.strip()]
    # The empty line ends the quote, or what follows would be taken for a part of it.
    return "\n".join(f"> {one}" for one in lines) + "\n" if lines else ""
