"""
Credentials: keys, and the headers that may carry them.

All of them are `SecretStr` from the moment they are read, and no message repeats one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, SecretStr

from bridge.channels.headers import RESERVED

#: Headers that nobody sets: the requests', the connection's, and those of other bodies
#: than ours. The user agent is one: receivers and their logs tell by it who calls.
RESERVED_HEADERS = RESERVED | {
    "content-encoding",
    "proxy-authorization",
    "proxy-connection",
}

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2


def secretly(check: Callable[[str], str]) -> AfterValidator:
    """Have a check of texts judge a secret."""

    def judge(secret: SecretStr) -> SecretStr:
        return SecretStr(check(secret.get_secret_value().strip()))

    return AfterValidator(judge)


def _credential(text: str) -> str:
    text = text.strip()
    if text.lower().startswith("bearer "):
        msg = 'must be the key alone, without "Bearer"'
        raise ValueError(msg)
    if not text.isascii() or not text.isprintable() or " " in text:
        msg = "holds a character that cannot be part of a key (a space, a line break, a letter beyond ASCII)"
        raise ValueError(msg)
    return text


Credential: TypeAlias = Annotated[SecretStr, secretly(_credential)]


def _header_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        msg = "is not a header's name: letters, digits and - only"
        raise ValueError(msg)
    if text.lower() in RESERVED_HEADERS or text.lower().startswith("webhook-"):
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
        Annotated[SecretStr, secretly(_header_value)],
    ],
    AfterValidator(_distinct),
]
