"""
The dashboard: its pages, and the files that they load.

A page is a frame, the same for everybody; what it shows, its modules read from the API. So a
page costs the store nothing, and is there when the store is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from mimetypes import guess_type
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bridge.web.context import WebContext
from bridge.web.dashboard.strings import LANGUAGES, catalog, language_of

#: Where the files are that a page loads; they are served without signing in.
STATIC = "/static/"

#: Addresses of pages. What is behind ``/tasks/`` is an id, or an upstream and an id; an endpoint's
#: name may hold the origin of a hook.
PAGES = (
    *("/", "/tasks/{task:path}", "/deliveries", "/endpoints", "/endpoints/{name:path}"),
    "/upstreams",
)

#: What every page needs, so that a browser fetches it at once.
_MODULES = (
    "addresses.js",
    "app.js",
    "api.js",
    "dialogs.js",
    "dom.js",
    "sse.js",
    "stream.js",
    "text.js",
)
_THEMES = frozenset({"light", "dark"})
_FOR_EVER = "public, max-age=31536000, immutable"

_TEMPLATES = Environment(
    loader=PackageLoader("bridge.web.dashboard"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def routes(context: WebContext) -> Sequence[BaseRoute]:
    """Return the routes of the pages and of their files."""
    with_token = context.settings.api_token is not None

    async def page(request: Request) -> Response:
        return render(request, "page.html", with_token=with_token)

    return [
        *(Route(path, page) for path in PAGES),
        Route(f"{STATIC}{{version}}/{{name}}", _file),
    ]


async def signed_out(request: Request) -> Response | None:
    """
    Return the page that asks a visitor to sign in, to be sent with status 401.

    ``None`` for a request that is no page's: it gets a problem document.
    """
    if request.method not in {"GET", "HEAD"} or request.url.path.startswith("/api/v1"):
        return None
    accepted = request.headers.get("accept", "*/*")
    if "text/html" not in accepted and "*/*" not in accepted:
        return None
    return render(request, "signin.html", status=HTTPStatus.UNAUTHORIZED)


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    with_token: bool = False,
    **shown: Any,
) -> Response:
    """
    Return a page in its visitor's language.

    Args:
        template: The name of its template.

        with_token: Whether visitors sign in and out.

        shown: What the template needs besides.
    """
    language = language_of(
        request.cookies.get("lang"), request.headers.get("accept-language", "")
    )
    theme = request.cookies.get("theme")
    text = _TEMPLATES.get_template(template).render(
        t=catalog(language),
        language=language,
        other=next(one for one in LANGUAGES if one != language),
        theme=theme if theme in _THEMES else None,
        static=f"{STATIC}{_version()}",
        modules=_MODULES,
        with_token=with_token,
        **shown,
    )
    return Response(text, status, media_type="text/html")


async def _file(request: Request) -> Response:
    """Answer with a file. Its address names the version of all, so it never changes."""
    found = _files().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    content, media_type = found
    current = request.path_params["version"] == _version()
    headers = {"Cache-Control": _FOR_EVER if current else "no-store"}
    return Response(content, headers=headers, media_type=media_type)


@cache
def _files() -> Mapping[str, tuple[bytes, str | None]]:
    return {
        one.name: (one.read_bytes(), guess_type(one.name)[0])
        for one in (files("bridge.web.dashboard") / "static").iterdir()
        if one.is_file()
    }


@cache
def _version() -> str:
    """Return the version of all files together: modules import one another by name."""
    whole = sha256()
    for name, (content, _) in sorted(_files().items()):
        whole.update(name.encode() + b"\0" + content)
    return whole.hexdigest()[:12]
