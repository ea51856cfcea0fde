"""
The directory of the embedded store, and the locks that keep two of them off it.

A lock is flock(2)'s: the kernel lets it go when the last process that has the file open from
us is gone, however it ended. The process id in the file is for messages and signals, and only
means something while the lock is held.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from bridge.errors import Misconfigured, directory_errors

#: The longest path of a Unix socket, in bytes: ``sun_path`` less its closing NUL.
MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107

#: Bytes below which a disk is full: a server that could not write has given some back.
LITTLE_SPACE = 1_000_000

#: What it means for a gateway that the directory cannot be used.
NOTHING_KEPT = (
    "what clients submit while the store is away is not tracked, and what is not answered is "
    "not looked for"
)

#: Bytes of the server's log that are kept, at least.
MAX_LOG = 10_000_000


def trouble_in(folder: Path) -> OSError | None:
    """Return why nothing can be kept in a directory; ``None`` if it can be. Leaves no trace."""
    missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(b"1")
    except OSError as error:
        return error
    finally:
        for one in missing:
            with suppress(OSError):
                one.rmdir()
    return None


class LockFile:
    """
    A lock at *path*, not taken yet.

    A child that inherits `fileno` holds the lock as well: it is free when both are gone.
    """

    def __init__(self, path: Path):
        with directory_errors(path.parent):
            self._file = path.open("a+")

    def take(self) -> bool:
        """Take the lock if it is free; return whether it is ours now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sign(self, pid: int | None) -> None:
        """Name the process that holds it; ``None`` removes the name that an earlier one left."""
        self._file.seek(0)
        self._file.truncate()
        if pid:
            # Not by way of a buffer: on a full disk, closing the file would fail as well.
            os.write(self.fileno(), f"{pid}\n".encode())

    @property
    def owner(self) -> int | None:
        """The process that the holder named."""
        self._file.seek(0)
        text = self._file.read().strip()
        return int(text) if text.isdecimal() else None

    def fileno(self) -> int:
        """Return the file descriptor that carries the lock."""
        return self._file.fileno()

    def close(self) -> None:
        """Let go of it (see the class for who else may hold it)."""
        self._file.close()


class DataDir:
    """A directory that belongs to one mjbridge at a time, and what stands where in it."""

    def __init__(self, path: Path):
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - symlinks stay: they may be the short way
        self.data = self.path / "store"
        self.socket = self.path / "store.sock"
        self.log = self.path / "store.log"
        self.server_lock = self.path / "store.lock"
        self._lock: LockFile | None = None

    def __str__(self) -> str:
        return str(self.path)

    def claim(self) -> None:
        """
        Make the directory ours until `release`. Does nothing if it is.

        Raises:
            BridgeError: Its disk is full.

            Misconfigured: It cannot be used, or another mjbridge uses it.
        """
        if self._lock is not None:
            return
        with directory_errors(self):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.data.mkdir(mode=0o700, exist_ok=True)
        lock = LockFile(self.path / "lock")
        if not lock.take():
            owner = lock.owner
            lock.close()
            msg = (
                f"the data directory {self} is in use by another mjbridge (process {owner}): "
                "stop that one, or give this one another BRIDGE_DATA_DIR"
            )
            raise Misconfigured(msg)
        self._lock = lock
        with directory_errors(self):
            lock.sign(os.getpid())

    def release(self) -> None:
        """Let others have the directory."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def is_too_long_for_a_socket(self) -> bool:
        """Whether no Unix socket can be in it."""
        return len(os.fsencode(self.socket)) > MAX_SOCKET_PATH

    def password(self) -> str:
        """Return the directory's password, made up the first time and only ours to read."""
        file = self.path / "store.password"
        with directory_errors(self):
            file.touch(mode=0o600)
            if not (password := file.read_text().strip()):
                password = secrets.token_urlsafe(32)
                file.write_text(password)
        return password

    def open_log(self) -> IO[bytes]:
        """Open the server's log to be written to; one that has become too long begins anew."""
        with directory_errors(self):
            if self.log.exists() and self.log.stat().st_size > MAX_LOG:
                self.log.replace(self.log.with_suffix(".log.1"))
            return self.log.open("ab")

    def why_full(self, needed: int = LITTLE_SPACE) -> str:
        """Say that the disk is full, if it has fewer than so many bytes left; else nothing."""
        with suppress(OSError):
            if shutil.disk_usage(self.path).free < needed:
                return f"the disk of {self} is full"
        return ""

    def why_gone(self) -> str:
        """Say that what we claimed is no longer there under its name; nothing if it is."""
        if self._lock is None:
            return ""
        try:
            there = (self.path / "lock").stat()
        except (FileNotFoundError, NotADirectoryError):
            there = None
        except OSError:  # nobody can tell
            return ""
        if there and os.path.samestat(there, os.fstat(self._lock.fileno())):
            return ""
        return (
            f"the data directory {self} was removed or replaced: what the store holds is lost "
            "with it, and other commands do not find it"
        )

    def last_logged(self) -> str:
        """Return the last line of the server's log; never raises."""
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError as error:
            return f"its log cannot be read ({error.strerror})"
        return lines[-1].strip() if lines else "it logged nothing"
