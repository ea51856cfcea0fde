"""
Envelopes: what JSON holds around the rows of a list, and whether that is an error.

The protocol has none, but what stands between us and a gateway likes to add one, and an
error with status 200 looks nearly the same. Taken for an answer it would make every task in
the question a missing one, so what is in doubt is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from bridge.adapters.gateway.coerce import id_of, text_of
from bridge.adapters.gateway.errors import sentence_in
from bridge.core.task import TaskStatus


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
    """Neither rows nor the words of an error: JSON that says nothing about tasks."""


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
