"""
A new-api server with a midjourney-proxy behind it, simulated.

Where it copies a detail, it is one that the bridge has to live with: which errors come with
which status, that unknown paths answer 200 with a web page, that ids are strings, that a
task's ``notifyHook`` is ignored. `/sandbox/…` is copied from nowhere: it is how tests and
demonstrations look in and switch the faults.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from bridge.sandbox.control_routes import control_routes
from bridge.sandbox.gateway_faults import GatewayFaults, change
from bridge.sandbox.lifecycle import SimulatedTask, phase_of, picture_progress
from bridge.sandbox.pages import front_page, picture
from bridge.sandbox.responses import reply
from bridge.sandbox.state import GatewayState, TaskTable
from bridge.sandbox.submit_routes import cancel, image_seed, submit
from bridge.sandbox.task_routes import fetch_task, list_all, list_tasks

Handler = Callable[[GatewayState, Request], Awaitable[Response]]

#: All methods: a wrong one is, to new-api, a wrong path like any other.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_gateway(
    *,
    data_dir: Path | None = None,
    key: str | None = None,
    speed: float = 2.0,
    faults: dict[str, Any] | None = None,
) -> Starlette:
    """
    Return a gateway as an ASGI application. Its `GatewayState` is ``app.state.gateway``.

    Args:
        data_dir: Where its tasks outlive it; ``None``: they do not.

        key: The one key it takes; ``None``: any that is not empty.

        speed: 1 is as slow as Midjourney, some 30 seconds a picture.

        faults: Switched on from the start; see `GatewayFaults`.

    Raises:
        ValueError: A fault that does not exist, or a speed that is not above 0.
    """
    if not speed > 0:
        msg = f"the speed must be above 0, not {speed}"
        raise ValueError(msg)
    gateway = GatewayState(
        tasks=TaskTable(data_dir and data_dir / "gateway.sqlite3"),
        key=key,
        speed=speed,
        faults=change(GatewayFaults(), faults or {}),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        gateway.tasks.close()

    app = Starlette(routes=_routes(gateway), lifespan=lifespan)
    app.state.gateway = gateway
    return app


def _routes(gateway: GatewayState) -> list[Route | Mount]:
    api = [
        Route("/task/list-by-condition", _counted(gateway), methods=["POST"]),
        Route("/task/list-by-ids", _counted(gateway), methods=["POST"]),
        Route("/task/list", _guarded(gateway, list_all), methods=["GET"]),
        Route("/task/{id}/fetch", _counted(gateway), methods=["GET"]),
        Route("/task/{id}/cancel", _guarded(gateway, cancel), methods=["POST"]),
        Route("/task/{id}/image-seed", _guarded(gateway, image_seed), methods=["GET"]),
        Route("/submit/{what}", _guarded(gateway, submit), methods=["POST"]),
        Route("/image/{id}", partial(_image, gateway), methods=["GET"]),
        Route("/{path:path}", partial(_elsewhere, gateway), methods=METHODS),
    ]
    return [
        Mount("/sandbox", routes=control_routes(gateway)),
        Mount("/mj", routes=api),
        # /mj-fast/mj/…, /mj-relax/mj/…: to new-api, any word before it is a mode.
        Mount("/{mode}/mj", routes=api),
        Route("/{path:path}", partial(_elsewhere, gateway), methods=METHODS),
    ]


def _guarded(
    gateway: GatewayState, handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that wants a key."""

    async def endpoint(request: Request) -> Response:
        refused = _unauthorized(gateway, request)
        return await handler(gateway, request) if refused is None else refused

    return endpoint


def _counted(gateway: GatewayState) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that lists tasks: it wants a key, and its requests are counted."""

    async def endpoint(request: Request) -> Response:
        number = gateway.requests.begin()
        at, ids, response = gateway.clock(), None, None
        try:
            response = _unauthorized(gateway, request)
            if response is None and request.method == "POST":
                response, ids = await list_tasks(gateway, request, number)
            elif response is None:
                response = await fetch_task(gateway, request, number)
            return response
        finally:
            gateway.requests.end(
                request,
                at=at,
                status=None if response is None else response.status_code,
                ids=ids,
            )

    return endpoint


def _unauthorized(gateway: GatewayState, request: Request) -> Response | None:
    refusal = gateway.refusal(request)
    if refusal is None:
        return None
    now = time.strftime("%Y%m%d%H%M%S", time.gmtime(gateway.clock()))
    number = f"{now}{gateway.requests.total:08d}"
    message = f"{refusal} (request id: {number})"
    error = {"message": message, "type": "new_api_error", "code": ""}
    return reply({"error": error}, 401, {"x-oneapi-request-id": number})


async def _image(gateway: GatewayState, request: Request) -> Response:
    """``GET /mj/image/{id}``, open to all: a preview while the task runs, then the picture."""
    task = gateway.tasks.get(request.path_params["id"])
    if task is not None and _has_expired(gateway, task):
        return reply({"error": "the picture has expired"}, 404)
    if task is not None and (progress := picture_progress(task, gateway.clock())):
        png = picture(image=task.image, finished=progress == 100, prompt=task.prompt)
    elif gateway.tasks.injected(request.path_params["id"]):
        png = picture()
    else:
        return reply({"error": "midjourney_task_not_found"}, 400)
    return Response(png, media_type="image/png")


def _has_expired(gateway: GatewayState, task: SimulatedTask) -> bool:
    """Whether a task's picture is gone, as Discord's are after a day."""
    ended_at = phase_of(task, gateway.clock()).ended_at
    lasts = gateway.faults.picture_for
    return bool(lasts) and ended_at is not None and gateway.clock() > ended_at + lasts


async def _elsewhere(gateway: GatewayState, request: Request) -> Response:
    """Answer any other path. Source: new-api `router/web-router.go`, `NoRoute`."""
    path = request.url.path
    if not path.startswith(("/v1", "/api", "/assets")):
        return HTMLResponse(front_page(gateway, request))
    message = f"Invalid URL ({request.method} {path})"
    kind = "invalid_request_error"
    error = {"message": message, "type": kind, "param": "", "code": ""}
    return reply({"error": error}, 404)
