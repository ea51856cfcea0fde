"""Discord: an embed, in the dark theme."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tools.looks import AVATAR, source, text
from tools.scenes import Shown

WIDTH = 500

_OPENS = (
    '<svg viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="1.6"'
    ' d="M6.5 3H3v10h10V9.5M9 3h4v4M13 3 7.5 8.5"/></svg>'
)
#: Our own words are the only ones with markup in them: times, and what is escaped.
_MARKUP = re.compile(r"\\(.)|<t:(\d+):R>", re.DOTALL)


def html(shown: Shown) -> str:
    """Draw a message."""
    payload = shown.payload
    embeds = "".join(_embed(one, shown) for one in payload.get("embeds", ()))
    rows = "".join(_row(row) for row in payload.get("components", ()))
    when = f"Today at {datetime.fromtimestamp(shown.at, UTC):%H:%M}"
    return (
        f'<div id="shot" class="discord">{AVATAR}<div class="said">'
        f'<div class="who"><b>mjbridge</b><i>APP</i><time>{when}</time></div>'
        f"{embeds}{rows}</div></div>"
    )


def _embed(embed: dict[str, Any], shown: Shown) -> str:
    parts = [f'<div class="title">{text(embed["title"])}</div>']
    if words := embed.get("description"):
        parts.append(f'<div class="about">{_marked(words, shown)}</div>')
    if fields := embed.get("fields"):
        parts.append(f'<div class="fields">{_fields(fields, shown)}</div>')
    if image := embed.get("image"):
        parts.append(f'<img src="{source(shown, image["url"])}" alt="">')
    foot = [embed["footer"]["text"]] if "footer" in embed else []
    if moment := embed.get("timestamp"):
        foot.append(f"Today at {datetime.fromisoformat(moment):%H:%M}")
    parts.append(f'<div class="foot">{text("  •  ".join(foot))}</div>')
    edge = f"border-color:#{embed['color']:06x}"
    return f'<div class="embed" style="{edge}">{"".join(parts)}</div>'


def _fields(fields: list[dict[str, Any]], shown: Shown) -> str:
    return "".join(
        f'<div class="{"inline" if one.get("inline") else "whole"}">'
        f"<b>{text(one['name'])}</b>{_marked(one['value'], shown)}</div>"
        for one in fields
    )


def _row(row: dict[str, Any]) -> str:
    buttons = (_button(one) for one in row["components"])
    return f'<div class="row">{"".join(buttons)}</div>'


def _button(one: dict[str, Any]) -> str:
    """Draw a button; one that leads elsewhere says so, and one that says something is faint."""
    said = text(one.get("label") or one.get("emoji", {}).get("name", ""))
    state = ' class="off"' if one.get("disabled") else ""
    return f"<a{state}>{said}{_OPENS if 'url' in one else ''}</a>"


def _marked(markup: str, shown: Shown) -> str:
    """Read Discord's markup, as far as our messages use it."""

    def read(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        return f"{round(shown.at - int(found[2]))} seconds ago"

    return text(_MARKUP.sub(read, markup))
