"""
One field of a gateway's JSON, whatever its type, as the core wants it.

Gateways are written in Java, Go, C# and TypeScript, and pass each other's rows on. The
same field comes as ``null``, ``""``, ``0`` or not at all where it is unset, as a number
here and as text there, as a list here and as that list's JSON text there. Every
function in here takes any value that JSON can hold and never raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from math import isfinite

from bridge.core.button import Button
from bridge.core.characters import writable

#: Milliseconds since the epoch at the beginning of the years 2000 and 2100. What lies
#: outside is in another unit or made up, and would be shown as a date that nobody meant.
_EARLIEST_MS = 946_684_800_000
_LATEST_MS = 4_102_444_800_000

#: A longer number is neither a time nor a progress nor an id; Python refuses to make an integer of
#: more than 4300 digits, for the time that takes.
_LONGEST_INTEGER = 128

#: Characters that a text is cut to. Prompts have at most some 6,000.
LONGEST_TEXT = 262_144
#: Characters of a button's label.
LONGEST_LABEL = 200
#: Characters of a URL or a ``customId``. A longer one is left out, as no part of it works.
LONGEST_URL = 8_192
#: Buttons, and URLs, of one task.
MOST_ITEMS = 100
#: Characters of JSON within a text that are read.
_LONGEST_JSON = 1_048_576

#: Characters of a progress that are looked at.
_LONGEST_PROGRESS = 100

_BETWEEN_URLS = re.compile(r"[\s,;|]+(?=https?://)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


def decoded(body: bytes) -> str:
    """Decode a body as what it seems to be; what cannot be decoded becomes U+FFFD."""
    text = body.decode(json.detect_encoding(body), errors="replace")
    return text.strip("\ufeff\x00 \t\r\n")


def parse(text: str) -> object:
    """
    Parse JSON, with what real gateways get wrong: raw control characters in texts,
    numbers without end, ``NaN``.

    Raises:
        ValueError: It is not JSON, or nested deeper than anybody means.
    """
    try:
        parsed: object = _LENIENT.decode(text)
    except RecursionError:
        msg = "nested too deep"
        raise ValueError(msg) from None
    return parsed


def text_of(value: object, *, most: int = LONGEST_TEXT) -> str | None:
    """
    Read a text; ``None`` if it is unset, blank, or a list or an object.

    Args:
        most: Characters that it is cut to.
    """
    if isinstance(value, str):
        cut = value if len(value) <= most else f"{value[: most - 1]}…"
        return writable(cut) if value and not value.isspace() else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        return None
    return str(value) if isfinite(value) else None


def url_of(value: object) -> str | None:
    """Read a URL, or anything else that is of no use unless it is whole."""
    whole = not isinstance(value, str) or len(value) <= LONGEST_URL
    return text_of(value) if whole else None


def object_of(value: object) -> Mapping[str, object]:
    """Read an object, or the JSON text of one; empty for anything else."""
    inner = next(_items(value), None) if not isinstance(value, list) else None
    return inner if isinstance(inner, dict) else {}


def id_of(row: object) -> str | None:
    """Read a row's id. One that was written as a number is its digits."""
    value = row.get("id") if isinstance(row, dict) else None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def moment_of(value: object) -> int | None:
    """
    Read a time as milliseconds since the epoch.

    It may be a number, a number's text or ISO 8601; without an offset it is UTC.
    """
    number = _number(value)
    if number is None and isinstance(value, str):
        number = _iso_ms(value)
    if number is None or not _EARLIEST_MS <= number < _LATEST_MS:
        return None
    return int(number)


def progress_of(value: object) -> int | None:
    """
    Read a progress as 0 to 100.

    Beside ``"31%"`` there are ``"fast 25%"``, ``"paused"`` and ``"Waiting to start"``:
    the text comes from a chat message.
    """
    # Only the beginning: a search through digits without an end takes their square.
    if isinstance(value, str) and (match := _PERCENT.search(value[:_LONGEST_PROGRESS])):
        value = match[1]
    number = _number(value)
    return None if number is None else int(min(max(number, 0.0), 100.0))


def buttons_of(value: object) -> tuple[Button, ...]:
    """
    Read the buttons that can be pressed: those with a ``customId``, each once, in order.

    Links have none, and are left out.
    """
    found: dict[str, Button] = {}
    for item in islice(_items(value), MOST_ITEMS):
        custom_id = url_of(item.get("customId")) if isinstance(item, dict) else None
        if custom_id is None or custom_id in found or not isinstance(item, dict):
            continue
        emoji = item.get("emoji")
        if isinstance(emoji, dict):  # Discord's own spelling
            emoji = emoji.get("name")
        label = text_of(item.get("label"), most=LONGEST_LABEL)
        drawn = text_of(emoji, most=LONGEST_LABEL)
        found[custom_id] = Button.of(custom_id, label, drawn)
    return tuple(found.values())


def urls_of(*values: object) -> tuple[str, ...]:
    """
    Read URLs from texts, objects with a ``url``, and lists or JSON texts of these; each
    once, in order. A text may hold several, with commas or white space between them.
    """
    found: dict[str, None] = {}
    for value in values:
        for item in islice(_items(value), MOST_ITEMS):
            inner = item.get("url") if isinstance(item, dict) else item
            several = inner if isinstance(inner, str) else text_of(inner) or ""
            for one in _BETWEEN_URLS.split(several[:_LONGEST_JSON], MOST_ITEMS):
                if (url := url_of(one)) is not None:
                    found[url] = None
    return tuple(found)[:MOST_ITEMS]


def _items(value: object) -> Iterator[object]:
    if isinstance(value, str) and value[:100].lstrip().startswith(("[", "{")):
        if len(value) > _LONGEST_JSON:
            return
        try:
            value = parse(value)
        except ValueError:
            return
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _iso_ms(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else None


def _nothing(_name: str) -> None:
    """Take the place of ``NaN`` and ``Infinity``, which JSON does not have."""


#: Made once: `json.loads` would make one for each text, which takes longer than most texts do.
_LENIENT = json.JSONDecoder(strict=False, parse_int=_integer, parse_constant=_nothing)
