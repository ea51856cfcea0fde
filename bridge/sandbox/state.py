"""
The state of a simulated gateway: its tasks, its faults, and the requests it has seen.

It is served by one event loop, so nothing here is locked.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request

from bridge.sandbox.dto import Row
from bridge.sandbox.gateway_faults import GatewayFaults
from bridge.sandbox.lifecycle import Ending, SimulatedTask


class TaskTable:
    """
    The simulated tasks, and the rows that a test put in their place.

    Tasks are kept in memory and written through to one SQLite file, so that a restart goes on
    where the last run ended: each change is on disk when the call returns. Rows from a test
    are kept word for word and live as long as the process.
    """

    def __init__(self, path: Path | None) -> None:
        """Open the table at *path*; with ``None``, one that is forgotten."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, task TEXT)"
        )
        stored = self._db.execute("SELECT id, task FROM tasks ORDER BY rowid")
        self._tasks = {task_id: _read(text) for task_id, text in stored}
        self._rows: dict[str, list[Any]] = {}
        self._strays: list[Any] = []

    def close(self) -> None:
        """Close the file. The table cannot be written to afterwards."""
        self._db.close()

    def __len__(self) -> int:
        return len(self._tasks) + len(self._rows)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks or task_id in self._rows

    def save(self, task: SimulatedTask) -> None:
        """Add a task, or put a changed one in its old place."""
        text = json.dumps(dataclasses.asdict(task), ensure_ascii=False)
        self._db.execute(
            "INSERT INTO tasks VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET task = excluded.task",
            (task.id, text),
        )
        self._tasks[task.id] = task

    def get(self, task_id: str) -> SimulatedTask | None:
        """Return the simulated task with that id."""
        return self._tasks.get(task_id)

    def all(self) -> list[SimulatedTask]:
        """Return all simulated tasks, the oldest first."""
        return list(self._tasks.values())

    def inject(self, rows: Iterable[Any]) -> None:
        """
        Answer with these rows, word for word, from now on. They take the place of all earlier
        ones with their ids; several of one id in one call all stay. What has no id (``null``,
        a string, a row without one) comes with every list.
        """
        fresh: dict[str, list[Any]] = {}
        for item in rows:
            task_id = item.get("id") if isinstance(item, dict) else None
            if isinstance(task_id, str | int) and task_id != "":
                fresh.setdefault(str(task_id), []).append(item)
            else:
                self._strays.append(item)
        self._rows |= fresh

    def injected(self, task_id: str) -> list[Row]:
        """Return the rows that a test put in for that id."""
        return self._rows.get(task_id, [])

    def strays(self) -> list[Any]:
        """Return what comes with every list."""
        return list(self._strays)

    def forget(self, ids: Iterable[str] | None = None) -> None:
        """Lose these tasks and rows, as an upstream that was restarted does; ``None``: all."""
        if ids is None:
            self._strays.clear()
            ids = [*self._tasks, *self._rows]
        for task_id in ids:
            self._rows.pop(task_id, None)
            if self._tasks.pop(task_id, None) is not None:
                self._db.execute("DELETE FROM tasks WHERE id = ?", (task_id,))


def _read(text: str) -> SimulatedTask:
    known = {one.name for one in dataclasses.fields(SimulatedTask)}
    # A field that an earlier version stored is left out.
    fields = {name: value for name, value in json.loads(text).items() if name in known}
    return SimulatedTask(**fields | {"outcome": Ending(fields["outcome"])})


# --- requests -------------------------------------------------------------------------

#: The headers that are shown as they came. Any other may carry a key.
HARMLESS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host",
     "transfer-encoding", "user-agent"}
)  # fmt: skip

#: Requests that are remembered one by one.
REMEMBERED = 2000


