"""Submitting: the routes that make tasks and press their buttons."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bridge.sandbox.buttons import press
from bridge.sandbox.tasks import ExchangeResult, Task, duration, look, wish
from bridge.sandbox.world import World, body_of, reply, upstream_error

#: What DESCRIBE sees in every picture.
DESCRIPTIONS = (
    "layered mountains in the mist at dawn, flat vector illustration, soft gradients",
    "a pale sun over rolling hills, minimalist poster, muted colours",
    "silhouettes of ridges fading into the haze, serene landscape, screen print",
    "a quiet valley beneath a large low sun, geometric shapes, calm mood",
)


async def submit(world: World, request: Request) -> Response:
    """``POST /mj/submit/{what}``: imagine, blend, describe, shorten, video, action, modal."""
    try:
        body = await body_of(request)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return upstream_error("bind_request_body_failed")
    what = request.path_params["what"]
    match what:
        case "action":
            return _pressed(world, body)
        case "modal":
            return _confirmed(world, body)
        case "imagine" | "shorten" if not _said(body, "prompt"):
            return upstream_error("prompt_is_required")
        case "imagine" | "blend" | "describe" | "shorten" | "video":
            return _accepted(
                _made(world, what.upper(), body, prompt=_said(body, "prompt"))
            )
        case _:
            return upstream_error(f"unknown_relay_action:{what}")


async def cancel(world: World, request: Request) -> Response:
    """``POST /mj/task/{id}/cancel``, of midjourney-proxy-plus and its successors."""
    task = world.book.task(request.path_params["id"])
    now = world.clock()
    if task is None:
        return reply({"code": 3, "description": "Task not found", "result": None})
    if look(task, now).ended:
        return reply({"code": 4, "description": "Task has ended", "result": task.id})
    world.book.keep(dataclasses.replace(task, cancelled_at=now))
    return _accepted(task.id, "Success")


async def image_seed(world: World, request: Request) -> Response:
    """``GET /mj/task/{id}/image-seed``."""
    task = world.book.task(request.path_params["id"])
    if task is None:
        return upstream_error("task_no_found")
    return _accepted(str(int(task.job[:8], 16)), "Success")


def _made(
    world: World, action: str, body: dict[str, Any], *, prompt: str, **more: Any
) -> str:
    """Make a task; its id."""
    asked = wish(prompt)
    task_id, job = world.new_id(), str(uuid.uuid4())
    fields: dict[str, Any] = {
        "seed": job,
        "outcome": asked.outcome,
        "image": 1 if action == "DESCRIBE" else None,
        "result": _result(action, asked.prompt),
    }
    task = Task(
        id=task_id,
        action=action,
        prompt=asked.prompt,
        submitted_at=world.clock(),
        seconds=duration(action, task_id, pace=asked.pace, speed=world.speed),
        job=job,
        state=_said(body, "state"),
        custom_id=_said(body, "customId"),
        **fields | more,
    )
    world.book.keep(task)
    return task_id


def _pressed(world: World, body: dict[str, Any]) -> Response:
    """A press of a button of a finished task."""
    custom_id = _said(body, "customId")
    made = press(custom_id)
    if made is None:
        return upstream_error(f"unknown_action:{custom_id}")
    parent = _parent(world, _said(body, "taskId"))
    if parent is None:
        return upstream_error("task_not_found")
    if look(parent, world.clock()).status != "SUCCESS":
        return upstream_error("task_status_not_success")
    if made.action == "UPSCALE":
        more: dict[str, Any] = {
            "seed": parent.seed,
            "image": made.image or parent.image or 1,
        }
    else:
        family = parent.seed.partition("/")[0]
        more = {"seed": f"{family}/{uuid.uuid4()}", "image": 1 if made.single else None}
    more["needs_modal"] = made.needs_modal
    task_id = _made(world, made.action, body, prompt=parent.prompt, **more)
    if made.needs_modal:
        return _accepted(task_id, "Waiting for window confirm", code=21)
    return _accepted(task_id)


def _parent(world: World, task_id: str) -> Task | None:
    """The task whose button is pressed; a row that a test put in is as good as one of ours."""
    if rows := world.book.injected(task_id):
        done = rows[-1].get("status") == "SUCCESS"
        return Task(
            id=task_id,
            action=str(rows[-1].get("action") or "IMAGINE"),
            prompt=str(rows[-1].get("prompt") or ""),
            submitted_at=0.0,
            seconds=0.0,
            job=task_id,
            seed=task_id,
            needs_modal=not done,
        )
    return world.book.task(task_id)


def _confirmed(world: World, body: dict[str, Any]) -> Response:
    """The modal of a task that waits for one; it goes on under the same id."""
    task = world.book.task(_said(body, "taskId"))
    if task is None:
        return upstream_error("task_not_found")
    now = world.clock()
    if look(task, now).status != "MODAL":
        return upstream_error("关联任务状态错误")
    asked = wish(_said(body, "prompt") or task.prompt)
    outcome = (
        ExchangeResult.SUCCEED
        if asked.outcome is ExchangeResult.MODAL
        else asked.outcome
    )
    world.book.keep(
        dataclasses.replace(task, prompt=asked.prompt, outcome=outcome, resumed_at=now)
    )
    return _accepted(task.id)


def _accepted(
    result: str, description: str = "Submit success", code: int = 1
) -> Response:
    return reply(
        {"code": code, "description": description, "result": result, "properties": {}}
    )


def _said(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _result(action: str, prompt: str) -> str:
    """The text of an action whose result is text."""
    match action:
        case "DESCRIBE":
            lines = [f"{text} --ar 1:1" for text in DESCRIPTIONS]
        case "SHORTEN":
            words = prompt.split()
            lines = [" ".join(words[: max(1, len(words) - cut)]) for cut in range(5)]
        case _:
            return ""
    return "\n\n".join(
        f"{n}\ufe0f\u20e3 {line}" for n, line in enumerate(lines, start=1)
    )
