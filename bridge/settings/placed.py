"""
Placed: values of one source with the places where they were set.

Files that settings name are settled here too: secrets are read, paths become absolute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from bridge.settings.files import LARGEST_SECRET, read_file, why_unread
from bridge.settings.problems import Problem, SettingPath
from bridge.settings.tree import SECTIONS, TABLES, fields_of, files_of, is_list

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
                    table[name] = str(_located(table[name], base))
            if path == ("archive",) and str(table.get("url")).startswith("file:"):
                folder = str(table["url"]).removeprefix("file:")
                if folder:
                    table["url"] = f"file:{_located(folder, base)}"

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
            table[name] = _content_of(named, base, as_lines=lines)
        except ValueError as error:
            self.problems.append(Problem(path=setting, text=str(error), origin=origin))
        else:
            # The file itself, and not its name, is where the value comes from.
            self.origins[setting] = f"the file of {file}, {origin}"


def _leaves(table: Mapping[str, Any], path: SettingPath = ()) -> Iterator[SettingPath]:
    for key, value in table.items():
        if value and isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


def tables_in(values: dict[str, Any]) -> Iterator[tuple[SettingPath, dict[str, Any]]]:
    """Walk over the tables that hold settings with names of ours."""
    yield (), values
    for name in SECTIONS:
        if isinstance(table := values.get(name), dict):
            yield (name,), table
    for kind in TABLES:
        named = values.get(kind)
        for name, table in named.items() if isinstance(named, dict) else ():
            if isinstance(table, dict):
                yield (kind, name), table


def _content_of(named: object, base: Path, *, as_lines: bool) -> str | list[str]:
    """
    Return the secret that stands in a file, without the white space around it.

    Args:
        as_lines: Whether there is one on each line.

    Raises:
        ValueError: It cannot be read; the text does not repeat the file's name, as that
            may be the secret by mistake.
    """
    if not isinstance(named, str):
        msg = "the name of its file must be text"
        raise ValueError(msg)
    try:
        text = read_file(_located(named, base), LARGEST_SECRET).decode("utf-8-sig")
    except UnicodeDecodeError:
        msg = "the file named for it is not UTF-8 text"
        raise ValueError(msg) from None
    except (OSError, ValueError) as error:
        msg = f"the file named for it cannot be read: {why_unread(error)}"
        raise ValueError(msg) from None
    if not (text := text.strip()):
        msg = "the file named for it is empty"
        raise ValueError(msg)
    if as_lines:
        return [line.strip() for line in text.splitlines() if line.strip()]
    return text


def _located(name: str, base: Path) -> Path:
    """Return a path as absolute; one that is relative starts from *base*."""
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # no home directory is known for it
        path = Path(name)
    return base / path
