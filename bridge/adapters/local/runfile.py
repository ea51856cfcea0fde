"""
The run file: how other commands find the store and the web process of a running `mjbridge up`.

It holds the store's URL, which may contain a password, so only its owner can read it. It
is a hint, never a lock: a file left behind by a process that was killed counts as absent.
A `mjbridge web` that runs by itself leaves a file of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from bridge.errors import reason

_NAME, _WEB_NAME = "run.json", "web.json"
#: What reading a file raises that makes no sense.
_SENSELESS = (ValueError, TypeError, KeyError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """What a running `mjbridge up` writes about itself."""

    pid: int
    redis_url: str = field(repr=False)
    started_at: float  #: Seconds since the epoch.
    web_url: str | None = None  #: Where `web` is served; ``None`` if it is not.


def write_run_file(
    data_dir: Path, *, redis_url: str, started_at: float, web_url: str | None = None
) -> Path:
    """Write that this process runs the store at *redis_url*. Readers see all of it or nothing."""
    content = {
        "pid": os.getpid(),
        "redis_url": redis_url,
        "started_at": started_at,
        "web_url": web_url,
    }
    return _write(data_dir / _NAME, content)


def write_web_file(data_dir: Path, *, web_url: str) -> Path:
    """Write that this process serves `web` there; the newest of several is found."""
    content = {"pid": os.getpid(), "web_url": web_url}
    return _write(data_dir / _WEB_NAME, content)


def read_web_url(data_dir: Path) -> str | None:
    """Return where `web` is served on this machine; ``None`` if no process says so."""
    run = read_run_file(data_dir)
    if run is not None and run.web_url is not None:
        return run.web_url
    try:
        content = json.loads((data_dir / _WEB_NAME).read_bytes())
        pid, url = int(content["pid"]), str(content["web_url"])
    except (OSError, *_SENSELESS):
        return None
    return url if _is_alive(pid) else None


def _write(target: Path, content: Mapping[str, object]) -> Path:
    # Temporary files are created readable by their owner alone, and a rename keeps that.
    draft = NamedTemporaryFile(  # noqa: SIM115 - closing it is what fails on a full disk
        "w", dir=target.parent, prefix=f".{target.name}.", delete=False
    )
    try:
        with draft:
            json.dump(content, draft)
        Path(draft.name).replace(target)
    except OSError:
        Path(draft.name).unlink(missing_ok=True)
        raise
    return target


def read_run_file(data_dir: Path) -> RunFile | None:
    """Return what the process that runs on *data_dir* wrote; ``None`` if there is none."""
    try:
        run = _read(data_dir)
    except (OSError, *_SENSELESS):
        return None
    return run if _is_alive(run.pid) else None


def why_unreadable(data_dir: Path) -> str:
    """Say why what a running `mjbridge up` wrote cannot be used; nothing if it can be."""
    try:
        _read(data_dir)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"{reason(error)}; be the user that runs `mjbridge up`"
    except _SENSELESS:
        return f"{_NAME} is not as `mjbridge up` writes it; start that anew"
    return ""


def _read(data_dir: Path) -> RunFile:
    content = json.loads((data_dir / _NAME).read_bytes())
    redis_url = str(content["redis_url"])
    store = urlsplit(redis_url)
    if store.scheme != "unix" and not (store.scheme == "redis" and store.port):
        msg = "this is no store of ours"
        raise ValueError(msg)
    return RunFile(
        pid=int(content["pid"]),
        redis_url=redis_url,
        started_at=float(content["started_at"]),
        web_url=str(content["web_url"]) if content.get("web_url") else None,
    )


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
