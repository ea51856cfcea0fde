"""
Sources: the environment, ``.env`` and a TOML file, read by pydantic-settings.

What the library's sources do not do is added here: each knows where it found every value,
what cannot be read is a problem beside what can, so that one bad line hides no other, a
secret may stand in a file of its own, and variables that nobody knows are kept, to be
refused. Nothing is interpolated: a secret may contain ``$``.
"""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from dotenv.parser import parse_stream
from pydantic.fields import FieldInfo
from pydantic_settings import (
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

from bridge.settings.models import Settings, fields_of, files_of, is_list, is_table
from bridge.settings.problems import Problem, SettingPath
from bridge.settings.secret_files import content_of, located, tables_in

PREFIX = "bridge_"

#: Variables with our prefix that are not settings.
NOT_SETTINGS = frozenset({"BRIDGE_CONFIG"})

#: What Kubernetes sets in every pod beside a service called ``bridge`` or ``bridge-...``.
_SERVICE_LINK = re.compile(
    r"BRIDGE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)

#: Where things were set, for people.
Places: TypeAlias = Mapping[SettingPath, str]


class Placed:
    """
    What a source knows beside its values.

    Attributes:
        origins: Where each value was set.

        problems: What could not be read.
    """

    def __init__(self) -> None:
        self.origins: dict[SettingPath, str] = {}
        self.problems: list[Problem] = []

    def settle(self, values: dict[str, Any], places: Places, base: Path) -> None:
        """
        Note where values were set, read the files of secrets, and make paths absolute.

        A secret's file counts as if its content stood in its place. That is settled
        within one source, before sources are laid over one another: a key in the
        environment is stronger than ``api_key_file`` in the TOML file, and the other way
        round.

        Args:
            places: Where a value was set, or a table that it is part of.

            base: The directory that relative paths start from.
        """
        for path in _leaves(values):
            ends = range(len(path), 0, -1)
            found = (places[path[:end]] for end in ends if path[:end] in places)
            self.origins[path] = next(found, "")
        for path, table in list(tables_in(values)):
            files = files_of(path[0] if path else "")
            for name in files.keys() & table.keys():
                self._read_secret(path, table, name, files[name], base)
            for name in ("data_dir", "tls_ca"):
                if isinstance(table.get(name), str):
                    table[name] = str(located(table[name], base))

    def _read_secret(
        self, path: SettingPath, table: dict[str, Any], file: str, name: str, base: Path
    ) -> None:
        setting = (*path, name)
        origin = self.origins.pop((*path, file), "")
        named = table.pop(file)
        lines = is_list(fields_of(path[0] if path else "")[name])
        try:
            if name in table:
                raise ValueError(f"set this or {file}, not both")  # noqa: EM102, TRY003, TRY301
            table[name] = content_of(named, base, as_lines=lines)
        except ValueError as error:
            self.problems.append(Problem(path=setting, text=str(error), origin=origin))
        else:
            # The file itself, and not its name, is where the value comes from.
            self.origins[setting] = f"the file of {file}, {origin}"


def _leaves(values: object, path: SettingPath = ()) -> Iterator[SettingPath]:
    if isinstance(values, dict) and (values or not path):
        for key, inner in values.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path


# --- environment and .env -------------------------------------------------------------


class Variables(Placed, EnvSettingsSource):
    """
    The environment, or a file of variables.

    Names are case-insensitive; where two differ only in case, the one in capitals counts.
    An empty variable is as good as none. ``A__B`` goes on top of what ``A`` says as JSON.

    Args:
        lines: The lines that variables stand in, for people; none for the environment.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        base: Path,
        lines: Mapping[str, str] | None = None,
    ) -> None:
        Placed.__init__(self)
        EnvSettingsSource.__init__(
            self, Settings, env_prefix=PREFIX, env_nested_delimiter="__"
        )
        names = {name.upper(): name for name in sorted(_ours(variables), reverse=True)}
        paths = {
            name: tuple(name[len(PREFIX) :].lower().split("__"))
            for name in names.values()
        }
        # The shorter first: a table has to be there before a setting goes on top of it.
        ordered = sorted(paths, key=lambda name: (len(paths[name]), paths[name]))
        self.env_vars = {name.lower(): plain(variables[name]) for name in ordered}
        self._paths = {name.lower(): paths[name] for name in ordered}
        self._places = {
            paths[name]: f"{name} in {lines[name]}" if lines else name
            for name in ordered
        }
        self._base = base

    def __call__(self) -> dict[str, Any]:
        """Return what the variables say; unknown names are part of it."""
        values = super().__call__()
        for name, path in self._paths.items():
            known = Settings.model_fields.get(path[0])
            if known is None or (len(path) > 1 and not is_table(known)):
                self._keep(values, path, self.env_vars[name])
        self.settle(values, self._places, self._base)
        return values

    def _keep(self, values: dict[str, Any], path: SettingPath, text: object) -> None:
        """Keep what the library leaves out: a setting that nobody knows, or part of a text."""
        if len(path) > 1 and path[0] in values:
            problem = "is set both as one value and as a table"
            origin = self._places[path]
            self.problems.append(Problem(path=path[:1], text=problem, origin=origin))
        else:
            values[path[0]] = {path[1]: text} if len(path) > 1 else text

    def decode_complex_value(
        self,
        field_name: str,  # noqa: ARG002 - the signature is the library's
        field: FieldInfo | None,
        value: str,
    ) -> Any:
        """
        Return the table or the list that a variable's text says.

        They are written in JSON; a list also as its texts, with commas between. A text
        that is neither is returned as it is, for its type to refuse.
        """
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            decoded = None
        if isinstance(decoded, dict | list):
            return decoded
        if field is not None and is_list(field) and not value.startswith(("[", "{")):
            return [text for part in value.split(",") if (text := plain(part))]
        return value


def plain(text: str) -> str:
    """Return a value without the white space and the quotes around it."""
    text = text.strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _ours(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        capitals = name.upper()
        if (
            capitals.startswith(PREFIX.upper())
            and plain(value)
            and capitals not in NOT_SETTINGS
            and not _SERVICE_LINK.fullmatch(capitals)
            and not (capitals.endswith("_PORT") and "://" in value)
        ):
            yield name


class Dotenv:
    """
    The variables of a file, which may not be there.

    Attributes:
        variables: What it sets.

        lines: The file's name and a line's number, by variable.

        problems: Lines that set nothing, or what kept the file from being read.
    """

    def __init__(self, path: Path) -> None:
        self.variables: dict[str, str] = {}
        self.lines: dict[str, str] = {}
        self.problems: list[Problem] = []
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(text=f"{path.name} {_unreadable(error)}"))
            return
        for binding in parse_stream(io.StringIO(text)):
            place = f"{path.name}, line {binding.original.line}"
            if binding.error or (binding.key and binding.value is None):
                self.problems.append(Problem(text=f"{place}: is not NAME=value"))
            elif binding.key and binding.value is not None:
                self.variables[binding.key] = binding.value
                self.lines[binding.key] = place


# --- TOML -----------------------------------------------------------------------------


class Document(Placed, TomlConfigSettingsSource):
    """
    A TOML file.

    Args:
        name: What its user calls it.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        Placed.__init__(self)
        self._name = name
        self._places: dict[SettingPath, str] = {}
        TomlConfigSettingsSource.__init__(self, Settings, path)
        self.settle(self.init_kwargs, self._places, path.parent)

    def _read_files(self, files: Any, deep_merge: bool = False) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - the signature is the library's
        """Read the file, which need not be a regular one."""
        return self._document(files)

    def _document(self, path: Path) -> dict[str, Any]:
        try:
            text = path.read_text(encoding="utf-8-sig")
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.problems.append(Problem(text=_syntax(error, self._name)))
            return {}
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(text=f"{self._name} {_unreadable(error)}"))
            return {}
        self._places = {
            path: f"{self._name}, line {line}" for path, line in _lines_of(text)
        }
        return _without_blanks(document)


def _without_blanks(document: dict[str, Any]) -> dict[str, Any]:
    """Drop settings that are set to ``""``: that is how a TOML file says "unset"."""
    for _, table in list(tables_in(document)):
        for key in [key for key, value in table.items() if value == ""]:
            del table[key]
    return document


def _lines_of(text: str) -> Iterator[tuple[SettingPath, int]]:
    """Return where a document's tables and keys stand, as far as single lines tell."""
    table: SettingPath = ()
    inside = ""  # the quotes of the text of several lines that a line belongs to
    for number, line in enumerate(text.splitlines(), 1):
        code = line.strip()
        if not inside and code.startswith("["):
            table = _path_of(code) or table
            yield table, number
        elif not inside and (found := re.match(r"""([\w.\s"'-]+?)\s*=""", code)):
            yield (*table, *_path_of(f"{found[1]} = 0")), number
        for quotes in re.findall(r"\"\"\"|'''", code):
            inside = "" if inside == quotes else inside or quotes


def _path_of(line: str) -> SettingPath:
    path: list[str] = []
    try:
        inner: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    while isinstance(inner, dict) and inner:
        [(key, inner)] = inner.items()
        path.append(key)
    return tuple(path)


def _syntax(error: tomllib.TOMLDecodeError, name: str) -> str:
    what, _, where = str(error).partition(" (at ")
    place = where.rstrip(")").replace("end of document", "its end")
    return f"{name}, {place}: {what[:1].lower()}{what[1:]}"


def _unreadable(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "cannot be read: it is not UTF-8"
    return f"cannot be read: {(error.strerror or 'unknown error').lower()}"


# --- all of them ----------------------------------------------------------------------


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
