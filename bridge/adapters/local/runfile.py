"""
The run file: how other commands find the store of a running `mjbridge up`.

It holds the store's URL, which may contain a password, so only its owner can read it. It
is a hint, never a lock: a file left behind by a process that was killed counts as absent.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

_NAME = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """What a running `mjbridge up` writes about itself."""

    pid: int
    redis_url: str = field(repr=False)
    started_at: float  #: Seconds since the epoch.


def write_run_file(data_dir: Path, *, redis_url: str, started_at: float) -> Path:
    """Write that this process runs the store at *redis_url*. Readers see all of it or nothing."""
    content = {"pid": os.getpid(), "redis_url": redis_url, "started_at": started_at}
    target = data_dir / _NAME
    # Temporary files are created readable by their owner alone, and a rename keeps that.
    with NamedTemporaryFile(
        "w", dir=data_dir, prefix=f".{_NAME}.", delete=False
    ) as draft:
        json.dump(content, draft)
    Path(draft.name).replace(target)
    return target


def read_run_file(data_dir: Path) -> RunFile | None:
    """Return what the process that runs on *data_dir* wrote; ``None`` if there is none."""
    try:
        content = json.loads((data_dir / _NAME).read_bytes())
        run = RunFile(
            pid=int(content["pid"]),
            redis_url=str(content["redis_url"]),
            started_at=float(content["started_at"]),
        )
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return run if _is_alive(run.pid) else None


def remove_run_file(data_dir: Path) -> None:
    """Remove our run file; another process's stays."""
    run = read_run_file(data_dir)
    if run is not None and run.pid == os.getpid():
        (data_dir / _NAME).unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    if pid <= 0:  # to kill(2), these mean process groups
        return False
    with suppress(ProcessLookupError, OverflowError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True  # it is somebody else's, but it is
        return True
    return False
