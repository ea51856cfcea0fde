"""Limits of what a request may hold, whatever it says about itself."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of a body, of an address with its query, and of all headers together.
BODY, ADDRESS, HEADERS = 1024 * 1024, 8 * 1024, 32 * 1024

#: Bytes of a body that may hold a mask: a picture in base64, and what comes with it.
MASKED_BODY = 16 * BODY
#: Bytes of a body that is passed on, and never whole in memory: five pictures in base64.
PASSED_BODY = 64 * BODY


class Limits:
    """Refuses what is too large: a body by its announced length, or once too much has come."""

    def __init__(self, app: ASGIApp, *, most: Callable[[Scope], int]) -> None:
        """
        Protect an application.

        Args:
            app: What comes after.

            most: Returns the bytes that a request's body may have.
        """
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the head, then serve, counting the body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most(scope)
        _check_head(scope, most)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _too_large(most)
            return message

        await self._app(scope, counted, send)


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"The body is larger than {most // 1024} KiB.")


def _check_head(scope: Scope, most: int) -> None:
    if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > ADDRESS:
        raise HTTPException(414, f"The address is longer than {ADDRESS // 1024} KiB.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS:
        raise HTTPException(431, f"The headers hold more than {HEADERS // 1024} KiB.")
    headers = Headers(scope=scope)
    length = headers.get("content-length")
    if length is None:
        return
    if "transfer-encoding" in headers:
        # Two servers in a row could disagree about where such a request ends.
        raise HTTPException(400, "The request gives its length in two ways.")
    if not length.isdecimal():
        raise HTTPException(400, "Content-Length is not a number.")
    if int(length) > most:
        raise _too_large(most)
