"""
Text for people: made harmless, cut to a limit, without breaking what a reader sees.

Order matters, and is always the same: clean, cut, escape, measure. Escaping makes text up
to five times longer, so what must fit is the escaped text, and what is cut is the raw one:
cutting an escaped text would cut through an escape.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable

#: Whatever somebody's system ends a line with.
_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
#: Control characters but the line feed; invisible marks that turn the reading direction
#: around, which is how a prompt makes ``gnp.exe`` look like ``exe.png``; and others that
#: show nothing and are only good for smuggling: tags among them, all of them, so that
#: Scotland's flag is a black one, and nothing of it is left behind.
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Two empty lines or more, be there spaces in them or not.
_LINES = re.compile(r"\n(?:[^\S\n]*\n){2,}")
#: What may stay between letters, or on them, and shows nothing by itself: joiners, marks
#: that choose an emoji's or a letter's form, fillers, the empty braille cell.
_BLANK = (
    r"\s\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u200b-\u200d\u2800\u3164"
    r"\ufe00-\ufe0f\uffa0\U0001d173-\U0001d17a\U000e0080-\U000e0fff"
)
_SEEN = re.compile(f"[^{_BLANK}]")
_ELLIPSIS = "…"
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u20e3")


def clean(text: str | None) -> str:
    """
    Remove what a reader does not see, and empty lines beyond one; never fails.

    A text that shows nothing at all is empty.
    """
    if not text:
        return ""
    text = _BREAK.sub("\n", text).replace("\t", " ")
    text = _UNSEEN.sub("", _SURROGATE.sub("\ufffd", text))
    if not _SEEN.search(text):
        return ""
    return _LINES.sub("\n\n", text).strip()


def line(text: str | None) -> str:
    """Clean a text and put it on one line."""
    return " ".join(clean(text).split())


def utf16(text: str) -> int:
    """Measure as Discord, Slack and Telegram do: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8(text: str) -> int:
    """Measure as WeCom, DingTalk and Feishu do: in bytes."""
    return len(text.encode("utf-8", "replace"))


def json_size(text: str) -> int:
    """Measure in bytes as a JSON body has it: quotes and line feeds count twice."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) - 2


def cut(text: str, limit: int, measure: Callable[[str], int] = utf16) -> str:
    """
    Shorten a text to a limit, with an ellipsis at its end.

    Never cuts between a letter and its accent, or through an emoji made of several.

    Args:
        text: Cleaned.

        limit: What it may measure, the ellipsis included; at least 3.

        measure: How the platform counts.
    """
    if measure(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits; every measure grows with it
        middle = (low + high + 1) // 2
        fits = measure(text[:middle]) + measure(_ELLIPSIS) <= limit
        low, high = (middle, high) if fits else (low, middle - 1)
    while low > 0 and _continues(text, low):
        low -= 1
    return text[:low].rstrip() + _ELLIPSIS


def _continues(text: str, place: int) -> bool:
    """Whether the character at a place belongs to the one before it."""
    char = text[place]
    return (
        char in _JOINERS
        or text[place - 1] == "\u200d"
        or unicodedata.combining(char) != 0
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or (_is_flag(char) and _is_flag(text[place - 1]))
    )


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def fit(
    text: str,
    limit: int,
    escape: Callable[[str], str] = str,
    measure: Callable[[str], int] = utf16,
) -> str:
    """
    Escape a text, shortened so that the result measures at most `limit`.

    Args:
        text: Cleaned, not escaped.

        limit: What the result may measure.

        escape: Makes it harmless; may only make it longer.

        measure: How the platform counts.
    """
    allowed = limit
    while True:
        shown = escape(cut(text, max(allowed, 3), measure))
        excess = measure(shown) - limit
        if excess <= 0 or allowed <= 3:
            return shown
        # Escaping made it this much longer than it may be; what is cut is raw text.
        allowed = min(allowed - 1, allowed * limit // measure(shown))


def bar(progress: int) -> str:
    """Draw a progress of 0 to 100 with ten marks."""
    full = max(0, min(10, progress // 10))
    return "▰" * full + "▱" * (10 - full)


# --- where there is no escape ---------------------------------------------------------
#
# DingTalk and WeCom read markdown and document no way to escape it: what one client shows as
# typed, another shows with the backslash, and a third obeys. So the characters that could
# mean something are replaced by their full-width twins, which look the same, are read the
# same, and mean nothing anywhere.

#: Markup, tags, mentions, and emoji like ``[微笑]``.
_TWINS = str.maketrans("<>[]*_~`|\\@", "＜＞［］＊＿～｀｜＼＠")
#: What chats make a link of by themselves.
_ADDRESS = re.compile(r"(?i)[a-z]://|\b(?:mailto|sms|tel|tg|dingtalk):|\bwww\.")
_ENTITY = re.compile(r"&(?=#?\w+;)")
#: What means something at the beginning of a line: headings, lists, rules, underlines.
_HEADING = re.compile(r"(?m)^(\s*)(#+)")
_LIST = re.compile(r"(?m)^(\s*)([-+=])(?=\s|$|\2\2|\2+\s*$)")
_NUMBER = re.compile(r"(?m)^(\s*\d{1,9})([.)])(?=\s|$)")
_LINE_TWINS = str.maketrans("#-+=.)", "＃－＋＝．）")


def defang(text: str) -> str:
    """Return a text that is read as text only; never shorter, and of as many lines."""
    text = _ADDRESS.sub(_full_width, text.translate(_TWINS))
    text = _ENTITY.sub("＆", text)
    for pattern in (_HEADING, _LIST, _NUMBER):
        text = pattern.sub(_at_the_beginning, text)
    return text


def defang_line(text: str) -> str:
    """Put a text on one line, and defang it."""
    return defang(line(text))


def _full_width(found: re.Match[str]) -> str:
    return found[0].replace(":", "：").replace(".", "．")


def _at_the_beginning(found: re.Match[str]) -> str:
    return found[1] + found[2].translate(_LINE_TWINS)
