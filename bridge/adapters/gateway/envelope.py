"""
Envelopes: what JSON holds around the rows of a list, and whether that is an error.

The protocol has none, but what stands between us and a gateway likes to add one, and an
error with status 200 looks nearly the same. Taken for an answer it would make every task
in the question a missing one, so what is in doubt is an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from html import unescape

from bridge.adapters.gateway.coerce import id_of, parse, text_of
from bridge.core.task import TaskStatus

#: What the list may be wrapped in; new-api's younger routes: ``{"code":"success","data":…}``.
_WRAPPERS = ("data", "list", "result", "tasks", "items", "records")
#: Envelopes in envelopes that are opened.
_DEEPEST = 3
#: Where an envelope says whether what is in it is an answer.
_VERDICTS = ("code", "status", "success")
#: A verdict that is no error, as relatives of the protocol spell it.
_FINE = frozenset({"", "0", "1", "200", "success", "ok", "true"})
#: A ``success`` that is none.
_NO = frozenset({"false", "0", "no"})
#: Keys that no task has, and keys that every task has, but for the sparsest.
_OF_ERRORS = frozenset({"code", "error", "success"})
_OF_TASKS = frozenset({"action", "progress"})
#: Where an error envelope keeps its sentence, the most readable first.
_SENTENCES = ("message", "description", "msg", "detail", "error", "error_description")
#: Characters of an upstream's own words that are looked at.
LONGEST_SENTENCE = 4096

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


class NoListError(Exception):
    """What came is JSON, but no list of tasks."""


def rows_in(
    said: object, asked: Collection[str], *, fine: bool = True, depth: int = 0
) -> list[object]:
    """
    Find the list in what was said.

    Args:
        asked: The ids that were asked for.

        fine: Whether the envelopes around it call it an answer. One that does not may
            hold rows all the same, but an empty list in it says nothing.

        depth: How many envelopes there are around it.
    """
    if isinstance(said, list):
        if any(_is_row(row, asked) for row in said) or (fine and not said):
            return said
        raise NoListError(_no_list(next(filter(None, said), None)))
    if said is None:
        return []  # how Go writes a list that was never made
    if not isinstance(said, dict) or _is_error(said):
        raise NoListError(_no_list(said))
    if _is_task(said, asked, fine=fine):
        return [said]
    fine = fine and _is_fine(said)
    for wrapper in _WRAPPERS:
        inner = said.get(wrapper)
        if isinstance(inner, list | dict) and depth < _DEEPEST:
            with suppress(NoListError):
                return rows_in(inner, asked, fine=fine, depth=depth + 1)
        if inner is None and wrapper in said and "code" in said and fine:
            return []
    raise NoListError(_no_list(said))


def _is_row(row: object, asked: Collection[str]) -> bool:
    """Whether one member of a list is about a task, asked for or not."""
    task_id = id_of(row)
    if task_id is None or not isinstance(row, dict):
        return False
    return task_id in asked or not _is_error(row)


def _is_task(said: Mapping[str, object], asked: Collection[str], *, fine: bool) -> bool:
    """
    Whether an object with nothing around it is a task.

    Errors carry ids as well: the request's, or that of what was asked for.
    """
    task_id = id_of(said)
    if task_id is None:
        return False
    if task_id in asked:
        return _has_status(said) or _is_approved(said.get("code"))
    return fine and not said.keys() & _OF_ERRORS and bool(said.keys() & _OF_TASKS)


def _is_error(said: Mapping[str, object]) -> bool:
    succeeded = said.get("success")
    if succeeded is not None and _word(succeeded) in _NO:
        return True
    return bool(said.get("error")) and not _has_status(said)


def _is_fine(said: Mapping[str, object]) -> bool:
    """
    Whether an envelope calls what is in it an answer, even if that is nothing.

    Without a verdict, a sentence is taken for an error's: nobody writes one for nothing.
    """
    verdicts = [said[key] for key in _VERDICTS if said.get(key) not in (None, "")]
    if verdicts:
        return all(map(_is_approved, verdicts))
    return _is_approved(_sentence(said))


def _is_approved(verdict: object) -> bool:
    return verdict is None or _word(verdict) in _FINE


def _has_status(said: Mapping[str, object]) -> bool:
    return TaskStatus.read(text_of(said.get("status"))) is not None


def _word(value: object) -> str:
    plain = isinstance(value, str | int | float)
    return str(value).strip().lower() if plain else "what is no verdict"


def sentence(text: str) -> str:
    """Find the words for a person in an error's body; ``""`` if there are none."""
    if text.startswith("<"):
        return page(text)
    try:
        said = parse(text)
    except ValueError:
        return text[:LONGEST_SENTENCE]
    if isinstance(said, dict):
        return _sentence(said)
    return text[:LONGEST_SENTENCE] if said else ""


def page(text: str) -> str:
    """Describe a page by its title."""
    title = _TITLE.search(text[:LONGEST_SENTENCE])
    if title is None or not title[1].strip():
        return "a web page"
    return f'a web page ("{" ".join(unescape(title[1]).split())}")'


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
            return words[:LONGEST_SENTENCE]
    code = text_of(said.get("code"))
    return f"code {code[:LONGEST_SENTENCE]}" if code else ""
