"""
Kept pictures and their thumbnails, under names that nobody guesses: no sign-in is needed.

Chats and receivers are given these addresses. What they lead to never changes, and is shown as
what its bytes are or not at all: it can run nothing, whatever a browser makes of it.
"""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from bridge.core.media import type_of_name
from bridge.errors import ArchiveUnavailable
from bridge.web.context import WebContext

PREFIX = "/files/"

_FOR_EVER = "public, max-age=31536000, immutable"
#: What a link that S3 has signed is good for is longer.
_REDIRECTED_FOR = "private, max-age=600"


def routes(context: WebContext) -> list[Route]:
    """Return the route of kept files; without an archive, there are none."""
    files = context.pictures

    async def kept_file(request: Request) -> Response:
        name = request.path_params["name"]
        media_type = type_of_name(name)
        if files is None or media_type is None:
            raise HTTPException(404)
        headers = _headers(name)
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        try:
            where = await files.locate(name)
        except ArchiveUnavailable as error:
            raise HTTPException(503, str(error)) from error
        if where is None:
            raise HTTPException(404)
        if isinstance(where, Path):
            return FileResponse(where, media_type=media_type, headers=headers)
        if request.method == "HEAD":  # the link is signed for GET
            return Response(media_type=media_type, headers=headers)
        return RedirectResponse(where, headers={"cache-control": _REDIRECTED_FOR})

    return [Route(f"{PREFIX}{{name}}", kept_file, methods=["GET"])]


def _headers(name: str) -> dict[str, str]:
    return {
        "etag": f'"{name}"',
        "cache-control": _FOR_EVER,
        "content-disposition": f'inline; filename="{name}"',
        "content-security-policy": "default-src 'none'; sandbox",
        # Galleries and previews elsewhere may show it: that is what the name is given for.
        "cross-origin-resource-policy": "cross-origin",
    }
