"""
Escaping where there is no escape: text that no chat's markdown takes for anything but text.

DingTalk and WeCom read markdown and document no way to escape it: what one client shows
as typed, another shows with the backslash, and a third obeys. So the characters that could
mean something are replaced by their full-width twins, which look the same, are read the
same, and mean nothing anywhere.
"""

from __future__ import annotations

import re

from bridge.channels.text import line

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
