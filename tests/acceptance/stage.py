"""
The stage: the world around a deployment, served from a thread of the test process.

Gateways say what a test puts into them, receivers answer as they are told; both remember
everything. Tests are synchronous: what they ask of a server runs in the server's thread.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.sandbox.gateway_faults import change
from bridge.sandbox.received import Received
from bridge.sandbox.receiver import Receiver
from bridge.sandbox.responses import CannedResponse
from bridge.sandbox.server import serving
from bridge.sandbox.simulated_gateway import create_gateway
from bridge.sandbox.state import GatewayState
from tests.waiting import until

T = TypeVar("T")

#: Seconds that anything asked of a server may take.
PATIENCE_S = 20.0


class Stage:
    """Servers on loopback, in an event loop of their own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage")
        self._servers: list[AsyncExitStack] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine among the servers."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def do(self, work: Callable[[], T]) -> T:
        """Call something among the servers, so that nothing changes meanwhile."""

        async def called() -> T:
            return work()

        return self.run(called())

    def serve(self, app: ASGIApp) -> str:
        """Put an application on a port for as long as the stage lasts."""
        return self.enter(serving(app))

    def enter(self, server: AbstractAsyncContextManager[T]) -> T:
        """Have a server of whatever make run for as long as the stage lasts."""
        entered = AsyncExitStack()
        self._servers.append(entered)
        return self.run(entered.enter_async_context(server))

    async def _close(self) -> None:
        await asyncio.gather(*(server.aclose() for server in self._servers))

    def gateway(self, **options: Any) -> Gateway:
        """Open a gateway; see `bridge.sandbox.simulated_gateway.create_gateway`."""
        return Gateway(self, self.do(lambda: create_gateway(**options)))

    def hooks(self, **options: Any) -> Hooks:
        """Open a receiver; see `bridge.sandbox.receiver.Receiver`."""
        return Hooks(self, Receiver(**{"keep": 1_000_000, **options}))


# --- the upstream's side --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One row of one answer, as it left the gateway."""

    at: float
    id: str
    status: str
    progress: str


class Gateway:
    """A gateway of the sandbox, and a record of all that it said about tasks."""

    def __init__(self, stage: Stage, app: Any) -> None:
        self._stage = stage
        self._gateway: GatewayState = app.state.gateway
        self._said: list[Said] = []
        self.url = stage.serve(self._listened(app))

    def put(self, *rows: dict[str, Any]) -> None:
        """Answer with these rows from now on; each replaces the one with its id."""
        self._stage.do(lambda: self._gateway.tasks.inject(rows))

    def forget(self, *ids: str) -> None:
        """Lose these tasks, as a gateway whose data was cleaned does."""
        self._stage.do(lambda: self._gateway.tasks.forget(ids))

    def faults(self, **wanted: Any) -> None:
        """Switch faults on and off; see `bridge.sandbox.gateway_faults`."""

        def switch() -> None:
            self._gateway.faults = change(self._gateway.faults, wanted)

        self._stage.do(switch)

    def submit(self, prompt: str) -> str:
        """Submit a picture as a client does; returns the id of its task."""
        answer = httpx.post(
            f"{self.url}/mj/submit/imagine",
            json={"prompt": prompt},
            headers={"authorization": "Bearer sk-test"},
            trust_env=False,
        )
        return str(answer.json()["result"])

    def said(self, task_id: str | None = None) -> list[Said]:
        """What was answered about a task, or about all, in that order."""
        told = self._stage.do(lambda: list(self._said))
        return [one for one in told if task_id in {None, one.id}]

    def requests(self) -> int:
        """How often it was asked about tasks."""
        return self._stage.do(lambda: self._gateway.requests.total)

    def shown(self) -> dict[str, Any]:
        """The counters; see `bridge.sandbox.state.RequestLog`."""
        return self._stage.do(self._gateway.requests.show)

    def _listened(self, app: ASGIApp) -> ASGIApp:
        async def listening(scope: Scope, receive: Receive, send: Send) -> None:
            body = bytearray()
            status = 0

            async def noting(message: Message) -> None:
                nonlocal status
                status = message.get("status", status)
                body.extend(message.get("body", b""))
                await send(message)

            await app(scope, receive, noting)
            if status == 200 and "/task/list-by" in scope.get("path", ""):
                self._note(bytes(body))

        return listening

    def _note(self, body: bytes) -> None:
        try:
            rows = json.loads(body)
        except ValueError:
            return
        if isinstance(rows, dict):
            rows = [rows]
        now = time.time()
        self._said.extend(
            Said(
                at=now,
                id=str(row["id"]),
                status=str(row.get("status") or ""),
                progress=str(row.get("progress") or ""),
            )
            for row in rows
            if isinstance(row, dict) and row.get("id")
        )


