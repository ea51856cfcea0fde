"""
A receiver of webhooks: verifies every signature itself, drops repeats, and keeps a ledger.

``mjbridge listen`` and ``make run`` print what it accepts; tests decide what it answers, and
read in its ledger what really arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.sandbox.received import Received, event_of
from bridge.sandbox.responses import CannedResponse, body_of, read_response
from bridge.sandbox.verification import key_of, verify

#: The largest event that is read, in bytes.
MAX_BODY = 1024 * 1024

#: Ids that are remembered, to know a repeat and to count attempts.
REMEMBERED = 100_000

METHODS = ["POST", "PUT", "PATCH"]

#: Responses to give one after the other, and the one to give from then on.
_Script: TypeAlias = tuple[deque[CannedResponse], CannedResponse]


class Receiver:
    """
    A receiver. `app` is what is served; the rest is for its owner.

    It accepts events on every path, and answers 204, or 401 where the signature is wrong.
    """

    def __init__(
        self,
        *,
        secrets: Iterable[str] = (),
        keep: int = 1000,
        on_event: Callable[[Received], None] | None = None,
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
        self._scripts: dict[str, _Script] = {}
        self._ledger: deque[Received] = deque(maxlen=keep)
        self._seen: OrderedDict[tuple[str, str], tuple[int, bool]] = OrderedDict()
        self._news = asyncio.Condition()
        self.app = Starlette(
            routes=[
                Route("/sandbox/received", self._list, methods=["GET", "DELETE"]),
                Route("/sandbox/answers", self._set_answers, methods=["POST"]),
                Route("/{path:path}", self._receive, methods=METHODS),
                Route("/{path:path}", self._greet, methods=["GET"]),
            ]
        )

    def answer(
        self,
        path: str,
        *answers: CannedResponse | int,
        then: CannedResponse | int | None = None,
    ) -> None:
        """
        Answer requests on *path* (``*``: on all others) with these, one after the other, and
        with *then* from then on, by default 204.
        """
        waiting = deque(map(_answer, answers))
        self._scripts[path] = waiting, _answer(204 if then is None else then)

    def received(self, path: str | None = None) -> list[Received]:
        """Return the ledger: every request, in the order of arrival."""
        return [one for one in self._ledger if path in (None, one.path)]

    def events(self, path: str | None = None) -> list[Received]:
        """Return what was accepted, without repeats: what a receiver would have acted on."""
        return [one for one in self.received(path) if one.taken and not one.repeat]

    async def until(
        self, enough: Callable[[Receiver], bool], *, seconds: float = 10.0
    ) -> None:
        """
        Wait until *enough* holds; it is called at once and after every request.

        Raises:
            TimeoutError: It did not hold in time.
        """
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: enough(self))

    async def _receive(self, request: Request) -> Response:
        arrived = time.time()
        try:
            body = await body_of(request, limit=MAX_BODY)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        if body is None:
            return PlainTextResponse("the body is too large\n", 413)
        headers = dict(request.headers)
        verification = None
        if self._keys:
            verification = verify(headers, body, keys=self._keys, now=arrived)
        if verification is not None and verification.refusal is not None:
            error = {"error": f"refused: {verification.refusal}"}
            answer = CannedResponse(status=401, body=error)
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
        self._ledger.append(received)
        if self._on_event is not None:
            self._on_event(received)
        async with self._news:
            self._news.notify_all()
        return await answer.send()

    def _next(self, path: str) -> CannedResponse:
        nothing: _Script = deque(), CannedResponse()
        waiting, then = self._scripts.get(path, self._scripts.get("*", nothing))
        return waiting.popleft() if waiting else then

    def _count(
        self, message_id: str | None, path: str, answer: CannedResponse
    ) -> tuple[int, bool]:
        """Return which attempt of its event this is, and whether the event was accepted before."""
        if message_id is None:
            return 1, False
        attempts, taken = self._seen.pop((path, message_id), (0, False))
        # A refused one does not count: anyone can send it, with any id.
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

    async def _list(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._ledger.clear()
            self._seen.clear()
        path = request.query_params.get("path")
        return JSONResponse([one.json() for one in self.received(path)])

    async def _set_answers(self, request: Request) -> Response:
        """``{"path": "/hook", "answers": [500, {"status": 429, "headers": {…}}], "then": 204}``."""
        try:
            given: Any = await request.json()
            answers = [read_response(one) for one in given.get("answers", [])]
            then = (
                read_response(given["then"]) if given.get("then") is not None else None
            )
        except (ValueError, AttributeError, TypeError) as problem:
            return JSONResponse({"error": str(problem)}, 400)
        self.answer(str(given.get("path", "*")), *answers, then=then)
        return JSONResponse({"answers": len(answers)})


def _answer(given: CannedResponse | int) -> CannedResponse:
    return CannedResponse(status=given) if isinstance(given, int) else given
