"""Streams that carry nothing but JSON: what others print, warn or raise becomes an event."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

import structlog


def complain(text: str) -> None:
    """
    Write to stderr why this process ends: the settings are wrong, most often.

    A line, or an event if the process logs JSON, or its environment asks for that.
    """
    form = next(
        (v for k, v in os.environ.items() if k.upper() == "BRIDGE_LOG_FORMAT"), ""
    )
    if isinstance(sys.stderr, JsonLines) or form.strip(" \t\n\"'").lower() == "json":
        JsonLines(below(sys.stderr), "error").write(f"{text}\n")
    else:
        sys.stderr.write(f"mjbridge: {text}\n")


def only_json() -> bool:
    """
    Make every further line of this process an event, where logs are JSON.

    What others print, warn or raise becomes an event as well, on stdout or stderr as before.

    Returns:
        Whether logs are JSON; nothing is changed if they are not.
    """
    if not any(handler.name == "json" for handler in logging.getLogger().handlers):
        return False
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda given: _log_uncaught(
        given.exc_type, given.exc_value, given.exc_traceback
    )
    if not isinstance(sys.stdout, JsonLines):
        sys.stdout = JsonLines(sys.stdout, "info")
        sys.stderr = JsonLines(sys.stderr, "warning")
    # Celery writes its farewell to these, past the ones above.
    sys.__stdout__ = sys.__stderr__ = None  # type: ignore[misc]
    return True


class JsonLines:
    """A text stream that makes an event of every line that is not JSON already."""

    def __init__(self, stream: TextIO, level: str) -> None:
        self.stream = stream
        self._level = level
        self._begun = ""  #: of a line that has not ended

    def write(self, text: str) -> int:
        """Write the lines that are whole now."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self.stream.write(f"{line if _is_json(line) else self._event(line)}\n")
        return len(text)

    def flush(self) -> None:
        """Flush what is below."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Return false: what reads JSON is not a person."""
        return False

    def fileno(self) -> int:
        """Return the descriptor of what is below."""
        return self.stream.fileno()

    def _event(self, line: str) -> str:
        now = datetime.now(UTC).isoformat()
        event = {
            "timestamp": now.replace("+00:00", "Z"),
            "level": self._level,
            "event": line.strip().removeprefix("mjbridge: "),
        }
        return json.dumps(event, ensure_ascii=False)


def below(stream: TextIO) -> TextIO:
    """Return the stream that writes what it is given."""
    return stream.stream if isinstance(stream, JsonLines) else stream


def _is_json(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _log_uncaught(
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    exc_info = (kind, error, trace)
    structlog.get_logger(__name__).critical("process.crashed", exc_info=exc_info)
