"""
The types of single settings: what each accepts, and what it says when it does not.

A message never repeats the value: a key pasted into the wrong line must not end up on a
screen or in a log. It says what would be right instead. Addresses and secrets have
modules of their own, `addresses` and `credentials`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
)

from bridge.channels.endpoint_options import LONGEST
from bridge.core.endpoint import Rate
from bridge.core.event import EVENT_TYPES

#: Requests per second; more than any deployment reaches.
FASTEST = 100_000.0

#: Seconds of a rate that may be spent at once. A second's worth would let twice the rate
#: through in the first second, and receivers count by the second.
BURST_SECONDS = 0.1


def _endpoint_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text):
        msg = "a name is a lower-case letter, then lower-case letters, digits or _, up to 64 in all"
        raise ValueError(msg)
    return text


def _upstream_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        msg = "a name is made of lower-case letters, digits, - and _, up to 64, and begins with a letter or digit"
        raise ValueError(msg)
    return text


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]{1,64}", text):
        msg = "must be made of lower-case letters, digits, - and _, up to 64"
        raise ValueError(msg)
    return text


def any_case(words: tuple[str, ...]) -> BeforeValidator:
    """Accept words in upper and lower case, with white space around them."""
    spelled = {word.lower(): word for word in words}

    def spell(value: object) -> object:
        if isinstance(value, str):
            return spelled.get(value.strip().lower(), value)
        return value

    return BeforeValidator(spell)


def _words(value: object) -> object:
    """Take a number for the text that it is written with: ids and status codes are both."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _glob(text: str) -> str:
    if any(fnmatchcase(kind, text) for kind in EVENT_TYPES):
        return text
    families = sorted({kind.partition(".")[0] + ".*" for kind in EVENT_TYPES})
    near = get_close_matches(text, [*EVENT_TYPES, *families], n=1, cutoff=0.0)
    msg = f"no type of event matches this pattern; did you mean {near[0]}?"
    raise ValueError(msg)


EndpointName: TypeAlias = Annotated[str, AfterValidator(_endpoint_name)]
UpstreamName: TypeAlias = Annotated[str, AfterValidator(_upstream_name)]
Namespace: TypeAlias = Annotated[str, AfterValidator(_namespace)]
Identifier: TypeAlias = Annotated[str, BeforeValidator(_words)]
EventGlob: TypeAlias = Annotated[str, AfterValidator(_glob)]


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        msg = "must be a number"
        raise ValueError(msg)
    return value


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    found = (
        re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*/\s*([sm])", value.strip())
        if isinstance(value, str)
        else None
    )
    per_second = float(found[1]) / (1 if found[2] == "s" else 60) if found else 0.0
    if not 0 < per_second <= FASTEST:
        msg = 'must be a number of requests per second or minute, for example "5/s" or "20/m"'
        raise ValueError(msg)
    return Rate(per_second=per_second, burst=max(1.0, per_second * BURST_SECONDS))


def _retry(delays: tuple[float, ...]) -> tuple[float, ...]:
    if sum(delays) > 30 * 86400:
        msg = "the waits add up to more than 30 days"
        raise ValueError(msg)
    return delays


Whole: TypeAlias = Annotated[int, BeforeValidator(_no_bool)]
Number: TypeAlias = Annotated[
    float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)
]
Seconds: TypeAlias = Annotated[Number, Field(gt=0, le=LONGEST)]
RateLimit: TypeAlias = Annotated[
    Rate, PlainValidator(_rate), PlainSerializer(lambda rate: f"{rate.per_second:g}/s")
]
Retry: TypeAlias = Annotated[
    tuple[Seconds, ...], Field(min_length=1, max_length=50), AfterValidator(_retry)
]
