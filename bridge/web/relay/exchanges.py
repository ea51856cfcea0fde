"""
Exchanges: a request that was let in, its answer from the upstream, and what is noted of both.

Rule 1: nothing is ever sent twice. A submission has a connection of its own, and whatever
happens after it was sent is its client's to judge.
Rule 2: what an answer says is noted before its client sees it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from time import monotonic, time
from typing import Any

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.app.ports import Answer, NotPassedOn, Sent, Submitted
from bridge.app.tracking import Tracking
from bridge.core.delivery import Fault
from bridge.core.hook import Hook, HookFormat
from bridge.core.submission import makes_tasks, new_tasks
from bridge.core.task import why_not_an_id
from bridge.errors import Misconfigured
from bridge.runtime.relay import GatewayServices
from bridge.web.relay.admitted import Admitted
from bridge.web.relay.answering import refusal, send_answer
from bridge.web.relay.collapse import Collapse, WholeAnswer
from bridge.web.relay.members import Members, Unread

log = structlog.get_logger(__name__)

#: Bytes of an answer to a submission that are looked at. A longer one is passed on, and no
#: server of the family sends one.
MAX_TAKEN = 1024 * 1024
#: Bytes of a question that can be shared, and of an answer to one.
MAX_QUESTION, MAX_ANSWER = 256 * 1024, 16 * 1024 * 1024

#: Members of a submission by which its task can be found.
_SOUGHT_BY = ("customId", "taskId", "prompt")

#: What came of a submission beside its answer.
LATER, HOOK_REFUSED = "later", "hook-refused"


class Exchanges:
    """Passes requests on, and notes what comes of them."""

    def __init__(
        self, services: GatewayServices, tracking: Tracking, *, collapse: float
    ) -> None:
        """
        Bind it to a deployment.

        Args:
            services: What the gateway stands on.

            tracking: Reads hooks.

            collapse: Seconds in which equal questions share an answer.
        """
        self._services = services
        self._tracking = tracking
        self._collapse = Collapse(collapse)

    async def serve(
        self, request: Admitted, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Pass a request on, and its answer back; its body is closed then."""
        work = self._exchange(request, send)
        try:
            if request.method == "POST":
                await self._services.to_its_end(work)
            else:
                await _while_connected(work, receive)
        except NotPassedOn as error:
            await self._failed(request, error)(scope, receive, send)

    async def _exchange(self, request: Admitted, send: Send) -> None:
        try:
            if request.target.is_submission:
                await self._submit(request, send)
            elif request.target.is_question and request.body.length <= MAX_QUESTION:
                await self._ask(request, send)
            else:
                await self._pass(request, send)
        finally:
            request.body.close()

    # --- submissions --------------------------------------------------------------------

    async def _submit(self, request: Admitted, send: Send) -> None:
        """Submit once, and track the new tasks before the client hears of them."""
        members = await request.body.read_members(*_SOUGHT_BY, cut="notifyHook")
        hook, hook_refused = self._read_hook(members)
        route, upstream = request.target.route, request.caller.upstream
        told = {name: _text(members.found.get(name)) for name in _SOUGHT_BY}
        custom_id = told["customId"]
        makes = makes_tasks(route, custom_id)
        proxy = self._services.proxies[upstream]
        sent = Sent(
            upstream=upstream,
            route=route,
            at=time(),
            prompt=told["prompt"],
            task_id=told["taskId"],
            custom_id=custom_id,
            hook=hook,
        )
        with self._noted(sent if makes else None) as noted:
            async with proxy.send(request.passed(alone=True)) as answer:
                body, is_whole = await _beginning(answer.body, MAX_TAKEN)
                ids: tuple[str, ...] = ()
                if is_whole and makes:
                    ids = new_tasks(
                        route,
                        status=answer.status,
                        body=proxy.unpacked(body, _encoding(answer)),
                        custom_id=custom_id,
                    )
                submitted = Submitted(
                    upstream=upstream, ids=ids, hook=hook, hook_refused=hook_refused
                )
                marks = await self._note(submitted)
                noted.set()
                await send_answer(
                    send,
                    status=answer.status,
                    headers=answer.headers,
                    body=body,
                    rest=None if is_whole else answer.body,
                    marks=marks,
                )

    @contextmanager
    def _noted(self, sent: Sent | None) -> Iterator[asyncio.Event]:
        """
        Have a submission looked for if its answer is not seen within the block.

        Yields:
            What is set once its answer is known.
        """
        answered = asyncio.Event()
        entry = self._services.unanswered.begin(sent) if sent is not None else None
        try:
            yield answered
        except NotPassedOn as error:
            if error.unsent:
                answered.set()
            raise
        finally:
            if entry is not None:
                entry.close(answered=answered.is_set())

    def _read_hook(self, members: Members) -> tuple[Hook | None, str]:
        """Return the hook that is asked for, and why it is refused."""
        url = members.found.get("notifyHook")
        if isinstance(url, Unread) or members.too_many:
            return None, "a hook is one URL"
        if not url:
            return None, ""
        try:
            return self._tracking.read_hook(url, HookFormat.MIDJOURNEY), ""
        except Misconfigured as error:
            return None, str(error)

    async def _note(self, submitted: Submitted) -> list[str]:
        """Track new tasks, now or later; return what there is to say beside the answer."""
        marks = []
        noted: Submitted | None = submitted
        if submitted.ids:
            noted = await self._services.intake.take(submitted)
        if noted is None:
            marks.append(LATER)
        if (noted or submitted).hook_refused:
            marks.append(HOOK_REFUSED)
        return marks

    # --- questions ----------------------------------------------------------------------

    async def _ask(self, request: Admitted, send: Send) -> None:
        """Ask, or share the answer that the same client has just got to the same question."""
        body = await request.body.whole()
        question = (
            request.caller,
            request.method,
            request.target,
            request.query,
            tuple(request.headers.items()),
            body,
        )

        async def ask() -> WholeAnswer:
            return await self._answer(request, body)

        found = await self._collapse.ask(question, ask)
        await send_answer(
            send, status=found.status, headers=found.headers, body=found.body
        )

    async def _answer(self, request: Admitted, question: bytes) -> WholeAnswer:
        upstream = request.caller.upstream
        proxy = self._services.proxies[upstream]
        began = monotonic()
        async with proxy.send(request.passed(alone=False)) as answer:
            body, is_whole = await _beginning(answer.body, MAX_ANSWER)
            if not is_whole:
                raise NotPassedOn(Fault.CONNECTION, "the answer is too large")
            if 200 <= answer.status < 300:
                ids = _asked_for(request, question)
                said = proxy.read(body, _encoding(answer), ids)
                await self._services.observer.observe(
                    upstream, said, duration=monotonic() - began
                )
            return WholeAnswer(
                status=answer.status, headers=tuple(answer.headers), body=body
            )

    # --- all else -----------------------------------------------------------------------

    async def _pass(self, request: Admitted, send: Send) -> None:
        """Pass on what there is nothing to note of."""
        proxy = self._services.proxies[request.caller.upstream]
        passed = request.passed(alone=request.method == "POST")
        async with proxy.send(passed) as answer:
            await send_answer(
                send,
                status=answer.status,
                headers=answer.headers,
                body=b"",
                rest=answer.body,
            )

    def _failed(self, request: Admitted, error: NotPassedOn) -> Response:
        """Return what a client is told whose request got no answer."""
        upstream, route = request.caller.upstream, request.target.route
        log.warning(
            "gateway.no_answer", upstream=upstream, route=route, detail=error.detail
        )
        why = f"the upstream {upstream} did not answer: {error.detail}"
        if request.target.is_submission and error.unsent:
            why += "; nothing was submitted"
        elif request.target.is_submission:
            why += "; it may have taken the submission all the same"
        return refusal(504 if error.fault is Fault.TIMEOUT else 502, why)


async def _beginning(body: AsyncIterator[bytes], most: int) -> tuple[bytes, bool]:
    """Read a body until it ends or is long enough; return that, and whether it is all."""
    begun = bytearray()
    async for piece in body:
        begun += piece
        if len(begun) > most:
            return bytes(begun), False
    return bytes(begun), True


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _encoding(answer: Answer) -> str:
    return dict(answer.headers).get("content-encoding", "")


def _asked_for(request: Admitted, question: bytes) -> list[str]:
    """Return the ids of the tasks that a question is about; some clients send numbers."""
    if request.target.fetched is not None:
        return [request.target.fetched]
    try:
        asked = json.loads(question)["ids"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    if not isinstance(asked, list):
        return []
    ids = (str(one).strip() for one in asked if isinstance(one, str | int))
    return [one for one in ids if why_not_an_id(one) is None]


async def _while_connected(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do work for as long as its client is there."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        leaving.cancel()
        task.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)
