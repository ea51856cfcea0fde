"""A gateway of the sandbox with a clock of its own, called without a socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from bridge.sandbox.simulated_gateway import create_gateway
from bridge.sandbox.state import GatewayState

#: 3 November 2024, when the example of the documentation was made.
NOON = 1_730_621_826.0


class Gateway:
    """What a test does to a gateway, as a client with a key."""

    def __init__(self, client: httpx.AsyncClient, state: GatewayState) -> None:
        self.client = client
        self.state = state
        self.now = NOON
        state.clock = lambda: self.now

    async def imagine(self, prompt: str, **more: str) -> str:
        return await self.submit("imagine", prompt=prompt, **more)

    async def submit(self, what: str, **body: Any) -> str:
        answer = await self.client.post(f"/mj/submit/{what}", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["result"])

    async def ask(self, *ids: Any, route: str = "list-by-condition") -> httpx.Response:
        return await self.client.post(f"/mj/task/{route}", json={"ids": list(ids)})

    async def rows(self, *ids: str) -> list[dict[str, Any]]:
        answer = await self.ask(*ids)
        rows = answer.json()
        assert isinstance(rows, list), answer.text
        return rows

    async def row(self, task_id: str) -> dict[str, Any]:
        (row,) = await self.rows(task_id)
        return row

    async def faults(self, **wanted: Any) -> httpx.Response:
        return await self.client.post("/sandbox/faults", json=wanted)

    def later(self, seconds: float) -> None:
        self.now += seconds

    def done(self) -> None:
        """Let any task come to its end, whatever its pace."""
        self.later(10_000)


@contextlib.asynccontextmanager
async def gateway(
    *,
    headers: dict[str, str] | None = None,
    data_dir: Path | None = None,
    **options: Any,
) -> AsyncIterator[Gateway]:
    """A gateway; it is closed at the end."""
    app = create_gateway(data_dir=data_dir, **options)
    transport = httpx.ASGITransport(app)
    headers = {"authorization": "Bearer sk-test"} if headers is None else headers
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://gw.example",
        headers=headers,
        verify=False,  # to read the system's certificates takes longer than most tests
    ) as client:
        try:
            yield Gateway(client, app.state.gateway)
        finally:
            app.state.gateway.tasks.close()
