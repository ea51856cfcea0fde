"""How much memory a process takes."""

from __future__ import annotations

from pathlib import Path

MIB = 1024 * 1024


class Peak:
    """The most memory that a process has at once, from now on, beyond what it has now."""

    def __init__(self, pid: int | str = "self") -> None:
        self._process = Path(f"/proc/{pid}")
        (self._process / "clear_refs").write_text("5")  # forgets the most until now
        self._before = self._bytes("VmRSS")

    @property
    def grown(self) -> int:
        """Bytes."""
        return self._bytes("VmHWM") - self._before

    def _bytes(self, what: str) -> int:
        status = (self._process / "status").read_text()
        line = next(one for one in status.splitlines() if one.startswith(what))
        return int(line.split()[1]) * 1024
