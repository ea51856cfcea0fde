"""
Files that settings name: secrets, which are read here, and paths, which become absolute.

A secret's file counts as if its content stood in its place. That is settled within one
source, before sources are laid over one another: a key in the environment is stronger
than ``api_key_file`` in the TOML file, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.settings import schema
from bridge.settings.problems import Problem
from bridge.settings.sources import Layer

#: Bytes of a secret's file that are read: enough for any key, and an end to /dev/zero.
LARGEST = 64 * 1024


def read_secrets(layer: Layer, base: Path) -> None:
    """Put the content of the files that a layer names in the place of their names."""
    for path, table in list(_tables(layer.values)):
        for name in [name for name in table if _is_file_of_secret((*path, name))]:
            setting = (*path, name.removesuffix(schema.FILE_SUFFIX))
            origin = layer.origin((*path, name))
            named = table.pop(name)
            try:
                if setting[-1] in table:
                    raise ValueError(f"set this or {name}, not both")  # noqa: EM102, TRY003, TRY301
                content = _content(named, base, as_lines=schema.is_list(setting))
            except ValueError as error:
                problem = Problem(path=setting, text=str(error), origin=origin)
                layer.problems.append(problem)
            else:
                # The file itself, and not its name, is where the value comes from.
                layer.put(setting, content, f"the file of {name}, {origin}")


def absolute_paths(values: dict[str, Any], base: Path) -> None:
    """Make every path that is set absolute; what is relative is so to *base*."""
    for path, table in _tables(values):
        for name in ("data_dir", "tls_ca"):
            given = table.get(name)
            if isinstance(given, str) and name in schema.names_at(path):
                table[name] = str(_located(given, base))


def _tables(values: dict[str, Any]) -> Iterator[tuple[schema.Path, dict[str, Any]]]:
    """Walk over the tables that hold settings with names of ours."""
    yield (), values
    for kind in schema.TABLES:
        named = values.get(kind)
        for name, table in named.items() if isinstance(named, dict) else ():
            if isinstance(table, dict):
                yield (kind, name), table


def _is_file_of_secret(path: schema.Path) -> bool:
    name = path[-1]
    return name in schema.names_at(path[:-1]) and schema.field_at(path) is None


def _content(named: object, base: Path, *, as_lines: bool) -> str | list[str]:
    """Read a secret; errors do not repeat the name, as it may be the secret by mistake."""
    if not isinstance(named, str):
        msg = "the name of its file must be text"
        raise ValueError(msg)
    try:
        with _located(named, base).open("rb") as file:
            text = file.read(LARGEST).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        msg = "the file named for it is not UTF-8 text"
        raise ValueError(msg) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        msg = f"the file named for it cannot be read: {(reason or 'no such file').lower()}"
        raise ValueError(msg) from None
    if not text:
        msg = "the file named for it is empty"
        raise ValueError(msg)
    if as_lines:
        return [line.strip() for line in text.splitlines() if line.strip()]
    return text


def _located(name: str, base: Path) -> Path:
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # no home directory is known for it
        path = Path(name)
    return base / path
