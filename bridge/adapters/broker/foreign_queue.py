"""
Producers that know nothing of us: any Celery program on the same server can ask for something.

Such a program sends to the queue ``celery``, without our key prefix, which is also where
everybody else's tasks wait. So that queue is not consumed: it is searched, on the server, and
only the messages for `TASKS` leave it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from bridge.adapters.store.errors import in_time

#: The queue of a Celery program that names none.
QUEUE = "celery"
#: The tasks that others send, and what their names begin with.
TASKS = frozenset({"mjbridge.track", "mjbridge.press", "mjbridge.imagine"})
_PREFIX = "mjbridge."
#: Messages that are searched, the newest first.
MOST = 500
#: Bytes after which a search pauses; the next one goes on from there. Others may keep pictures
#: in their messages, and the server does nothing else meanwhile.
BYTES_AT_ONCE = 1_000_000
#: Bytes of the largest message that is read. Ten thousand ids are 300 kB.
LARGEST = 4_000_000

#: Returns where the next search begins, and the messages found.
_SEARCH = """#!lua flags=no-writes
local prefix, at = ARGV[1], tonumber(ARGV[2])
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then return {0} end
local length = math.min(redis.call('LLEN', KEYS[1]), tonumber(ARGV[3]))
if at >= length then at = 0 end
local bytes, found = 0, {0}
while at < length and bytes < tonumber(ARGV[4]) do
  local message = redis.call('LINDEX', KEYS[1], at)
  bytes = bytes + #message
  if #message <= tonumber(ARGV[5]) and string.find(message, prefix, 1, true) then
    found[#found + 1] = message
  end
  at = at + 1
end
if at < length then found[1] = at end
return found
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignMessage:
    """
    A message that asks for something.

    Attributes:
        text: What takes it out of the queue.

        id: The same for each copy of it; ``None`` if it has none.
    """

    text: str = field(repr=False)
    task: str
    id: str | None = None
    args: Sequence[Any] = field(default=(), repr=False)
    kwargs: Mapping[str, Any] = field(default_factory=dict, repr=False)


class ForeignQueue:
    """The queue of the server that *client* is connected to."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._search = client.register_script(_SEARCH)
        self._at = 0  #: where the next search begins

    async def pending(self) -> list[ForeignMessage]:
        """
        Return the next messages; they stay in the queue until they are acknowledged.

        Raises:
            StoreForbids: The bridge's user may not read the queue.

            StoreUnavailable: It does not answer.
        """
        limits: list[str | float] = [_PREFIX, self._at, MOST, BYTES_AT_ONCE, LARGEST]
        async with in_time():
            try:
                self._at, *messages = await self._search(keys=[QUEUE], args=limits)
            except UnicodeDecodeError:  # somebody else's, and not a message of Celery's
                self._at += 1
                return []
        return [one for text in messages if (one := _read(text)) is not None]

    async def ack(self, message: ForeignMessage) -> None:
        """Take a message out of the queue."""
        async with in_time():
            await self._client.lrem(QUEUE, 1, message.text)


def _read(text: str) -> ForeignMessage | None:
    """Read a message of Celery's second protocol; ``None`` if it is for somebody else."""
    try:
        message = json.loads(text)
        task = message["headers"]["task"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(task, str) or task not in TASKS:
        return None
    try:
        body = message["body"]
        if message["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        args, kwargs, *_ = json.loads(body)
        named = message["headers"].get("id")
        return ForeignMessage(
            text=text,
            task=task,
            id=named if isinstance(named, str) else None,
            args=list(args),
            kwargs=dict(kwargs),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ForeignMessage(text=text, task=task)
