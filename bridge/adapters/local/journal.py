"""
The journal: submissions that are on their way, a locked file for each, in the data directory.

The lock is the process's: when it ends, however it ends, the file is nobody's, and whoever comes
next knows that an answer was not seen. Files are not synced: what they are for is a process that is
killed, and not a machine that loses its power.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bridge.adapters.local import whole_files
from bridge.app.ports import Sent


class FileEntry:
    """A `bridge.app.ports.Entry`: a file, and the lock on it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def close(self, *, answered: bool) -> None:
        """Forget it if its answer is known; else leave it to whoever looks for it. Never raises."""
        with suppress(OSError):
            if answered:
                self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class FileJournal:
    """A `bridge.app.ports.Journal` in a directory, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unreadable = 0

    def begin(self, sent: Sent) -> FileEntry:
        """Keep a submission until its answer is known."""
        row = asdict(sent) | {"hook": whole_files.write_hook(sent.hook)}
        path, descriptor = whole_files.create(
            self.folder, row, locked=True, synced=False
        )
        return FileEntry(path, descriptor)

    def unanswered(self) -> Sequence[tuple[str, Sent]]:
        """Return those that no process waits for any more, by their names."""
        found, trouble, unreadable = [], None, 0
        for path in whole_files.those_in(self.folder):
            try:
                sent = _of_nobody(path)
            except OSError as error:
                trouble = error
                continue
            except (ValueError, TypeError, KeyError, AttributeError):
                unreadable += 1
                continue
            if sent is not None:
                found.append((path.stem, sent))
        self.unreadable = unreadable
        if trouble is not None and not found:
            raise trouble
        return found

    def forget(self, name: str) -> None:
        """Forget one of those."""
        (self.folder / f"{name}{whole_files.SUFFIX}").unlink(missing_ok=True)


def _of_nobody(path: Path) -> Sent | None:
    """Read a submission that no process holds; ``None`` if one does, or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None  # it was answered meanwhile
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        given = json.loads(path.read_bytes())
        hook = whole_files.read_hook(given.pop("hook"))
        return Sent(**given, hook=hook)
    except (BlockingIOError, FileNotFoundError):
        return None  # the same, or it is waited for
    finally:
        os.close(descriptor)
