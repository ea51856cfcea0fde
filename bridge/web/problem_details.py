"""
Problems: every error is answered with a document of RFC 9457, whichever layer found it.

A detail is a sentence of ours that helps; it repeats nothing of a request's body or
headers, because a key pasted into the wrong place must not come back on a screen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import (
    ASGIApp,
    ExceptionHandler,
    Message,
    Receive,
    Scope,
    Send,
)

from bridge.app.outage import store_outage
from bridge.errors import (
    Ambiguous,
    BridgeError,
    Misconfigured,
    NotFound,
    Refused,
    StoreRefused,
    StoreUnavailable,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

#: Seconds after which it is worth asking again while the store is away.
STORE_RETRY_AFTER = 2

#: How the errors that people can do something about are answered.
_STATUSES: Mapping[type[BridgeError], int] = {
    NotFound: 404,
    Ambiguous: 409,
    Misconfigured: 422,
    Refused: 422,
    StoreUnavailable: 503,
    StoreRefused: 503,
    BridgeError: 500,
}

#: What is said where Starlette or FastAPI say no more than the status's own name.
_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not answer this method; the header Allow lists those it does.",
}


def problem(
    status: int,
    detail: str,
    *,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """
    Return an error's answer.

    Args:
        status: The HTTP status.

        detail: A sentence that helps whoever reads it.

        more: Further members, such as ``errors``: for each field that is wrong, its
            ``pointer`` (RFC 6901) and a ``detail``.

        headers: Sent along.
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": new_instance(),
        **(more or {}),
    }
    # ASCII: what is quoted may hold half a surrogate pair.
    return Response(
        json.dumps(document), status, media_type=MEDIA_TYPE, headers=headers
    )


def new_instance() -> str:
    """Return what names one occurrence of a problem, and repeats nothing of the request."""
    return f"urn:uuid:{uuid4()}"


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer an error that a route, the router or a layer raised with a status."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request, headers.get("Allow", "")))
    phrase = HTTPStatus(error.status_code).phrase
    detail = str(error.detail)
    if detail == phrase:
        detail = _DETAILS.get(error.status_code, f"{phrase}.")
    return problem(error.status_code, detail, headers=headers)


def _allowed(request: Request, known: str) -> Sequence[str]:
    """
    Return every method that an address answers: each may have a route of its own.

    Where the routes of several addresses fit, the most particular of them is meant: what
    ends like the actions of a task could be the id of another task, and is none.
    """
    methods: dict[str, set[str]] = {}
    for route in _each(getattr(request.scope.get("app"), "routes", ())):
        if route.matches(request.scope)[0] is not Match.NONE:
            address = methods.setdefault(getattr(route, "path", ""), set())
            address |= getattr(route, "methods", None) or set()
    found = methods[max(methods, key=len)] if methods else set()
    found = found or {one.strip() for one in known.split(",") if one}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _each(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Return routes one by one; FastAPI keeps those of a router together."""
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is None:
            yield route
        else:
            yield from _each(router.routes)


async def answer_bridge_error(_request: Request, error: Exception) -> Response:
    """Answer an error that a person can do something about."""
    assert isinstance(error, BridgeError)  # noqa: S101 - registered for nothing else
    if isinstance(error, StoreUnavailable):
        _note(error)
    status = next(code for kind, code in _STATUSES.items() if isinstance(error, kind))
    headers = {"Retry-After": str(STORE_RETRY_AFTER)} if status == 503 else None
    return problem(status, str(error), headers=headers)


def _note(error: BaseException) -> None:
    """Note what the store's client said, if it was asked; a request may be told more than that."""
    while isinstance(error.__cause__, StoreUnavailable):
        error = error.__cause__
    if error.__cause__ is not None:
        store_outage.failed(str(error))


async def answer_unexpected_error(request: Request, error: Exception) -> Response:
    """Answer a mistake of ours; the log says more, under the same instance."""
    instance = new_instance()
    _log_failure(request.scope, error, instance=instance)
    detail = "This is a mistake of the server's; its log says more."
    return problem(500, detail, more={"instance": instance})


def _log_failure(scope: Scope, error: Exception, **facts: str) -> None:
    # The route, and not the address: that may hold anything.
    route = getattr(scope.get("route"), "path", None)
    method = scope["method"]
    log.error("web.failed", route=route, method=method, exc_info=error, **facts)


async def answer_nobody(_request: Request, _error: Exception) -> Response:
    """Answer a client that left while its request was read, and does not see this."""
    return problem(400, "The request ended too early.")


#: For every application of this process: `Starlette(exception_handlers=HANDLERS)`.
HANDLERS: Mapping[Any, ExceptionHandler] = {
    HTTPException: answer_http_error,
    BridgeError: answer_bridge_error,
    ClientDisconnect: answer_nobody,
    Exception: answer_unexpected_error,
}


class Problems:
    """
    Answers what the layers around the routes raise.

    No error leaves it, unless half an answer has been sent: then the connection has to break.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; answer what is raised."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False

        async def watched(message: Message) -> None:
            nonlocal begun, ended
            begun = True
            body = message["type"] == "http.response.body"
            ended = body and not message.get("more_body")
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if not begun:
                response = await _response(Request(scope), error)
                await response(scope, receive, send)
            elif not ended:
                _log_failure(scope, error)
                raise


async def _response(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return await answer_http_error(request, error)
    if isinstance(error, BridgeError):
        return await answer_bridge_error(request, error)
    return await answer_unexpected_error(request, error)
