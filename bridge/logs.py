"""
Logs: a line or two an event on a terminal, JSON elsewhere, always on stderr.

Standard output belongs to results. Libraries that put URLs into their logs are kept
quiet, because an endpoint's URL is a password. Nothing is redacted here: what others said was,
where it came in, see `bridge.core.redact`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import textwrap
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog

from bridge.app.humanize import span

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
    stderr = _below(sys.stderr)
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


# --- on a terminal --------------------------------------------------------------------

#: Columns of the time and the blank after it: "14:02:11 ".
INDENT = 9

_RED, _GREEN, _YELLOW, _DIM, _OFF = (f"\x1b[{code}m" for code in (31, 32, 33, 2, 0))


def render_for_terminal(
    _logger: object, _method: str, line: structlog.types.EventDict
) -> str:
    """
    Return an event as lines that fit the terminal.

    What happened to a task is one line, and each endpoint's answer an indented one below it;
    anything else is its name and its values, on as many lines as they need.
    """
    facts = dict(line)
    time, level, event = (
        str(facts.pop(name, "")) for name in ("timestamp", "level", "event")
    )
    trace = facts.pop("exception", "")
    colour = _RED if level in {"error", "critical"} else _YELLOW * (level == "warning")
    head = f"{time} "
    if event == "delivery.attempted":
        head, content = " " * INDENT, _answer(facts)
        colour = _GREEN if level == "info" else _RED
    elif event.startswith("task.") and "task" in facts:
        task_id = str(facts["task"]).partition(":")[2]
        progress = facts.get("progress")
        percent = f"  {progress}%" if event == "task.progress" else ""
        content = f"{event:<20}  {task_id}{percent}"
    else:
        values = (f"{name}={value}" for name, value in facts.items())
        content = "  ".join([event, *values])
    first, *more = _fitted(content, shutil.get_terminal_size().columns - INDENT)
    lines = [f"{_DIM}{head}{_OFF}{colour}{first}{_OFF}"]
    lines += [f"{' ' * INDENT}{colour}{one}{_OFF}" for one in more]
    return "\n".join([*lines, *filter(None, [str(trace)])])


def _answer(facts: Mapping[str, Any]) -> str:
    """Return how an endpoint answered, and what comes next if it did not accept."""
    said = facts.get("status") or facts.get("outcome")
    text = f"→ {facts.get('endpoint')} {said} {facts.get('took_ms', 0):.0f} ms"
    if reason := facts.get("reason"):
        text += f": {reason}"
    if (seconds := facts.get("retry_in")) is not None:
        text += f"; attempt {facts.get('attempt', 0) + 1} in {span(round(seconds))}"
    elif facts.get("verdict") == "dead":
        text += "; given up"
    elif facts.get("disabled"):
        text += f"; held until mjbridge endpoints resume {facts.get('endpoint')}"
    return text


def _fitted(text: str, width: int) -> list[str]:
    """Break a text into lines, and take out what a terminal would obey."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    lines = textwrap.wrap(plain, max(width, 20)) or [""]
    if plain.isascii():
        return lines
    from rich.cells import chop_cells  # Chinese takes two columns a character

    return [part for one in lines for part in chop_cells(one, max(width, 20))]


# --- before there are logs -------------------------------------------------------------


def complain(text: str) -> None:
    """
    Write to stderr why this process ends: the settings are wrong, most often.

    A line, or an event if the process logs JSON, or its environment asks for that.
    """
    form = next(
        (v for k, v in os.environ.items() if k.upper() == "BRIDGE_LOG_FORMAT"), ""
    )
    if isinstance(sys.stderr, JsonLines) or form.strip(" \t\n\"'").lower() == "json":
        JsonLines(_below(sys.stderr), "error").write(f"{text}\n")
    else:
        sys.stderr.write(f"mjbridge: {text}\n")


# --- where everything is JSON ---------------------------------------------------------


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
