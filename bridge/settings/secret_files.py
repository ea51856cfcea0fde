"""Files that settings name: secrets, which are read, and paths, which become absolute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.settings.models import TABLES
from bridge.settings.problems import SettingPath

#: Bytes of a secret's file that are read: enough for any key, and an end to /dev/zero.
LARGEST = 64 * 1024


def tables_in(values: dict[str, Any]) -> Iterator[tuple[SettingPath, dict[str, Any]]]:
    """Walk over the tables that hold settings with names of ours."""
    yield (), values
    for kind in TABLES:
        named = values.get(kind)
        for name, table in named.items() if isinstance(named, dict) else ():
            if isinstance(table, dict):
                yield (kind, name), table


def content_of(named: object, base: Path, *, as_lines: bool) -> str | list[str]:
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
        with located(named, base).open("rb") as file:
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


def located(name: str, base: Path) -> Path:
    """Return a path as absolute; one that is relative starts from *base*."""
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # no home directory is known for it
        path = Path(name)
    return base / path
