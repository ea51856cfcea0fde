"""
Words: how times, spans and addresses are written for people, and read from them.

Pure, so that what a person sees can be tested without a terminal.
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from bridge.errors import Misconfigured

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.ASCII)

#: Part of a path that names a service rather than somebody's secret.
_PLAIN_PART = re.compile(r"[A-Za-z_-]{1,20}")

#: Names of headers whose values let somebody in.
_CREDENTIAL = re.compile(
    r"auth|key|token|secret|cookie|pass|credential|session", re.IGNORECASE
)


def span(seconds: float) -> str:
    """Write a span as short as it can be said."""
    seconds = abs(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    for limit, size, unit in ((100, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def ago(then: float | None, now: float) -> str:
    """Write how long ago something was, or in how long it will be."""
    if then is None:
        return "never"
    elapsed = now - then
    if abs(elapsed) < 1:
        return "now"
    return f"{span(round(elapsed))} ago" if elapsed > 0 else f"in {span(elapsed)}"


def clock(at: float, now: float) -> str:
    """Write a time as a clock on the wall shows it, with the day if that is another one."""
    moment = datetime.fromtimestamp(at).astimezone()
    today = datetime.fromtimestamp(now).astimezone().date()
    day = "" if moment.date() == today else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M:%S}"


def since(text: str, now: float) -> float:
    """
    Read a time in the past: ISO 8601, or how long ago it was (``45s``, ``2h``, ``3d``).

    A time without a zone is the local one.

    Raises:
        Misconfigured: It is neither, or not in the past.
    """
    given = text.strip()
    if match := _SPAN.fullmatch(given.lower()):
        return now - float(match[1]) * _UNITS[match[2]]
    try:
        at = datetime.fromisoformat(given).timestamp()
    except (ValueError, OverflowError, OSError):
        msg = f"not a time: {text!r}; write 45s, 90m, 2h, 3d, or 2024-11-03T08:00:00Z"
        raise Misconfigured(msg) from None
    if at > now:
        msg = f"{text} is not in the past"
        raise Misconfigured(msg)
    return at


def masked(url: str) -> str:
    """
    Write a URL so that its owner knows it, and nobody can use it.

    Shown are the host and, if it is a plain word, the first part of the path. Of schemes
    other than HTTP nothing is shown: there the "host" may be a token.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "…"
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}://…"
    host = f"[{host}]" if ":" in host else host
    shown = f"{parts.scheme}://{host}{f':{port}' if port else ''}"
    first, *others = parts.path.lstrip("/").split("/")
    if others and _PLAIN_PART.fullmatch(first):
        return f"{shown}/{first}/…"
    return f"{shown}/…" if first or parts.query else shown


def host_of(url: str) -> str:
    """Return a URL's host, with its port if it has one."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return f"{host}:{port}" if port else host


def is_credential(header: str) -> bool:
    """Whether a header's name says that its value lets somebody in."""
    return _CREDENTIAL.search(header) is not None


def counted(count: int, one: str, many: str = "") -> str:
    """Write a number of things: ``1 task``, ``2,000 tasks``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
