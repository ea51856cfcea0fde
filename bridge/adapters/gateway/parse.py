"""
What an upstream's bytes say, as a `FetchResult`.

Rule 1: the content decides, not the content type: a gateway's page for a wrong address
comes with status 200, and some caches call everything ``text/plain``.
Rule 2: one bad row never costs the others, and a row that was not asked for is ignored.
Rule 3: nothing in here raises, whatever the bytes are.
Rule 4: what is in doubt is an error. The protocol has no envelopes, but what stands between
us and a gateway likes to add one, and an error with status 200 looks nearly the same. Taken
for an answer it would make every task in the question a missing one.

Texts in a `detail` are the upstream's own words. They may quote the key, so they pass
`bridge.adapters.gateway.errors.safe_line` before they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from bridge.adapters.gateway.coerce import (
    buttons_of,
    decoded,
    id_of,
    moment_of,
    parse,
    progress_of,
    text_of,
    urls_of,
)
from bridge.adapters.gateway.errors import LONGEST_SENTENCE, page, sentence_in
from bridge.app.ports import FetchResult, PollError
from bridge.core.task import TaskSnapshot, TaskStatus, best_of


def read_answer(body: bytes, asked: Collection[str]) -> FetchResult:
    """
    Read the body of a successful answer to a question about some tasks.

    Args:
        body: As it came, without content encoding.

        asked: The ids that were asked for; no other will be in the result.

    Returns:
        A valid result, with a warning in its `detail` if there was something odd about
        it, or one with an error.
    """
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
    wanted = frozenset(asked)
    match classify(parsed, wanted):
        case Rows(rows):
            warning = "answered null instead of a list" if parsed is None else ""
            return FetchResult(tasks=_tasks(rows, wanted), detail=warning)
        case ErrorEnvelope(sentence):
            what = f"answered with an error: {sentence}"
        case Unknown():
            what = "answered with JSON that is not a list of tasks"
    return FetchResult(error=PollError.BROKEN, detail=what)


# --- envelopes ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of rows, some of which may be about tasks."""

    rows: list[object]


@dataclass(frozen=True, slots=True)
class ErrorEnvelope:
    """An error, with its words for a person."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither."""


Classified: TypeAlias = Rows | ErrorEnvelope | Unknown

#: What the list may be wrapped in; new-api's younger routes: ``{"code":"success","data":…}``.
_WRAPPERS = ("data", "list", "result", "tasks", "items", "records")
#: Envelopes in envelopes that are opened.
_DEEPEST = 3
#: Where an envelope says whether what is in it is an answer.
_VERDICTS = ("code", "status", "success")
#: A verdict that is not an error, as relatives of the protocol spell it.
_APPROVALS = frozenset({"", "0", "1", "200", "success", "ok", "true"})
#: A ``success`` that is a failure.
_DENIALS = frozenset({"false", "0", "no"})
#: Keys that no task has, and keys that every task has, but for the sparsest.
_OF_ERRORS = frozenset({"code", "error", "success"})
_OF_TASKS = frozenset({"action", "progress"})


@dataclass(frozen=True, slots=True)
class _Around:
    """
    What is known of a piece of JSON from outside of it.

    Attributes:
        asked: The ids that were asked for.

        approved: Whether the envelopes around it call it an answer. One that does not may
            hold rows all the same, but an empty list in it says nothing.

        depth: How many envelopes there are around it.
    """

    asked: Collection[str]
    approved: bool = True
    depth: int = 0


def classify(
    parsed: object, asked: Collection[str], around: _Around | None = None
) -> Classified:
    """
    Tell a list of rows from an error, whatever is wrapped around it.

    Args:
        asked: The ids that were asked for.
    """
    context = around or _Around(asked)
    return next(
        read(parsed, context) for applies, read in _RULES if applies(parsed, context)
    )


def _refused(parsed: object, _around: _Around) -> Classified:
    words = sentence_in(parsed) if isinstance(parsed, dict) else ""
    return ErrorEnvelope(words) if words else Unknown()


def _first_refused(rows: list[object], around: _Around) -> Classified:
    return _refused(next(filter(None, rows), None), around)


def _opened(envelope: Mapping[str, object], around: _Around) -> Classified:
    approved = around.approved and _approves(envelope)
    inside = replace(around, approved=approved, depth=around.depth + 1)
    for wrapper in _WRAPPERS:
        inner = envelope.get(wrapper)
        if isinstance(inner, list | dict) and around.depth < _DEEPEST:
            found = classify(inner, around.asked, inside)
            if isinstance(found, Rows):
                return found
        if inner is None and wrapper in envelope and "code" in envelope and approved:
            return Rows([])
    return _refused(envelope, around)


