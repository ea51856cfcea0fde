"""Reading: the routes that tell about tasks, and the habits that get in the way of it."""

from __future__ import annotations

import asyncio
import dataclasses
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bridge.sandbox.answers import Answer
from bridge.sandbox.book import shuffled
from bridge.sandbox.habits import REQUEST_FAILED
from bridge.sandbox.pages import front_page
from bridge.sandbox.rows import Row, row, stale, unsynced
from bridge.sandbox.tasks import Task, look
from bridge.sandbox.world import World, body_of, go_json, reply, upstream_error


async def list_tasks(
    world: World, request: Request, number: int
) -> tuple[Response, list[str]]:
    """
    ``POST /mj/task/list-by-condition`` and ``…/list-by-ids``; also tells the ids asked for.

    Ids that nobody knows are left out, as all these servers do, and the order is none.
    """
    try:
        body = await body_of(request)
        ids = _ids(body)
    except ValueError:
        # Go's `BindJSON` into `[]string`: numbers are no strings to it.
        return await _in_the_way(world, request) or reply(REQUEST_FAILED, 400), []
    if (hindrance := await _in_the_way(world, request)) is not None:
        return hindrance, ids
    if set(ids) & set(world.habits.poison):
        return reply(REQUEST_FAILED, world.habits.poison_status), ids
    rows = _rows(world, ids, request, number) + world.book.strays()
    return await _sent(world, _enveloped(world, rows)), ids


async def fetch_task(world: World, request: Request, number: int) -> Response:
    """``GET /mj/task/{id}/fetch``: of two rows with one id, the stale one, as new-api does."""
    if (hindrance := await _in_the_way(world, request)) is not None:
        return hindrance
    task_id = request.path_params["id"]
    if task_id in world.habits.poison:
        return reply(REQUEST_FAILED, world.habits.poison_status)
    rows = _rows(world, [task_id], request, number)
    if not rows:
        return upstream_error("task_no_found")
    return await _sent(world, rows[0])


def _ids(body: Any) -> list[str]:
    if not isinstance(body, dict):
        msg = "the body is no object"
        raise ValueError(msg)  # to the client it is one error with broken JSON
    ids = body.get("ids") or []
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        msg = "ids are no strings"
        raise ValueError(msg)
    return ids


async def _in_the_way(world: World, request: Request) -> Response | None:
    """What a habit answers in place of tasks; ``None`` where none does."""
    if world.habits.slow:
        await asyncio.sleep(world.habits.slow)
    habits = world.habits  # after the wait: it may have been switched meanwhile
    route = request.url.path.rsplit("/", 1)[-1]
    if (status := habits.routes.get(route)) is not None:
        return reply({"error": {"message": f"Invalid URL ({request.method})"}}, status)
    if habits.redirect:
        return Response(status_code=301, headers={"location": habits.redirect})
    if habits.error is not None:
        if habits.error_times is not None:
            left = habits.error_times - 1
            error = habits.error if left > 0 else None
            world.habits = dataclasses.replace(
                habits, error=error, error_times=left if left > 0 else None
            )
        return await habits.error.response()
    if habits.html:
        return HTMLResponse(front_page(world, request))
    if habits.envelope is not None:
        return reply(habits.envelope)
    if habits.empty is not None:
        return Response(habits.empty, media_type="application/json")
    return None


def _rows(world: World, ids: list[str], request: Request, number: int) -> list[Row]:
    """The rows for these ids: what runs first, then the rest, as a proxy lists them."""
    now, base, habits = world.clock(), world.base(request), world.habits
    running: list[Row] = []
    ended: list[Row] = []
    for task_id in shuffled(ids):
        if _omitted(world, task_id, number):
            continue
        if injected := world.book.injected(task_id):
            ended.extend(injected)
            continue
        task = world.book.task(task_id)
        if task is None or (seen := look(task, now)).gone:
            continue
        group = ended if seen.ended else running
        fresh = _dressed(world, task, now, base)
        if habits.duplicates:
            group.append(stale(task, fresh))
            fresh |= {"action": "MODAL"} if task.resumed_at is not None else {}
        group.append(fresh)
    return running + ended


def _dressed(world: World, task: Task, now: float, base: str) -> Row:
    """A row with the habits that concern rows."""
    written = row(task, now, base=base)
    if now - task.submitted_at < world.habits.empty_status:
        return unsynced(written)
    if world.habits.rand and written["imageUrl"] and written["status"] != "SUCCESS":
        written["imageUrl"] += f"?rand={int(now * 1e9)}"
    return written


def _omitted(world: World, task_id: str, number: int) -> bool:
    omit = world.habits.omit
    if isinstance(omit, tuple):
        return task_id in omit
    # By chance, but the same chance again for the same request.
    return Random(f"{number} {task_id}").random() < omit


def _enveloped(world: World, rows: list[Row]) -> Any:
    if world.habits.object and len(rows) == 1:
        return rows[0]
    return {world.habits.wrapped: rows} if world.habits.wrapped else rows


async def _sent(world: World, content: Any) -> Response:
    text = go_json(content)
    match world.habits.truncated:
        case "":
            return Response(text, media_type="application/json")
        case "json":
            return Response(text[: len(text) // 2], media_type="application/json")
        case _:
            return await Answer(status=200, body=text, cut=True).response()
