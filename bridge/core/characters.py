"""Characters that a text from outside may hold, and that cannot be written everywhere."""

from __future__ import annotations

import re

#: JSON can spell halves of a surrogate pair, which no encoding can write, and NUL, which
#: ends a text in half of the programs that it passes through.
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def writable(text: str) -> str:
    """Return a text with U+FFFD in the place of what cannot be written everywhere."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNWRITABLE.sub("\ufffd", text)
