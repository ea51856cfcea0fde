"""
What Slack takes, written down from its reference, and apart from the code under test.

`complaint` is what Slack would say to a payload; `pings` is whom it would call.
https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from slack_sdk.models.blocks import Block

Json: TypeAlias = Mapping[str, Any]

#: By type of block: the properties it must have, and those it may have.
_BLOCKS: Mapping[str, tuple[set[str], set[str]]] = {
    "section": ({"text"}, set()),
    "context": ({"elements"}, set()),
    "image": ({"image_url", "alt_text"}, {"title"}),
    "actions": ({"elements"}, set()),
}
_TEXTS: Mapping[str, tuple[set[str], set[str]]] = {
    "mrkdwn": ({"text"}, {"verbatim"}),
    "plain_text": ({"text"}, {"emoji"}),
}
_TOP = {
    "text",
    "blocks",
    "channel",
    "ts",
    "thread_ts",
    "parse",
    "link_names",
    "unfurl_links",
    "unfurl_media",
}
#: What Slack reads between angle brackets: links, dates, channels, people, groups.
_TOKEN = re.compile(r"<([^<>]*)>")
_CALLS = re.compile(r"[@!#](?!date\^)")
_AT = re.compile(r"(?<![\w`])@(channel|here|everyone)\b")
_DATE = re.compile(r"!date\^\d+\^[^|^]*(\^[^|]*)?\|.+")
_LINK = re.compile(r"https?://[^\s|<>\"]+(\|[^|<>]+)?")
_BARE = re.compile(r"&(?!amp;|lt;|gt;)")
_LITERAL = re.compile(f"[<>]|{_BARE.pattern}")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_EMOJI = re.compile(r":[\w+'-]+:")

Drawable: TypeAlias = Callable[[str], bool]


def complaint(payload: Json, *, drawable: Drawable = lambda _: True) -> str | None:
    """
    Say what is wrong with a message.

    Returns:
        Slack's word for it, with where it is after a blank; ``None`` if nothing is.
    """
    if unknown := payload.keys() - _TOP:
        return f"invalid_payload {sorted(unknown)}"
    text, blocks = payload.get("text"), payload.get("blocks", [])
    if not isinstance(text, str) or not isinstance(blocks, list):
        return "invalid_payload"
    if not text.strip() and not blocks:
        return "no_text"
    if units(text) > 4000:
        return "msg_too_long"
    if len(blocks) > 50:
        return "invalid_blocks"
    for wrong in [*_markup(text, "/text"), *_ids(blocks)]:
        return f"invalid_payload {wrong}"
    for place, block in enumerate(blocks):
        for wrong in _block(block, f"/blocks/{place}"):
            return f"invalid_blocks {wrong}"
        if block["type"] == "image" and not drawable(block["image_url"]):
            where = f"[json-pointer:/blocks/{place}/image_url]"
            return f"invalid_blocks downloading image failed {where}"
    return None


def units(text: str) -> int:
    """UTF-16 units; what cannot be sent is an error."""
    return len(text.encode("utf-16-le")) // 2


def _ids(blocks: list[Any]) -> Iterator[str]:
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(ids)) != len(ids):
        yield "block_id is not unique"
    if any(not 1 <= len(one) <= 255 for one in ids):
        yield "block_id is too long"


def _block(block: Any, where: str) -> Iterator[str]:
    kind = block.get("type")
    must, may = _BLOCKS.get(kind, (set(), set()))
    if kind not in _BLOCKS:
        yield f"{where}: unknown type {kind}"
    elif missing := must - block.keys():
        yield f"{where}: {missing} missing"
    elif unknown := block.keys() - must - may - {"type", "block_id"}:
        yield f"{where}: {unknown} unknown"
    elif kind == "section":
        yield from _text(block["text"], f"{where}/text", 3000)
    elif kind == "context":
        yield from _context(block["elements"], where)
    elif kind == "actions":
        yield from _actions(block["elements"], where)
    else:
        yield from _image(block, where)
    # Slack's own library has the last word; it drops silently what it does not know.
    parsed = Block.parse(dict(block))
    if parsed is None:
        yield f"{where}: not a block"
    else:
        parsed.validate_json()
        if parsed.to_dict() != block:
            yield f"{where}: {parsed.to_dict()}"


def _context(elements: list[Any], where: str) -> Iterator[str]:
    if not 1 <= len(elements) <= 10:
        yield f"{where}: {len(elements)} elements"
    for place, element in enumerate(elements):
        yield from _text(element, f"{where}/elements/{place}", 2000)


def _actions(elements: list[Any], where: str) -> Iterator[str]:
    if not 1 <= len(elements) <= 25:
        yield f"{where}: {len(elements)} elements"
    ids = [element.get("action_id") for element in elements]
    if len(set(ids)) != len(ids):
        yield f"{where}: action_id is not unique"
    for place, element in enumerate(elements):
        at = f"{where}/elements/{place}"
        if element.keys() != {"type", "text", "action_id", "value"}:
            yield f"{at}: {sorted(element)}"
        elif element["type"] != "button" or not 1 <= len(element["value"]) <= 2000:
            yield at
        elif element["text"]["type"] != "plain_text":
            yield f"{at}/text: not plain"
        else:
            yield from _text(element["text"], f"{at}/text", 75)


def _text(text: Any, where: str, most: int) -> Iterator[str]:
    must, may = _TEXTS.get(text.get("type"), (set(), set()))
    if not must or must - text.keys() or text.keys() - must - may - {"type"}:
        yield f"{where}: {sorted(text)}"
    elif not 1 <= units(text["text"]) <= most or not text["text"].strip():
        yield f"{where}: {units(text['text'])} characters"
    elif (_BARE if text["type"] == "mrkdwn" else _LITERAL).search(text["text"]):
        yield f"{where}: not escaped"
    elif text["type"] == "mrkdwn":
        yield from _markup(text["text"], where)


def _markup(text: str, where: str) -> Iterator[str]:
    """Whatever stands between angle brackets is one of ours: a link or a date."""
    for inside in _TOKEN.findall(text):
        if not (_DATE.fullmatch(inside) or _LINK.fullmatch(inside)):
            yield f"{where}: <{inside}>"
    if re.search("[<>]", _TOKEN.sub("", text)):
        yield f"{where}: a bracket alone"


def _image(block: Any, where: str) -> Iterator[str]:
    url, alt = block["image_url"], block["alt_text"]
    if urlsplit(url).scheme != "https" or not re.fullmatch(r"[!-~]+", url):
        yield f"{where}/image_url: {url[:40]}"
    if len(url) > 3000:
        yield f"{where}/image_url: {len(url)} characters"
    if not 1 <= units(alt) <= 2000 or re.search("[<>]", alt):
        yield f"{where}/alt_text"


def texts(payload: Json) -> Iterator[tuple[str, str]]:
    """Every text of a message, with how Slack reads it: ``mrkdwn`` or ``plain_text``."""
    yield "mrkdwn", payload.get("text", "")
    for block in payload.get("blocks", []):
        for text in block.get("elements", [block.get("text")]):
            if text is not None:
                shown = text["text"] if text["type"] == "button" else text
                yield shown["type"], shown["text"]


def pings(payload: Json, *, edited: bool) -> list[str]:
    """List whom a message would call, and what it would show that nobody meant it to."""
    found = []
    # An edited message is searched for names and channels unless it says otherwise.
    searched = edited and (payload.get("parse") != "none" or payload.get("link_names"))
    for kind, text in texts(payload):
        found += [token for token in _TOKEN.findall(text) if _CALLS.match(token)]
        if kind == "mrkdwn":
            found += _EMOJI.findall(_CODE.sub("", text))
        if searched:
            found += _AT.findall(text)
    return found
