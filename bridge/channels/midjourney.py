"""
The protocol's own callback: a webhook whose body is the task, for receivers of ``notifyHook``.

What a gateway of this family would post to them is the task object that its API returns. The
body is made of the event, so that only what an event may say leaves, and what is unset is
``null``, as midjourney-proxy sends it. The headers are a webhook's: they name the event and
sign it.
Source: midjourney-proxy, ``Task`` and ``NotifyServiceImpl``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.channels import webhook
from bridge.channels.base import DeliveryContext, Exchange
from bridge.core.change import ChangeType
from bridge.core.event import Event
from bridge.core.event_data import Json
from bridge.core.task import TaskStatus

__all__ = ["KIND", "deliver", "sample_response", "task_object"]

#: What endpoints of this kind are called. No configuration has one: it is a format of hooks.
KIND = "midjourney"
#: Discord's numbers for a button, and for a grey one. What the upstream said is not kept.
_BUTTON, _GREY = 2, 2

sample_response = webhook.sample_response


def deliver(context: DeliveryContext) -> Exchange:
    """Post the task once, see `bridge.channels.base.Channel`."""
    body = json.dumps(
        task_object(context.event), ensure_ascii=False, separators=(",", ":")
    )
    return webhook.deliver(replace(context, event=replace(context.event, body=body)))


def task_object(event: Event) -> dict[str, Json]:
    """
    Return the task that an event is about, in the form of the protocol.

    A lost task is a failed one there: there is no other word for an end without a picture.
    """
    data: Mapping[str, Any] = json.loads(event.body)["data"]
    videos: list[str] = data["videoUrls"]
    progress, status = data["progress"], data["status"]
    return {
        "id": data["id"],
        "action": data["action"],
        "status": TaskStatus.FAILURE if event.type == ChangeType.LOST else status,
        "prompt": data["prompt"],
        "promptEn": data["promptEn"],
        "description": data["description"],
        "state": data["state"],
        "submitTime": _milliseconds(data["submitTime"]),
        "startTime": _milliseconds(data["startTime"]),
        "finishTime": _milliseconds(data["finishTime"]),
        "progress": None if progress is None else f"{progress}%",
        "imageUrl": data["imageUrl"],
        "videoUrl": videos[0] if videos else None,
        "videoUrls": [{"url": url} for url in videos],
        "failReason": data["failReason"],
        "buttons": [_button(button) for button in data["buttons"]],
        "properties": {"finalPrompt": data["finalPrompt"]},
    }


def _button(button: Mapping[str, Any]) -> Json:
    return {
        "customId": button["customId"],
        "emoji": button["emoji"] or "",
        "label": button["label"] or "",
        "type": _BUTTON,
        "style": _GREY,
    }


def _milliseconds(moment: str | None) -> int | None:
    if moment is None:
        return None
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
