"""Feishu: a card."""

from __future__ import annotations

from typing import Any

from tools.looks import AVATAR, text
from tools.scenes import Shown

WIDTH = 500


def html(shown: Shown) -> str:
    """Draw a message."""
    card = shown.payload["card"]
    head = card["header"]
    parts = "".join(_element(one) for one in card["body"]["elements"])
    return (
        f'<div id="shot" class="feishu">{AVATAR}<div class="said">'
        '<div class="who"><b>mjbridge</b><i>机器人</i></div>'
        f'<div class="card"><div class="title {head["template"]}">'
        f"{text(head['title']['content'])}</div>"
        f'<div class="body">{parts}</div></div></div></div>'
    )


def _element(one: dict[str, Any]) -> str:
    if one["tag"] == "column_set":
        columns = [part for column in one["columns"] for part in column["elements"]]
        return f'<div class="row">{"".join(map(_element, columns))}</div>'
    if one["tag"] == "button":
        return f'<a class="{one["type"]}">{text(one["text"]["content"])}</a>'
    said = one["text"]
    small = ' class="small"' if said.get("text_size") == "notation" else ""
    return f"<div{small}>{text(said['content'])}</div>"
