"""A stage: a client's place, the process ``web``, and an upstream that remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
from aiohttp import web

from tests.gateways import Asked, Gateway, says
from tests.web.site import Site

KEY = "sk-of-the-upstream-0123456789"
SHOWN = {"mj-api-secret": KEY}


def taken(**more: object) -> Callable[[Asked], web.Response]:
    """An upstream that takes every submission, and lists what it took."""
    numbers = count(1)
    rows: dict[str, dict[str, Any]] = {}

    def script(asked: Asked) -> web.Response:
        path = asked.path.partition("?")[0]
        if "/submit/" in path or "/insight-face/" in path:
            task_id = f"179588220828{next(numbers):04}"
            rows[task_id] = {"id": task_id, "status": "SUBMITTED", "progress": "0%"}
            return says(
                {"code": 1, "description": "提交成功", "result": task_id, **more}
            )
        if path.endswith("/fetch"):
            task_id = path.split("/")[-2]
            return says(rows.get(task_id, {"id": task_id, "status": "IN_PROGRESS"}))
        if "/task/list" in path:
            ids = json.loads(asked.body)["ids"] if asked.body else list(rows)
            return says([rows[str(one)] for one in ids if str(one) in rows])
        return says(b"\x89PNG", content_type="image/png")

    return script


@dataclass(frozen=True, slots=True)
class Stage:
    """See the module."""

    site: Site
    upstream: Gateway

    async def post(
        self, path: str, body: object, headers: Mapping[str, str] = SHOWN
    ) -> httpx.Response:
        return await self.site.http.post(path, json=body, headers=headers)

    async def get(
        self, path: str, headers: Mapping[str, str] = SHOWN
    ) -> httpx.Response:
        return await self.site.http.get(path, headers=headers)

    async def task(self, task_id: str) -> dict[str, Any] | None:
        """Return a task as the bridge shows it; ``None`` if it is not tracked."""
        answer = await self.site.http.get(f"/api/v1/tasks/{task_id}")
        return answer.json() if answer.status_code == 200 else None
