"""Filters: what templates can do with values, beside what Jinja2 brings."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from itertools import islice
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

from bridge.channels.text import clean, cut

#: Steps of all loops of one rendering together, and elements of one list.
MOST_STEPS = 10_000
#: Text that one rendering may come to, in characters.
MOST_TEXT = 1024 * 1024

_SURROGATE = re.compile("[\ud800-\udfff]")
#: Characters that texts are cut to, in this order, until they fit.
_LENGTHS = (16_000, 8000, 4000, 2000, 1000, 500, 200, 100)


class JsonText(str):
    """A value that has been written as JSON."""

    __slots__ = ()


def bounded(value: Any) -> Any:
    """
    Return a value, unless it holds more than a rendering may come to.

    Raises:
        SecurityError: It does: whoever doubles a text twenty times fills the memory.
    """
    left, todo = MOST_TEXT, [value]
    while todo:
        each = todo.pop()
        left -= 1
        if isinstance(each, str | Mapping | list | tuple):
            left -= len(each)
        if left < 0:
            msg = f"it makes more than {MOST_TEXT:,} characters"
            raise SecurityError(msg)
        if isinstance(each, Mapping):
            todo += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            todo += each
    return value


def measured(values: Iterable[Any], *, apart: int = 0) -> Iterator[Any]:
    """
    Go through values that become one text.

    Args:
        apart: Characters between two of them.

    Raises:
        SecurityError: The text would be too long.
    """
    length = 0
    for each in values:
        length += apart + (len(each) if isinstance(each, str) else 1)
        if length > MOST_TEXT:
            msg = f"it makes more than {MOST_TEXT:,} characters"
            raise SecurityError(msg)
        yield each


def concatenated(values: Iterable[Any]) -> str:
    """Make one text of values, as ``~`` does."""
    return "".join(str(each) for each in measured(values))


def plain(value: Any) -> Any:
    """
    Return a value as JSON could hold it.

    Raises:
        SecurityError: It is none, but a method, say.
    """
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # noqa: SLF001 - its own way to complain
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Iterator | Sequence | KeysView | ItemsView | ValuesView):
        return [plain(each) for each in islice(iter(value), MOST_STEPS)]
    msg = "this is no value; a method wants parentheses"
    raise SecurityError(msg)


def writable(text: str) -> str:
    """Replace halves of surrogate pairs, which no encoding can write."""
    return _SURROGATE.sub("\ufffd", text)


def to_json(value: Any) -> JsonText:
    """Write a value as JSON."""
    if isinstance(value, JsonText):
        return value
    try:
        return JsonText(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))
    except ValueError as error:
        raise SecurityError(str(error)) from None


def cut_texts(value: Any, most: int = 1000) -> Any:
    """Shorten a text, or every text in a list or table; null stays null."""
    value = plain(value)
    if isinstance(value, str):
        most = max(3, most)
        # Cutting measures again and again; what is too long anyway need not be measured.
        return cut(clean(value)[: most + 1], most)
    if isinstance(value, dict):
        return {key: cut_texts(each, most) for key, each in value.items()}
    if isinstance(value, list):
        return [cut_texts(each, most) for each in value]
    return value


def fit(value: Any, most: int) -> Any:
    """
    Shorten the texts of a value as little as it takes to fit into so many bytes of JSON.

    Counted is the longest way to write it, everything escaped that can be: nobody knows
    which one a receiver counts. Lists are shortened last.
    """
    shorter = plain(value)
    for length in _LENGTHS:
        shorter = cut_texts(shorter, length)
        if len(json.dumps(shorter)) <= most:
            return shorter
    few = _few(shorter, 20)
    if len(json.dumps(few)) <= most:
        return few
    msg = f"it does not fit into {most:,} bytes, however short its texts"
    raise SecurityError(msg)


def _few(value: Any, most: int) -> Any:
    if isinstance(value, dict):
        return {key: _few(each, most) for key, each in islice(value.items(), 100)}
    return (
        [_few(each, most) for each in value[:most]]
        if isinstance(value, list)
        else value
    )


def replace_text(value: Any, old: str, new: str) -> str:
    """Replace a part of a text."""
    text, old, new = str(value), str(old), str(new)
    if text.count(old) * len(new) > MOST_TEXT:
        msg = "replace() makes too long a text"
        raise SecurityError(msg)
    return text.replace(old, new)


def base64(value: Any) -> str:
    """Encode a text's UTF-8 bytes."""
    return b64encode(writable(str(value)).encode()).decode()


def percent(value: Any) -> str:
    """
    Percent-encode a text for a header: space, quote, percent, all but printable ASCII.

    Source: CloudEvents, HTTP protocol binding 1.0.2, 3.1.3.2.
    """
    return "".join(
        char if "!" <= char <= "~" and char not in '"%' else encoded(char)
        for char in writable("" if value is None else str(value))
    )


def encoded(text: str) -> str:
    """Percent-encode every character of a text."""
    return "".join(f"%{byte:02X}" for byte in text.encode())
