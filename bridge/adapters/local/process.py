"""
Child processes that leave nothing behind.

Every child gets a session of its own: Ctrl-C on the terminal reaches us alone, and we
decide who ends when. The session is also a process group, so that whatever the child
started can be ended with it. Where the kernel can do it (Linux), a child dies with us
even if we are killed -9.

That last thing takes a few lines of Python that run in the child and then become the
program itself (`_TIE`). `preexec_fn` would be shorter and is a trap: it runs our Python
between fork and exec, where the locks that other threads held are locked for ever, and
it turns vfork off. Source: the warning at `preexec_fn` in the documentation of
`subprocess`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

#: Asks the kernel for a signal when the parent dies (PR_SET_PDEATHSIG is 1), then becomes
#: the program. The setting survives the exec; only a parent that died before it was made
#: has to be looked for. Arguments: signal, the parent's id, program, its arguments.
#: Without ctypes (a Python built without libffi) the child is started all the same.
_TIE = """
import os, sys
death, parent, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, death)
except (ImportError, OSError, AttributeError):
    pass
if os.getppid() == parent:
    os.execv(program[0], program)
"""


def tied(
    argv: Sequence[str], on_our_death: signal.Signals = signal.SIGKILL
) -> list[str]:
    """
    Return the command that runs a program tied to our life, where the kernel can do it.

    Args:
        argv: The program, looked up on PATH, and its arguments.

        on_our_death: What it is sent when we die without ending it. The kernel watches the
            *thread* that starts a child, not the process, so only children started by the
            main thread are tied to us.

    Raises:
        FileNotFoundError: There is no such program.
    """
    program = shutil.which(argv[0])
    if program is None:
        msg = f"there is no program {argv[0]}"
        raise FileNotFoundError(msg)
    command = [program, *argv[1:]]
    if (
        sys.platform != "linux"
        or threading.current_thread() is not threading.main_thread()
    ):
        return command
    tie = [sys.executable, "-I", "-S", "-c", _TIE]
    return [*tie, str(int(on_our_death)), str(os.getpid()), *command]


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    output: IO[bytes] | None = None,
    keep_open: Sequence[int] = (),
    on_our_death: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """
    Start a program in a session of its own, tied to our life.

    Args:
        argv: The program, looked up on PATH, and its arguments.

        env: Added to our own environment.

        stdin: What the child can read there; at most a few kB (it must fit in a pipe).

        output: Where its stdout and stderr go; ours, if not given.

        keep_open: Our file descriptors that the child inherits.

        on_our_death: See `tied`.

    Raises:
        FileNotFoundError: There is no such program.
    """
    process = subprocess.Popen(  # noqa: S603 - programs of ours, never a shell
        tied(argv, on_our_death),
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        pass_fds=keep_open,
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - it is a pipe, three lines above
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(stdin)
    return process


def kill_group(pid: int) -> None:
    """
    End a child of `spawn` and everything it started, at once; fine if nothing is left.

    The child's number is the group's, too, and the kernel gives it to nobody else as long as
    one member lives, so this is right for the orphans of a child that has ended.
    """
    # PermissionError is how macOS says that only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """Return how a process ended, by what `subprocess` calls its return code."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
