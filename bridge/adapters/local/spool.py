"""
The spool: what was submitted while the store was away, a file for each, in the data directory.

A file is whole or not there, and synced: see `bridge.adapters.local.whole_files`. Several
processes may take up the same files: to track a task twice changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from bridge.adapters.local import whole_files
from bridge.app.ports import Submitted

_ASIDE = ".refused"


class FileSpool:
    """A `bridge.app.ports.Spool` in a directory, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, submitted: Submitted) -> None:
        """Keep what was submitted; when this returns, it is on disk."""
        row = _written(submitted)
        _, descriptor = whole_files.create(self.folder, row, synced=True)
        os.close(descriptor)

    def waiting(self) -> Sequence[str]:
        """Return the names of what is kept, the oldest first."""
        return [path.name for path in whole_files.those_in(self.folder)]

    def read(self, name: str) -> Submitted | None:
        """Return what is kept; ``None`` if it is gone."""
        try:
            text = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _read(json.loads(text))
        except (ValueError, TypeError, LookupError) as error:
            msg = f"it is not a submission ({type(error).__name__})"
            raise ValueError(msg) from error

    def discard(self, name: str) -> None:
        """Delete it: it is tracked."""
        (self.folder / name).unlink(missing_ok=True)

    def set_aside(self, name: str) -> None:
        """Keep it where nobody tries it again."""
        try:
            (self.folder / name).rename(self.folder / (name + _ASIDE))
        except FileNotFoundError:
            return  # another process was first


def _written(submitted: Submitted) -> dict[str, object]:
    return {
        "upstream": submitted.upstream,
        "ids": list(submitted.ids),
        "hook": whole_files.write_hook(submitted.hook),
        "hookRefused": submitted.hook_refused,
    }


def _read(row: dict[str, object]) -> Submitted:
    ids = row["ids"]
    if not isinstance(ids, list):
        msg = "ids are not a list"
        raise TypeError(msg)
    return Submitted(
        upstream=str(row["upstream"]),
        ids=tuple(map(str, ids)),
        hook=whole_files.read_hook(row["hook"]),
        hook_refused=str(row["hookRefused"]),
    )
