"""
Markup: a message as Telegram's HTML, in which untrusted text can do nothing.

Telegram looks for mentions, links, hashtags and commands by itself, and "@name" pings whom it
names. In ``<code>`` it looks for nothing. So all untrusted text is code, which has a second use:
it is copied by tapping it.

Limits count what is seen, after the markup was read, in UTF-16 units.
Source: Telegram Bot API, "HTML style"; TDLib, ``find_entities`` and ``merge_entities``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TypeAlias

from bridge.channels.message import Message
from bridge.channels.text import bar, cut, utf16

#: What is seen of a text message, and of a picture's caption.
TEXT_MOST = 4096
CAPTION_MOST = 1024

#: Telegram heeds 100 marks in a message; beyond these, paragraphs share one.
_MOST_PARAGRAPHS = 12
_ID_MOST = 160
_PARAGRAPHS = re.compile(r"\n\s*\n")

#: A text, and the tag it is in; empty for none.
_Piece: TypeAlias = tuple[str, str]
_Line: TypeAlias = tuple[_Piece, ...]


def markup(message: Message, *, most: int, note: str = "") -> str:
    """
    Write a message.

    Args:
        most: UTF-16 units that are seen.

        note: What else there is to say, in our own words.
    """
    texts = {
        "prompt": message.prompt,
        "result": message.result,
        "reason": message.reason,
    }
    while True:
        lines = list(_lines(message, texts, note))
        excess = utf16("\n".join("".join(text for text, _ in one) for one in lines))
        excess -= most
        longest = max(texts, key=lambda name: utf16(texts[name]))
        length = utf16(texts[longest])
        if excess <= 0 or length <= 3:
            return "\n".join("".join(_tagged(*piece) for piece in one) for one in lines)
        texts[longest] = cut(texts[longest], max(length - excess, 3))


def fits_caption(message: Message) -> bool:
    """Whether a result that is a text can be read in full under its picture."""
    if not message.result:
        return True
    return markup(message, most=CAPTION_MOST) == markup(message, most=TEXT_MOST)


def _lines(message: Message, texts: dict[str, str], note: str) -> Iterator[_Line]:
    strings = message.strings
    took = f" · {message.took}" if message.took else ""
    yield (f"{message.emoji} ", ""), (message.headline, "b"), (took, "")
    if message.sample:
        yield ((strings.sample, "i"),)
    if message.progress is not None:
        yield ((f"{bar(message.progress)} {message.progress}%", ""),)
    if texts["prompt"] == strings.no_prompt:
        yield ((strings.no_prompt, "i"),)
    elif texts["prompt"]:
        yield ((texts["prompt"], "code"),)
    yield from _result(texts["result"])
    if texts["reason"]:
        yield ((strings.reason + strings.colon, "b"), (texts["reason"], "code"))
    if message.steps:
        chips = [
            piece for step in message.steps for piece in ((" · ", ""), (step, "code"))
        ]
        yield ((strings.next + strings.colon, "b"), *chips[1:])
    if note:
        yield ((note, "i"),)
    if message.task_id:
        task_id = cut(message.task_id, _ID_MOST)
        named = message.upstream != "default"
        upstream = ((" · ", ""), (message.upstream, "code")) if named else ()
        yield (f"{strings.task_id} ", ""), (task_id, "code"), *upstream


def _result(text: str) -> Iterator[_Line]:
    """Make each paragraph one to be copied: a description is four prompts."""
    if not text:
        return
    paragraphs = [one.strip() for one in _PARAGRAPHS.split(text, _MOST_PARAGRAPHS)]
    for paragraph in paragraphs:
        yield (("", ""),)
        yield ((paragraph, "code"),)
    yield (("", ""),)


def _tagged(text: str, tag: str) -> str:
    safe = html.escape(text, quote=False)
    return f"<{tag}>{safe}</{tag}>" if tag and text else safe
