"""Commands as a person runs them: processes of their own, with an environment of their own."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.adapters.local.process import kill_group, tied
from tests.forks import Child, Forked
from tests.waiting import until

COMMAND = (sys.executable, "-m", "bridge.cli")

#: Seconds that a command may take on a machine that has other things to do.
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Ran:
    """What became of a command."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Running:
    """A command that runs until it is asked to end; what it writes goes to two files."""

    process: Child
    out_file: Path
    err_file: Path

    @property
    def out(self) -> str:
        return self.out_file.read_text(errors="replace")

    @property
    def err(self) -> str:
        return self.err_file.read_text(errors="replace")

    def says(self, words: str, *, within_s: float = PATIENCE_S) -> None:
        until(lambda: words in self.out + self.err, within_s=within_s)

    def interrupt(self, signum: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(signum)
        return self.process.wait(PATIENCE_S)


@dataclass
class Shell:
    """A directory and an environment to run commands in."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith("BRIDGE_") and name != "NO_COLOR"
        }
        return {**kept, "PYTHONUNBUFFERED": "1", **self.variables}

    def run(
        self,
        *args: str,
        stdin: str | bytes = b"",
        out: str = "",
        err: str = "",
        **variables: str,
    ) -> Ran:
        """
        Run a command to its end, in a process that need not import everything anew.

        Args:
            args: The command, and what it is given.

            stdin: What it reads.

            out: Where it writes to, if not to where `Ran` has it from.

            err: As *out*, of what it has to say.

            variables: Of its environment, besides the shell's.
        """
        self.count += 1
        given = stdin.encode() if isinstance(stdin, str) else stdin
        kept = [self.folder / f"{self.count}-{kind}" for kind in ("in", "out", "err")]
        kept[0].write_bytes(given)
        for file in kept[1:]:
            file.touch()
        streams = [kept[0], Path(out or kept[1]), Path(err or kept[2])]
        process = Forked(
            args, folder=self.folder, env=self.env | variables, streams=streams
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        code = process.poll()
        kill_group(process.pid)
        written, said = (file.read_text(errors="replace") for file in kept[1:])
        for file in kept:
            file.unlink()
        assert code is not None, f"{args} did not end: {written}{said}"
        return Ran(code, written, said)

    def on_terminal(self, *args: str, width: int, **variables: str) -> str:
        """Run a command on a terminal; returns what is to be seen there, without colours."""
        ours, theirs = pty.openpty()
        sized = {"TERM": "xterm", "COLUMNS": str(width), "LINES": "24"}
        with subprocess.Popen(
            [*COMMAND, *args],
            cwd=self.folder,
            env=self.env | sized | variables,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ):
            os.close(theirs)
            shown = b""
            with suppress(OSError):  # how a terminal says that nobody is left on it
                while chunk := os.read(ours, 65536):
                    shown += chunk
        os.close(ours)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown.decode())

    def _begin(
        self,
        program: Sequence[str],
        args: Sequence[str],
        env: Mapping[str, str],
        out_file: Path,
        err_file: Path,
    ) -> Child:
        # `up` starts others, and is what users start: from nothing.
        if program == COMMAND and args[0] != "up":
            streams = [Path(os.devnull), out_file, err_file]
            return Forked(args, folder=self.folder, env=env, streams=streams)
        with out_file.open("wb") as out, err_file.open("wb") as err:
            return subprocess.Popen(
                tied([*program, *args]),
                cwd=self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @contextmanager
    def running(
        self, *args: str, program: Sequence[str] = COMMAND, **variables: str
    ) -> Iterator[Running]:
        """Run a command for as long as the context lasts; nothing of it is left."""
        self.count += 1
        out_file, err_file = (
            self.folder / f"{self.count}-{args[0]}.{kind}" for kind in ("out", "err")
        )
        for file in (out_file, err_file):
            file.touch()
        env = self.env | variables
        process = self._begin(program, args, env, out_file, err_file)
        try:
            yield Running(process, out_file, err_file)
        finally:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            kill_group(process.pid)
            process.wait()
