"""
The routes under ``/sandbox``, by which tests and demonstrations steer a gateway.

They want no key: a sandbox is bound to loopback, and holds nothing of worth.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.sandbox.dto import row
from bridge.sandbox.gateway_faults import GatewayFaults, change, show
from bridge.sandbox.responses import json_of, reply
from bridge.sandbox.state import GatewayState, base_of


def control_routes(gateway: GatewayState) -> list[Route]:
    """Return the routes; each answers 400 with ``{"error": …}`` to what it does not understand."""

    def route(
        path: str,
        handler: Callable[[GatewayState, Request], Awaitable[Any]],
        *methods: str,
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return reply(await handler(gateway, request))
            except ValueError as problem:
                return reply({"error": str(problem)}, 400)

        return Route(path, endpoint, methods=list(methods))

    return [
        route("/faults", _faults, "GET", "POST", "PUT", "DELETE"),
        route("/tasks", _tasks, "GET", "POST", "DELETE"),
        route("/requests", _requests, "GET", "DELETE"),
    ]


async def _faults(gateway: GatewayState, request: Request) -> Any:
    """POST changes what it names, PUT the rest too; DELETE switches everything off."""
    if request.method == "DELETE":
        gateway.faults = GatewayFaults()
    elif request.method in {"POST", "PUT"}:
        wanted = await json_of(request)
        if not isinstance(wanted, dict):
            msg = "faults are an object of names and values"
            raise ValueError(msg)
        before = gateway.faults if request.method == "POST" else GatewayFaults()
        gateway.faults = change(before, wanted)
    return show(gateway.faults)


async def _tasks(gateway: GatewayState, request: Request) -> Any:
    """
    GET lists the simulated tasks. POST takes rows (an array, or ``{"tasks": […]}``) that are
    then answered word for word; DELETE forgets ``{"ids": […]}``, or everything.
    """
    if request.method == "GET":
        now, base = gateway.clock(), base_of(request)
        return {"tasks": [row(task, now, base=base) for task in gateway.tasks.all()]}
    has_body = request.headers.get("content-length", "0") != "0"
    body = await json_of(request) if has_body else None
    if request.method == "DELETE":
        ids = body.get("ids") if isinstance(body, dict) else body
        gateway.tasks.forget(None if ids is None else [str(task_id) for task_id in ids])
        return {"tasks": len(gateway.tasks)}
    rows = body.get("tasks") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        msg = "rows are an array of tasks"
        raise ValueError(msg)
    gateway.tasks.inject(rows)
    return {"tasks": len(rows)}


async def _requests(gateway: GatewayState, request: Request) -> Any:
    """GET shows the counters; DELETE sets them to zero."""
    if request.method == "DELETE":
        gateway.requests.clear()
    return gateway.requests.show()
