"""
Rows: a simulated task in the words of new-api.

A row is Go's `dto.MidjourneyDto`: all fields are always there, unset ones as ``""`` or 0;
`buttons` is null until the task succeeded.
"""

from __future__ import annotations

from typing import Any

from bridge.sandbox.buttons import offered
from bridge.sandbox.tasks import SUBMITTED_AT, Task, look, shown

Row = dict[str, Any]


def row(task: Task, now: float, *, base: str) -> Row:
    """
    The task as `list-by-condition` shows it at *now*.

    Args:
        base: Where the gateway is reached, for the addresses of pictures; no slash at the end.
    """
    seen = look(task, now)
    final = task.result if seen.status == "SUCCESS" and task.result else task.prompt
    begun = seen.status not in {"NOT_START", "MODAL"}
    written: Row = {
        "id": task.id,
        "action": task.action,
        "customId": task.custom_id,
        "botType": "",
        "prompt": task.prompt,
        "promptEn": final,
        "description": "Waiting for window confirm"
        if seen.status == "MODAL"
        else "Submit success",
        "state": task.state,
        "submitTime": _ms(task.submitted_at),
        "startTime": _ms(_started_at(task)) if begun else 0,
        "finishTime": _ms(seen.ended_at),
        "imageUrl": f"{base}/mj/image/{task.id}" if shown(task, now) else "",
        "status": seen.status,
        "progress": "" if seen.progress is None else f"{seen.progress}%",
        "failReason": seen.fail_reason,
        "buttons": None,
        "maskBase64": "",
        "properties": {"finalPrompt": final, "finalZhPrompt": ""},
    }
    if seen.status == "SUCCESS":
        written["buttons"] = offered(
            task.action, single=task.image is not None, job=task.job
        )
    if task.action == "VIDEO":
        # Newer gateways' two more fields; older ones, as QuickRouter's page shows, lack them.
        films = [f"{base}/mj/video/{task.id}/{number}.mp4" for number in range(4)]
        written["videoUrl"] = ""
        written["videoUrls"] = [{"url": url} for url in films] if seen.ended else None
    return written


def unsynced(row: Row) -> Row:
    """
    The same row before the gateway has heard from the upstream: new-api inserts it with no
    status and asks 15 seconds later.
    """
    blank = {
        "status": "",
        "progress": "0%",
        "startTime": 0,
        "finishTime": 0,
        "imageUrl": "",
    }
    return (
        row
        | blank
        | {"promptEn": "", "failReason": "", "buttons": None, "properties": None}
    )


def stale(task: Task, row: Row) -> Row:
    """
    The older of two rows with one id. new-api writes one for each submission, and
    ``/submit/modal`` answers with the id that the action before it had.
    """
    if task.resumed_at is None:
        return unsynced(row)
    return unsynced(row) | {"status": "MODAL", "progress": ""}


def _started_at(task: Task) -> float:
    if task.resumed_at is not None:
        return task.resumed_at
    return task.submitted_at + SUBMITTED_AT * task.seconds


def _ms(at: float | None) -> int:
    return 0 if at is None else int(at * 1000)
