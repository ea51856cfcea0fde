"""
Escaping: values are put into a template's text so that they stay values.

The content type decides what form a body has; the form decides how a value is escaped, and so
does the place in JSON: between quotes a value becomes part of that text, elsewhere it is a
value by itself. So no prompt, whatever is in it, ends a text, adds a field or breaks the body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, NoReturn
from urllib.parse import quote_plus

from bridge.channels.template.environment import Inserted
from bridge.channels.template.filters import JsonText, encoded, to_json, writable
from bridge.channels.template.language import TemplateFault

#: Bytes that a header's value may have: many servers take 8 KiB for all of them.
MAX_HEADER = 4096

_QUOTES = re.compile(r'\\.|["\\]', re.DOTALL)
#: Characters that XML 1.0 cannot hold in any form.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def body_of(pieces: Iterable[str], content_type: str) -> bytes:
    """
    Put a body together.

    Args:
        pieces: As `language.pieces` returns them.

    Raises:
        TemplateFault: It is meant to be JSON and is not.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if "json" in media_type:
        # Under another name it may be a line for each value: x-ndjson, jsonl, json-seq.
        text = _json(pieces, lines=not media_type.endswith(("/json", "+json")))
    elif media_type == "application/x-www-form-urlencoded":
        text = _joined(pieces, lambda value: quote_plus(writable(value)))
    elif media_type.endswith(("/xml", "+xml", "/html")):
        text = _joined(pieces, lambda value: escape(_NOT_XML.sub("\ufffd", value)))
    else:
        text = _joined(pieces, str)
    return writable(text.strip()).encode()


def header_of(pieces: Iterable[str]) -> str:
    """
    Put a header's value together.

    Of what is filled in, everything but printable ASCII is percent-encoded: a line feed in
    a prompt begins no header of its own, and no prompt keeps an event from being delivered.

    Raises:
        TemplateFault: It is too long.
    """
    text = _joined(
        pieces,
        lambda value: "".join(
            char if " " <= char <= "~" else encoded(char) for char in writable(value)
        ),
    ).strip()
    if len(text) > MAX_HEADER:
        msg = f"comes out at {len(text):,} characters where {MAX_HEADER:,} are the most; `| cut(200)` shortens a text"
        raise TemplateFault(msg)
    if not text.isascii() or not text.isprintable():
        msg = "must be one line of printable ASCII"
        raise TemplateFault(msg)
    return text


def _joined(pieces: Iterable[str], write: Callable[[str], str]) -> str:
    return "".join(
        write(text_of(piece.value)) if isinstance(piece, Inserted) else piece
        for piece in pieces
    )


def text_of(value: Any) -> str:
    """Write a value as part of a text; null is nothing."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else str(to_json(value))


# --- JSON -----------------------------------------------------------------------------


def _json(pieces: Iterable[str], *, lines: bool) -> str:
    written: list[str] = []
    quoted = escaping = False
    for piece in pieces:
        if not isinstance(piece, Inserted):
            quoted, escaping = _scan(piece, quoted=quoted, escaping=escaping)
            written.append(piece)
        elif escaping:
            msg = "a backslash stands right before a value"
            raise TemplateFault(msg)
        elif quoted:
            written.append(json.dumps(text_of(piece.value), ensure_ascii=False)[1:-1])
        else:
            value = piece.value
            written.append(value if isinstance(value, JsonText) else to_json(value))
    text = "".join(written)
    if text.strip() and not (lines and _is_json_lines(text)):
        _check_json(text)
    return text


def _is_json_lines(text: str) -> bool:
    """Return whether each line but blank ones is JSON; RFC 7464 begins them with a mark."""
    try:
        for each in text.replace("\x1e", "").splitlines():
            if each.strip():
                _check_json(each)
    except TemplateFault:
        return False
    return True


def _scan(text: str, *, quoted: bool, escaping: bool) -> tuple[bool, bool]:
    """Return whether a text ends between quotes, and right after a backslash."""
    start = 1 if escaping and text else 0
    escaping = escaping and not text
    for found in _QUOTES.finditer(text, start):
        if found[0] == '"':
            quoted = not quoted
        escaping = found[0] == "\\"
    return quoted, escaping


def _check_json(text: str) -> None:
    try:
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        msg = f"what it makes is not JSON: {error.msg}, at {place} of it"
        raise TemplateFault(msg) from None
    except (ValueError, RecursionError) as error:
        msg = f"what it makes is not JSON: {error}"
        raise TemplateFault(msg) from None


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not a number in JSON"
    raise ValueError(msg)
