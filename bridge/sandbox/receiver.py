"""
A receiver of webhooks: checks every signature itself, drops repeats, and keeps a ledger.

``mjbridge listen`` and ``make run`` print what it takes; tests tell it what to answer, and
read in its ledger what really arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.sandbox.answers import Answer, Script, read_answer
from bridge.sandbox.received import Received, event_of
from bridge.sandbox.verify import key_of, verify

#: The largest event that is read, in bytes.
MAX_BODY = 1024 * 1024

#: Ids that are remembered, to know a repeat and to count attempts.
REMEMBERED = 100_000

METHODS = ["POST", "PUT", "PATCH"]


class Receiver:
    """
    A receiver. `app` is what goes on a port; the rest is for whoever runs it.

    It takes events on every path, and answers 204, or 401 to what it does not believe.
    """

    def __init__(
        self,
        *,
        secrets: Iterable[str] = (),
        keep: int = 1000,
        on_event: Callable[[Received], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Receive with these *secrets*; without any, everything is believed.

        Args:
            keep: Requests in the ledger; older ones fall out.

            on_event: Called with every request, the refused ones too, before it is answered.

        Raises:
            ValueError: A secret is malformed.
        """
        self._keys = [key_of(secret) for secret in secrets]
        self._on_event = on_event
        self._clock = clock
        self._scripts: dict[str, Script] = {}
        self._queries: deque[Received] = deque(maxlen=keep)
        self._seen: OrderedDict[tuple[str, str], tuple[int, bool]] = OrderedDict()
        self._news = asyncio.Condition()
        self.app = Starlette(
            routes=[
                Route("/sandbox/received", self._show, methods=["GET", "DELETE"]),
                Route("/sandbox/answers", self._told, methods=["POST"]),
                Route("/{path:path}", self._receive, methods=METHODS),
                Route("/{path:path}", self._greet, methods=["GET"]),
            ]
        )

    def answer(
        self, path: str, *answers: Answer | int, then: Answer | int | None = None
    ) -> None:
        """
        Answer requests on *path* (``*``: on all others) with these, one after the other, and
        with *then* for ever after; by default with 204 again.
        """
        self._scripts[path] = Script(
            [_answer(one) for one in answers],
            then=None if then is None else _answer(then),
        )

    def received(self, path: str | None = None) -> list[Received]:
        """The ledger: every request, in the order of arrival."""
        return [one for one in self._queries if path in (None, one.path)]

    def events(self, path: str | None = None) -> list[Received]:
        """What was taken, without repeats: what a receiver would have acted on."""
        return [one for one in self.received(path) if one.taken and not one.repeat]

    async def until(
        self, enough: Callable[[Receiver], bool], *, seconds: float = 10.0
    ) -> None:
        """
        Wait until *enough* says so; it is asked at once and after every request.

        Raises:
            TimeoutError: It did not say so in time.
        """
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: enough(self))

    async def _receive(self, request: Request) -> Response:
        arrived = self._clock()
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        if body is None:
            return PlainTextResponse("the body is too large\n", 413)
        headers = dict(request.headers)
        verification = None
        if self._keys:
            verification = verify(headers, body, keys=self._keys, now=arrived)
        if verification is not None and verification.refusal is not None:
            answer = Answer(
                status=401, body={"error": f"refused: {verification.refusal}"}
            )
        else:
            answer = self._next(request.url.path)
        attempt, repeat = self._count(
            headers.get("webhook-id"), request.url.path, answer
        )
        received = Received(
            at=arrived,
            path=request.url.path,
            headers=headers,
            body=body,
            event=event_of(body),
            verification=verification,
            status=answer.status,
            attempt=attempt,
            repeat=repeat,
        )
        self._queries.append(received)
        if self._on_event is not None:
            self._on_event(received)
        async with self._news:
            self._news.notify_all()
        return await answer.response()

    def _next(self, path: str) -> Answer:
        # Not `or`: a script whose answers are used up is as long as nothing, and says `then`.
        script = self._scripts.get(path, self._scripts.get("*"))
        return (script.next() if script is not None else None) or Answer()

    def _count(
        self, message_id: str | None, path: str, answer: Answer
    ) -> tuple[int, bool]:
        """Which attempt this is of its event, and whether the event had been taken before."""
        if message_id is None:
            return 1, False
        attempts, taken = self._seen.pop((path, message_id), (0, False))
        # A refused one is no part of the story: anyone can send it, with any id.
        if answer.status != 401:
            self._seen[path, message_id] = attempts + 1, taken or answer.ok
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return attempts + 1, taken

    async def _greet(self, request: Request) -> Response:
        count = len(self.events())
        return PlainTextResponse(
            f"mjbridge listens here for webhooks by POST to {request.url.path} or any other path.\n"
            f"{count} event{'' if count == 1 else 's'} so far; all of them: /sandbox/received\n"
        )

    async def _show(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._queries.clear()
            self._seen.clear()
        path = request.query_params.get("path")
        return JSONResponse([one.json() for one in self.received(path)])

    async def _told(self, request: Request) -> Response:
        """``{"path": "/hook", "answers": [500, {"status": 429, "headers": {…}}], "then": 204}``."""
        try:
            told: Any = await request.json()
            answers = [read_answer(one) for one in told.get("answers", [])]
            then = read_answer(told["then"]) if told.get("then") is not None else None
        except (ValueError, AttributeError, TypeError) as problem:
            return JSONResponse({"error": str(problem)}, 400)
        self.answer(str(told.get("path", "*")), *answers, then=then)
        return JSONResponse({"answers": len(answers)})


def _answer(given: Answer | int) -> Answer:
    return Answer(status=given) if isinstance(given, int) else given


async def _body(request: Request) -> bytes | None:
    """The bytes as they were sent; ``None`` if they are too many."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)
