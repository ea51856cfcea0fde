"""
Files that are whole or not there: each is written beside its place, and then gets its name.

They are named by when they were made, hold an object of JSON, and only the owner reads them: a
hook's URL is a secret.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bridge.core.event_data import Json
from bridge.core.hook import Hook, HookFormat

SUFFIX, _BESIDE = ".json", ".part"
#: Seconds after which nobody is at work any more on a file that has not got its name.
ABANDONED = 3600.0


def create(
    folder: Path, row: Mapping[str, object], *, locked: bool = False, synced: bool
) -> tuple[Path, int]:
    """
    Write a file of its own into a folder, which is made when it is needed.

    Args:
        locked: Whether it is: before it has its name, so that nobody finds it without.

        synced: Whether it is on disk when this returns.

    Returns:
        Where it is, and its descriptor, which is open.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    name = f"{time.time_ns():020}-{secrets.token_hex(4)}"
    path, beside = folder / f"{name}{SUFFIX}", folder / f"{name}{_BESIDE}"
    try:
        descriptor = _new(beside)
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _new(beside)
    try:
        if locked:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        content = json.dumps(row).encode()
        while content:  # a disk that is almost full takes a part of it
            content = content[os.write(descriptor, content) :]
        if synced:
            os.fsync(descriptor)
        beside.rename(path)
        if synced:
            _sync(folder)
    except OSError:
        os.close(descriptor)
        beside.unlink(missing_ok=True)
        raise
    return path, descriptor


def those_in(folder: Path) -> Sequence[Path]:
    """Return a folder's files, the oldest first; remove what was never finished."""
    found = []
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.suffix == SUFFIX:
                found.append(path)
            elif path.suffix == _BESIDE:
                _remove_abandoned(path)
    return sorted(found)


def write_hook(hook: Hook | None) -> Json:
    """Write a hook as JSON has it."""
    return [hook.url, hook.format] if hook else None


def read_hook(value: object) -> Hook | None:
    """
    Read a hook back.

    Raises:
        ValueError: It is none.
    """
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        msg = "not a hook"
        raise ValueError(msg)
    return Hook(url=str(value[0]), format=HookFormat(value[1]))


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _remove_abandoned(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_mtime_ns < time.time_ns() - ABANDONED * 1e9:
            path.unlink()


def _sync(folder: Path) -> None:
    """Have a directory's entries on disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
