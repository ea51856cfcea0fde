"""What a supervisor keeps running, and what it tells of that."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.adapters.local.process import spawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """
    A process to keep running.

    Attributes:
        name: For people.

        argv: The command. Its output goes where ours goes.

        env: Added to our environment.

        keep_open: Our file descriptors that it inherits.

        restart: Start it again when it ends. Without, it may end when it likes.

        stop_order: Lower ends earlier and starts later.

        ready: Called until it returns true, before the groups after it are started. It
            returns within a fraction of a second, and does not raise.

        launch: Starts the process, instead of *argv*; returns it if it runs already.

        trouble: Returns, for people, what is wrong although it runs; nothing if nothing is. It
            does not raise.

        why_ended: Returns, for people, why it ended with an exit code. It does not raise.
    """

    name: str
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    keep_open: Sequence[int] = ()
    restart: bool = True
    stop_order: int = 0
    ready: Callable[[], bool] | None = None
    launch: Callable[[], subprocess.Popen[bytes]] | None = None
    trouble: Callable[[], str] | None = None
    why_ended: Callable[[], str] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, in a session of its own."""
        if self.launch:
            return self.launch()
        return spawn(self.argv, env=self.env, keep_open=self.keep_open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an operator should know: a restart, trouble, or force."""

    event: str  #: for programs, as in the log
    text: str  #: for people, one line
    facts: Mapping[str, object] = field(default_factory=dict)
