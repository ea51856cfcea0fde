"""
The types of single settings: what each accepts, and what it says when it does not.

A message never repeats the value: a key pasted into the wrong line must not end up on a
screen or in a log. It says what would be right instead. What lets somebody in is a
`SecretStr` from the moment it is read. Addresses have a module of their own.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
import types
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
)

from bridge.channels.endpoint_options import MAX_SECONDS
from bridge.core.endpoint import Rate
from bridge.core.event import EVENT_TYPES
from bridge.core.http import RESERVED_HEADERS

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
Seconds: TypeAlias = Annotated[Number, Field(gt=0, le=MAX_SECONDS)]
RateLimit: TypeAlias = Annotated[
    Rate, PlainValidator(_rate), PlainSerializer(lambda rate: f"{rate.per_second:g}/s")
]
RetryDelays: TypeAlias = Annotated[
    tuple[Seconds, ...], Field(min_length=1, max_length=50), AfterValidator(_retry)
]


# --- keys, and the headers that may carry them ---------------------------------------

#: Headers that nobody sets: the requests', the connection's, and those of other bodies
#: than ours. The user agent too: receivers and their logs recognize us by it.
_NEVER_SET = RESERVED_HEADERS | {
    "content-encoding",
    "proxy-authorization",
    "proxy-connection",
}

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2


def checked_secret(check: Callable[[str], str]) -> AfterValidator:
    """Have a check of texts judge a secret."""

    def judge(secret: SecretStr) -> SecretStr:
        return SecretStr(check(secret.get_secret_value().strip()))

    return AfterValidator(judge)


def refuse_quotes(text: str) -> None:
    """Refuse a text with a quotation mark at one end; a pair of them means nothing."""
    if text.startswith(('"', "'")) or text.endswith(('"', "'")):
        msg = "has a quotation mark at one end only"
        raise ValueError(msg)


def _credential(text: str) -> str:
    text = text.strip()
    refuse_quotes(text)
    if text.lower().startswith("bearer "):
        msg = 'must be the key alone, without "Bearer"'
        raise ValueError(msg)
    if not text.isascii() or not text.isprintable() or " " in text:
        msg = "holds a character that cannot be part of a key (a space, a line break, a letter beyond ASCII)"
        raise ValueError(msg)
    return text


Credential: TypeAlias = Annotated[SecretStr, checked_secret(_credential)]


def _secret_key(text: str) -> str:
    if len(text) < 16:
        msg = "must have at least 16 characters, chosen at random"
        raise ValueError(msg)
    return text


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


SecretKeys: TypeAlias = Annotated[
    tuple[Annotated[SecretStr, checked_secret(_secret_key)], ...],
    BeforeValidator(_one_or_more),
]


def _header_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        msg = "is not a header's name: letters, digits and - only"
        raise ValueError(msg)
    if text.lower() in _NEVER_SET or text.lower().startswith("webhook-"):
        msg = "is a header that the bridge sets itself"
        raise ValueError(msg)
    return text


def _header_value(text: str) -> str:
    if not text.isascii() or not text.replace("\t", " ").isprintable():
        msg = "is not a header's value: one line of printable ASCII"
        raise ValueError(msg)
    return text.strip()


def _distinct(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    if len({name.lower() for name in headers}) < len(headers):
        msg = "names the same header twice, in different case"
        raise ValueError(msg)
    return headers


def _auth(text: str) -> str:
    mode, colon, name = text.strip().partition(":")
    mode = mode.strip().lower()
    if not colon and mode in {"bearer", "raw", "mj-api-secret", "both"}:
        return mode
    if mode != "header" or not colon:
        msg = "must be bearer, raw, mj-api-secret, both, or header:<Name>"
        raise ValueError(msg)
    return f"header:{_header_name(name.strip())}"


Auth: TypeAlias = Annotated[str, AfterValidator(_auth)]
Headers: TypeAlias = Annotated[
    dict[
        Annotated[str, AfterValidator(_header_name)],
        Annotated[SecretStr, checked_secret(_header_value)],
    ],
    AfterValidator(_distinct),
]


# --- what channels read --------------------------------------------------------------


def field_of(option: dataclasses.Field[Any], hint: Any) -> tuple[Any, Any]:
    """Return an option as pydantic takes a field: its type, and its default."""
    hint, optional = _without_none(hint)
    accepted = _accepted(hint, secret=not option.repr)
    # Bounds are those of the type itself, whatever stands around it.
    noted = get_origin(accepted) is Annotated
    kept, *notes = get_args(accepted) if noted else (accepted,)
    accepted = Annotated[kept, Field(**option.metadata), *notes]
    default: Any = ... if option.default is dataclasses.MISSING else option.default
    if option.default_factory is not dataclasses.MISSING:
        default = Field(default_factory=option.default_factory)
    return accepted | None if optional else accepted, default


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in {Union, types.UnionType}:
        return hint, False
    rest = [option for option in get_args(hint) if option is not types.NoneType]
    return functools.reduce(operator.or_, rest), len(rest) < len(get_args(hint))


def _accepted(hint: Any, *, secret: bool) -> Any:
    """Return what a person may write where a channel reads *hint*."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _checked(parts[0], parts[1:], secret=secret)
    if origin is Literal:
        return Annotated[hint, any_case(parts)]
    if origin is tuple:
        return types.GenericAlias(tuple, (_accepted(parts[0], secret=secret), ...))
    if origin is Mapping:
        return types.GenericAlias(dict, (_accepted(parts[0], secret=False), parts[1]))
    plain: dict[Any, Any] = {str: Identifier, int: Whole, float: Number}
    return Credential if secret else plain.get(hint, hint)


def _checked(
    hint: Any, checks: tuple[Callable[[str], str], ...], *, secret: bool
) -> Any:
    if secret:
        return Annotated[SecretStr, *map(checked_secret, checks)]
    return Annotated[_accepted(hint, secret=False), *map(AfterValidator, checks)]
