"""
Loading: the sources in their order, then everything that is wrong with them at once.

The result depends on the arguments and on the files they lead to, and on nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from bridge.errors import reason
from bridge.settings import checks
from bridge.settings.models import SOURCES, Settings
from bridge.settings.placed import Places
from bridge.settings.problems import Problem, first_of_each, from_pydantic, refuse
from bridge.settings.sources import PREFIX, Document, Dotenv, Variables, plain
from bridge.settings.tree import fields_of, files_of

#: Looked for in the working directory where nobody names another file.
DEFAULT_CONFIG = "bridge.toml"


def load_settings(
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    need_keys: bool = True,
) -> Settings:
    """
    Read the configuration: environment over ``.env`` over the TOML file.

    Args:
        config: The TOML file; by default what ``BRIDGE_CONFIG`` names, else
            ``bridge.toml`` if there is one.

        environ: The environment; by default the process's own.

        cwd: Where ``.env`` and ``bridge.toml`` are looked for; by default the working
            directory.

        need_keys: Whether an upstream without a key and without a ``base_url`` is a
            mistake. To use the sandbox, nobody needs one.

    Raises:
        Misconfigured: Something is wrong; the text lists everything that is, and holds
            neither secrets nor URLs.
    """
    environ = os.environ if environ is None else environ
    cwd = (_working_directory() if cwd is None else cwd).absolute()
    dotenv = Dotenv(cwd / ".env")
    named = str(config or _config_of({**dotenv.variables, **environ}))
    path = cwd / (named or DEFAULT_CONFIG)
    document = Document(path, name=named or DEFAULT_CONFIG) if _is_there(path) else None
    base = path.parent if document else cwd
    merged = Merged(
        Variables(environ, base=base),
        Variables(dotenv.variables, base=base, lines=dotenv.lines),
        *([document] if document else []),
        base=base,
    )
    settings, wrong = _typed(merged)
    found = [*dotenv.problems, *merged.problems]
    if named and document is None:
        text = f"there is no file {named}, named as the configuration"
        found.append(Problem(text=text))
    # A file that could not be read makes everything that it sets look forgotten.
    elif document is None or all(problem.path for problem in document.problems):
        found += merged.placed(
            [*wrong, *checks.between_settings(merged.values, need_keys=need_keys)]
        )
    if settings is None or found:
        raise refuse(_in_order(first_of_each(found)))
    if found := [*merged.placed(checks.templates(settings))]:
        raise refuse(_in_order(found))
    return settings


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        text = f"the working directory cannot be used: {reason(error)}; change to another one"
    raise refuse([Problem(text=text)])


def _is_there(path: Path) -> bool:
    """Return whether a name is taken, if only by a link to nothing or by what is kept from us."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True  # reading it says why it cannot be read
    return True


def _config_of(variables: Mapping[str, str]) -> str:
    """Return what ``BRIDGE_CONFIG`` names, in whatever case it is written."""
    named = {
        name.upper(): text
        for name, value in variables.items()
        if (text := plain(value))
    }
    return named.get("BRIDGE_CONFIG", "")


def _typed(merged: Merged) -> tuple[Settings | None, list[Problem]]:
    """Return the settings, or everything that their types find wrong."""
    reading = SOURCES.set(merged.sources)
    try:
        return Settings(), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    finally:
        SOURCES.reset(reading)
    # A list whose entries are wrong is not empty, though pydantic then counts none.
    wrong_within = {detail["loc"][:-1] for detail in details}
    problems = []
    for detail in details:
        if detail["type"] == "too_short" and detail["loc"] in wrong_within:
            continue
        problem = from_pydantic(detail)
        if detail["type"] == "extra_forbidden":
            text = checks.unknown_setting(problem.path, merged.values)
            problem = replace(problem, text=text)
        problems.append(problem)
    return None, problems


def _in_order(problems: list[Problem]) -> list[Problem]:
    """Sort by setting, in the order of the documentation."""
    top = [*fields_of(), *files_of()]

    def place(problem: Problem) -> tuple[int, tuple[str, ...]]:
        first = str(problem.path[0]) if problem.path else ""
        return top.index(first) if first in top else -1, tuple(map(str, problem.path))

    return sorted(problems, key=place)


class Merged(PydanticBaseSettingsSource):
    """
    What all sources say together.

    It is the weakest source itself: the library hands it what it merged of the others.

    Args:
        read: The strongest first.

    Attributes:
        sources: Everything to be read, in the library's order.

        values: The tables as they were merged, once they were.
    """

    def __init__(self, *read: Variables | Document, base: Path) -> None:
        super().__init__(Settings)
        self.sources = (*read, self)
        self.values: dict[str, Any] = {}
        self._read = read
        self._data_dir = str(base / Settings.model_fields["data_dir"].default)

    @property
    def problems(self) -> list[Problem]:
        """Return what could not be read, the weakest source's first."""
        return [one for source in reversed(self._read) for one in source.problems]

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the signature is the library's
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Return nothing: what is asked for is everything at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the one default that depends on where the configuration is."""
        own = {"data_dir": self._data_dir}
        self.values = own | self.current_state
        return own

    def placed(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """Add to each problem where its setting was set."""
        places = {
            at: origin
            for source in reversed(self._read)
            for at, origin in source.origins.items()
        }
        for problem in problems:
            origin = problem.origin or _origin(problem.path, places)
            # Where a text is refused in the place of a list, it meant to be JSON.
            example = _IN_JSON.get(problem.text, "")
            in_json = example if origin.upper().startswith(PREFIX.upper()) else ""
            yield replace(problem, origin=origin, text=problem.text + in_json)


#: What is added to a problem of a variable.
_IN_JSON = {
    "must be a list": ' in JSON, like ["a", "b"]',
    "must be a table": ' in JSON, like {"a": "b"}',
}


def _origin(path: Sequence[str | int], places: Places) -> str:
    """Return where a setting was set: it, what it is part of, or a part of it."""
    wanted = tuple(part for part in path if isinstance(part, str))
    for end in range(len(wanted), 0, -1):
        if wanted[:end] in places:
            return places[wanted[:end]]
    inner = (origin for at, origin in places.items() if at[: len(wanted)] == wanted)
    return next(inner, "") if wanted else ""
