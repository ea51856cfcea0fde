"""
Producers that know nothing of us: any Celery program on the same server can ask to track.

Such a program sends to the queue ``celery``, without our key prefix, which is also where
everybody else's tasks wait. So that queue is not consumed: it is looked at, and only the
messages for ``mjbridge.track`` are taken out of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis

from bridge.adapters.store.errors import store_errors

#: The queue of a Celery program that names none.
QUEUE = "celery"
#: The task's name, as it stands in a message.
TASK = "mjbridge.track"
#: Messages that are looked at, the newest first.
MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRequest:
    """A message that asks to track; `text` is what takes it out of the queue."""

    text: str = field(repr=False)
    ids: Any = None
    upstream: str | None = None
    metadata: Mapping[str, Any] | None = None


async def pending_requests(client: Redis) -> list[TrackRequest]:
    """List what producers ask for; the messages stay until they are `granted`."""
    with store_errors():
        if await client.type(QUEUE) != "list":
            return []
        try:
            rows = cast("list[str]", await client.lrange(QUEUE, 0, MOST - 1))
        except UnicodeDecodeError:  # somebody else's, and no message of Celery's
            return []
    return [
        request for row in rows if TASK in row and (request := _read(row)) is not None
    ]


async def ack(client: Redis, request: TrackRequest) -> None:
    """Take a message out of the queue."""
    with store_errors():
        await client.lrem(QUEUE, 1, request.text)


def _read(row: str) -> TrackRequest | None:
    """Read a message of Celery's second protocol; ``None`` if it is for somebody else."""
    try:
        message = json.loads(row)
        if message["headers"]["task"] != TASK:
            return None
        body = message["body"]
        if message["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        args, kwargs, *_ = json.loads(body)
        given = dict(zip(("ids", "upstream", "metadata"), args, strict=False)) | kwargs
        return TrackRequest(text=row, **given)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return TrackRequest(text=row) if f'"task": "{TASK}"' in row else None
