"""
Origins: which pages may ask for a change, and which may read an answer.

Browsers say with each request whether a page of the same origin makes it (Fetch metadata),
and older ones at least the page's origin. A request that says neither comes from a program.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.web.problem_details import problem
from bridge.web.session import BY_COOKIE

#: Methods that change nothing.
SAFE = {"GET", "HEAD", "OPTIONS"}

#: The header that the dashboard sends with every change. A page of another site would have
#: to ask whether it may (CORS), and a form cannot send it at all.
PAGE_HEADER = "x-requested-with"

_CROSS_SITE = "A page of another site asked for this change."


class CrossSiteCheck:
    """Refuses changes that a page of another site asks for."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted: Collection[str],
        self_authenticated: tuple[str, ...] = (),
    ) -> None:
        """
        Protect an application.

        Args:
            app: What comes after.

            trusted: Origins whose pages may ask, besides the one that a request is for.

            self_authenticated: What addresses begin with that know by themselves who asks.
        """
        self._app = app
        self._trusted = trusted
        self._self_authenticated = self_authenticated

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check where a change was asked for, then serve."""
        checked = scope["type"] == "http" and not scope["path"].startswith(
            self._self_authenticated
        )
        if checked and scope["method"] not in SAFE:
            headers = Headers(scope=scope)
            if not is_same_site(headers, self._trusted):
                raise HTTPException(403, _CROSS_SITE)
            if scope.get(BY_COOKIE) and not headers.get(PAGE_HEADER):
                detail = (
                    f"A change asked for with a session needs the header {PAGE_HEADER}."
                )
                raise HTTPException(403, detail)
            if _has_body(headers) and not _is_plain_json(headers):
                detail = "The body has to be application/json, and not compressed."
                raise HTTPException(415, detail)
        await self._app(scope, receive, send)


def is_same_site(headers: Headers, trusted: Collection[str]) -> bool:
    """Return whether a program asks, or a page of ours or of a trusted origin."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin == "null":
        return False
    if origin is not None and origin.lower() in trusted:
        return True
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _is_plain_json(headers: Headers) -> bool:
    media_type = headers.get("content-type", "").partition(";")[0]
    is_json = media_type.strip().lower() == "application/json"
    return is_json and headers.get("content-encoding", "") in {"", "identity"}


class CrossOrigin(CORSMiddleware):
    """Lets the pages of some origins use the API with a token; never with a session."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=sorted(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[
                "authorization",
                "content-type",
                "idempotency-key",
                "last-event-id",
                "mj-api-secret",
            ],
            expose_headers=[
                "idempotency-replayed",
                "retry-after",
                "x-feed-position",
                "x-mjbridge",
            ],
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser's question, with a problem document if the answer is no."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        return problem(
            403, "Pages of this origin may not use the API; see web.cors_origins."
        )
