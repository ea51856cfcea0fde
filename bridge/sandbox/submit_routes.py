"""The routes that make tasks and press their buttons."""

from __future__ import annotations

import dataclasses
import re
import uuid
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bridge.sandbox.dto import keycap
from bridge.sandbox.lifecycle import (
    Ending,
    SimulatedTask,
    duration,
    phase_of,
    read_directives,
)
from bridge.sandbox.responses import CannedResponse, json_of, reply, upstream_error
from bridge.sandbox.state import GatewayState


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What a press makes: a task with this action, showing one image or a grid of four."""

    action: str
    single: bool = False  #: one image, whatever the parent showed
    needs_modal: bool = False  #: it waits for ``/mj/submit/modal`` before anything runs


#: Which buttons a gateway lets through, and under which action's name it files the new task.
#: All others it refuses, although the row shows them. Tried in this order, without regard to
#: case: "Job" and "JOB" both occur. Source: new-api's `CoverPlusActionToNormalAction`.
PRESSES: tuple[tuple[str, Press], ...] = (
    (r"MJ::JOB::upsample_\w+::", Press(action="UPSCALE", single=True)),
    (r"MJ::JOB::upsample::(?P<image>[1-4])", Press(action="UPSCALE", single=True)),
    (r"MJ::JOB::low_variation::", Press(action="LOW_VARIATION")),
    (r"MJ::JOB::high_variation::", Press(action="HIGH_VARIATION")),
    (r"MJ::JOB::variation::[1-4]", Press(action="VARIATION")),
    (r"MJ::JOB::reroll::", Press(action="REROLL")),
    (r"MJ::JOB::pan_(left|right|up|down)::", Press(action="PAN")),
    (r"MJ::Outpaint::", Press(action="ZOOM")),
    (r"MJ::CustomZoom::", Press(action="CUSTOM_ZOOM", needs_modal=True)),
    (r"MJ::Inpaint::", Press(action="INPAINT", single=True, needs_modal=True)),
)

#: Which buttons ``/mj/submit/change`` presses: what clients did before rows had buttons.
CHANGES = {
    "UPSCALE": "upsample::{}",
    "VARIATION": "variation::{}",
    "REROLL": "reroll::0",
}

#: What DESCRIBE sees in every picture.
DESCRIPTIONS = (
    "layered mountains in the mist at dawn, flat vector illustration, soft gradients",
    "a pale sun over rolling hills, minimalist poster, muted colours",
    "silhouettes of ridges fading into the haze, serene landscape, screen print",
    "a quiet valley beneath a large low sun, geometric shapes, calm mood",
)


async def submit(gateway: GatewayState, request: Request) -> Response:
    """``POST /mj/submit/{what}``: imagine, blend, describe, shorten, video, action, modal."""
    try:
        body = await json_of(request)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return upstream_error("bind_request_body_failed")
    failing = _fault(gateway)
    if failing is None:
        return _submitted(gateway, request.path_params["what"], body)
    if not gateway.faults.submit_unmade:
        _submitted(gateway, request.path_params["what"], body)
    return await failing.send()


def _fault(gateway: GatewayState) -> CannedResponse | None:
    """Return what is answered instead, and count it; ``None`` if nothing is."""
    faults = gateway.faults
    if faults.submit is None or faults.submit_times is None:
        return faults.submit
    left = faults.submit_times - 1
    gateway.faults = dataclasses.replace(
        faults,
        submit=faults.submit if left > 0 else None,
        submit_times=left if left > 0 else None,
    )
    return faults.submit


def _submitted(gateway: GatewayState, what: str, body: dict[str, Any]) -> Response:
    match what:
        case "action":
            return _press(gateway, body)
        case "change":
            return _press(gateway, body | {"customId": _old_button(body)})
        case "modal":
            return _confirm(gateway, body)
        case "imagine" | "shorten" if not _text(body, "prompt"):
            return upstream_error("prompt_is_required")
        case "imagine" | "blend" | "describe" | "shorten" | "video":
            task = _make(gateway, what.upper(), body, prompt=_text(body, "prompt"))
            return _accepted(task)
        case _:
            return upstream_error(f"unknown_relay_action:{what}")


async def cancel(gateway: GatewayState, request: Request) -> Response:
    """``POST /mj/task/{id}/cancel``, of midjourney-proxy-plus and its successors."""
    task = gateway.tasks.get(request.path_params["id"])
    now = gateway.clock()
    if task is None:
        return reply({"code": 3, "description": "Task not found", "result": None})
    if phase_of(task, now).ended:
        return reply({"code": 4, "description": "Task has ended", "result": task.id})
    gateway.tasks.save(dataclasses.replace(task, cancelled_at=now))
    return _accepted(task.id, "Success")


async def image_seed(gateway: GatewayState, request: Request) -> Response:
    """``GET /mj/task/{id}/image-seed``."""
    task = gateway.tasks.get(request.path_params["id"])
    if task is None:
        return upstream_error("task_no_found")
    return _accepted(str(int(task.job[:8], 16)), "Success")


def _press(gateway: GatewayState, body: dict[str, Any]) -> Response:
    """Press a button of a finished task."""
    custom_id = _text(body, "customId")
    matches = (
        (match, press)
        for pattern, press in PRESSES
        if (match := re.match(pattern, custom_id, re.IGNORECASE))
    )
    match, press = next(matches, (None, None))
    if match is None or press is None:
        return upstream_error(f"unknown_action:{custom_id}")
    parent = _parent(gateway, _text(body, "taskId"))
    if parent is None:
        return upstream_error("task_not_found")
    if phase_of(parent, gateway.clock()).status != "SUCCESS":
        return upstream_error("task_status_not_success")
    image = int(match.groupdict().get("image") or parent.image or 1)
    task_id = _make(
        gateway,
        press.action,
        body,
        prompt=parent.prompt,
        image=image if press.single else None,
        needs_modal=press.needs_modal,
    )
    if press.needs_modal:
        return _accepted(task_id, "Waiting for window confirm", code=21)
    return _accepted(task_id)


def _old_button(body: dict[str, Any]) -> str:
    """Return the button that is meant by its action and the number of a picture."""
    button = CHANGES.get(_text(body, "action"), "").format(body.get("index"))
    return f"MJ::JOB::{button}::"


def _parent(gateway: GatewayState, task_id: str) -> SimulatedTask | None:
    """Return the task whose button is pressed; a row that a test put in counts as one."""
    if rows := gateway.tasks.injected(task_id):
        return SimulatedTask(
            id=task_id,
            action=str(rows[-1].get("action") or "IMAGINE"),
            prompt=str(rows[-1].get("prompt") or ""),
            submitted_at=0.0,
            seconds=0.0,
            job=task_id,
            needs_modal=rows[-1].get("status") != "SUCCESS",
        )
    return gateway.tasks.get(task_id)


def _confirm(gateway: GatewayState, body: dict[str, Any]) -> Response:
    """Submit the modal of a task that waits for one; it goes on under the same id."""
    task = gateway.tasks.get(_text(body, "taskId"))
    if task is None:
        return upstream_error("task_not_found")
    now = gateway.clock()
    if phase_of(task, now).status != "MODAL":
        return upstream_error("关联任务状态错误")
    asked = read_directives(_text(body, "prompt") or task.prompt)
    outcome = Ending.SUCCEED if asked.outcome is Ending.MODAL else asked.outcome
    gateway.tasks.save(
        dataclasses.replace(task, prompt=asked.prompt, outcome=outcome, resumed_at=now)
    )
    return _accepted(task.id)


def _make(
    gateway: GatewayState,
    action: str,
    body: dict[str, Any],
    *,
    prompt: str,
    image: int | None = None,
    needs_modal: bool = False,
) -> str:
    """Make a task; return its id."""
    asked = read_directives(prompt)
    task_id = gateway.new_id()
    gateway.tasks.save(
        SimulatedTask(
            id=task_id,
            action=action,
            prompt=asked.prompt,
            submitted_at=gateway.clock(),
            seconds=duration(action, task_id, pace=asked.pace, speed=gateway.speed),
            job=str(uuid.uuid4()),
            image=1 if action == "DESCRIBE" else image,
            outcome=asked.outcome,
            needs_modal=needs_modal,
            state=_text(body, "state"),
            custom_id=_text(body, "customId"),
            result=_result(action, asked.prompt),
        )
    )
    return task_id


def _result(action: str, prompt: str) -> str:
    """Return the text of an action whose result is text."""
    match action:
        case "DESCRIBE":
            lines = [f"{text} --ar 1:1" for text in DESCRIPTIONS]
        case "SHORTEN":
            words = prompt.split()
            lines = [" ".join(words[: max(1, len(words) - cut)]) for cut in range(5)]
        case _:
            return ""
    return "\n\n".join(f"{keycap(n)} {line}" for n, line in enumerate(lines, start=1))


def _accepted(
    result: str, description: str = "Submit success", code: int = 1
) -> Response:
    return reply(
        {"code": code, "description": description, "result": result, "properties": {}}
    )


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""
