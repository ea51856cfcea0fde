"""
The spool: what was submitted while the store was away, a file for each, in the data directory.

A file is whole or not there: it is written beside its place, synced and renamed. Several
processes may take up the same files: to track a task twice changes nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from bridge.app.ports import Submitted
from bridge.core.hook import Hook, HookFormat

_SUFFIX, _ASIDE = ".json", ".refused"


class FileSpool:
    """A `bridge.app.ports.Spool` in a directory, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, submitted: Submitted) -> None:
        """Keep what was submitted; when this returns, it is on disk."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}"
        beside = self.folder / f"{name}.part"
        # A hook's URL is a secret: only the owner reads the file.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(_written(submitted), file)
            file.flush()
            os.fsync(descriptor)
        beside.rename(self.folder / f"{name}{_SUFFIX}")
        self._sync()

    def waiting(self) -> Sequence[str]:
        """Return the names of what is kept, the oldest first."""
        try:
            names = [file.name for file in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.endswith(_SUFFIX))

    def read(self, name: str) -> Submitted | None:
        """Return what is kept; ``None`` if it is gone, or unreadable."""
        try:
            return _read(json.loads((self.folder / name).read_text()))
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def take(self, name: str) -> None:
        """Forget it: it is tracked."""
        (self.folder / name).unlink(missing_ok=True)

    def set_aside(self, name: str) -> None:
        """Keep it where nobody tries it again."""
        try:
            (self.folder / name).rename(self.folder / (name + _ASIDE))
        except FileNotFoundError:
            return  # another process was first

    def _sync(self) -> None:
        """Have the directory's entries on disk as well."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _written(submitted: Submitted) -> dict[str, object]:
    hook = submitted.hook
    return {
        "upstream": submitted.upstream,
        "ids": list(submitted.ids),
        "hook": [hook.url, hook.format] if hook else None,
        "hookRefused": submitted.hook_refused,
    }


def _read(row: dict[str, object]) -> Submitted:
    hook, ids = row["hook"], row["ids"]
    if not isinstance(ids, list):
        msg = "ids are not a list"
        raise TypeError(msg)
    if isinstance(hook, list):
        url, form = hook
        given = Hook(url=str(url), format=HookFormat(form))
    else:
        given = None
    return Submitted(
        upstream=str(row["upstream"]),
        ids=tuple(map(str, ids)),
        hook=given,
        hook_refused=str(row["hookRefused"]),
    )
