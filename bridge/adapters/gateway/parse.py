"""
What an upstream's bytes say, as a `FetchResult`.

Rule 1: the content decides, not the content type: a gateway's page for a wrong address
comes with status 200, and some caches call everything ``text/plain``.
Rule 2: one bad row never costs the others, and a row that was not asked for is ignored.
Rule 3: nothing in here raises, whatever the bytes are.

Texts in a `detail` are the upstream's own words. They may quote the key, so they pass
`bridge.adapters.gateway.errors.redacted_line` before they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from bridge.adapters.gateway.coerce import (
    buttons_of,
    decoded,
    id_of,
    moment_of,
    object_of,
    parse,
    progress_of,
    text_of,
    url_of,
    urls_of,
)
from bridge.adapters.gateway.envelope import ErrorEnvelope, Rows, Unknown, classify
from bridge.adapters.gateway.errors import LONGEST_SENTENCE, page, sentence_in
from bridge.adapters.gateway.rows import row_digest, split
from bridge.app.ports import FetchResult, PollError
from bridge.core.action import is_marker
from bridge.core.task import TaskSnapshot, TaskStatus, best_of

#: Ids that nobody asked for: how many of them are told, and their characters.
MOST_STRANGERS, LONGEST_ID = 100, 80
#: A status that is an end where there is a reason beside it.
_TIMEOUT = re.compile(r"\s*(task[\s_-]*)?time[\s_-]*d?[\s_-]*out\s*", re.IGNORECASE)


def read_answer(
    body: bytes, asked: Collection[str], known: Mapping[str, str] | None = None
) -> FetchResult:
    """
    Read the body of a successful answer to a question about some tasks.

    Args:
        body: As it came, without content encoding.

        asked: The ids that were asked for; no other will be in the result.

        known: By id, the digest of a row that need not be read.

    Returns:
        A valid result, with a warning in its `detail` if there was something odd about
        it, or one with an error.
    """
    wanted = frozenset(asked)
    rows = split(body, wanted)
    if rows is None:
        return _read(body, wanted)
    before = known or {}
    digests = {task_id: row_digest(same) for task_id, same in rows.items()}
    news = [task_id for task_id, one in digests.items() if before.get(task_id) != one]
    unchanged = frozenset(digests.keys() - news)
    if not news:
        return FetchResult(unchanged=unchanged)
    unread = b",".join(row for task_id in news for row in rows[task_id])
    result = _read(b"[%b]" % unread, frozenset(news))
    if result.error is not None:
        return _read(body, wanted)  # What is wrong is told of the whole.
    tasks = {
        task_id: replace(snapshot, row_digest=digests[task_id])
        for task_id, snapshot in result.tasks.items()
    }
    return replace(result, tasks=tasks, unchanged=unchanged)


def _read(body: bytes, asked: frozenset[str]) -> FetchResult:
    """Read an answer whatever its shape, see `read_answer`."""
    text = decoded(body)
    if not text:
        return FetchResult(error=PollError.BROKEN, detail="answered with an empty body")
    if text.startswith("<"):
        return FetchResult(
            error=PollError.MISPLACED, detail=f"answered with {page(text)}"
        )
    try:
        parsed = parse(text)
    except ValueError:
        what = f"answered with unreadable JSON: {text[:LONGEST_SENTENCE]}"
        return FetchResult(error=PollError.BROKEN, detail=what)
    match classify(parsed, asked):
        case Rows(rows):
            warning = "answered null instead of a list" if parsed is None else ""
            tasks = _tasks(rows, asked)
            strangers = frozenset[str]() if tasks else _ids(rows)
            return FetchResult(tasks=tasks, detail=warning, strangers=strangers)
        case ErrorEnvelope(sentence):
            what = f"answered with an error: {sentence}"
        case Unknown():
            what = "answered with JSON that is not a list of tasks"
    return FetchResult(error=PollError.BROKEN, detail=what)


def _tasks(rows: list[object], asked: frozenset[str]) -> dict[str, TaskSnapshot]:
    found: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        task_id = id_of(row)
        if task_id is not None and task_id in asked and isinstance(row, dict):
            found.setdefault(task_id, []).append(row)
    return {task_id: _task(task_id, same) for task_id, same in found.items()}


def _ids(rows: list[object]) -> frozenset[str]:
    some = rows[:MOST_STRANGERS]
    return frozenset(found[:LONGEST_ID] for row in some if (found := id_of(row)))


def _task(task_id: str, rows: list[Mapping[str, object]]) -> TaskSnapshot:
    if len(rows) == 1:
        return _snapshot(task_id, rows[0])
    # What a row without a status is taken for must not outdo what another one says.
    with_status = [row for row in rows if text_of(row.get("status")) is not None]
    return best_of([_snapshot(task_id, row) for row in with_status or rows])


def _status(row: Mapping[str, object], reason: str | None) -> TaskStatus | None:
    spelled = text_of(row.get("status"))
    if reason is not None and (spelled is None or _TIMEOUT.fullmatch(spelled)):
        # new-api keeps the row of a submission that was refused, with the reason and an
        # empty status, for ever: the proxy behind it never knew the id. A status that is
        # merely unknown to us says nothing of the kind.
        return TaskStatus.FAILURE
    return TaskStatus.read(spelled)


def _reason(value: object) -> str | None:
    """Read why a task failed: a sentence, or an object or a list with one in it."""
    if isinstance(value, list):
        value = next(filter(None, map(_reason, value)), None)
    return sentence_in(value) or None if isinstance(value, dict) else text_of(value)


def _snapshot(task_id: str, row: Mapping[str, object]) -> TaskSnapshot:
    properties = object_of(row.get("properties"))
    reason = _reason(row.get("failReason"))
    return TaskSnapshot(
        id=task_id,
        status=_status(row, reason),
        progress=progress_of(row.get("progress")),
        action=text_of(row.get("action")),
        prompt=text_of(row.get("prompt")),
        prompt_en=text_of(row.get("promptEn")),
        final_prompt=text_of(properties.get("finalPrompt")),
        description=text_of(row.get("description")),
        fail_reason=reason,
        image_url=url_of(row.get("imageUrl")),
        video_urls=urls_of(row.get("videoUrls")) or urls_of(row.get("videoUrl")),
        buttons=buttons_of(row.get("buttons")),
        submit_time=moment_of(row.get("submitTime")),
        start_time=moment_of(row.get("startTime")),
        finish_time=moment_of(row.get("finishTime")),
        state=_state(row),
    )


def _state(row: Mapping[str, object]) -> str | None:
    """Read a task's ``state``; a marker of ours is nobody else's business."""
    state = text_of(row.get("state"))
    return None if is_marker(state) else state
