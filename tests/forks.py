"""
Processes of ours that need not import everything anew.

Importing what a process of the bridge needs takes a second of processor time, and tests start
some hundreds: they are forked from one process that has done it, and are like any other from
there on. What is wrong with a process that begins from nothing, the tests tell that start one as
users do: ``celery -A bridge``, ``mjbridge up`` and all that it starts, and commands on a terminal.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.imported"])


class Child(Protocol):
    """What tests use of a `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def send_signal(self, sig: int) -> None: ...


class Forked:
    """A process that runs a command of mjbridge's; to be used like a `subprocess.Popen`."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        streams: Sequence[Path],
    ) -> None:
        """
        Start it, in a session of its own; it ends with the process of the tests.

        Args:
            args: The command, and what it is given.

            folder: Where it runs.

            env: All of its environment.

            streams: What it reads, and where its stdout and its stderr go to.
        """
        self.args = args
        self._process = _CONTEXT.Process(
            target=_become, args=(list(args), folder, dict(env), list(streams))
        )
        self._process.start()

    @property
    def pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """
        Wait until it has ended; return how.

        Raises:
            TimeoutExpired: It has not within *timeout* seconds.
        """
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        return code

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            # Its parent may know that it has ended, and this process not yet.
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)


def _become(
    args: list[str], folder: Path, env: dict[str, str], streams: list[Path]
) -> None:
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    for number, stream in enumerate(streams):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(stream, flags, 0o600), number)
    # The server of forks ends with the last process that has one of its pipes.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["mjbridge", *args]
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout.reconfigure(write_through="PYTHONUNBUFFERED" in env)  # type: ignore[union-attr]

    from bridge.cli.commands import run
    from bridge.cli.streams import prepare

    prepare()
    code = run(args)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