def row(task_id: str, status: str, progress: str = "", **more: Any) -> dict[str, Any]:
    """A task in a gateway's words; what is not said is unset, as Go spells it."""
    written = {
        "id": task_id,
        "action": "IMAGINE",
        "prompt": f"a pig --v 6.1 ({task_id})",
        "promptEn": f"a pig --v 6.1 ({task_id})",
        "description": "Submit success",
        "state": "",
        "submitTime": 1730621826053,
        "startTime": 0,
        "finishTime": 0,
        "imageUrl": "",
        "status": status,
        "progress": progress,
        "failReason": "",
        "buttons": None,
        "properties": None,
    }
    if status == "SUCCESS":
        written |= {
            "startTime": 1730621828024,
            "finishTime": 1730621855817,
            "progress": progress or "100%",
            "imageUrl": f"https://cdn.example.com/{task_id}.png?ex=6728831f&is=6727319f",
            "properties": {"finalPrompt": "a pig --v 6.1"},
            "buttons": [
                {
                    "customId": f"MJ::JOB::upsample::1::{task_id}",
                    "emoji": "",
                    "label": "U1",
                    "type": 2,
                    "style": 2,
                }
            ],
        }
    return written | more


# --- the receivers' side --------------------------------------------------------------


class Hooks:
    """A receiver with a ledger. Paths are what tells endpoints apart."""

    def __init__(self, stage: Stage, receiver: Receiver) -> None:
        self._stage = stage
        self._receiver = receiver
        self._held: dict[str, asyncio.Event] = {}
        self._busy: Counter[str] = Counter()
        self._busiest: Counter[str] = Counter()
        self.url = stage.serve(self._watched(receiver.app))

    def answer(
        self,
        path: str,
        *answers: CannedResponse | int,
        then: CannedResponse | int | None = None,
    ) -> None:
        """Answer requests on a path with these in turn, then with *then* for ever."""
        self._stage.do(lambda: self._receiver.answer(path, *answers, then=then))

    def hold(self, path: str) -> None:
        """Take requests on a path, and answer none of them until `release`."""

        def shut() -> None:
            self._held[path] = asyncio.Event()

        self._stage.do(shut)

    def release(self, path: str) -> None:
        """Let the answers go that `hold` kept back."""
        self._stage.do(lambda: self._held.pop(path).set())

    def received(self, path: str | None = None) -> list[Received]:
        """All requests, in the order of arrival."""
        return self._stage.do(lambda: self._receiver.received(path))

    def events(self, path: str | None = None, *, task: str = "") -> list[Received]:
        """What was taken, each event once: what a receiver would have acted on."""
        taken = self._stage.do(lambda: self._receiver.events(path))
        return [one for one in taken if task in {"", one.task}]

    def types(self, path: str, *, task: str = "") -> list[str]:
        """The types of what was taken."""
        return [one.type for one in self.events(path, task=task)]

    def open(self, path: str) -> int:
        """Requests on a path that are not answered yet."""
        return self._stage.do(lambda: self._busy[path])

    def busiest(self, path: str) -> int:
        """The most requests that were open on a path at once."""
        return self._stage.do(lambda: self._busiest[path])

    def wait_for(
        self, path: str, kind: str, *, task: str = "", within_s: float = 20.0
    ) -> Received:
        """Wait until an event of a type was taken on a path; returns the first."""

        def found() -> Received | None:
            taken = self.events(path, task=task)
            return next((one for one in taken if one.type == kind), None)

        def seen() -> str:
            got = [(one.type, one.status) for one in self.received(path)]
            return f"{kind} for {task or 'anyone'} at {path}; there came {got[-20:]}"

        found_one = until(found, within_s=within_s, what=seen)
        assert found_one is not None
        return found_one

    def _watched(self, app: ASGIApp) -> ASGIApp:
        async def watching(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")

            async def later(message: Message) -> None:
                if path in self._held:
                    await self._held[path].wait()
                await send(message)

            self._busy[path] += 1
            self._busiest[path] = max(self._busiest[path], self._busy[path])
            try:
                await app(scope, receive, later)
            finally:
                self._busy[path] -= 1

        return watching


def sequences(received: Iterable[Received]) -> list[int]:
    """The numbers of events, in the order given."""
    return [one.sequence or 0 for one in received]
