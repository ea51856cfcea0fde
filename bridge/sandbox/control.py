"""
Control: the routes under ``/sandbox``, by which tests and demonstrations steer a gateway.

They want no key: a sandbox is bound to loopback, and holds nothing of worth.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.sandbox.habits import Habits, change, show
from bridge.sandbox.rows import row
from bridge.sandbox.world import World, body_of, reply


def control_routes(world: World) -> list[Route]:
    """The routes; each answers 400 with ``{"error": …}`` to what it does not understand."""

    def route(
        path: str, handler: Callable[[World, Request], Awaitable[Any]], *methods: str
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return reply(await handler(world, request))
            except ValueError as problem:
                return reply({"error": str(problem)}, 400)

        return Route(path, endpoint, methods=list(methods))

    return [
        route("/habits", _habits, "GET", "POST", "PUT", "DELETE"),
        route("/tasks", _tasks, "GET", "POST", "DELETE"),
        route("/requests", _requests, "GET", "DELETE"),
    ]


async def _habits(world: World, request: Request) -> Any:
    """POST changes what it names, PUT the rest too; DELETE switches everything off."""
    if request.method == "DELETE":
        world.habits = Habits()
    elif request.method in {"POST", "PUT"}:
        wanted = await body_of(request)
        if not isinstance(wanted, dict):
            msg = "habits are an object of names and values"
            raise ValueError(msg)
        world.habits = change(
            world.habits if request.method == "POST" else Habits(), wanted
        )
    return show(world.habits)


async def _tasks(world: World, request: Request) -> Any:
    """
    GET lists the simulated tasks. POST takes rows (an array, or ``{"tasks": […]}``) that are
    then answered word for word; DELETE forgets ``{"ids": […]}``, or everything.
    """
    if request.method == "GET":
        now, base = world.clock(), world.base(request)
        return {"tasks": [row(task, now, base=base) for task in world.book.tasks()]}
    body = (
        await body_of(request)
        if request.headers.get("content-length", "0") != "0"
        else None
    )
    if request.method == "DELETE":
        ids = body.get("ids") if isinstance(body, dict) else body
        world.book.forget(None if ids is None else [str(task_id) for task_id in ids])
        return {"tasks": len(world.book)}
    rows = body.get("tasks") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        msg = "rows are an array of tasks"
        raise ValueError(msg)
    world.book.inject(rows)
    return {"tasks": len(rows)}


async def _requests(world: World, request: Request) -> Any:
    """GET shows the counters; DELETE sets them to zero."""
    if request.method == "DELETE":
        world.traffic.clear()
    return world.traffic.show()
