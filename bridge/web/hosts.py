"""
The host check: a request has to be for a host that is ours.

A page of another site can have its name resolve to this machine (DNS rebinding), and its
scripts then reach us as if we were that site; only the ``Host`` of their requests gives
them away. An address instead of a name cannot be rebound, so the one at which the request
arrived counts as ours, too: probes and scrapers use it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.core.address import is_loopback

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@]+)(:\d{1,5})?", re.IGNORECASE)


class HostCheck:
    """Refuses requests for hosts other than the public URL's and this machine's own."""

    def __init__(self, app: ASGIApp, *, public_url: str | None) -> None:
        self._app = app
        self._public = (urlsplit(public_url or "").hostname or "").rstrip(".")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the host, then serve."""
        if scope["type"] == "http":
            host = host_of(scope)
            if not host or not (
                host == self._public or is_loopback(host) or _is_own(host, scope)
            ):
                detail = (
                    "This request is for a host that is not this server's. "
                    "The setting public_url says which host is."
                )
                raise HTTPException(421, detail)
        await self._app(scope, receive, send)


def host_of(scope: Scope) -> str:
    """Return the host that a request is for, without its port; "" if it names none."""
    found = _HOST.fullmatch(Headers(scope=scope).get("host", ""))
    return found[1].strip("[]").lower().rstrip(".") if found else ""


def reached_by_https(scope: Scope, public_url: str | None) -> bool:
    """Whether a browser reaches us by https; a proxy speaks http to us all the same."""
    public = urlsplit(public_url or "")
    return public.scheme == "https" and host_of(scope) == public.hostname


def _is_own(host: str, scope: Scope) -> bool:
    address, _port = scope.get("server") or ("", None)
    try:
        return ip_address(host) == ip_address(address)
    except ValueError:
        return False
