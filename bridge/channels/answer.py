"""
Answers: what a receiver's HTTP response says, for every channel that has no words of
its own for it.

The status line decides. The rest of an answer is for people, so a 200 whose body never
ends is a success: the receiver has said yes, and to insist would only tell it twice.
"""

from __future__ import annotations

import re

from bridge.core.delivery import Attempt
from bridge.core.http import Response, retry_after

#: How much of an answer is kept for people, in bytes.
MAX_DETAIL = 1024

_CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.ASCII | re.IGNORECASE)


def read(response: Response, *, started: float, now: float) -> Attempt:
    """Say what came of a request; see `bridge.channels.Channel.read`."""
    attempt = Attempt(
        started=started,
        took=response.took,
        status=response.status,
        fault=response.fault,
        detail=detail_of(response),
    )
    if attempt.succeeded:
        return attempt
    return Attempt(
        started=started,
        took=response.took,
        status=response.status,
        fault=response.fault,
        detail=attempt.detail,
        retry_after=retry_after(response.headers.get("retry-after"), now=now),
    )


def detail_of(response: Response) -> str:
    """Return what to keep of an answer for people: one line, at most `MAX_DETAIL` bytes."""
    packed = response.headers.get("content-encoding", "identity").lower()
    if response.body and packed not in {"", "identity"}:
        said = f"({len(response.body)} bytes, encoded, not unpacked)"
    else:
        charset = _CHARSET.search(response.headers.get("content-type", ""))
        said = readable(response.body, charset=charset[1] if charset else "utf-8")
    return _cut(" · ".join(part for part in (response.detail, said) if part))


def readable(body: bytes, *, charset: str = "utf-8") -> str:
    """
    Turn the beginning of a body into one line that is safe to print.

    White space becomes single spaces; what is invisible, steers a terminal or turns
    the direction of writing is removed.
    """
    beginning = body[:MAX_DETAIL]
    try:
        text = beginning.decode(charset, errors="replace")
    except (LookupError, ValueError):
        text = beginning.decode(errors="replace")
    line = " ".join(text.split())
    kept = "".join(char for char in line if char.isprintable())
    return _cut(re.sub("\ufffd{2,}", "\ufffd", kept))


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:MAX_DETAIL].decode(errors="ignore")
