"""
Markup: strangers' text as Discord shows it, letter by letter, and not as Discord reads it.

A backslash before a character that is neither a letter, a digit nor white space makes that
character plain. discord.py's own helper leaves ``<@1>``, ``:smile:``, ``@everyone`` and
headings alone.

Source: Discord, "Markdown Text 101", and discord.py's ``utils.escape_markdown``.
"""

from __future__ import annotations

import re

#: Emphasis, code, spoilers, links, mentions, quotes, timestamps, emoji, and the colon
#: without which no address becomes a link.
_SPECIAL = re.compile(r"[\\*_~|`\[\]<>@:]")
#: What means something at the beginning of a line: headings, small print, lists.
_LEADING = re.compile(r"(?m)^(\s*)([#+-])")
_NUMBER = re.compile(r"(?m)^(\s*[0-9]+)([.)])")


def escape(text: str) -> str:
    """Make a text plain; never shorter."""
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _LEADING.sub(r"\1\\\2", text)
    return _NUMBER.sub(r"\1\\\2", text)
