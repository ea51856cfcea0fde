"""
Logs: one line an event, readable on a terminal, JSON elsewhere, always on stderr.

Standard output belongs to results. Libraries that put URLs into their logs are kept
quiet, because an endpoint's URL is a password.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

#: Loggers that would name URLs, or repeat what our own lines say.
_QUIET = ("httpx", "httpcore", "asyncio", "kombu", "amqp", "urllib3")
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
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
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
            colors=sys.stderr.isatty(),
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
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _tidy(
    _logger: object, _method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Put first what every line has, and leave out what has no value."""
    first = {name: line.pop(name, None) for name in ("timestamp", "level", "event")}
    return {k: v for k, v in (first | dict(line)).items() if v is not None}
