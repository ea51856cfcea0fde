"""
What is wrong with an upstream's answer, in words for the person who has to mend it.

Rule 1: `POLL_ERRORS` is the whole judgement over a status code.
Rule 2: what leaves the adapter passes `redacted_line`: new-api quotes a part of the key when
its quota is used up, and a proxy may quote all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import unescape
from urllib.parse import urlsplit

from bridge.adapters.gateway.coerce import decoded, parse, text_of
from bridge.app.ports import FetchResult, PollError
from bridge.core.http import Response, http_date, retry_after
from bridge.core.redact import MIN_CREDENTIAL, redact

#: What a status means; 3xx is `PollError.MISPLACED`, any other `PollError.BROKEN`.
POLL_ERRORS = {
    401: PollError.REFUSED,
    402: PollError.REFUSED,
    403: PollError.REFUSED,
    404: PollError.MISPLACED,
    405: PollError.MISPLACED,
    429: PollError.THROTTLED,
}

#: (words in a refusal, what they mean, what to do about it; ``""`` if that is about our
#: settings). The first that matches decides.
#: Sources: new-api ``middleware/auth.go`` and ``middleware/distributor.go``, trueai's
#: ``SimpleAuthMiddleware``.
HINTS = tuple(
    (re.compile(pattern, re.IGNORECASE), hint, mend)
    for pattern, hint, mend in (
        (
            r"no access to (any )?model|无权访问(任何)?模型",
            "this key is limited to certain models, so new-api refuses to list tasks",
            "lift the key's list of models at the gateway",
        ),
        (
            r"额度|quota|余额|balance|insufficient",
            "the key's quota is used up",
            "top up the key's quota at the gateway",
        ),
        (
            r"\bIPs?\b",
            "the gateway accepts this key from certain addresses only",
            "add this machine's address to the key's list at the gateway",
        ),
        (
            r"过期|expired",
            "the key has expired",
            "extend the key at the gateway, or make a new one",
        ),
        (
            r"令牌状态不可用|token (status )?(is )?(unavailable|disabled|not available)",
            "the key is disabled",
            "enable the key at the gateway",
        ),
        (
            r"不支持指定渠道|specify(ing)? (a )?channel",
            "the key ends with a channel's number, which is for administrators only",
            "remove the last hyphen of the key and what is behind it",
        ),
        (
            r"用户已被封禁|user (is |has been )?banned",
            "the key's user is banned at the gateway",
            "ask whoever runs the gateway",
        ),
        (
            r"authorization header missing|未提供令牌",
            "the gateway looks for the key in another header; see `auth`",
            "",
        ),
        (
            r"just a moment|cloudflare|captcha|attention required",
            "a firewall answered",
            "have the firewall in front of the gateway let this machine through",
        ),
    )
)

#: Where an error's JSON keeps its sentence, the most readable first.
_SENTENCES = ("message", "description", "msg", "detail", "error", "error_description")
#: Characters of an upstream's own words that are looked at.
LONGEST_SENTENCE = 4096
#: Characters of a detail.
_LONGEST_DETAIL = 300
#: How many characters of a key in a row give too much of it away.
_TELLTALE = 6
_KEY_LIKE = re.compile(
    r"\bsk-[^\s\"'\],;)}]*|[\w-]*\*{2,}[\w-]*|(?<=Bearer )[\w.~+/=-]{8,}", re.IGNORECASE
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


def error_of(response: Response, *, asked_host: str) -> FetchResult:
    """
    Return what is wrong with a response that is not 2xx.

    Args:
        asked_host: The host that was asked.
    """
    status = response.status or 0
    if 300 <= status < 400:
        location = response.headers.get("location", "")
        detail = (
            f"HTTP {status}: redirects to {_host(location, asked_host)}, and redirects are "
            "not followed; base_url has to be the final address"
        )
        return FetchResult(error=PollError.MISPLACED, detail=detail)
    words = sentence(decoded(response.body[:65536]))
    detail = f"HTTP {status}: {words}" if words else f"HTTP {status}"
    error = POLL_ERRORS.get(status, PollError.BROKEN)
    mend = ""
    if error is PollError.REFUSED:
        hint, mend = _hint(words)
        detail = f"HTTP {status}: {hint} ({words})" if hint else detail
    elif error is PollError.MISPLACED:
        detail = f"{detail}; there is no task list at this address: check base_url"
    return FetchResult(
        error=error,
        detail=detail,
        retry_after=wait_in(response.headers),
        mend=mend,
    )


def wait_in(headers: Mapping[str, str]) -> float | None:
    """
    Return how many seconds an answer asks to wait; ``None`` if it does not.

    A date is compared with the answer's own ``Date``, so no clock but the upstream's
    matters.
    """
    now = http_date(headers.get("date"))
    return retry_after(headers.get("retry-after"), now=now)


def sentence(text: str) -> str:
    """Find the words for a person in an error's body; ``""`` if there are none."""
    if text.startswith("<"):
        return page(text)
    try:
        parsed = parse(text)
    except ValueError:
        return text[:LONGEST_SENTENCE]
    if isinstance(parsed, dict):
        return sentence_in(parsed)
    return text[:LONGEST_SENTENCE] if parsed else ""


def sentence_in(error: Mapping[str, object]) -> str:
    """Find the words for a person in an error's JSON; ``""`` if there are none."""
    for key in _SENTENCES:
        inner = error.get(key)
        if isinstance(inner, dict) and key == "error":
            texts = (text_of(inner.get(name)) for name in _SENTENCES)
            inner = next(filter(None, texts), None)
        if words := text_of(inner):
            return words[:LONGEST_SENTENCE]
    code = text_of(error.get("code"))
    return f"code {code[:LONGEST_SENTENCE]}" if code else ""


def page(text: str) -> str:
    """Describe a web page by its title."""
    title = _TITLE.search(text[:LONGEST_SENTENCE])
    if title is None or not title[1].strip():
        return "a web page"
    return f'a web page ("{" ".join(unescape(title[1]).split())}")'


def telltales(secrets: Iterable[str]) -> frozenset[str]:
    """Return every piece of some secrets that is long enough to give them away."""
    return frozenset(
        secret[start : start + _TELLTALE]
        for secret in secrets
        if len(secret) >= MIN_CREDENTIAL
        for start in range(max(1, len(secret) - _TELLTALE + 1))
    )


def redacted_line(words: str, secrets: Iterable[str]) -> str:
    """
    Return one line of an upstream's words that is fit to be shown.

    Gone are the secrets, and what looks like a key at all; line breaks and invisible
    characters; and what goes on for too long.

    Args:
        secrets: As `telltales` returns them.
    """
    words = words[: 4 * _LONGEST_DETAIL]
    words = redact(words, {*secrets, *_KEY_LIKE.findall(words)})
    words = " ".join(words.split())
    words = "".join(char if char.isprintable() else "\ufffd" for char in words)
    if len(words) > _LONGEST_DETAIL:
        words = f"{words[: _LONGEST_DETAIL - 1]}…"
    return words


def _hint(words: str) -> tuple[str, str]:
    found = (hint for pattern, *hint in HINTS if pattern.search(words))
    hint, mend = next(found, ("", ""))
    return hint, mend


def _host(location: str, asked_host: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return host if host and host != asked_host else "another address of the same host"
