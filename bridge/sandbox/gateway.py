"""
The gateway: a new-api server with a midjourney-proxy behind it, simulated.

Where it copies a detail, it is one that the bridge has to live with: which errors come with
which status, that unknown paths answer 200 with a web page, that ids are strings, that a
task's ``notifyHook`` is ignored. `/sandbox/…` is not copied from anyone: it is how tests and
demonstrations look in and switch the bad habits.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from bridge.sandbox.book import Book
from bridge.sandbox.control import control_routes
from bridge.sandbox.habits import Habits, change
from bridge.sandbox.pages import front_page
from bridge.sandbox.pictures import picture
from bridge.sandbox.reading import fetch_task, list_tasks
from bridge.sandbox.submitting import cancel, image_seed, submit
from bridge.sandbox.tasks import shown
from bridge.sandbox.world import World, reply

Handler = Callable[[World, Request], Awaitable[Response]]

#: All methods: a wrong one is, to new-api, a wrong path like any other.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_gateway(
    *,
    data_dir: Path | None = None,
    key: str | None = None,
    auth: str = "any",
    speed: float = 2.0,
    public_url: str = "",
    habits: dict[str, Any] | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """
    A gateway as an ASGI application. Its `World` is ``app.state.world``.

    Args:
        data_dir: Where its tasks outlive it; ``None``: they do not.

        key: The one key it takes; ``None``: any that is not empty.

        auth: The one form the key must have: ``bearer``, ``raw``, ``mj-api-secret``, or
            ``any`` of them.

        speed: 1 is as slow as Midjourney, some 30 seconds a picture.

        public_url: Where clients reach it, if that is not where they say they do.

        habits: Switched on from the start; see `habits.Habits`.

    Raises:
        ValueError: A habit that does not exist, or a speed that is not above 0.
    """
    if not speed > 0:
        msg = f"the speed must be above 0, not {speed}"
        raise ValueError(msg)
    switched = change(Habits(), habits or {})
    world = World(
        book=Book(None if data_dir is None else data_dir / "gateway.sqlite3"),
        key=key,
        auth=auth,
        speed=speed,
        public_url=public_url,
        habits=switched,
        clock=clock,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        world.book.close()

    app = Starlette(routes=_routes(world), lifespan=lifespan)
    app.state.world = world
    return app


def _routes(world: World) -> list[Route | Mount]:
    api = [
        Route("/task/list-by-condition", _counted(world), methods=["POST"]),
        Route("/task/list-by-ids", _counted(world), methods=["POST"]),
        Route("/task/{id}/fetch", _counted(world), methods=["GET"]),
        Route("/task/{id}/cancel", _guarded(world, cancel), methods=["POST"]),
        Route("/task/{id}/image-seed", _guarded(world, image_seed), methods=["GET"]),
        Route("/submit/{what}", _guarded(world, submit), methods=["POST"]),
        Route("/image/{id}", _open(world, _image), methods=["GET"]),
        Route("/{path:path}", _open(world, _elsewhere), methods=METHODS),
    ]
    return [
        Mount("/sandbox", routes=control_routes(world)),
        Mount("/mj", routes=api),
        # /mj-fast/mj/…, /mj-relax/mj/…: to new-api, any word before it is a mode.
        Mount("/{mode}/mj", routes=api),
        Route("/{path:path}", _open(world, _elsewhere), methods=METHODS),
    ]


def _open(world: World, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await handler(world, request)

    return endpoint


def _guarded(
    world: World, handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    """A route for those who have a key."""

    async def endpoint(request: Request) -> Response:
        refused = _unauthorized(world, request)
        return await handler(world, request) if refused is None else refused

    return endpoint


def _counted(world: World) -> Callable[[Request], Awaitable[Response]]:
    """A route that tells about tasks: it wants a key, and its requests are counted."""

    async def endpoint(request: Request) -> Response:
        number = world.traffic.begin()
        at, ids, response = world.clock(), None, None
        try:
            response = _unauthorized(world, request)
            if response is None and request.method == "POST":
                response, ids = await list_tasks(world, request, number)
            elif response is None:
                response = await fetch_task(world, request, number)
            return response
        finally:
            world.traffic.end(
                at=at,
                method=request.method,
                path=request.url.path,
                headers=request.headers,
                status=None if response is None else response.status_code,
                ids=ids,
            )

    return endpoint


def _unauthorized(world: World, request: Request) -> Response | None:
    refusal = world.refusal(request)
    if refusal is None:
        return None
    number = f"{time.strftime('%Y%m%d%H%M%S', time.gmtime(world.clock()))}{world.traffic.total:08d}"
    error = {
        "message": f"{refusal} (request id: {number})",
        "type": "new_api_error",
        "code": "",
    }
    return reply({"error": error}, 401, {"x-oneapi-request-id": number})


async def _image(world: World, request: Request) -> Response:
    """``GET /mj/image/{id}``, open to all: a preview while the task runs, then the picture."""
    task = world.book.task(request.path_params["id"])
    if task is not None and (progress := shown(task, world.clock())):
        png = await asyncio.to_thread(
            picture, task.seed, task.prompt, image=task.image, progress=progress
        )
    elif rows := world.book.injected(request.path_params["id"]):
        row = rows[-1]
        png = await asyncio.to_thread(
            picture, str(row["id"]), str(row.get("prompt") or "")
        )
    else:
        return reply({"error": "midjourney_task_not_found"}, 400)
    return Response(png, media_type="image/png")


async def _elsewhere(world: World, request: Request) -> Response:
    """Any other path. Source: new-api `router/web-router.go`, `NoRoute`."""
    path = request.url.path
    if path.startswith(("/v1", "/api", "/assets")):
        message = f"Invalid URL ({request.method} {path})"
        error = {
            "message": message,
            "type": "invalid_request_error",
            "param": "",
            "code": "",
        }
        return reply({"error": error}, 404)
    return HTMLResponse(front_page(world, request))
