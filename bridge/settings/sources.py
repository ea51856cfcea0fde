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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, InitSettingsSource

from bridge.settings.files import LARGEST_CONFIG, read_file, why_unread
from bridge.settings.models import Settings
from bridge.settings.placed import Placed, tables_in
from bridge.settings.problems import Problem, SettingPath
from bridge.settings.tree import SECTIONS, TABLES, is_list, is_table

PREFIX = "bridge_"

#: Variables with our prefix that are not settings.
NOT_SETTINGS = frozenset({"BRIDGE_CONFIG"})

#: What Kubernetes sets in every pod beside a service called ``bridge`` or ``bridge-...``.
_SERVICE_LINK = re.compile(
    r"BRIDGE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


# --- environment and .env -------------------------------------------------------------


class Variables(Placed, EnvSettingsSource):
    """
    The environment, or a file of variables.

    Names are case-insensitive; where two differ only in case, the one in capitals counts.
    An empty variable counts as unset. ``A__B`` goes on top of what ``A`` says as JSON.

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
        is_known = path[0] in Settings.model_fields
        if is_known and path[0] in values:
            problem = "is set both as one value and as a table"
            origin = self._places[path]
            self.problems.append(Problem(path=path[:1], text=problem, origin=origin))
            return
        # The first two levels tell what is meant: what is below them is not kept.
        self._places.setdefault(path[:2], self._places[path])
        table = values.setdefault(path[0], {path[1]: text} if len(path) > 1 else text)
        if len(path) > 1 and isinstance(table, dict):
            table.setdefault(path[1], text)

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
            text = _read(path)
        except (OSError, UnicodeDecodeError) as error:
            if not isinstance(error, FileNotFoundError) or path.is_symlink():
                self.problems.append(Problem(text=f"{path.name} {_unreadable(error)}"))
            return
        for binding in parse_stream(io.StringIO(text)):
            place = f"{path.name}, line {binding.original.line}"
            if binding.error or (binding.key and binding.value is None):
                opened = re.search(r"=\s*[\"']", binding.original.string)
                what = (
                    "has a quotation mark that is not closed"
                    if opened
                    else "is not NAME=value"
                )
                self.problems.append(Problem(text=f"{place}: {what}"))
            elif binding.key and binding.value is not None:
                self.variables[binding.key] = binding.value
                self.lines[binding.key] = place


# --- TOML -----------------------------------------------------------------------------


class Document(Placed, InitSettingsSource):
    """
    A TOML file.

    Args:
        name: What its user calls it.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        Placed.__init__(self)
        self._name = name
        self._places: dict[SettingPath, str] = {}
        InitSettingsSource.__init__(self, Settings, self._read(path))
        self.settle(self.init_kwargs, self._places, path.parent)
        # Beside a table of a stronger source they would be passed over, with all that is in them.
        self.problems += [
            Problem(
                path=path, text="must be a table", origin=self.origins.get(path, "")
            )
            for path, value in _which_are_tables(self.init_kwargs)
            if not isinstance(value, dict)
        ]

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            text = _read(path)
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.problems.append(Problem(text=_syntax(error, self._name)))
            return {}
        except RecursionError:
            self.problems.append(Problem(text=f"{self._name} is nested too deeply"))
            return {}
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(text=f"{self._name} {_unreadable(error)}"))
            return {}
        self._places = {
            path: f"{self._name}, line {line}" for path, line in _lines_of(text)
        }
        # ``""`` is how a TOML file says "unset".
        for _, table in list(tables_in(document)):
            for key in [key for key, value in table.items() if value == ""]:
                del table[key]
        return document


def _which_are_tables(document: Mapping[str, Any]) -> Iterator[tuple[SettingPath, Any]]:
    """Return what has to be a table, wherever it is set."""
    for name in (SECTIONS.keys() | TABLES.keys()) & document.keys():
        yield (name,), document[name]
        if name in TABLES and isinstance(document[name], dict):
            yield from (((name, key), one) for key, one in document[name].items())


def _lines_of(text: str) -> Iterator[tuple[SettingPath, int]]:
    """Return where a document's tables and keys stand, as far as single lines show."""
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


def _read(path: Path) -> str:
    return read_file(path, LARGEST_CONFIG).decode("utf-8-sig").replace("\r\n", "\n")


def _unreadable(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, FileNotFoundError):
        return "cannot be read: it is a link to a file that does not exist"
    return f"cannot be read: {why_unread(error)}"
