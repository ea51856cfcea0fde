"""
Lock files that cannot be left behind locked.

The lock is flock(2)'s: the kernel lets it go when the last process that has the file open
from us is gone, however it ended. The process id in the file is for messages and signals,
and only means something while the lock is held.
"""

from __future__ import annotations

import fcntl
from pathlib import Path


class LockFile:
    """
    A lock at *path*, not taken yet.

    A child that inherits `fileno` holds the lock as well: it is free when both are gone.
    """

    def __init__(self, path: Path):
        self._file = path.open("a+")

    def take(self) -> bool:
        """Take the lock if nobody else has it; say whether it is ours now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sign(self, pid: int | None) -> None:
        """Say who holds it. With ``None`` nobody is named, in particular nobody of long ago."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{pid}\n" if pid else "")
        self._file.flush()

    @property
    def owner(self) -> int | None:
        """The process that the holder named."""
        self._file.seek(0)
        text = self._file.read().strip()
        return int(text) if text.isdecimal() else None

    def fileno(self) -> int:
        """The file descriptor that carries the lock."""
        return self._file.fileno()

    def close(self) -> None:
        """Let go of it (see the class for who else may hold it)."""
        self._file.close()
