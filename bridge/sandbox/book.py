"""
The book: every task the sandbox has made, and the rows a test put in its place.

Kept in memory and written through to one SQLite file, so that a restart goes on where the
last run ended. Rows from a test are kept word for word and live as long as the process.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bridge.sandbox.rows import Row
from bridge.sandbox.tasks import ExchangeResult, Task


class Book:
    """Tasks by id. Used from one thread; each change is on disk when the call returns."""

    def __init__(self, path: Path | None) -> None:
        """Open the book at *path*, or one that is forgotten, where it is ``None``."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, task TEXT)"
        )
        self._tasks = {
            task_id: _read(text)
            for task_id, text in self._db.execute(
                "SELECT id, task FROM tasks ORDER BY rowid"
            )
        }
        self._rows: dict[str, list[Any]] = {}
        self._strays: list[Any] = []

    def close(self) -> None:
        """Close the file. The book cannot be written to afterwards."""
        self._db.close()

    def __len__(self) -> int:
        return len(self._tasks) + len(self._rows)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks or task_id in self._rows

    def keep(self, task: Task) -> None:
        """Add a task, or put a changed one in its old place."""
        text = json.dumps(dataclasses.asdict(task), ensure_ascii=False)
        self._db.execute(
            "INSERT INTO tasks VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET task = excluded.task",
            (task.id, text),
        )
        self._tasks[task.id] = task

    def task(self, task_id: str) -> Task | None:
        """The simulated task with that id."""
        return self._tasks.get(task_id)

    def tasks(self) -> list[Task]:
        """All simulated tasks, the oldest first."""
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
        """The rows that a test put in for that id."""
        return self._rows.get(task_id, [])

    def strays(self) -> list[Any]:
        """What comes with every list."""
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


def shuffled(ids: Iterable[str]) -> list[str]:
    """
    The order of an answer: never the request's. A proxy lists its ids in the order of a hash
    set, a gateway in that of its table, and neither promises anything.
    """
    return sorted(set(ids), key=lambda task_id: (zlib.crc32(task_id.encode()), task_id))


def _read(text: str) -> Task:
    fields = json.loads(text)
    return Task(**fields | {"outcome": ExchangeResult(fields["outcome"])})
