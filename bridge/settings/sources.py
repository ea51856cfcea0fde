"""
Sources: the environment, ``.env`` and a TOML file, each read into one `Layer`.

A layer is a nested table with, for every value in it, the place where it was set. What
cannot be read becomes a problem beside the layer, so that one bad line hides no other.
Nothing is interpolated: a secret may contain ``$``.
"""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from bridge.settings import schema
from bridge.settings.problems import Problem

PREFIX = "bridge_"

#: Variables with our prefix that are not settings.
NOT_SETTINGS = frozenset({"BRIDGE_CONFIG"})

#: What Kubernetes sets in every pod beside a service called ``bridge`` or ``bridge-...``.
_SERVICE_LINK = re.compile(
    r"BRIDGE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


@dataclass(slots=True, kw_only=True)
class Layer:
    """What one source says; ``origins`` tell for each value where."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[schema.Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, path: schema.Path, value: object, origin: str) -> None:
        """Set a value; tables are merged into what is there."""
        if isinstance(value, dict):
            if not value:
                self._table(path, origin)
            for key, inner in value.items():
                self.put((*path, str(key)), inner, origin)
        elif (table := self._table(path[:-1], origin)) is not None:
            table[path[-1]] = value
            self.origins[path] = origin

    def _table(self, path: schema.Path, origin: str) -> dict[str, Any] | None:
        table = self.values
        for depth, key in enumerate(path, 1):
            inner = table.setdefault(key, {})
            if not isinstance(inner, dict):
                text = "is set both as one value and as a table"
                self.problems.append(
                    Problem(path=path[:depth], text=text, origin=origin)
                )
                return None
            table = inner
        return table

    def origin(self, path: Iterable[object]) -> str:
        """Tell where a setting was set: it, what it is part of, or what is part of it."""
        wanted = tuple(part for part in path if isinstance(part, str))
        for end in range(len(wanted), 0, -1):
            if wanted[:end] in self.origins:
                return self.origins[wanted[:end]]
        inner = (
            place for at, place in self.origins.items() if at[: len(wanted)] == wanted
        )
        return next(inner, "") if wanted else ""


def merge(layers: Iterable[Layer]) -> Layer:
    """Lay layers over one another, the last one on top: tables mix, anything else is replaced."""
    merged = Layer()
    for layer in layers:
        _overlay(merged.values, layer.values)
        merged.origins.update(layer.origins)
        merged.problems.extend(layer.problems)
    return merged


def _overlay(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict):
            if not isinstance(below.get(key), dict):
                below[key] = {}
            _overlay(below[key], value)
        else:
            below[key] = value


# --- environment and .env -------------------------------------------------------------


def from_environment(variables: Mapping[str, str], *, suffix: str = "") -> Layer:
    """
    Read variables.

    Names are case-insensitive; where two differ only in case, the one in capitals counts.
    An empty variable is as good as none. ``A__B`` goes on top of what ``A`` says as JSON.

    Args:
        suffix: Said after a variable's name when it is told as an origin.
    """
    layer = Layer()
    for path, name in sorted(
        _ours(variables), key=lambda pair: (len(pair[0]), pair[0])
    ):
        origin = f"{name}{suffix}"
        try:
            value = _decoded(path, variables[name])
        except ValueError as error:
            layer.problems.append(Problem(path=path, text=str(error), origin=origin))
        else:
            layer.put(path, value, origin)
    return layer


def _ours(variables: Mapping[str, str]) -> Iterator[tuple[schema.Path, str]]:
    found: dict[str, str] = {}
    # Capitals sort before small letters; read last, they are what remains.
    for name in sorted(variables, reverse=True):
        capitals = name.upper()
        if (
            name.lower().startswith(PREFIX)
            and variables[name].strip()
            and capitals not in NOT_SETTINGS
            and not _SERVICE_LINK.fullmatch(capitals)
            and not (capitals == "BRIDGE_PORT" and "://" in variables[name])
        ):
            found[capitals] = name
    for name in found.values():
        yield tuple(name[len(PREFIX) :].lower().split("__")), name


def _decoded(path: schema.Path, text: str) -> object:
    kind = dict if schema.is_table(path) else list if schema.is_list(path) else None
    if kind is None:
        return text
    example = '["a", "b"]' if kind is list else '{"a": "b"}'
    wanted = (
        f"must be {'a list' if kind is list else 'a table'} in JSON, like {example}"
    )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(wanted) from None
    if not isinstance(value, kind):
        raise ValueError(wanted)
    return value


def from_dotenv(path: Path) -> tuple[dict[str, str], Layer]:
    """Read a file of variables, if there is one; return them, and what they say."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, Layer()
    except (OSError, UnicodeDecodeError) as error:
        return {}, Layer(problems=[Problem(text=f"{path.name} {_unreadable(error)}")])
    variables: dict[str, str] = {}
    problems = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key and binding.value is None):
            place = f"{path.name}, line {binding.original.line}"
            problems.append(Problem(text=f"{place}: is not NAME=value"))
        elif binding.key and binding.value is not None:
            variables[binding.key] = binding.value
    layer = from_environment(variables, suffix=f" in {path.name}")
    layer.problems[:0] = problems
    return variables, layer


# --- TOML -----------------------------------------------------------------------------


def from_toml(path: Path, *, name: str) -> Layer:
    """Read a TOML file that must exist; *name* is what its user calls it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        return Layer(problems=[Problem(text=_syntax(error, name))])
    except (OSError, UnicodeDecodeError) as error:
        return Layer(problems=[Problem(text=f"{name} {_unreadable(error)}")])
    layer = Layer()
    for key, value in document.items():
        if value != "":
            layer.put((key,), _without_blanks((key,), value), name)
    return layer


def _without_blanks(path: schema.Path, value: Any) -> Any:
    """Drop settings that are set to ``""``: that is how a TOML file says "unset"."""
    if not isinstance(value, dict) or not schema.is_table(path) or len(path) > 2:
        return value
    return {
        key: _without_blanks((*path, key), inner)
        for key, inner in value.items()
        if inner != ""
    }


def _syntax(error: tomllib.TOMLDecodeError, name: str) -> str:
    what, _, where = str(error).partition(" (at ")
    place = where.rstrip(")").replace("end of document", "its end")
    return f"{name}, {place}: {what[:1].lower()}{what[1:]}"


def _unreadable(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "cannot be read: it is not UTF-8"
    return f"cannot be read: {(error.strerror or 'unknown error').lower()}"
