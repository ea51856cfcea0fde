"""
The words of events: how what we know is spelled in JSON, wherever anyone is told of it.

Only the fields written out here ever leave the bridge. What gateways add to their rows
(callback addresses, client addresses, account names) has no way through.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

from bridge.core.button import Button
from bridge.core.media import KeptFile
from bridge.core.media_url import expires_at
from bridge.core.task import Lineage, TaskSnapshot

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def iso(seconds: float, *, milliseconds: bool = False) -> str:
    """
    Write a time as every event does: in UTC, to the millisecond.

    Args:
        milliseconds: Write them even where they are zero: times of a task and of an event
            always have them, an expiry or a beginning seldom does.
    """
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    exact = milliseconds or moment.microsecond
    text = moment.isoformat(timespec="milliseconds" if exact else "seconds")
    return text.replace("+00:00", "Z")


def snapshot_json(after: TaskSnapshot) -> dict[str, Json]:
    """Return a snapshot in the spelling of events: only what may leave."""
    expiry = expires_at(after.image_url)
    return {
        "action": after.action,
        "status": after.status,
        "progress": after.progress,
        "prompt": after.prompt,
        "promptEn": after.prompt_en,
        "finalPrompt": after.final_prompt,
        "description": after.description,
        "failReason": after.fail_reason,
        "imageUrl": after.image_url,
        "imageExpiresAt": None if expiry is None else iso(expiry.timestamp()),
        "videoUrls": list(after.video_urls),
        "buttons": [_button(button) for button in after.buttons],
        "submitTime": _moment(after.submit_time),
        "startTime": _moment(after.start_time),
        "finishTime": _moment(after.finish_time),
        "state": after.state,
    }


def lineage_json(lineage: Lineage) -> dict[str, Json]:
    """Return a task's lineage in the spelling of events."""
    return {
        "parentId": lineage.parent_id,
        "rootId": lineage.root_id,
        "actionId": lineage.action_id,
        "by": lineage.by,
    }


def _button(button: Button) -> Json:
    return {
        "customId": button.custom_id,
        "label": button.label,
        "emoji": button.emoji,
        "kind": button.kind,
        "index": button.index,
        "needsModal": button.needs_modal,
    }


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return iso(milliseconds / 1000, milliseconds=True)


def kept_json(file: KeptFile) -> dict[str, Json]:
    """Return a kept file as events name it."""
    return {
        "url": file.url,
        "sha256": file.sha256,
        "bytes": file.bytes,
        "type": file.type,
        "width": file.width,
        "height": file.height,
        "source": file.source,
    }
