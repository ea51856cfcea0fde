"""
What is wrong with an upstream's answer, in words for the person who has to mend it.

Rule 1: `COMPLAINTS` is the whole judgement over a status code.
Rule 2: what leaves this module passes `redact`: new-api quotes a part of the key when
its quota is used up, and a proxy may quote all of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import urlsplit

from bridge.adapters.gateway.envelope import sentence
from bridge.adapters.gateway.parse import text_in
from bridge.app.ports import FetchResult, PollError

#: What a status means; 3xx is `PollError.MISPLACED`, any other `PollError.BROKEN`.
COMPLAINTS = {
    401: PollError.REFUSED,
    402: PollError.REFUSED,
    403: PollError.REFUSED,
    404: PollError.MISPLACED,
    405: PollError.MISPLACED,
    429: PollError.THROTTLED,
}

#: (words in a refusal, what they mean). The first that matches decides.
#: Sources: new-api ``middleware/auth.go`` and ``middleware/distributor.go``, trueai's
#: ``SimpleAuthMiddleware``.
HINTS = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            r"no access to model",
            "this key is limited to certain models, so new-api refuses to list tasks",
        ),
        (r"额度|quota|余额|balance|insufficient", "the key's quota is used up"),
        (r"\bIPs?\b", "the gateway accepts this key from certain addresses only"),
        (r"过期|expired", "the key has expired"),
        (
            r"authorization header missing|未提供令牌",
            "the gateway looks for the key in another header; see `auth`",
        ),
        (r"just a moment|cloudflare|captcha|attention required", "a firewall answered"),
    )
)

#: The longest wait that an upstream can ask for, in seconds.
_LONGEST_WAIT = 86400.0
#: Characters of a detail.
_LONGEST_DETAIL = 300
#: How many characters of a key in a row give too much of it away.
_TELLTALE = 6
#: Unlike `str.lower`, this leaves every character in its place.
_LOWERED = str.maketrans(ascii_uppercase, ascii_lowercase)
_KEY_LIKE = re.compile(
    r"\bsk-[^\s\"'\],;)}]*|[\w-]*\*{2,}[\w-]*|(?<=Bearer )[\w.~+/=-]{8,}", re.IGNORECASE
)


def complain(
    status: int, headers: Mapping[str, str], body: bytes, *, asked_host: str
) -> FetchResult:
    """
    Say what is wrong with an answer that is not 2xx.

    Args:
        status: Its status code.

        headers: Its headers, names in lower case.

        body: Its body, or the beginning.

        asked_host: The host that was asked.
    """
    if 300 <= status < 400:
        detail = f"redirects to {_host(headers.get('location', ''), asked_host)}"
        return FetchResult(
            error=PollError.MISPLACED, detail=f"{detail}; check base_url"
        )
    words = sentence(text_in(body[:65536]))
    detail = f"HTTP {status}: {words}" if words else f"HTTP {status}"
    complaint = COMPLAINTS.get(status, PollError.BROKEN)
    if complaint is PollError.REFUSED and (hint := _hint(words)):
        detail = f"HTTP {status}: {hint} ({words})"
    elif complaint is PollError.MISPLACED:
        detail = f"{detail}; there is no task list at this address: check base_url"
    return FetchResult(error=complaint, detail=detail, retry_after=wait_in(headers))


def wait_in(headers: Mapping[str, str]) -> float | None:
    """
    Read ``Retry-After``: seconds, or a date.

    A date is compared with the answer's own ``Date``, so no clock but the upstream's
    matters.
    """
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", asked):
        return min(float(asked), _LONGEST_WAIT)
    try:
        until, now = (
            parsedate_to_datetime(text).replace(tzinfo=UTC)
            for text in (asked, headers.get("date", ""))
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max((until - now).total_seconds(), 0.0), _LONGEST_WAIT)


def redact(words: str, secrets: Collection[str]) -> str:
    """
    Make a line of words that is fit to be shown.

    Gone are the secrets, parts of them, and what looks like a key at all; line breaks
    and invisible characters; and what goes on for too long.
    """
    words = words[: 4 * _LONGEST_DETAIL]
    for secret in sorted(secrets, key=len, reverse=True):
        words = _without(words, secret)
    words = " ".join(_KEY_LIKE.sub("[key]", words).split())
    words = "".join(char if char.isprintable() else "\ufffd" for char in words)
    if len(words) > _LONGEST_DETAIL:
        words = f"{words[: _LONGEST_DETAIL - 1]}…"
    return words


def _without(words: str, secret: str) -> str:
    """Replace a secret, and every piece of it that is long enough to tell, in any case."""
    if len(secret) < 4:
        return words  # a word; without it no sentence would be left
    length = min(len(secret), _TELLTALE)
    secret, searched = secret.translate(_LOWERED), words.translate(_LOWERED)
    pieces = {secret[i : i + length] for i in range(len(secret) - length + 1)}
    covered: set[int] = set()
    for piece in pieces:
        start = searched.find(piece)
        while start >= 0:
            covered.update(range(start, start + length))
            start = searched.find(piece, start + 1)
    kept: list[str] = []
    for place, char in enumerate(words):
        if place not in covered:
            kept.append(char)
        elif place - 1 not in covered:
            kept.append("[key]")
    return "".join(kept)


def _hint(words: str) -> str:
    return next((hint for pattern, hint in HINTS if pattern.search(words)), "")


def _host(location: str, asked_host: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return host if host and host != asked_host else "another address of the same host"
