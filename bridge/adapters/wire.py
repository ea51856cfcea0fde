"""
What an upstream's bytes say, as an `Answer`.

Rule 1: the content decides, not the content type: a gateway's page for a wrong address
comes with status 200, and some caches call everything ``text/plain``.
Rule 2: one bad row never costs the others, and a row that was not asked for is nobody's.
Rule 3: nothing in here raises, whatever the bytes are.

Texts in a `detail` are the upstream's own words. They may quote the key, so whoever
shows them has to redact them first (`bridge.adapters.complaint.redact`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from html import unescape

from bridge.adapters.fields import (
    buttons_of,
    id_of,
    moment_of,
    parse,
    progress_of,
    text_of,
    urls_of,
)
from bridge.core.task import TaskSnapshot, TaskStatus, best_of
from bridge.ports import Answer, Complaint

#: What the list may be wrapped in; new-api's younger routes: ``{"code":"success","data":…}``.
_WRAPPERS = ("data", "list", "result", "tasks", "items", "records")
#: A ``code`` that is no error, as relatives of the protocol spell it.
_FINE = frozenset({"", "0", "1", "200", "success", "ok"})
#: Where an error envelope keeps its sentence, the most readable first.
_SENTENCES = ("message", "description", "msg", "detail", "error", "error_description")
#: Characters of an upstream's own words that are looked at.
_LONGEST_SENTENCE = 4096

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


class _Refused(Exception):  # noqa: N818 - not an error of ours
    """What came is JSON, but no list of tasks."""


def read_answer(body: bytes, asked: Collection[str]) -> Answer:
    """
    Read the body of a successful answer to a question about some tasks.

    Args:
        body: As it came, without content encoding.

        asked: The ids that were asked for; no other will be in the answer.

    Returns:
        A valid answer, with a warning in its `detail` if there was something odd about
        it, or one with a complaint.
    """
    text = text_in(body)
    if not text:
        return Answer(complaint=Complaint.BROKEN, detail="answered with an empty body")
    if text.startswith("<"):
        return Answer(
            complaint=Complaint.MISPLACED, detail=f"answered with {page(text)}"
        )
    try:
        said = parse(text)
    except ValueError:
        what = f"answered with unreadable JSON: {text[:_LONGEST_SENTENCE]}"
        return Answer(complaint=Complaint.BROKEN, detail=what)
    try:
        rows = _rows(said)
    except _Refused as refused:
        return Answer(complaint=Complaint.BROKEN, detail=str(refused))
    warning = "answered null instead of a list" if said is None else ""
    return Answer(tasks=_tasks(rows, frozenset(asked)), detail=warning)


def text_in(body: bytes) -> str:
    """Decode a body as what it seems to be; what cannot be decoded becomes U+FFFD."""
    text = body.decode(json.detect_encoding(body), errors="replace")
    return text.strip("\ufeff\x00 \t\r\n")


def sentence(text: str) -> str:
    """Find the words for a person in an error's body; ``""`` if there are none."""
    if text.startswith("<"):
        return page(text)
    try:
        said = parse(text)
    except ValueError:
        return text[:_LONGEST_SENTENCE]
    if isinstance(said, dict):
        return _sentence(said)
    return text[:_LONGEST_SENTENCE] if said else ""


def page(text: str) -> str:
    """Describe a page by its title."""
    title = _TITLE.search(text[:_LONGEST_SENTENCE])
    if title is None or not title[1].strip():
        return "a web page"
    return f'a web page ("{" ".join(unescape(title[1]).split())}")'


def _rows(said: object, *, depth: int = 0) -> list[object]:
    """Find the list in what was said."""
    if isinstance(said, list):
        return said
    if said is None:
        return []  # how Go writes a list that was never made
    if not isinstance(said, dict) or _is_error(said):
        raise _Refused(_no_list(said))
    if id_of(said) is not None:
        return [said]
    for wrapper in _WRAPPERS:
        inner = said.get(wrapper)
        if isinstance(inner, list) and (inner or _is_fine(said)):
            return inner
        if isinstance(inner, dict) and depth < 2:
            with suppress(_Refused):
                return _rows(inner, depth=depth + 1)
        if inner is None and wrapper in said and "code" in said and _is_fine(said):
            return []
    raise _Refused(_no_list(said))


def _is_error(said: Mapping[str, object]) -> bool:
    # A task has no such keys. Some errors carry an id: the request's.
    return said.get("success") is False or bool(
        said.get("error") and not said.get("status")
    )


def _is_fine(said: Mapping[str, object]) -> bool:
    code = said.get("code")
    return code is None or str(code).lower() in _FINE


def _no_list(said: object) -> str:
    words = _sentence(said) if isinstance(said, dict) else ""
    if words:
        return f"answered with an error: {words}"
    return "answered with JSON that is no list of tasks"


def _sentence(said: Mapping[str, object]) -> str:
    for key in _SENTENCES:
        inner = said.get(key)
        if isinstance(inner, dict) and key == "error":
            inner = next(
                filter(None, (text_of(inner.get(k)) for k in _SENTENCES)), None
            )
        if words := text_of(inner):
            return words[:_LONGEST_SENTENCE]
    code = text_of(said.get("code"))
    return f"code {code[:_LONGEST_SENTENCE]}" if code else ""


def _tasks(rows: list[object], asked: frozenset[str]) -> dict[str, TaskSnapshot]:
    found: dict[str, list[TaskSnapshot]] = {}
    for row in rows:
        task_id = id_of(row)
        if task_id is not None and task_id in asked and isinstance(row, dict):
            found.setdefault(task_id, []).append(_snapshot(task_id, row))
    return {task_id: best_of(same) for task_id, same in found.items()}


def _snapshot(task_id: str, row: Mapping[str, object]) -> TaskSnapshot:
    properties = row.get("properties")
    if not isinstance(properties, dict):
        properties = {}
    return TaskSnapshot(
        id=task_id,
        status=TaskStatus.read(text_of(row.get("status"))),
        progress=progress_of(row.get("progress")),
        action=text_of(row.get("action")),
        prompt=text_of(row.get("prompt")),
        prompt_en=text_of(row.get("promptEn")),
        final_prompt=text_of(properties.get("finalPrompt")),
        description=text_of(row.get("description")),
        fail_reason=text_of(row.get("failReason")),
        image_url=text_of(row.get("imageUrl")),
        video_urls=urls_of(row.get("videoUrls")) or urls_of(row.get("videoUrl")),
        buttons=buttons_of(row.get("buttons")),
        submit_time=moment_of(row.get("submitTime")),
        start_time=moment_of(row.get("startTime")),
        finish_time=moment_of(row.get("finishTime")),
        state=text_of(row.get("state")),
    )
