"""Stand-ins for everything outside: code that keeps the ports' promises, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.app.ports import FetchResult
from bridge.core.endpoint import Endpoint
from bridge.core.http import AnyRequest, Request, Response
from bridge.core.task import TaskSnapshot


def answered(status: int, **headers: str) -> Response:
    """Make a receiver's answer; ``retry_after`` stands for ``retry-after``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(duration=0.01, status=status, headers=named)


class FakeUpstream:
    """
    A gateway that says what it is told to.

    Attributes:
        says: Its answer to everything, but for tasks that it was not asked about.

        asked: The ids of every request, in order.

        gate: Set while it answers; clear it to have it hang.
    """

    def __init__(self, *tasks: TaskSnapshot) -> None:
        self.says = FetchResult()
        self.show(*tasks)
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def show(self, *tasks: TaskSnapshot) -> None:
        """Have it answer with these tasks."""
        self.says = FetchResult(tasks={task.id: task for task in tasks})

    async def fetch(
        self, ids: Sequence[str], known: Mapping[str, str] | None = None
    ) -> FetchResult:
        self.asked.append(list(ids))
        await self.gate.wait()
        listed = {name: task for name, task in self.says.tasks.items() if name in ids}
        digests = known or {}
        unchanged = frozenset(
            name
            for name, task in listed.items()
            if digests.get(name) == task.row_digest
        )
        tasks = {name: task for name, task in listed.items() if name not in unchanged}
        return replace(self.says, tasks=tasks, unchanged=unchanged)

    async def aclose(self) -> None:
        """Close nothing."""


class FakeSender:
    """
    Receivers that answer what they are told to.

    Attributes:
        says: The answer of each endpoint, by its name; 200 for those not named. Several
            answers are given in turn, the last one again and again.

        gates: Endpoints that hang until their event is set.

        sent: Every request, with the endpoint's name, in the order in which they began.

        most: The highest number of requests that were under way at once.
    """

    def __init__(self, **says: Response | list[Response]) -> None:
        self.says = says
        self.gates: dict[str, asyncio.Event] = {}
        self.sent: list[tuple[str, Request]] = []
        self.most = 0
        self._under_way = 0

    def sent_to(self, name: str) -> list[str]:
        """List the ids of the events sent to an endpoint, in order."""
        return [sent.headers["webhook-id"] for to, sent in self.sent if to == name]

    async def send(self, endpoint: Endpoint, request: AnyRequest) -> Response:
        assert isinstance(request, Request), "nothing here is a notification"
        self.sent.append((endpoint.name, request))
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            if endpoint.name in self.gates:
                await self.gates[endpoint.name].wait()
            await asyncio.sleep(0)
        finally:
            self._under_way -= 1
        says = self.says.get(endpoint.name, answered(200))
        if isinstance(says, list):
            return says.pop(0) if len(says) > 1 else says[0]
        return says

    async def aclose(self) -> None:
        """Close nothing."""
