"""Destinations: a URL, taken apart into where to connect to and what to ask for there."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import httpx

from bridge.core.address import DEFAULT_PORTS
from bridge.core.redact import basic_credentials

#: What may stand in a URL; anything else is encoded, as no server would accept it.
_LEGAL = "!#$%&'()*+,/:;=?@[]~"


class Site(NamedTuple):
    """What a connection leads to; requests to the same one may share connections."""

    tls: bool
    host: str
    port: int


class Destination(NamedTuple):
    """
    A URL, taken apart.

    Attributes:
        authority: The host, and the port if it is not the usual one, as in a URL.

        target: What is asked for, to the byte as the URL has it.

        authorization: The URL's credentials as a header has them; empty if it has none.
    """

    site: Site
    authority: str
    target: str
    authorization: str


@lru_cache(maxsize=4096)
def destination_of(url: str) -> Destination:
    """
    Take a URL apart.

    To read a URL takes as long as a whole request, and thousands of endpoints are sent to in turn.

    Raises:
        httpx.InvalidURL: It is not one.

        httpx.UnsupportedProtocol: It is not one of HTTP.
    """
    parsed = httpx.URL(url)
    if parsed.scheme not in DEFAULT_PORTS or not parsed.host:
        msg = "not a URL of HTTP"
        raise httpx.UnsupportedProtocol(msg)
    parts = urlsplit(url)
    rest = url.partition("://")[2][len(parts.netloc) :].partition("#")[0]
    return Destination(
        site=Site(
            tls=parsed.scheme == "https",
            # Without the dot of the DNS's root, which is in no certificate.
            host=parsed.raw_host.decode("ascii").removesuffix("."),
            port=parsed.port or DEFAULT_PORTS[parsed.scheme],
        ),
        authority=parsed.netloc.decode("ascii"),
        target=quote(rest if rest.startswith("/") else f"/{rest}", safe=_LEGAL),
        authorization=f"Basic {basic_credentials(parts)}" if parsed.userinfo else "",
    )
