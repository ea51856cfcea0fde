"""Untrusted URLs, in a form that every platform takes, or not at all."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlsplit, urlunsplit

from bridge.core.address import in_url

#: What a URL may consist of; the rest is percent-encoded. Quotes, angle brackets, pipes and
#: spaces end a link in one markup or another.
_SAFE = "/%:@!$&'()*+,;=~-._?"
#: Longer ones are refused by most platforms, or made unusable on the way.
MAX_URL = 2048
#: Endings of names that mean something in one network only.
_LOCAL = (".local", ".localhost", ".internal", ".lan", ".home.arpa")


def safe_url(
    url: str | None, *, limit: int = MAX_URL, schemes: tuple[str, ...] = ("https",)
) -> str | None:
    """
    Return a URL as a message may carry it; ``None`` if it must not.

    Left out are URLs of other schemes, without a host, with a password in them (everybody
    in the channel would read it), and those that are too long.

    Args:
        url: As a gateway sent it.

        limit: Characters that the result may have.

        schemes: Those that are acceptable.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        return None
    if parts.scheme not in schemes or not host or "@" in parts.netloc:
        return None
    place = in_url(host)
    shown = urlunsplit(
        (
            parts.scheme,
            place if port is None else f"{place}:{port}",
            quote(parts.path, safe=_SAFE, errors="replace"),
            quote(parts.query, safe=_SAFE, errors="replace"),
            quote(parts.fragment, safe=_SAFE, errors="replace"),
        )
    )
    return shown if len(shown) <= limit and quote(host, safe=".:-_") == host else None


def is_public(url: str) -> bool:
    """
    Whether everybody, and the platform itself, can follow a URL.

    Never raises. A name says little, so this does not guard anything: it keeps pictures and
    links that work in one network only out of messages.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_LOCAL)


def in_parentheses(url: str) -> str:
    """Return a URL as markdown takes it: a parenthesis in it would end it."""
    return url.replace("(", "%28").replace(")", "%29")
