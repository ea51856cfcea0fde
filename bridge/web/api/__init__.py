"""The HTTP API under ``/api/v1``."""

from __future__ import annotations

from functools import cache

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.version import __version__
from bridge.web.api import actions, endpoints, events, tasks, upstreams
from bridge.web.api.answers import COMMON
from bridge.web.api.errors import HANDLERS
from bridge.web.api.idempotency import Idempotency
from bridge.web.api.openapi import describe
from bridge.web.context import WebContext


class HeadAsGet:
    """Answers HEAD as GET; the server leaves out the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope.get("method") == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


class ServedFrom:
    """Serves an application from the services of one deployment, which its routes ask for."""

    def __init__(self, app: ASGIApp, context: WebContext) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        state = {**scope.get("state", {}), "context": self._context}
        await self._app({**scope, "state": state}, receive, send)


@cache
def routed_api(*, needs_token: bool) -> FastAPI:
    """
    Return the application that is mounted at ``/api/v1``; paths in it start below that.

    It belongs to no deployment: `ServedFrom` gives it one, with each request.
    """
    api = FastAPI(
        title="mjbridge",
        version=__version__,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        responses=COMMON,
        middleware=[Middleware(HeadAsGet), Middleware(Idempotency)],
        exception_handlers=dict(HANDLERS),
    )
    for module in (actions, tasks, events, endpoints, upstreams):
        api.include_router(module.router)
    document = cache(lambda: describe(api, needs_token=needs_token))
    api.openapi = document  # type: ignore[method-assign]  # as FastAPI's own documentation has it
    return api
