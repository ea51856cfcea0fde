"""
A Midjourney task, as an upstream described it at one moment.

Rule 1: this module knows what a status means, never what a change of it means
(that is `bridge.core.change`).
Rule 2: everything here is already clean. Gateways say "nothing" as ``null``, ``""``,
``0`` or by leaving the key out; the adapter that reads their JSON turns all of these
into ``None``, and nothing below it checks again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from bridge.core.button import Button

#: Most characters of metadata, written as JSON.
MAX_METADATA = 16_384
#: How deep metadata may be nested: some of those that read it stop soon after that.
MAX_METADATA_DEPTH = 64
#: Longest task id that is accepted, in characters. Real ones have 16.
MAX_ID_LENGTH = 128


class TaskStatus(StrEnum):
    """
    The statuses of the midjourney-proxy protocol.

    The order is the order of a task's life: a status further up is a step on.
    """

    NOT_START = "NOT_START"
    SUBMITTED = "SUBMITTED"
    MODAL = "MODAL"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCEL = "CANCEL"

    @property
    def is_final(self) -> bool:
        """Whether the upstream will never leave this status again."""
        return self in _FINAL

    @property
    def waits(self) -> bool:
        """Whether the task stands in a queue: nobody has begun to work on it."""
        return self in _WAITING

    @property
    def rank(self) -> int:
        """How far along a task is; the three ends are equally far."""
        return _RANK[self]

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """
        Read a status as a gateway spells it.

        Returns:
            ``None`` for an empty or unknown one: gateways built on new-api answer
            ``""`` until their own poller has run, up to 15 s after the submission.
        """
        spelled = re.sub(r"[\s_-]", "", text or "").upper()
        return cls(_SPELLINGS[spelled]) if spelled in _SPELLINGS else None


_FINAL = frozenset({TaskStatus.SUCCESS, TaskStatus.FAILURE, TaskStatus.CANCEL})
_WAITING = frozenset({TaskStatus.NOT_START, TaskStatus.SUBMITTED})
_RANK = {status: min(place, 4) for place, status in enumerate(TaskStatus)}
#: Without spaces, hyphens and underscores: "In Progress" is IN_PROGRESS.
_SPELLINGS = {
    **{status.replace("_", ""): str(status) for status in TaskStatus},
    "NOTSTARTED": "NOT_START",
    "PENDING": "SUBMITTED",
    "STARTED": "SUBMITTED",
    "QUEUED": "SUBMITTED",
    "RUNNING": "IN_PROGRESS",
    "PROCESSING": "IN_PROGRESS",
    "FINISHED": "SUCCESS",
    "COMPLETED": "SUCCESS",
    "FAILED": "FAILURE",
    "ERROR": "FAILURE",
    "CANCELED": "CANCEL",
    "CANCELLED": "CANCEL",
}


@dataclass(frozen=True, slots=True, order=True)
class TaskKey:
    """
    What a task is known by. Two upstreams may use the same id for two tasks.

    Its text form is ``upstream:id``; an upstream's name never contains a colon.
    """

    upstream: str
    id: str

    def __str__(self) -> str:
        return f"{self.upstream}:{self.id}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the text form back."""
        upstream, _, task_id = text.partition(":")
        return cls(upstream, task_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSnapshot:
    """
    What an upstream said about a task at one moment. ``None`` means unset.

    Times are milliseconds since the epoch, as on the wire. `status` is ``None`` where
    the upstream gave an unknown one, or none and no `fail_reason`; `progress` is 0 to
    100. URLs are kept to the byte, including a trailing ``&``: they may be signed.
    """

    id: str
    status: TaskStatus | None
    progress: int | None = None
    action: str | None = None
    prompt: str | None = None
    prompt_en: str | None = None
    final_prompt: str | None = None
    description: str | None = None
    fail_reason: str | None = None
    image_url: str | None = None
    video_urls: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = field(default=())
    submit_time: int | None = None
    start_time: int | None = None
    finish_time: int | None = None
    state: str | None = None
    #: Of the row that it was read from, see `bridge.core.change.known_row`; empty if unknown.
    row_digest: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """
    Where a task comes from, as far as the bridge made it; all unset for any other.

    Attributes:
        parent_id: The task whose button was pressed; ``None`` for a submission.

        root_id: The first task of the tree; ``None`` for a task without a parent.

        action_id: What made it.

        by: Who asked for it.

        depth: How many actions lie between it and a task that none made.
    """

    parent_id: str | None = None
    root_id: str | None = None
    action_id: str | None = None
    by: str | None = None
    depth: int = 0


#: Of a task that no action made.
NO_LINEAGE = Lineage()


def why_not_an_id(value: object) -> str | None:
    """
    Return why a value cannot be a task id; ``None`` if it can.

    An id is opaque: some have leading zeros, some letters. It must be text that
    survives a JSON list, a log line and a terminal: 1 to `MAX_ID_LENGTH` characters,
    none of them white space or invisible.
    """
    if not isinstance(value, str):
        return f"a task id is text, not {type(value).__name__}"
    if not value.strip():
        return "a task id is not blank"
    if len(value) > MAX_ID_LENGTH:
        return f"a task id has at most {MAX_ID_LENGTH} characters, not {len(value)}"
    if not value.isprintable() or any(char.isspace() for char in value):
        return "a task id has no white space and no invisible characters"
    return None


def why_not_metadata(value: object) -> str | None:
    """
    Return why a value cannot be a task's metadata; ``None`` if it can.

    Every event of the task carries it, so it is an object that strict JSON can say, in at
    most `MAX_METADATA` characters.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return "metadata is an object with text for keys"
    try:
        # To UTF-8, as it will be written: half an emoji is text to JSON, and cannot be.
        text = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return (
            "metadata holds only what JSON can say: no NaN, no infinity, no half of an "
            "emoji, no objects of a program"
        )
    if _depth(value) > MAX_METADATA_DEPTH:
        return f"metadata is nested at most {MAX_METADATA_DEPTH} levels deep"
    if len(text) > MAX_METADATA:
        return (
            f"metadata has at most {MAX_METADATA} characters as JSON, not {len(text)}"
        )
    return None


def _depth(value: object) -> int:
    """Return how many levels of objects and lists there are."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, Mapping | list | tuple)]:
        depth += 1
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, Mapping) else one)
        ]
    return depth


def best_of(rows: list[TaskSnapshot]) -> TaskSnapshot:
    """
    Choose among several rows for one id.

    new-api writes a second row with the same id when a modal is submitted, and lists
    both, the stale one first. The row that is furthest along is the true one, but for a
    MODAL one: it yields to what was submitted after it, for it never leaves that status.
    """
    ordered = rows
    if all(row.submit_time for row in rows):
        ordered = sorted(rows, key=lambda row: row.submit_time or 0)
    submitted = [row.status not in {None, TaskStatus.MODAL} for row in ordered]
    left = [
        row
        for place, row in enumerate(ordered)
        if row.status is not TaskStatus.MODAL or not any(submitted[place + 1 :])
    ]
    return max(left, key=_how_far)


def _how_far(row: TaskSnapshot) -> tuple[bool, int, int, int]:
    status = row.status
    return (
        status is not None and status.is_final,
        -1 if status is None else status.rank,
        row.progress or 0,
        row.finish_time or row.start_time or row.submit_time or 0,
    )
