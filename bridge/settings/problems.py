"""
Problems: everything that is wrong with a configuration, in one readable piece.

A text names settings, never what they are set to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

from pydantic_core import ErrorDetails

from bridge.errors import Misconfigured

#: Where a setting stands: ``("endpoints", "me", "url")``.
SettingPath: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    One thing that is wrong.

    Attributes:
        path: The setting; empty if it is about a file as a whole.

        text: What is wrong, and what would be right.

        origin: Where it was set, as far as that is known.
    """

    path: tuple[str | int, ...] = ()
    text: str
    origin: str = ""

    def __str__(self) -> str:
        where = f"{dotted(self.path)}: " if self.path else ""
        origin = f" (from {self.origin})" if self.origin else ""
        return f"{where}{self.text}{origin}"


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as people write it: ``endpoints.me.events[0]``."""
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path
    )
    return "".join(parts).lstrip(".")


def shown(key: str) -> str:
    """Return a key that somebody chose, unless it cannot be one: it may be a pasted URL."""
    if re.fullmatch(r"[\w-]{1,64}", key):
        return key
    return '""' if not key else "<not a name>"


def unknown(key: str, known: Iterable[str]) -> str:
    """Describe a key that does not exist, with the known one that is nearest to it."""
    known = tuple(known)
    if near := get_close_matches(key.lower(), known, n=1, cutoff=0.6):
        return f"unknown setting; did you mean {near[0]}?"
    nearest = get_close_matches(key.lower(), known, n=1, cutoff=0.0)
    return f"unknown setting; the nearest known one is {nearest[0]}"


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Describe a name that nothing has, with the known one that is nearest to it."""
    near = get_close_matches(name, tuple(known), n=1, cutoff=0.0)
    return f"there is no {what} called {shown(name)}; did you mean {near[0]}?"


def first_of_each(problems: Iterable[Problem]) -> list[Problem]:
    """
    Keep one problem of each setting: the first, as the others follow from it.

    A setting that could not be read is "missing" afterwards.
    """
    kept: dict[object, Problem] = {}
    for problem in problems:
        kept.setdefault(problem.path or problem.text, problem)
    return list(kept.values())


def refuse(problems: Sequence[Problem]) -> Misconfigured:
    """Return one error that lists all problems: one line for one, a line each for several."""
    if len(problems) == 1:
        return Misconfigured(f"configuration: {problems[0]}")
    lines = "\n".join(f"  {problem}" for problem in problems)
    return Misconfigured(f"{len(problems)} problems in the configuration:\n{lines}")


#: What to say for pydantic's types of errors; ``{...}`` are the error's own parameters.
_WORDS = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "is malformed",
    "path_type": "must be the name of a file or directory",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "union_tag_not_found": "must be a table",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
}


def from_pydantic(error: ErrorDetails) -> Problem:
    """Return what pydantic found, in our words."""
    context: dict[str, Any] = error.get("ctx") or {}
    if error["type"] == "value_error":
        text = str(context["error"])
    elif error["type"] in _WORDS:
        text = _WORDS[error["type"]].format(**context)
    else:
        text = error["msg"][:1].lower() + error["msg"][1:]
    path = error["loc"]
    if error["type"] == "missing" and len(path) > 3 and path[-1] != "url":
        text = f"is required for {path[2]}"
    # "[key]" is how pydantic says that a key of a table is meant, and not its value; and
    # below an endpoint's name it has the kind whose settings it was checked as.
    if path[:1] == ("endpoints",) and len(path) > 2:
        path = (*path[:2], *path[3:])
    return Problem(path=tuple(part for part in path if part != "[key]"), text=text)
