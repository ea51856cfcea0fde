"""
What a picture's URL says about itself: until when it works, and whether it is new.

Gateways sign their URLs and decorate them anew on every answer (new-api appends
``?rand=<nanoseconds>`` until a task has ended), so two URLs can differ and still name
the same picture.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

#: Query parameters that change from answer to answer while the picture stays the same.
_VOLATILE = frozenset(
    {"rand", "ex", "is", "hm", "expires", "signature", "ossaccesskeyid", "q-signature"}
    | {"q-sign-time", "q-key-time", "q-sign-algorithm", "q-ak", "q-header-list"}
    | {"q-url-param-list", "x-amz-date", "x-amz-expires", "x-amz-signature"}
    | {"x-amz-credential", "x-amz-algorithm", "x-amz-security-token"}
)

#: Seconds since the epoch at the beginning of the years 2015 and 2100.
_EARLIEST = 1_420_070_400
_LATEST = 4_102_444_800


def stable(url: str | None) -> str | None:
    """
    Return the part of a URL that names the picture.

    Never raises: text that is not a URL is returned as it came.
    """
    if url is None or "?" not in url:
        return url
    head, _, query = url.partition("?")
    kept = [
        pair
        for pair in query.split("&")
        if pair and pair.partition("=")[0].lower() not in _VOLATILE
    ]
    return f"{head}?{'&'.join(kept)}" if kept else head


def expires_at(url: str | None) -> datetime | None:
    """
    Read from a signed URL when it expires; ``None`` if it does not say.

    Understood are Discord's ``ex`` (hexadecimal seconds), ``Expires`` (S3 v2, OSS),
    ``X-Amz-Date`` with ``X-Amz-Expires`` (S3 v4) and ``q-sign-time`` (COS). Other sites
    have parameters of these names, too, so a time without a signature does not count.
    Sources: Discord, "Signed Attachment CDN URLs"; the vendors' signing documents.
    """
    if url is None:
        return None
    try:
        query = {
            name.lower(): values[0]
            for name, values in parse_qs(urlsplit(url).query).items()
        }
    except ValueError:
        return None
    for read in (_discord, _expires, _amazon, _tencent):
        try:
            seconds = read(query)
        except (ValueError, OverflowError):
            continue
        if seconds is not None and _EARLIEST <= seconds < _LATEST:
            return datetime.fromtimestamp(seconds, UTC)
    return None


def _discord(query: dict[str, str]) -> float | None:
    text = query.get("ex", "")
    return int(text, 16) if re.fullmatch("[0-9A-Fa-f]{8}", text) else None


def _expires(query: dict[str, str]) -> float | None:
    return _seconds(query.get("expires", ""))


def _amazon(query: dict[str, str]) -> float | None:
    lasts = _seconds(query.get("x-amz-expires", ""))
    if lasts is None or "x-amz-date" not in query:
        return None
    signed = datetime.strptime(query["x-amz-date"], "%Y%m%dT%H%M%S%z")
    return signed.timestamp() + lasts


def _tencent(query: dict[str, str]) -> float | None:
    return _seconds(query.get("q-sign-time", "").partition(";")[2])


def _seconds(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else None
