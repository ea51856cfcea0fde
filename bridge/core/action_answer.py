"""
What the answer to an action means: it was taken, it was not, not yet, or nobody knows.

Rule 1: "surely not sent" is said by the transport, which knows whether there ever was a
connection; see `Response.unsent`. Whatever happens afterwards proves nothing.
Rule 2: a gateway that fails (5xx, a page instead of JSON, its own code 5) may have passed the
request on before it did. Codes mean nothing without the status, and no code is a yes without
a task, unless the route makes none.
Sources: midjourney-proxy ``ReturnCode``; new-api ``relay/relay_task.go`` and ``relay-mj.go``;
trueai ``SubmitController``. What real servers answered is in the tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.action import ActionState
from bridge.core.delivery import Fault
from bridge.core.http import Response
from bridge.core.submission import TAKEN, code_of, ids_in, makes_tasks

#: Seconds until what an upstream was not ready for is tried again. Gateways learn that a task
#: has ended up to 15 s after their own upstream has.
NOT_YET = 20.0
#: The same where it is busy.
BUSY = 10.0
#: Seconds for which an upstream that refuses the key is left alone.
LOCKED = 30.0
#: Seconds between two tries of what could not be sent at all: at first, and at most.
FIRST_RETRY, LAST_RETRY = 1.0, 30.0
#: Most characters of an upstream's own words.
MAX_WORDS = 500

#: Codes of "not yet": no account is free, the queue is full, too many at once.
_BUSY = frozenset({3, 23, 30})
_EXISTS, _BANNED, _BROKEN = 21, 24, 5

_EARLY = re.compile(
    r"task_status_not_success|task status error|关联任务状态错误|任务状态错误",
    re.IGNORECASE,
)
#: What a gateway says when the request had left, and it failed afterwards.
_AFTERWARDS = re.compile(
    r"do_request_failed|insert_midjourney_task_failed"
    r"|(?:read|copy|close|unmarshal)_response_body_failed|empty_response_body",
    re.IGNORECASE,
)
_QUOTA = re.compile(r"quota|余额|额度", re.IGNORECASE)
#: Failures that happened before a gateway asked its own upstream.
_OVERLOADED = re.compile(r"system_(?:cpu|memory|disk)_overloaded", re.IGNORECASE)
_NO_CHANNEL = re.compile(r"model_not_found|get_channel_failed", re.IGNORECASE)
_WINDOW = re.compile(r"window|modal|弹窗|窗口", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionAnswer:
    """
    What came of one request.

    Attributes:
        state: `pending` is "not yet": it was not taken, and may be later.

        code: The upstream's own.

        reason: Why, for a person, in the upstream's words; empty if it was taken.

        tasks: What was made, if it was taken.

        asks_more: Whether the first of `tasks` waits for a prompt or a mask; ``None`` if only
            its status tells.

        wait: Seconds until it is worth trying again; ``None`` by the schedule, see `retry_in`.

        hold: Seconds for which the upstream is to be left alone.
    """

    state: ActionState
    code: int | None = None
    reason: str = ""
    tasks: tuple[str, ...] = ()
    asks_more: bool | None = False
    wait: float | None = None
    hold: float = 0.0


def read_action_answer(
    response: Response, *, route: str, custom_id: str | None = None
) -> ActionAnswer:
    """
    Return what a response to an action means. Never raises.

    Args:
        response: What came of the one request.

        route: Below ``/mj``, such as ``submit/action``.

        custom_id: Of the button, if it presses one.
    """
    status = response.status
    if status is None:
        return _unanswered(response)
    answer = _object_in(response.body)
    code, words = code_of(answer), _words_of(answer)
    early = _judged_by_words(status, words, code)
    if early is not None:
        return early
    if code in _BUSY and status < 500:
        return _not_yet(code, words or f"code {code}", BUSY)
    if not 200 <= status < 300:
        return _of_failure(response, status, code, words)
    if code is not None and code in TAKEN:
        return _taken(answer, code, words, makes=makes_tasks(route, custom_id))
    if code is not None:
        return _refused(code, _with_banned_word(answer, code, words))
    if "error" in answer:
        return _refused(code, words or "it answered with an error")
    return _unknown(code, response.detail or "the answer is not what a gateway says")


def retry_in(answer: ActionAnswer, *, attempts: int, roll: float) -> float:
    """
    Return the seconds until an action that was not taken is tried again.

    Args:
        attempts: How often it was tried, this time included.

        roll: A fresh random number in ``[0, 1)``.
    """
    if answer.wait is not None:
        return answer.wait * (1 + 0.1 * roll)
    return float(
        min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LAST_RETRY) * (0.75 + roll / 2)
    )


def _unanswered(response: Response) -> ActionAnswer:
    detail = response.detail or "no answer"
    if not response.unsent:
        return _unknown(None, detail)
    if response.fault in {Fault.RENDERING, Fault.ADDRESS_BLOCKED}:
        return _refused(None, detail)
    return ActionAnswer(state=ActionState.PENDING, reason=detail)


def _judged_by_words(status: int, words: str, code: int | None) -> ActionAnswer | None:
    """Return what a failure means that says itself how far it came."""
    if 200 <= status < 300 and code in TAKEN:
        return None
    if code == _BROKEN or _AFTERWARDS.search(words):
        return _unknown(code, words or "the gateway lost its upstream's answer")
    if _EARLY.search(words):
        return _not_yet(code, words, NOT_YET)
    if _OVERLOADED.search(words):
        return _not_yet(code, words, BUSY)
    if _NO_CHANNEL.search(words) or (status < 500 and _QUOTA.search(words)):
        return _refused(code, words)
    return None


def _of_failure(
    response: Response, status: int, code: int | None, words: str
) -> ActionAnswer:
    if status == 429:
        wait = response.retry_after
        reason = words or "HTTP 429: too many requests"
        return _not_yet(code, reason, wait or BUSY, hold=wait or 0.0)
    if status in {401, 403}:
        reason = words or f"HTTP {status}: the upstream refuses the key"
        return _not_yet(code, reason, LOCKED, hold=LOCKED)
    if status >= 500 or status == 408:
        return _unknown(code, words or f"HTTP {status}")
    redirected = ", and redirects are not followed" * (status < 400)
    return _refused(code, words or f"HTTP {status}{redirected}")


def _taken(
    answer: Mapping[str, Any], code: int, words: str, *, makes: bool
) -> ActionAnswer:
    tasks = ids_in(answer.get("result")) if makes else ()
    if not tasks:
        # It was taken: nothing speaks for sending it again, whatever it made.
        reason = "it was taken, and the answer names no task" if makes else ""
        return ActionAnswer(state=ActionState.ACCEPTED, code=code, reason=reason)
    return ActionAnswer(
        state=ActionState.ACCEPTED,
        code=code,
        tasks=tasks,
        asks_more=_asks_more(answer, words) if code == _EXISTS else False,
    )


def _asks_more(answer: Mapping[str, Any], words: str) -> bool | None:
    """Return whether code 21 stands for a window; its other meaning is a task that exists."""
    if _WINDOW.search(words):
        return True
    properties = answer.get("properties")
    if isinstance(properties, dict):
        if properties.get("remix") or properties.get("status") == "MODAL":
            return True
        if properties.get("status") or properties.get("imageUrl"):
            return False
    return None


def _with_banned_word(answer: Mapping[str, Any], code: int, words: str) -> str:
    words = words or f"code {code}"
    properties = answer.get("properties")
    banned = properties.get("bannedWord") if isinstance(properties, dict) else None
    if code == _BANNED and isinstance(banned, str) and banned not in words:
        return f"{words} ({banned[:100]})"
    return words


def _object_in(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body.decode("utf-8-sig"), strict=False)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _words_of(answer: Mapping[str, Any]) -> str:
    """Return what an answer says: gateways of this family have three places for it."""
    error = answer.get("error")
    inner = error if isinstance(error, dict) else {}
    parts = [
        answer.get("description"),
        inner.get("message"),
        error if isinstance(error, str) else None,
        answer.get("message"),
    ]
    said = next((part for part in parts if isinstance(part, str) and part.strip()), "")
    code = inner.get("code")
    if isinstance(code, str) and code and code not in said:
        said = f"{code}: {said}" if said else code
    return " ".join(said.split())[:MAX_WORDS]


def _not_yet(
    code: int | None, reason: str, wait: float, *, hold: float = 0.0
) -> ActionAnswer:
    return ActionAnswer(
        state=ActionState.PENDING, code=code, reason=reason, wait=wait, hold=hold
    )


def _refused(code: int | None, reason: str) -> ActionAnswer:
    return ActionAnswer(state=ActionState.REFUSED, code=code, reason=reason)


def _unknown(code: int | None, reason: str) -> ActionAnswer:
    return ActionAnswer(state=ActionState.UNKNOWN, code=code, reason=reason)
