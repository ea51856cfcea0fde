"""
Submissions: which new tasks an answer to one names.

All servers of the family answer with ``{"code", "description", "result"}``, whatever the
content type says. Gateways rewrite codes and pass on what their own upstreams do, so a code
alone says little: a queue that is full may come with a ``result``, too, and an upload's is a
list of addresses.
"""

from __future__ import annotations

import json
import re

from bridge.core.task import why_not_an_id

#: Codes of an answer that took a submission: accepted, existing or waiting for a modal, queued.
TAKEN = frozenset({1, 21, 22})

#: Routes below ``/mj`` that a submission is posted to.
_SUBMISSION = re.compile(r"submit/[^/]+|insight-face/[^/]+", re.IGNORECASE)
#: Those of them whose result is not a task: addresses of pictures, a number, a stopped task.
_WITHOUT_TASKS = re.compile(
    r"submit/(upload-discord-images?|image-seed|cancel)", re.IGNORECASE
)
#: A press whose result is the task that was pressed. Source: trueai ``SubmitController``.
_BOOKMARK = re.compile(r"MJ::BOOKMARK\b", re.IGNORECASE)
#: Integers that JSON numbers carry exactly everywhere (RFC 8259, section 6).
_EXACT = 2**53


def makes_tasks(route: str, custom_id: str | None = None) -> bool:
    """
    Return whether the result of a submission can be a new task.

    Args:
        route: Below ``/mj``, such as ``submit/imagine``.

        custom_id: Of the button, if it presses one.
    """
    if not _SUBMISSION.fullmatch(route) or _WITHOUT_TASKS.fullmatch(route):
        return False
    return not _BOOKMARK.match(custom_id or "")


def new_tasks(
    route: str, *, status: int, body: bytes, custom_id: str | None = None
) -> tuple[str, ...]:
    """
    Return the ids of the tasks that an answer to a submission names. Never raises.

    Args:
        route: Below ``/mj``, such as ``submit/imagine``.

        status: The answer's status.

        body: The answer's body, read whatever its content type is.

        custom_id: Of the button, if the submission presses one.

    Returns:
        Each once, in the answer's order; none if it did not take the submission.
    """
    if not 200 <= status < 300 or not makes_tasks(route, custom_id):
        return ()
    try:
        answer = json.loads(body.decode("utf-8-sig"), strict=False)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(answer, dict) or code_of(answer) not in TAKEN:
        return ()
    return ids_in(answer.get("result"))


def code_of(answer: dict[str, object]) -> int | None:
    """Return an answer's code; ``None`` if it has none. Some write it as text."""
    code = answer.get("code")
    if isinstance(code, str) and re.fullmatch(r"\d{1,4}", code, re.ASCII):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def ids_in(result: object) -> tuple[str, ...]:
    """Return the ids in a ``result``: a text, a number, or several with commas between."""
    if isinstance(result, float) and result.is_integer() and 0 < result < _EXACT:
        result = int(result)
    if isinstance(result, int) and not isinstance(result, bool):
        # Python writes no integer of more than 4300 digits, and no id has so many.
        result = str(result) if 0 < result < 10**100 else ""
    if not isinstance(result, str):
        return ()
    ids = dict.fromkeys(part.strip() for part in result.split(","))
    return tuple(one for one in ids if _is_id(one))


def _is_id(text: str) -> bool:
    return why_not_an_id(text) is None and "://" not in text
