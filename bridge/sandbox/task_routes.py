"""The routes that list tasks, and the faults that get in the way of it."""

from __future__ import annotations

import asyncio
import dataclasses
import zlib
from collections.abc import Iterable
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bridge.sandbox.dto import Row, row, stale, unsynced
from bridge.sandbox.gateway_faults import REQUEST_FAILED
from bridge.sandbox.lifecycle import SimulatedTask, phase_of
from bridge.sandbox.pages import front_page
from bridge.sandbox.responses import (
    CannedResponse,
    go_json,
    json_of,
    reply,
    upstream_error,
)
from bridge.sandbox.state import GatewayState, base_of

#: Rows of ``/mj/task/list``. Source: trueai ``TaskController.List``.
LONGEST_LIST = 100


def shuffled(ids: Iterable[str]) -> list[str]:
    """
    Return the order of an answer, which is never the request's. A proxy lists its ids in the
    order of a hash set, a gateway in that of its table, and neither promises anything.
    """
    return sorted(set(ids), key=lambda task_id: (zlib.crc32(task_id.encode()), task_id))


async def list_tasks(
    gateway: GatewayState, request: Request, number: int
) -> tuple[Response, list[str]]:
    """
    ``POST /mj/task/list-by-condition`` and ``…/list-by-ids``; also returns the ids asked for.

    Unknown ids are left out, as all these servers do, and the order means nothing.
    """
    try:
        body = await json_of(request)
        ids = _ids(body)
    except ValueError:
        # Go's `BindJSON` into `[]string`: numbers are not strings to it.
        return await _fault(gateway, request) or reply(REQUEST_FAILED, 400), []
    if (fault := await _fault(gateway, request)) is not None:
        return fault, ids
    if set(ids) & set(gateway.faults.poison):
        return reply(REQUEST_FAILED, gateway.faults.poison_status), ids
    rows = _rows(gateway, ids, request, number) + gateway.tasks.strays()
    return await _sent(gateway, _enveloped(gateway, rows)), ids


async def list_all(gateway: GatewayState, request: Request) -> Response:
    """``GET /mj/task/list`` of a proxy, the newest 100; on new-api there is a page instead."""
    if not gateway.faults.lists:
        return HTMLResponse(front_page(gateway, request))
    now, base = gateway.clock(), base_of(request)
    newest = sorted(gateway.tasks.all(), key=lambda task: -task.submitted_at)
    rows = [_dressed(gateway, task, now, base) for task in newest[:LONGEST_LIST]]
    return reply(rows)


async def fetch_task(gateway: GatewayState, request: Request, number: int) -> Response:
    """``GET /mj/task/{id}/fetch``: of two rows with one id, the stale one, as new-api does."""
    if (fault := await _fault(gateway, request)) is not None:
        return fault
    task_id = request.path_params["id"]
    if task_id in gateway.faults.poison:
        return reply(REQUEST_FAILED, gateway.faults.poison_status)
    rows = _rows(gateway, [task_id], request, number)
    if not rows:
        return upstream_error("task_no_found")
    return await _sent(gateway, rows[0])


def _ids(body: Any) -> list[str]:
    if not isinstance(body, dict):
        msg = "the body is not an object"
        raise ValueError(msg)  # to the client it is one error with broken JSON
    ids = body.get("ids") or []
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        msg = "ids are not strings"
        raise ValueError(msg)
    return ids


async def _fault(gateway: GatewayState, request: Request) -> Response | None:
    """Return what a fault answers in place of tasks; ``None`` where none does."""
    if gateway.faults.slow:
        await asyncio.sleep(gateway.faults.slow)
    faults = gateway.faults  # after the wait: it may have been switched meanwhile
    route = request.url.path.rsplit("/", 1)[-1]
    if (status := faults.routes.get(route)) is not None:
        return reply({"error": {"message": f"Invalid URL ({request.method})"}}, status)
    if faults.redirect:
        return Response(status_code=301, headers={"location": faults.redirect})
    if faults.error is not None:
        if faults.error_times is not None:
            left = faults.error_times - 1
            error = faults.error if left > 0 else None
            gateway.faults = dataclasses.replace(
                faults, error=error, error_times=left if left > 0 else None
            )
        return await faults.error.send()
    if faults.html:
        return HTMLResponse(front_page(gateway, request))
    if faults.envelope is not None:
        return reply(faults.envelope)
    if faults.empty is not None:
        return Response(faults.empty, media_type="application/json")
    return None


def _rows(
    gateway: GatewayState, ids: list[str], request: Request, number: int
) -> list[Row]:
    """Return the rows for these ids: what runs first, then the rest, as a proxy lists them."""
    now, base, faults = gateway.clock(), base_of(request), gateway.faults
    running: list[Row] = []
    ended: list[Row] = []
    for task_id in shuffled(ids):
        if _omitted(gateway, task_id, number):
            continue
        if injected := gateway.tasks.injected(task_id):
            ended.extend(injected)
            continue
        task = gateway.tasks.get(task_id)
        if task is None or (phase := phase_of(task, now)).gone:
            continue
        group = ended if phase.ended else running
        fresh = _dressed(gateway, task, now, base)
        if faults.duplicates:
            group.append(stale(task, fresh))
            fresh |= {"action": "MODAL"} if task.resumed_at is not None else {}
        group.append(fresh)
    return running + ended


def _dressed(gateway: GatewayState, task: SimulatedTask, now: float, base: str) -> Row:
    """Return a row with the faults that concern rows."""
    written = row(task, now, base=base)
    if now - task.submitted_at < gateway.faults.empty_status:
        return unsynced(written)
    if gateway.faults.rand and written["imageUrl"] and written["status"] != "SUCCESS":
        written["imageUrl"] += f"?rand={int(now * 1e9)}"
    return written


def _omitted(gateway: GatewayState, task_id: str, number: int) -> bool:
    omit = gateway.faults.omit
    if isinstance(omit, tuple):
        return task_id in omit
    # By chance, but the same chance again for the same request.
    return Random(f"{number} {task_id}").random() < omit


def _enveloped(gateway: GatewayState, rows: list[Row]) -> Any:
    if gateway.faults.object and len(rows) == 1:
        return rows[0]
    return {gateway.faults.wrapped: rows} if gateway.faults.wrapped else rows


async def _sent(gateway: GatewayState, content: Any) -> Response:
    text = go_json(content)
    match gateway.faults.truncated:
        case "":
            return Response(text, media_type="application/json")
        case "json":
            return Response(text[: len(text) // 2], media_type="application/json")
        case _:
            return await CannedResponse(status=200, body=text, cut=True).send()
