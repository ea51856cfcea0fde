"""
How Telegram reads a text, written down from its reference, and apart from the code under test.

https://core.telegram.org/bots/api#html-style, and TDLib's ``find_entities``: what it finds by
itself is dropped where it meets ``code`` or ``pre``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Tags that messages of ours use; Telegram knows a few more.
_TAGS = frozenset({"b", "i", "code"})
_TOKEN = re.compile(r"<(/?)([a-z]*)([^<>]*)>|(&[^;&<>\s]{0,10};)|([<>&])")
_FOUND = {
    "mention": re.compile(r"(?<![\w@/])@\w{2,32}"),
    "hashtag": re.compile(r"(?<![\w#])#\w*[^\W\d]\w*"),
    "cashtag": re.compile(r"(?<!\w)\$[A-Z]{1,8}(?!\w)"),
    "bot_command": re.compile(r"(?<![\w/<>])/[A-Za-z]\w{0,63}"),
    "url": re.compile(
        r"(?i)\b(?:https?|ftp|tg|ton)://\S+|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b"
    ),
    "email": re.compile(r"\b[\w.+-]+@[\w-]+\.\w+"),
    "bank_card": re.compile(r"(?<!\d)\d{13,19}(?!\d)"),
}


class Unreadable(Exception):  # noqa: N818 - it is what happened to a text
    """The markup is wrong there."""


@dataclass(frozen=True)
class Read:
    """
    A text as people see it.

    Attributes:
        text: What is seen.

        marks: Tag, and what it is around.

        found: What Telegram makes of it by itself: kind, and text.
    """

    text: str
    marks: tuple[tuple[str, str], ...]
    found: tuple[tuple[str, str], ...]


def units(text: str) -> int:
    """UTF-16 units; what cannot be sent is an error."""
    return len(text.encode("utf-16-le")) // 2


def read(markup: str) -> Read:
    """
    Read a text with ``parse_mode`` HTML.

    Raises:
        Unreadable: Telegram would refuse it.
    """
    seen: list[str] = []
    marks: list[tuple[str, str]] = []
    literal: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    place = 0
    for token in _TOKEN.finditer(markup):
        seen.append(markup[place : token.start()])
        place = token.end()
        closing, tag, rest, entity, stray = token.groups()
        at = len("".join(seen))
        if stray:
            raise Unreadable(stray)
        if entity:
            if entity not in {"&lt;", "&gt;", "&amp;", "&quot;"}:
                raise Unreadable(entity)
            seen.append(html.unescape(entity))
        elif tag not in _TAGS or rest:
            raise Unreadable(tag)
        elif not closing:
            opened.append((tag, at))
        elif not opened or opened[-1][0] != tag:
            raise Unreadable(tag)
        else:
            _, began = opened.pop()
            marks.append((tag, "".join(seen)[began:]))
            if tag == "code":
                literal.append((began, at))
    if opened:
        raise Unreadable(opened[-1][0])
    text = "".join(seen) + markup[place:]
    return Read(text, tuple(marks), tuple(_find(text, literal)))


def _find(text: str, literal: list[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    for kind, pattern in _FOUND.items():
        for hit in pattern.finditer(text):
            if not any(a < hit.end() and hit.start() < b for a, b in literal):
                yield kind, hit[0]
