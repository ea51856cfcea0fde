"""
Logs: one line an event, readable on a terminal, JSON elsewhere, always on stderr.

Standard output belongs to results. Libraries that put URLs into their logs are kept
quiet, because an endpoint's URL is a password.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, TextIO

import structlog

#: Loggers that would name URLs, or repeat what our own lines say.
_QUIET = ("httpx", "httpcore", "aiohttp", "asyncio", "kombu", "amqp", "urllib3")
#: Celery logs a line for each task, and ours run every second; and where its broker is.
_CHATTY = (
    "celery.app.trace",
    "celery.beat",
    "celery.worker.consumer.connection",
    "celery.worker.strategy",
)


def configure(
    level: str = "info", form: Literal["auto", "text", "json"] = "auto"
) -> None:
    """
    Send all logs of this process to stderr.

    Args:
        level: The least level that is shown; a name as in `logging`.

        form: ``auto`` is text if stderr is a terminal.
    """
    stderr = _below(sys.stderr)
    text = form == "text" or (form == "auto" and stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(
            fmt="%H:%M:%S" if text else "iso", utc=not text
        ),
    ]
    renderer: structlog.types.Processor
    if text:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stderr.isatty(),
            pad_event_to=28,
            # The default one shows every frame's variables, and so keys and passwords.
            exception_formatter=structlog.dev.plain_traceback,
        )
    else:
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, _tidy, renderer],
        # Our own lines go straight to stderr. By way of `logging` each would cost four
        # times as much, and a busy deliverer writes a thousand a second.
        logger_factory=structlog.WriteLoggerFactory(stderr),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _tidy,
                renderer,
            ],
            foreign_pre_chain=shared,
        )
    )
    handler.set_name("text" if text else "json")
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    for name in ("httpx", "httpcore", "aiohttp"):
        # Not even at DEBUG: their lines hold whole URLs and headers.
        logging.getLogger(name).setLevel(logging.ERROR)


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

    def _event(self, line: str) -> str:
        now = datetime.now(UTC).isoformat()  # noqa: TID251 - when the line is written
        event = {
            "timestamp": now.replace("+00:00", "Z"),
            "level": self._level,
            "event": line.strip(),
        }
        return json.dumps(event, ensure_ascii=False)


def _below(stream: TextIO) -> TextIO:
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


def _tidy(
    _logger: object, _method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Put first what every line has, and leave out what has no value."""
    first = {name: line.pop(name, None) for name in ("timestamp", "level", "event")}
    return {k: v for k, v in (first | dict(line)).items() if v is not None}
