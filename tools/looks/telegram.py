"""Telegram: a bubble with the picture on top."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tools.looks import source, text
from tools.scenes import Shown

WIDTH = 372

#: The tags that our messages use; their attributes, and all other ones, are not.
_TAGS = re.compile(r"&lt;(/?(?:b|i|code))&gt;")


def html(shown: Shown) -> str:
    """Draw a message."""
    payload = shown.payload
    media = payload.get("media") or payload
    photo = media.get("media") or media.get("photo")
    image = f'<img src="{source(shown, photo)}" alt="">' if photo else ""
    said = media.get("caption") or payload.get("text", "")
    time = f"{datetime.fromtimestamp(shown.at, UTC):%H:%M}"
    rows = payload.get("reply_markup", {}).get("inline_keyboard", ())
    buttons = "".join(f'<div class="row">{_row(row)}</div>' for row in rows)
    return (
        f'<div id="shot" class="telegram"><div class="bubble">{image}'
        f'<div class="said">{_marked(said)}<time>{time}</time></div></div>'
        f"{buttons}</div>"
    )


def _row(row: list[dict[str, str]]) -> str:
    return "".join(
        f"<a>{text(one['text'])}{'<s>↗</s>' if 'url' in one else ''}</a>" for one in row
    )


def _marked(markup: str) -> str:
    """Let the tags through that our messages use; what is escaped in them stays so."""
    shown = _TAGS.sub(r"<\1>", text(markup))
    return re.sub(r"&amp;(amp|lt|gt);", r"&\1;", shown)