def _has_rows(rows: list[object], around: _Around) -> bool:
    """Return whether any member is about a task, or none is needed."""
    return any(_is_row(row, around.asked) for row in rows) or (
        around.approved and not rows
    )


def _is_row(row: object, asked: Collection[str]) -> bool:
    task_id = id_of(row)
    if task_id is None or not isinstance(row, dict):
        return False
    return task_id in asked or not _is_error(row)


def _is_task(parsed: Mapping[str, object], around: _Around) -> bool:
    """
    Return whether an object with nothing around it is a task.

    Errors carry ids as well: the request's, or that of what was asked for.
    """
    task_id = id_of(parsed)
    if task_id is None:
        return False
    if task_id in around.asked:
        return _has_status(parsed) or _is_approval(parsed.get("code"))
    return (
        around.approved
        and not parsed.keys() & _OF_ERRORS
        and bool(parsed.keys() & _OF_TASKS)
    )


def _is_error(parsed: Mapping[str, object]) -> bool:
    succeeded = parsed.get("success")
    if succeeded is not None and _word(succeeded) in _DENIALS:
        return True
    return bool(parsed.get("error")) and not _has_status(parsed)


def _approves(envelope: Mapping[str, object]) -> bool:
    """
    Return whether an envelope calls what is in it an answer, even if that is nothing.

    Without a verdict, a sentence is taken for an error's: nobody writes one for nothing.
    """
    verdicts = [
        envelope[key] for key in _VERDICTS if envelope.get(key) not in (None, "")
    ]
    if verdicts:
        return all(map(_is_approval, verdicts))
    return _is_approval(sentence_in(envelope))


def _is_approval(verdict: object) -> bool:
    return verdict is None or _word(verdict) in _APPROVALS


def _has_status(parsed: Mapping[str, object]) -> bool:
    return TaskStatus.read(text_of(parsed.get("status"))) is not None


def _word(value: object) -> str:
    plain = isinstance(value, str | int | float)
    return str(value).strip().lower() if plain else "not a verdict"


#: (whether it applies, how it is read). The first that applies decides.
_RULES: tuple[
    tuple[Callable[[Any, _Around], bool], Callable[[Any, _Around], Classified]], ...
] = (
    # How Go writes a list that was never made.
    (lambda it, _: it is None, lambda _, __: Rows([])),
    (
        lambda it, around: isinstance(it, list) and _has_rows(it, around),
        lambda it, _: Rows(it),
    ),
    (lambda it, _: isinstance(it, list), _first_refused),
    (lambda it, _: not isinstance(it, dict) or _is_error(it), _refused),
    (_is_task, lambda it, _: Rows([it])),
    (lambda _, __: True, _opened),
)


# --- rows -----------------------------------------------------------------------------


def _tasks(rows: list[object], asked: frozenset[str]) -> dict[str, TaskSnapshot]:
    found: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        task_id = id_of(row)
        if task_id is not None and task_id in asked and isinstance(row, dict):
            found.setdefault(task_id, []).append(row)
    return {task_id: _task(task_id, same) for task_id, same in found.items()}


def _task(task_id: str, rows: list[Mapping[str, object]]) -> TaskSnapshot:
    if len(rows) == 1:
        return _snapshot(task_id, rows[0])
    # What a row without a status is taken for must not outdo what another one says.
    with_status = [row for row in rows if text_of(row.get("status")) is not None]
    return best_of([_snapshot(task_id, row) for row in with_status or rows])


def _status(row: Mapping[str, object]) -> TaskStatus | None:
    spelled = text_of(row.get("status"))
    if spelled is None and text_of(row.get("failReason")) is not None:
        # new-api keeps the row of a submission that was refused, with the reason and an
        # empty status, for ever: the proxy behind it never knew the id. A status that is
        # merely unknown to us says nothing of the kind.
        return TaskStatus.FAILURE
    return TaskStatus.read(spelled)


def _snapshot(task_id: str, row: Mapping[str, object]) -> TaskSnapshot:
    properties = row.get("properties")
    if not isinstance(properties, dict):
        properties = {}
    return TaskSnapshot(
        id=task_id,
        status=_status(row),
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
