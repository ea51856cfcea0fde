"""
Actions: one press of one button, or one submission, that is made at an upstream.

Each costs money, so each is made at most once.
Rule 1: an action's id is a hash of what is asked for. Who asks twice for the same finds what
was asked for first, through whichever door. A button that may be pressed again has another id in
each round, and for a rule one for each event.
Rule 2: what was sent and not answered is `unknown`, and is never sent again unless the
upstream itself shows that it has no such task.
These are kept by `create_action` and ``begin_action.lua`` in the store, and by a client that
repeats nothing (`bridge.adapters.gateway.actions`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from bridge.core.button import Button
from bridge.core.event_data import Json
from bridge.core.task import TaskKey

#: What the name of an endpoint begins with that stands for the actions at one upstream. The
#: names of configured endpoints have no colon.
PREFIX = "upstream:"
#: The kind of these endpoints. No configuration has one.
KIND = "upstream"
#: Seconds after a request without an answer at which the upstream is asked what came of it.
SEARCH_AFTER = (20.0, 60.0, 300.0, 900.0)
#: Most characters of a submission's body, as JSON. It is kept until it is sent; larger ones
#: go through the gateway, which keeps nothing.
MAX_BODY = 1_000_000

#: Kinds of buttons that are pressed once for ever: the same picture comes out.
_ONCE = frozenset({"upsample", "upscale"})
#: What the marker of an action looks like in a task's ``state``; trueai's proxy adds a number
#: where one press makes several tasks.
_MARKER = re.compile(r"mjb-[0-9a-f]{12}(?:::\d+)?")
_SUBMITTED = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


class ActionState(StrEnum):
    """How an action stands."""

    PENDING = "pending"  #: Written down, not sent.
    SENDING = "sending"  #: The request is on its way.
    ACCEPTED = "accepted"  #: The upstream took it.
    REFUSED = "refused"  #: It did not.
    UNKNOWN = "unknown"  #: It was sent, and nobody knows whether it arrived.
    CANCELLED = "cancelled"  #: Undone before it was sent.

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it by itself, unless it is asked for again."""
        return self in {self.ACCEPTED, self.REFUSED, self.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOutcome:
    """
    What came of an action, to be recorded along with the attempt at it.

    Attributes:
        ended: Whether nothing more happens to it by itself.

        children: The tasks that it made; they are tracked in the same step.

        searches: How often the upstream was asked what came of it.
    """

    state: ActionState
    ended: bool
    code: int | None = None
    reason: str | None = None
    children: tuple[str, ...] = ()
    searches: int = 0


def endpoint_of(upstream: str) -> str:
    """Return the endpoint that the actions at an upstream are delivered to."""
    return f"{PREFIX}{upstream}"


def upstream_of(endpoint: str) -> str | None:
    """Return the upstream that an endpoint stands for; ``None`` for any other endpoint."""
    return endpoint.removeprefix(PREFIX) if endpoint.startswith(PREFIX) else None


def press_id(task: TaskKey, custom_id: str, key: str) -> str:
    """
    Return the id of a press.

    Args:
        key: Tells presses of one button apart: the caller's own, a round, or nothing for
            what is pressed once.
    """
    return _id("press", task.upstream, task.id, custom_id, key)


def submission_id(upstream: str, what: str, key: str) -> str:
    """Return the id of a submission; without a key of the caller's, each is another."""
    return _id("submit", upstream, what, key)


def _id(*parts: str) -> str:
    text = json.dumps(parts, separators=(",", ":"))
    return f"act_{sha256(text.encode()).hexdigest()[:32]}"


def is_pressed_once(kind: str) -> bool:
    """Whether pressing a button of a kind a second time would only buy the same picture again."""
    return kind in _ONCE


# --- the marker -----------------------------------------------------------------------


def marker_of(action_id: str) -> str:
    """Return what an action is known by at its upstream, as the ``state`` of its task."""
    return f"mjb-{action_id.removeprefix('act_')[:12]}"


def is_marker(state: str | None) -> bool:
    """Whether a task's ``state`` is a marker of ours, which no receiver is shown."""
    return state is not None and _MARKER.fullmatch(state) is not None


# --- what is pressed ------------------------------------------------------------------


def find_button(buttons: Iterable[Button], wanted: str) -> Button | None:
    """
    Return the button that is meant.

    Args:
        wanted: A label (``U1``), the emoji of a button without one, a kind with an index (``upsample:1``), a kind of which
            there is one (``reroll``), or a ``customId``.
    """
    folded = wanted.strip().casefold()
    kind, _, index = folded.partition(":")
    known = list(buttons) if folded else []
    exact = [one for one in known if one.custom_id == wanted]
    labelled = [
        one for one in known if (one.label or one.emoji or "").casefold() == folded
    ]
    spelled = [one for one in known if one.custom_id.casefold() == folded]
    meant = [one for one in known if (one.kind, str(one.index or "")) == (kind, index)]
    if exact:
        return exact[0]
    for found in (labelled, spelled, meant):
        if len(found) == 1:
            return found[0]
    return None


def names_of(buttons: Iterable[Button]) -> str:
    """Name buttons for a person who asked for another one."""
    return ", ".join(one.label or one.emoji or one.custom_id for one in buttons)


def may_be_custom_id(text: str) -> bool:
    """
    Whether a text has the form of a ``customId``.

    A gateway closes the connection on one that has not. Source: new-api
    ``ConvertSimpleChangeParams``, read and tried.
    """
    return text.isprintable() and len(text) <= 1000 and text.count("::") >= 2


def press_body(action_id: str, task_id: str, custom_id: str) -> dict[str, Json]:
    """Return the body of a press."""
    return {
        "chooseSameChannel": True,
        "customId": custom_id,
        "state": marker_of(action_id),
        "taskId": task_id,
    }


def submission_body(action_id: str, body: Mapping[str, Json]) -> dict[str, Json]:
    """Return the body of a submission: the caller's, with our marker unless it has a state."""
    given = {name: value for name, value in body.items() if name != "notifyHook"}
    return {**given, "state": given.get("state") or marker_of(action_id)}


def why_not_submitted(what: object) -> str | None:
    """Return why there can be no such submission; ``None`` if there can."""
    if isinstance(what, str) and len(what) <= 64 and _SUBMITTED.fullmatch(what):
        return None
    return "what is submitted is imagine, blend, describe, shorten, or another of /mj/submit/"
