"""
Sample events, for previews and for trying an endpoint before anything has happened.

They are built by the same code as the real ones, after the example task of the gateway's
own documentation, and say in every form that they are samples: the upstream is called
``sample``, and tasks carry ``"sample": true`` in their metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from bridge.core.button import Button
from bridge.core.change import Change, ChangeType
from bridge.core.event import (
    ARCHIVED,
    EVENT_TYPES,
    Event,
    NoticeType,
    archived_event,
    notice,
    task_event,
)
from bridge.core.event_data import Json
from bridge.core.media import KeptFile
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from bridge.errors import Misconfigured

#: What upstreams and endpoints of sample events are called.
NAME = "sample"

_REASON = "this is a sample: nothing is wrong"
#: A public picture that is there for being shown (Wikimedia Commons, "PNG transparency
#: demonstration 1"). The gateway's example has a signed one, which expired in 2024, so
#: that a message tried with it had no picture.
_PICTURE = "https://upload.wikimedia.org/wikipedia/commons/4/47/PNG_transparency_demonstration_1.png"
#: What it shows; Midjourney has not made it.
_PROMPT = "a sample picture: translucent dice --v 6.1"
_JOB = "3785da15-4f70-4034-9128-f3ff1ac634fa"
_WAITING = TaskSnapshot(
    id="1730621826053455",
    status=TaskStatus.SUBMITTED,
    progress=0,
    action="IMAGINE",
    prompt=_PROMPT,
    prompt_en=_PROMPT,
    final_prompt=_PROMPT,
    description="Submit success",
    submit_time=1730621826053,
)
_RUNNING = replace(
    _WAITING, status=TaskStatus.IN_PROGRESS, progress=0, start_time=1730621828024
)
_DONE = replace(
    _RUNNING,
    status=TaskStatus.SUCCESS,
    progress=100,
    finish_time=1730621855817,
    image_url=_PICTURE,
    buttons=(
        *(
            Button.of(f"MJ::JOB::upsample::{n}::{_JOB}", f"U{n}", None)
            for n in range(1, 5)
        ),
        Button.of(f"MJ::JOB::reroll::0::{_JOB}::SOLO", None, "🔄"),
        *(
            Button.of(f"MJ::JOB::variation::{n}::{_JOB}", f"V{n}", None)
            for n in range(1, 5)
        ),
    ),
)
_FAILED = replace(
    _RUNNING, status=TaskStatus.FAILURE, finish_time=1730621855817, fail_reason=_REASON
)

_KEPT = KeptFile(
    sha256=sha256(NAME.encode()).hexdigest(),
    bytes=226_933,
    type="image/png",
    width=800,
    height=600,
    source=_PICTURE,
    url=_PICTURE,
)

#: (sequence, status before, snapshot after) of each change of a task.
_CHANGES: dict[ChangeType, tuple[int, TaskStatus | None, TaskSnapshot]] = {
    ChangeType.SUBMITTED: (1, None, _WAITING),
    ChangeType.ACTION_REQUIRED: (
        2,
        TaskStatus.SUBMITTED,
        replace(_WAITING, status=TaskStatus.MODAL),
    ),
    ChangeType.STARTED: (2, TaskStatus.SUBMITTED, _RUNNING),
    ChangeType.PROGRESS: (3, TaskStatus.IN_PROGRESS, replace(_RUNNING, progress=46)),
    ChangeType.SUCCEEDED: (4, TaskStatus.IN_PROGRESS, _DONE),
    ChangeType.FAILED: (4, TaskStatus.IN_PROGRESS, _FAILED),
    ChangeType.CANCELLED: (
        4,
        TaskStatus.IN_PROGRESS,
        replace(_RUNNING, status=TaskStatus.CANCEL, finish_time=1730621855817),
    ),
    ChangeType.LOST: (
        4,
        TaskStatus.IN_PROGRESS,
        replace(_RUNNING, fail_reason=f"missing: {_REASON}"),
    ),
    ChangeType.CORRECTED: (5, TaskStatus.FAILURE, _DONE),
}


def sample_event(event_type: str, at: float) -> Event:
    """
    Make a sample event of any type.

    Args:
        event_type: One of `bridge.core.event.EVENT_TYPES`.

        at: Its time, in seconds since the epoch. Two samples of one type and time are
            equal; those of different times have different ids, so that a receiver that
            drops repeats gets every test.

    Raises:
        Misconfigured: There is no such type.
    """
    if event_type not in EVENT_TYPES:
        msg = (
            f"there is no event type {event_type!r}; there are {', '.join(EVENT_TYPES)}"
        )
        raise Misconfigured(msg)
    made = (
        _task_event(event_type, at)
        if event_type.startswith("task.")
        else _notice(event_type, at)
    )
    digest = sha256(f"{NAME} {event_type} {at!r}".encode()).hexdigest()
    return replace(made, id=f"evt_{digest[:32]}")


#: The action that could not be made.
_ACTION: Mapping[str, Json] = {
    "actionId": f"act_{sha256(NAME.encode()).hexdigest()[:32]}",
    "taskId": "1730621826053455",
    "customId": "MJ::JOB::upsample::1::3785da15-4f70-4034-9128-f3ff1ac634fa",
    "label": "U1",
    "code": 24,
    "by": "dashboard",
}


def _task_event(event_type: str, at: float) -> Event:
    if event_type == ARCHIVED:
        done = _task_event(ChangeType.SUCCEEDED, at)
        return archived_event(done, [_KEPT], "", sequence=5, at=at)
    type_ = ChangeType(event_type)
    sequence, before, after = _CHANGES[type_]
    return task_event(
        TaskKey(NAME, after.id),
        Change(type=type_, before=before, after=after),
        sequence=sequence,
        metadata={"sample": True},
        at=at,
    )


def _notice(event_type: str, at: float) -> Event:
    type_ = NoticeType(event_type)
    dead = type_ is NoticeType.DELIVERY_DEAD
    return notice(
        type_,
        name=NAME,
        reason=_REASON,
        since=at - 600,
        at=at,
        event=sample_event(ChangeType.SUCCEEDED, at - 600) if dead else None,
        action=_ACTION if type_.startswith("action.") else None,
    )
