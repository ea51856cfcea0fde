"""Standard streams, in whatever state the parent process left them."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


class Messages(io.TextIOWrapper):
    """A stderr that drops what cannot be written, instead of failing."""

    def write(self, text: str, /) -> int:
        """Write a message, or drop it."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError):
            super().flush()


def prepare() -> None:
    """
    Make the standard streams safe to use; to be called once, before anything is opened.

    A stream that was closed leads nowhere from now on. Left closed, the next file or
    connection to be opened would take its number, and its content.
    """
    for number, name, mode in (
        (0, "stdin", "r"),
        (1, "stdout", "w"),
        (2, "stderr", "w"),
    ):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, so this one
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for as long as the process lives
    # A terminal that lacks a character shows a question mark instead of failing.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stderr = Messages(
        io.FileIO(2, "w", closefd=False),  # unbuffered, as with `python -u`
        encoding=sys.stderr.encoding,
        errors="replace",
        write_through=True,
    )


def discard(stream: TextIO) -> None:
    """Redirect a stream that cannot be written to, so that the final flush cannot fail."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