def _without_keys(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without their secrets; an Authorization's scheme stays readable."""
    shown = {}
    for name, value in headers.items():
        if name.lower() in HARMLESS:
            shown[name.lower()] = value
        else:
            scheme, space, _ = value.partition(" ")
            keeps = name.lower() == "authorization" and space
            shown[name.lower()] = f"{scheme} ***" if keeps else "***"
    return shown


class RequestLog:
    """
    What was asked about tasks, since the start or the last `clear`.

    Keys are never kept: of a header that is not known to be harmless, only its name is.
    """

    def __init__(self) -> None:
        self._in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Count from zero; what is in flight stays counted as such."""
        self.total = 0
        self._paths: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._ids = 0
        self._largest = 0
        self._most = self._in_flight
        self._recent: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._last: dict[str, Any] | None = None

    def begin(self) -> int:
        """Count a request as in flight; return its number, from 1."""
        self.total += 1
        self._in_flight += 1
        self._most = max(self._most, self._in_flight)
        return self.total

    def end(
        self, request: Request, *, at: float, status: int | None, ids: list[str] | None
    ) -> None:
        """Remember it; *status* is ``None`` for one that the client gave up."""
        self._in_flight -= 1
        self._paths[request.url.path] += 1
        if status is not None:
            self._statuses[status] += 1
        if ids is not None:
            self._ids += len(ids)
            self._largest = max(self._largest, len(ids))
        seen: dict[str, Any] = {
            "at": at,
            "method": request.method,
            "path": request.url.path,
            "status": status,
        }
        self._recent.append(seen | {"ids": None if ids is None else len(ids)})
        self._last = seen | {"headers": _without_keys(request.headers), "ids": ids}

    def show(self) -> dict[str, Any]:
        """Return the counters as JSON."""
        return {
            "total": self.total,
            "inFlight": self._in_flight,
            "maxInFlight": self._most,
            "byPath": dict(self._paths),
            "byStatus": {str(status): n for status, n in self._statuses.items()},
            "idsTotal": self._ids,
            "largestBatch": self._largest,
            "batches": [
                seen["ids"] for seen in self._recent if seen["ids"] is not None
            ],
            "last": self._last,
            "recent": list(self._recent),
        }


# --- the gateway ----------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class GatewayState:
    """What the routes of one gateway share."""

    tasks: TaskTable
    key: str | None = None  #: ``None``: any key will do, as long as there is one
    speed: float = 2.0  #: 1: as slow as Midjourney; 2: a picture in 12 to 18 s
    clock: Callable[[], float] = time.time
    faults: GatewayFaults = field(default_factory=GatewayFaults)
    requests: RequestLog = field(default_factory=RequestLog)

    def new_id(self) -> str:
        """Return an id as midjourney-proxy makes them: milliseconds and three random digits."""
        while True:
            task_id = f"{int(self.clock() * 1000):013d}{secrets.randbelow(1000):03d}"
            if task_id not in self.tasks:
                return task_id

    def refusal(self, request: Request) -> str | None:
        """Return why the request's key is refused, in new-api's words; ``None``: it is not."""
        given = self._given(request)
        if not given:
            return "未提供令牌"
        # new-api hands keys out with this prefix, and ignores it.
        if self.key is None or secrets.compare_digest(
            given.removeprefix("sk-").encode(),  # bytes: a key need not be ASCII
            self.key.removeprefix("sk-").encode(),
        ):
            return None
        return "无效的令牌"

    def _given(self, request: Request) -> str:
        """Return the key of a request. Source: new-api `middleware/auth.go`, `TokenAuth`."""
        header = request.headers.get("authorization", "").strip()
        secret = request.headers.get("mj-api-secret", "").strip()
        key = header.removeprefix("Bearer ").strip()
        if key in {"", "midjourney-proxy"}:
            key = secret or request.headers.get("x-api-key", "")
        return key


def base_of(request: Request) -> str:
    """Return the gateway's base URL, as a client says it, without a slash at the end."""
    return str(request.base_url).rstrip("/")
