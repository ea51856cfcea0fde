"""Slack: blocks, in the light theme."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

from tools.looks import AVATAR, source, text
from tools.scenes import Shown

WIDTH = 500

_MRKDWN = re.compile(
    r"<!date\^(?P<at>\d+)\^[^|]*\|[^>]*>|<(?P<url>[^|>]+)\|(?P<label>[^>]*)>"
    r"|`(?P<code>[^`]+)`|\*(?P<bold>[^*\n]+)\*"
)


def html(shown: Shown) -> str:
    """Draw a message."""
    blocks = "".join(_block(one, shown) for one in shown.payload["blocks"])
    return (
        f'<div id="shot" class="slack">{AVATAR}<div class="said">'
        f'<div class="who"><b>mjbridge</b><i>APP</i><time>{_clock(shown.at)}</time></div>'
        f"{blocks}</div></div>"
    )


def _block(block: dict[str, Any], shown: Shown) -> str:
    if block["type"] == "image":
        return f'<img src="{source(shown, block["image_url"])}" alt="">'
    if block["type"] == "actions":
        buttons = "".join(f"<b>{_text(one['text'])}</b>" for one in block["elements"])
        return f'<div class="row">{buttons}</div>'
    if block["type"] == "context":
        said = "".join(_text(one) for one in block["elements"])
        return f'<div class="context">{said}</div>'
    return f'<div class="section">{_text(block["text"])}</div>'


def _text(one: dict[str, Any]) -> str:
    said = one["text"]
    return text(unescape(said)) if one["type"] == "plain_text" else _marked(said)


def _marked(markup: str) -> str:
    """Read Slack's markup, as far as our messages use it."""
    parts, end = [], 0
    for found in _MRKDWN.finditer(markup):
        parts += [text(unescape(markup[end : found.start()])), _mark(found)]
        end = found.end()
    return "".join([*parts, text(unescape(markup[end:]))])


def _mark(found: re.Match[str]) -> str:
    if found["at"]:
        return _clock(int(found["at"]))
    for name, tag in (("label", "a"), ("code", "code"), ("bold", "b")):
        if found[name] is not None:
            return f"<{tag}>{text(unescape(found[name]))}</{tag}>"
    raise AssertionError(found[0])


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"
