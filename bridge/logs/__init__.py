"""
Logs: a line or two an event on a terminal, JSON elsewhere, always on stderr.

Standard output belongs to results. Libraries that put URLs into their logs are kept
quiet, because an endpoint's URL is a password. Nothing is redacted here: what others said was,
where it came in, see `bridge.core.redact`.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

import structlog

from bridge.logs.json_lines import below, complain, only_json
from bridge.logs.terminal import render_for_terminal

__all__ = ["complain", "configure", "only_json"]

#: Loggers that would name URLs, or repeat what our own lines say.
_QUIET = ("aiohttp", "httpx", "httpcore", "asyncio", "kombu", "amqp", "urllib3")
#: Celery logs a line for each task, and ours run all the time; and where its broker is.
_CHATTY = (
    "celery.app.trace",
    "celery.beat",
    "celery.worker.consumer.connection",
    "celery.worker.strategy",
)
#: The first warns of a tick that came to a worker while that was ending, and goes back to the queue;
#: the second of a server that does not answer, as our own lines do.
_NEEDLESS = ("kombu.transport.virtual.base", "kombu.transport.redis")


def configure(
    level: str = "info", form: Literal["auto", "text", "json"] = "auto"
) -> None:
    """
    Send all logs of this process to stderr.

    Args:
        level: The least level that is shown; a name as in `logging`.

        form: ``auto`` is text if stderr is a terminal.
    """
    stderr = below(sys.stderr)
    text = form == "text" or (form == "auto" and stderr.isatty())
    shared: list[structlog.types.Processor] = [_stamp_for_people if text else _stamp]
    renderer: structlog.types.Processor
    if text and stderr.isatty():
        shared.append(structlog.processors.format_exc_info)
        renderer = render_for_terminal
    elif text:
        renderer = structlog.dev.ConsoleRenderer(
            colors=False,
            pad_event_to=28,
            # The default one shows every frame's variables, and so keys and passwords.
            exception_formatter=structlog.dev.plain_traceback,
        )
    else:
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer(serializer=_json)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
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
                renderer,
            ],
            foreign_pre_chain=shared,
        )
    )
    handler.set_name("text" if text else "json")
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in (*_QUIET, *_CHATTY):
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    for name in _NEEDLESS:
        logging.getLogger(name).setLevel(max(threshold, logging.ERROR))


def _stamp(
    _logger: object, method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    """
    Put first what every line has, and leave out what has no value.

    One step in place of structlog's four: they took half of what a line costs.
    """
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return _stamped(now, method, line)


def _stamp_for_people(
    _logger: object, method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    return _stamped(f"{datetime.now():%H:%M:%S}", method, line)  # noqa: DTZ005 - their own


def _stamped(
    now: str, method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    level = "error" if method == "exception" else method
    stamped = {"timestamp": now, "level": level, "event": line.pop("event", None)}
    stamped |= {name: value for name, value in line.items() if value is not None}
    return stamped


_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def _json(line: structlog.types.EventDict, **_: object) -> str:
    # An encoder that is made anew for each line takes as long as encoding it.
    return _encode(line)
