"""
Redaction: what of an endpoint's or a gateway's settings must not be shown, and taking it
out of a text.

Others repeat what we sent them: "Cannot POST /hooks/<token>" is what a common framework
answers to a URL that it does not know, and the beginning of an answer is kept and shown.

Rule 1: what stands where only a credential can stand (a password, a token, a signing
secret) is a secret from `MIN_CREDENTIAL` characters on. What is shorter is a word, and
without it no sentence would be left.
Rule 2: any other part of a URL or a header is one from `MIN_PART` characters on,
unless it is a plain word such as ``webhooks``.
Rule 3: what lies together is replaced once, by one `BLOT`.

It is applied where a text comes in: `bridge.adapters.http.sender` and ``notifier`` (receivers),
`bridge.adapters.gateway.errors` (gateways), `bridge.channels.template`, `bridge.cli.preview`. So
nothing has to be taken out of a log line, an attempt or a page later.

How a URL of our own is shown, with its host alone, is said by `bridge.app.humanize.redacted_url`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from bridge.core.endpoint import Endpoint

#: What stands in the place of a secret.
BLOT = "…"
#: In characters; see rule 1.
MIN_CREDENTIAL = 4
#: In characters; see rule 2.
MIN_PART = 8

_PLAIN_WORD = re.compile(r"[a-z]+(?:[-_][a-z]+)*")
#: A plain word of more characters may have been rolled.
_MAX_WORD = 15
#: Headers whose values say nothing of who sends them.
_HARMLESS = frozenset(
    {"accept", "accept-language", "content-type", "user-agent", "cache-control"}
)
_PART_OF_URL = re.compile(r"[\w.~%+-]+")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text, whatever the case of its letters."""
    shown = redact_bytes(text.encode(errors="surrogatepass"), secrets)
    return shown.decode(errors="surrogatepass")


def redact_bytes(body: bytes, secrets: Iterable[str]) -> bytes:
    """Replace every secret in a body, which may be in any encoding that begins as ASCII."""
    lowered = body.lower()
    found = []
    for searched in _lowered(frozenset(secrets)):
        start = lowered.find(searched)
        while start >= 0:
            found.append((start, start + len(searched)))
            start = lowered.find(searched, start + 1)
    kept: list[bytes] = []
    place, blot = 0, BLOT.encode()
    for start, end in sorted(found):
        if start > place or not kept:
            kept += [body[place:start], blot]
        place = max(place, end)
    return b"".join([*kept, body[place:]])


@lru_cache(maxsize=64)
def _lowered(secrets: frozenset[str]) -> tuple[bytes, ...]:
    return tuple(
        secret.encode(errors="surrogatepass").lower()
        for secret in secrets
        if len(secret) >= MIN_CREDENTIAL
    )


def secrets_of_endpoint(endpoint: Endpoint) -> frozenset[str]:
    """Return all that lets somebody post where an endpoint posts, or sign as it does."""
    tokens = set(endpoint.options.secrets_within())
    pairs = {part for token in tokens for part in token.split(":")}
    return (
        secrets_of_url(endpoint.url)
        | credentials_in(endpoint.proxy or "")
        | secrets_of_headers(endpoint.headers)
        | _spelled(tokens | pairs)
    )


def secrets_of_url(url: str) -> frozenset[str]:
    """
    Return the parts of a URL that must not be shown, as others may spell them.

    Of a URL that is not http(s), such as Apprise's, every part may be a credential, the
    host included.
    """
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in {"http", "https"}:
        return _spelled({url, *_PART_OF_URL.findall(rest)})
    parts = _split(url)
    if parts is None:
        return _spelled({url})
    whole = {parts.path, parts.path.strip("/"), parts.query}
    whole |= {f"{path}?{parts.query}" for path in whole if parts.query}
    single = {*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))}
    found = {url, *filter(_is_long, whole), *filter(_may_be_secret, single)}
    return _spelled(found) | credentials_in(url)


def secrets_of_headers(headers: Mapping[str, str]) -> frozenset[str]:
    """Return the values of a request's own headers, and the words in them."""
    values = [value for name, value in headers.items() if name.lower() not in _HARMLESS]
    words = {word for value in values for word in (value, *value.split())}
    return _spelled(filter(_may_be_secret, words))


def credentials_in(url: str) -> frozenset[str]:
    """
    Return the name and the password in a URL, alone and packed for a header.

    A name is as secret as a password: with many proxies it is the token.
    """
    parts = _split(url)
    if parts is None:
        return frozenset()
    name, password = parts.username or "", parts.password or ""
    packed = {basic_credentials(parts)} if name or password else set()
    return _spelled({name, password, *packed})


def basic_credentials(url: SplitResult) -> str:
    """Pack the name and the password in a URL for an ``Authorization: Basic``."""
    pair = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    return b64encode(pair.encode()).decode()


def spellings(secret: str) -> frozenset[str]:
    """Return a secret as it is, percent-encoded and decoded."""
    plain = unquote(secret)
    return frozenset({secret, plain, quote(secret, safe=""), quote(plain, safe="")})


def _spelled(secrets: Iterable[str]) -> frozenset[str]:
    return frozenset(
        spelling
        for secret in secrets
        for spelling in spellings(secret)
        if len(spelling) >= MIN_CREDENTIAL
    )


def _is_long(text: str) -> bool:
    return len(text) >= MIN_PART


def _may_be_secret(part: str) -> bool:
    is_word = len(part) <= _MAX_WORD and _PLAIN_WORD.fullmatch(part)
    return _is_long(part) and not is_word


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
