"""
Masks on this machine: pictures that wait for the action that they belong to.

They are megabytes, and private: they are in no store and in no log. A worker elsewhere has none.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

#: Seconds after which a mask is forgotten whose action nobody made.
KEPT = 86400.0

_NAME = re.compile(r"act_[0-9a-f]{32}-[0-9a-f]{16}")


class LocalMasks:
    """Masks as files that nobody else can read; see `bridge.app.ports.Masks`."""

    def __init__(self, data_dir: Path, *, now: Callable[[], float]) -> None:
        """Make it; nothing is written before there is a mask."""
        self._folder = data_dir / "masks"
        self._now = now

    def keep(self, action_id: str, mask: bytes) -> str | None:
        """Keep a mask beside all others, see `bridge.app.ports.Masks`."""
        self._forget_old()
        name = f"{action_id}-{secrets.token_hex(8)}"
        path = self._path(name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(mask)
        except OSError:
            return None
        return name

    def read(self, name: str) -> bytes | None:
        """Return a mask; ``None`` if it is not on this machine."""
        try:
            return self._path(name).read_bytes()
        except OSError:
            return None

    def forget(self, name: str) -> None:
        """Forget a mask, if it is here."""
        with suppress(OSError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            msg = "not the name of a mask"
            raise ValueError(msg)
        return self._folder / name

    def _forget_old(self) -> None:
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.stat().st_mtime < self._now() - KEPT:
                        path.unlink()
