"""
Masks on this machine: pictures that wait for the action that they belong to.

They are megabytes, and private: they are in no store and in no log. A worker elsewhere has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

#: Seconds after which a mask is forgotten whose action nobody made.
KEPT = 86400.0

_ACTION = re.compile(r"act_[0-9a-f]{32}")


class LocalMasks:
    """Masks as files that nobody else can read; see `bridge.app.ports.Masks`."""

    def __init__(self, data_dir: Path, *, now: Callable[[], float]) -> None:
        """Make it; nothing is written before there is a mask."""
        self._folder = data_dir / "masks"
        self._now = now

    def keep(self, action_id: str, mask: bytes) -> bool:
        """Keep an action's mask; return whether that could be done."""
        self._forget_old()
        path = self._path(action_id)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(mask)
        except OSError:
            return False
        return True

    def read(self, action_id: str) -> bytes | None:
        """Return an action's mask; ``None`` if it is not on this machine."""
        try:
            return self._path(action_id).read_bytes()
        except OSError:
            return None

    def forget(self, action_id: str) -> None:
        """Forget an action's mask, if there is one."""
        with suppress(OSError):
            self._path(action_id).unlink()

    def _path(self, action_id: str) -> Path:
        if not _ACTION.fullmatch(action_id):
            msg = "not an action's id"
            raise ValueError(msg)
        return self._folder / action_id

    def _forget_old(self) -> None:
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.stat().st_mtime < self._now() - KEPT:
                        path.unlink()
