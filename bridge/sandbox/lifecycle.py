"""
The simulated life of a Midjourney task.

A task's phase is a function of what was stored when it was made and of the time. Nothing
ticks, so nothing is missed while the sandbox is down, and a restart changes nothing. How a
gateway words a phase is in `rows`.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a task is going to end. ``--sandbox NAME`` in a prompt asks for one."""

    SUCCEED = "succeed"
    FAIL = "fail"  #: halfway, with a preview left behind
    BANNED = "banned"  #: refused by the moderator before it starts
    CANCEL = "cancel"  #: cancelled by someone else, halfway
    MODAL = "modal"  #: it asks for ``/mj/submit/modal``, and then succeeds
    LOST = "lost"  #: no answer mentions it any more after a third of its time


#: Seconds that Midjourney takes in fast mode, by action; 30 for what is not listed. The example
#: of QuickRouter's documentation, a grid, took 29.8.
DURATIONS = {"UPSCALE": 7.0, "DESCRIBE": 9.0, "SHORTEN": 5.0, "VIDEO": 60.0}

#: Parts of a task's time: when it is SUBMITTED, when IN_PROGRESS, and when it comes to the
#: endings that are not success.
SUBMITTED_AT, STARTED_AT, BANNED_AT, BROKEN_AT, LOST_AT = 0.04, 0.12, 0.1, 0.5, 0.34

#: Percent, in equal steps between start and end. A typical fast grid, source:
#: https://github.com/novicezk/midjourney-proxy/issues/175
STEPS = (0, 15, 31, 46, 62, 78, 93)

BANNED_REASON = (
    "[Banned prompt detected] Sorry! Our AI moderator thinks this prompt is probably "
    "against our community standards."
)
FAIL_REASON = "[Internal error] Something went wrong while this job was running. Please try again."

#: A word that the moderator does not let through.
BANNED_WORD = re.compile(r"\bbanned\b", re.IGNORECASE)

_DIRECTIVE = re.compile(r"\s*--sandbox[ =](?P<name>\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """What a prompt asks of the sandbox: its ``--sandbox`` words, taken out of it."""

    prompt: str
    outcome: Ending = Ending.SUCCEED
    pace: float = 1.0  #: times the usual duration


def read_directives(prompt: str) -> Directives:
    """Read the directives: an ending's name, ``slow`` (8 times as long), ``instant``."""
    outcome = Ending.BANNED if BANNED_WORD.search(prompt) else Ending.SUCCEED
    pace = 1.0
    for match in _DIRECTIVE.finditer(prompt):
        name = match["name"].lower()
        if name in {"slow", "instant"}:
            pace = 8.0 if name == "slow" else 0.0
        elif name in set(Ending):
            outcome = Ending(name)
    bare = _DIRECTIVE.sub("", prompt).strip()
    return Directives(prompt=bare, outcome=outcome, pace=pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTask:
    """All that is stored of a task. Times are seconds since the epoch."""

    id: str
    action: str
    prompt: str
    submitted_at: float
    seconds: float  #: from submission to its end
    job: str  #: Midjourney's name of the images, a UUID
    image: int | None = None  #: 1 to 4: that image of a grid; ``None``: a grid
    outcome: Ending = Ending.SUCCEED
    needs_modal: bool = False  #: waits from the start, as CUSTOM_ZOOM and INPAINT do
    resumed_at: float | None = None  #: when the modal was submitted
    cancelled_at: float | None = None
    state: str = ""
    custom_id: str = ""
    result: str = ""  #: the text that DESCRIBE and SHORTEN answer with


def duration(action: str, task_id: str, *, pace: float, speed: float) -> float:
    """Return how long a task takes, give or take a fifth by its id, in seconds at *speed*."""
    spread = 0.8 + 0.4 * (zlib.crc32(task_id.encode()) % 1000) / 1000
    return DURATIONS.get(action, 30.0) * spread * pace / speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A task at one moment, before it is put into a gateway's words."""

    status: str
    progress: int | None = None
    ended_at: float | None = None
    fail_reason: str = ""
    gone: bool = False  #: the upstream has forgotten it

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.ended_at is not None


def phase_of(task: SimulatedTask, now: float) -> Phase:
    """Return the phase that a task is in at *now*."""
    if task.cancelled_at is not None and task.cancelled_at <= now:
        return Phase(status="CANCEL", progress=100, ended_at=task.cancelled_at)
    waits = task.needs_modal or task.outcome is Ending.MODAL
    if task.resumed_at is not None and task.resumed_at <= now:
        begun, waits = task.resumed_at - SUBMITTED_AT * task.seconds, False
    else:
        begun = task.submitted_at
    part = (now - begun) / task.seconds if task.seconds > 0 else 1.0
    if waits and (task.needs_modal or part >= STARTED_AT):
        return Phase(status="MODAL")
    if (ending := _bad_ending(task, part, begun)) is not None:
        return ending
    if part >= 1:
        return Phase(status="SUCCESS", progress=100, ended_at=begun + task.seconds)
    if part < SUBMITTED_AT and task.resumed_at is None:
        return Phase(status="NOT_START")
    if part < STARTED_AT:
        return Phase(status="SUBMITTED", progress=0)
    step = STEPS[int((part - STARTED_AT) / (1 - STARTED_AT) * len(STEPS))]
    gone = task.outcome is Ending.LOST and part >= LOST_AT
    return Phase(status="IN_PROGRESS", progress=step, gone=gone)


def _bad_ending(task: SimulatedTask, part: float, begun: float) -> Phase | None:
    """Return the end of a task that does not succeed, once it has come to that."""
    match task.outcome:
        case Ending.BANNED if part >= BANNED_AT:
            status, at, reason = "FAILURE", BANNED_AT, BANNED_REASON
        case Ending.FAIL if part >= BROKEN_AT:
            status, at, reason = "FAILURE", BROKEN_AT, FAIL_REASON
        case Ending.CANCEL if part >= BROKEN_AT:
            status, at, reason = "CANCEL", BROKEN_AT, ""
        case Ending.LOST if part >= 1:
            return Phase(status="IN_PROGRESS", progress=STEPS[-1], gone=True)
        case _:
            return None
    ended_at = begun + at * task.seconds
    return Phase(status=status, progress=100, ended_at=ended_at, fail_reason=reason)


def picture_progress(task: SimulatedTask, now: float) -> int:
    """Return how far the picture of a task is, in percent; 0 if it has none to show."""
    if task.action == "SHORTEN":
        return 0
    phase = phase_of(task, now)
    if phase.status == "FAILURE" and task.outcome is Ending.FAIL:
        return 46  # the preview that it left behind
    if task.action == "DESCRIBE":
        return 100 if phase.status == "SUCCESS" else 0
    return phase.progress or 0 if phase.status in {"IN_PROGRESS", "SUCCESS"} else 0
