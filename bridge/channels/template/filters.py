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
from math import isfinite
from typing import Any

from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, Undefined

from bridge.channels.template.budget import budget_of
from bridge.channels.text import clean, cut

_SURROGATE = re.compile("[\ud800-\udfff]")
#: Characters that texts are cut to, in this order, until they fit.
_LENGTHS = (16_000, 8000, 4000, 2000, 1000, 500, 200, 100)
#: Digits of a float; Jinja2 computes ten to the power of what a template asks for.
_MAX_PRECISION = 17


class JsonText(str):
    """A value that has been written as JSON."""

    __slots__ = ()


def plain(value: Any) -> Any:
    """
    Return a value as JSON could hold it.

    Raises:
        SecurityError: JSON cannot hold it: it is a method, say.
    """
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # noqa: SLF001 - its own way to complain
    if isinstance(value, float) and not isfinite(value):
        msg = f"{value} is not a number in JSON"
        raise SecurityError(msg)
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Iterator | Sequence | KeysView | ItemsView | ValuesView):
        return [plain(each) for each in value]
    msg = "this is not a value; a method needs parentheses"
    raise SecurityError(msg)


def writable(text: str) -> str:
    """Replace halves of surrogate pairs, which no encoding can write."""
    return _SURROGATE.sub("\ufffd", text)


def to_json(value: Any) -> JsonText:
    """Write a value as JSON."""
    if isinstance(value, JsonText):
        return value
    return JsonText(json.dumps(plain(value), ensure_ascii=False))


def cut_texts(value: Any, limit: int = 1000) -> Any:
    """Shorten a text, or every text in a list or table; null stays null."""
    value = plain(value)
    if isinstance(value, str):
        limit = max(3, limit)
        # Cutting measures again and again; what is too long anyway need not be measured.
        return cut(clean(value)[: limit + 1], limit)
    if isinstance(value, dict):
        return {key: cut_texts(each, limit) for key, each in value.items()}
    if isinstance(value, list):
        return [cut_texts(each, limit) for each in value]
    return value


def fit(value: Any, limit: int) -> Any:
    """
    Shorten the texts of a value as little as it takes to fit into so many bytes of JSON.

    The longest way to write it is counted, with everything escaped that can be: nobody knows
    which one a receiver counts. Lists, and the names in tables, are shortened last.
    """
    shorter = plain(value)
    for length in _LENGTHS:
        shorter = cut_texts(shorter, length)
        if len(json.dumps(shorter)) <= limit:
            return shorter
    few = _few(shorter, 20)
    if len(json.dumps(few)) <= limit:
        return few
    msg = f"it does not fit into {limit:,} bytes, however short its texts"
    raise SecurityError(msg)


def _few(value: Any, limit: int) -> Any:
    if isinstance(value, dict):
        few = islice(value.items(), 100)
        return {cut_texts(key, _LENGTHS[-1]): _few(each, limit) for key, each in few}
    return (
        [_few(each, limit) for each in value[:limit]]
        if isinstance(value, list)
        else value
    )


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


# --- Jinja2's own that make much out of little ----------------------------------------


def concat(values: Iterable[Any]) -> str:
    """Make one text of values, as ``~`` does."""
    return "".join(map(str, values))


@pass_context
def join(
    context: Context, values: Any, d: Any = "", attribute: str | int | None = None
) -> Any:
    """Join texts, and pay for what stands between them."""
    listed = list(values)
    budget_of(context).spend(len(listed) * len(str(d)))
    return FILTERS["join"](context.eval_ctx, listed, d, attribute)


@pass_context
def replace(context: Context, value: Any, old: Any, new: Any, count: int = -1) -> str:
    """Replace a part of a text, and pay for what takes its place."""
    text, old, new = str(value), str(old), str(new)
    budget_of(context).spend(text.count(old) * len(new))
    return text.replace(old, new, count)


def rounded(value: float, precision: int = 0, method: str = "common") -> Any:
    """Round a number, to digits that a float can have."""
    return FILTERS["round"](value, min(precision, _MAX_PRECISION), method)
