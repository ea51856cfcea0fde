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
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bridge.app.ports import Sent
from bridge.core.hook import Hook, HookFormat

_SUFFIX, _BESIDE = ".json", ".part"


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

    def begin(self, sent: Sent) -> FileEntry:
        """Keep a submission until its answer is known."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{time.time_ns():020}-{secrets.token_hex(4)}{_SUFFIX}"
        beside = path.with_suffix(_BESIDE)
        # A hook's URL is a secret: only the owner reads the file.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Locked before it has its name: nobody finds it without.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, json.dumps(asdict(sent)).encode())
            beside.rename(path)
        except OSError:
            os.close(descriptor)
            raise
        return FileEntry(path, descriptor)

    def unanswered(self) -> Sequence[tuple[str, Sent]]:
        """Return those that no process waits for any more, by their names."""
        found = []
        with suppress(FileNotFoundError):
            for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
                sent = _of_nobody(path)
                if sent is not None:
                    found.append((path.stem, sent))
        return found

    def forget(self, name: str) -> None:
        """Forget one of those."""
        (self.folder / f"{name}{_SUFFIX}").unlink(missing_ok=True)


def _of_nobody(path: Path) -> Sent | None:
    """Read a submission that no process holds; ``None`` if one does, or there is nothing to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None  # it was answered meanwhile
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        given = json.loads(path.read_bytes())
        hook = given.pop("hook")
        if hook is not None:
            hook = Hook(url=hook["url"], format=HookFormat(hook["format"]))
        return Sent(**given, hook=hook)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    finally:
        os.close(descriptor)
