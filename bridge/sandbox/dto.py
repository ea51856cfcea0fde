"""
Simulated tasks in the words of new-api, whose row is Go's `dto.MidjourneyDto`.

All fields are always there, unset ones as ``""`` or 0; `buttons` is null until the task
succeeded. The buttons' customIds are Discord's, as midjourney-proxy passes them on.
"""

from __future__ import annotations

from typing import Any

from bridge.sandbox.lifecycle import (
    SUBMITTED_AT,
    SimulatedTask,
    phase_of,
    picture_progress,
)

Row = dict[str, Any]


def row(task: SimulatedTask, now: float, *, base: str) -> Row:
    """
    Return the task as `list-by-condition` shows it at *now*.

    Args:
        base: The gateway's base URL, for the addresses of pictures; without a slash at the end.
    """
    phase = phase_of(task, now)
    waits = phase.status == "MODAL"
    final = task.result if phase.status == "SUCCESS" and task.result else task.prompt
    started = _started_at(task) if phase.status not in {"NOT_START", "MODAL"} else None
    written: Row = {
        "id": task.id,
        "action": task.action,
        "customId": task.custom_id,
        "botType": "",
        "prompt": task.prompt,
        "promptEn": final,
        "description": "Waiting for window confirm" if waits else "Submit success",
        "state": task.state,
        "submitTime": _ms(task.submitted_at),
        "startTime": _ms(started),
        "finishTime": _ms(phase.ended_at),
        "imageUrl": f"{base}/mj/image/{task.id}" if picture_progress(task, now) else "",
        "status": phase.status,
        "progress": "" if phase.progress is None else f"{phase.progress}%",
        "failReason": phase.fail_reason,
        "buttons": buttons_of(task) if phase.status == "SUCCESS" else None,
        "maskBase64": "",
        "properties": {"finalPrompt": final, "finalZhPrompt": ""},
    }
    if task.action == "VIDEO":
        # Newer gateways' two more fields; older ones, as QuickRouter's page shows, lack them.
        films = [f"{base}/mj/video/{task.id}/{number}.mp4" for number in range(4)]
        written["videoUrl"] = ""
        written["videoUrls"] = [{"url": url} for url in films] if phase.ended else None
    return written


#: A row's fields before new-api has heard from the upstream: it inserts the row with no status
#: and asks 15 seconds later.
_UNSYNCED: Row = {
    "status": "",
    "progress": "0%",
    "startTime": 0,
    "finishTime": 0,
    "imageUrl": "",
    "promptEn": "",
    "failReason": "",
    "buttons": None,
    "properties": None,
}


def unsynced(row: Row) -> Row:
    """Return the row as it was before the gateway had heard from the upstream."""
    return row | _UNSYNCED


def stale(task: SimulatedTask, row: Row) -> Row:
    """
    Return the older of two rows with one id. new-api writes one for each submission, and
    ``/submit/modal`` answers with the id that the action before it had.
    """
    modal = {} if task.resumed_at is None else {"status": "MODAL", "progress": ""}
    return unsynced(row) | modal


def _started_at(task: SimulatedTask) -> float:
    if task.resumed_at is not None:
        return task.resumed_at
    return task.submitted_at + SUBMITTED_AT * task.seconds


def _ms(at: float | None) -> int:
    return 0 if at is None else int(at * 1000)


# --- buttons --------------------------------------------------------------------------


def buttons_of(task: SimulatedTask) -> list[Row]:
    """Return the buttons under a finished task, in the order Discord shows them."""
    job = task.job
    match task.action:
        case "DESCRIBE":
            return [
                *(
                    _button(f"MJ::Job::PicReader::{n}", emoji=keycap(n))
                    for n in range(1, 5)
                ),
                _button("MJ::Picread::Retry", emoji="🔄"),
                _button("MJ::Job::PicReader::all", "Imagine all", "🎉"),
            ]
        case "SHORTEN":
            return [
                _button(f"MJ::Job::PromptAnalyzer::{n}", emoji=keycap(n))
                for n in range(1, 6)
            ]
        case "VIDEO":
            return [
                _button(f"MJ::JOB::video_virtual_upscale::{n}::{job}", f"U{n}")
                for n in range(1, 5)
            ]
        case _:
            return _of_a_grid(job) if task.image is None else _of_one_image(job)


def keycap(number: int) -> str:
    """Return the emoji of a digit."""
    return f"{number}\ufe0f\u20e3"


def _of_a_grid(job: str) -> list[Row]:
    return [
        *(_button(f"MJ::JOB::upsample::{n}::{job}", f"U{n}") for n in range(1, 5)),
        _button(f"MJ::JOB::reroll::0::{job}::SOLO", emoji="🔄"),
        *(_button(f"MJ::JOB::variation::{n}::{job}", f"V{n}") for n in range(1, 5)),
    ]


def _of_one_image(job: str) -> list[Row]:
    solo = f"::1::{job}::SOLO"
    upscale = "MJ::JOB::upsample_v6r1_2x"
    return [
        _button(f"{upscale}_subtle{solo}", "Upscale (Subtle)", "upscale_1"),
        _button(f"{upscale}_creative{solo}", "Upscale (Creative)", "upscale_1"),
        _button(f"MJ::JOB::low_variation{solo}", "Vary (Subtle)", "🪄"),
        _button(f"MJ::JOB::high_variation{solo}", "Vary (Strong)", "🪄"),
        _button(f"MJ::Inpaint{solo}", "Vary (Region)", "🖌️"),
        _button(f"MJ::Outpaint::50{solo}", "Zoom Out 2x", "🔍"),
        _button(f"MJ::Outpaint::75{solo}", "Zoom Out 1.5x", "🔍"),
        _button(f"MJ::CustomZoom::{job}", "Custom Zoom", "🔍"),
        _button(f"MJ::JOB::pan_left{solo}", emoji="⬅️"),
        _button(f"MJ::JOB::pan_right{solo}", emoji="➡️"),
        _button(f"MJ::JOB::pan_up{solo}", emoji="⬆️"),
        _button(f"MJ::JOB::pan_down{solo}", emoji="⬇️"),
        _button(f"MJ::BOOKMARK::{job}", emoji="❤️"),
    ]


def _button(custom_id: str, label: str = "", emoji: str = "") -> Row:
    return {
        "customId": custom_id,
        "emoji": emoji,
        "label": label,
        "type": 2,
        "style": 2,
    }
