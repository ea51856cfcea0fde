"""How spans, times, numbers and addresses are written for people. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bridge.core.address import in_url
from bridge.core.endpoint import Rate

#: Part of a path that names a service rather than somebody's secret.
_PLAIN_PART = re.compile(r"[A-Za-z_-]{1,20}")


def span(seconds: float) -> str:
    """Write a span of time: ``12 ms``, ``2.3 s``, ``10 min``, ``3 d``."""
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
    """Write how long ago something was, or how far ahead it is: ``in 30 s``."""
    if then is None:
        return "never"
    elapsed = now - then
    if abs(elapsed) < 1:
        return "now"
    return f"{span(round(elapsed))} ago" if elapsed > 0 else f"in {span(elapsed)}"


def counted(count: int, one: str, many: str = "") -> str:
    """Write a number of things: ``1 task``, ``2,000 tasks``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def redacted_url(url: str) -> str:
    """
    Write a URL so that its owner recognizes it and nobody can use it.

    Shown are the host and, if it is a plain word, the first part of the path. Of schemes
    other than HTTP nothing is shown: there the "host" may be a token. Secrets within texts of
    others are taken out by `bridge.core.redact`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "…"
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}://…"
    shown = f"{parts.scheme}://{in_url(host)}{f':{port}' if port else ''}"
    first, *others = parts.path.lstrip("/").split("/")
    if others and _PLAIN_PART.fullmatch(first):
        return f"{shown}/{first}/…"
    return f"{shown}/…" if first or parts.query else shown


def host_of(url: str) -> str:
    """
    Return the host of an HTTP URL, with its port if it names one.

    For any other URL this is empty: there the "host" may be a token.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"}:
        return ""
    shown = in_url(host)
    return f"{shown}:{port}" if port else shown


def written_rate(rate: Rate | None) -> str | None:
    """Write a limit as the settings do: ``20/s``, ``30/m``; ``None`` for none."""
    if rate is None:
        return None
    if rate.per_second >= 1:
        return f"{rate.per_second:g}/s"
    return f"{rate.per_second * 60:g}/m"
