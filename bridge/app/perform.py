"""
One attempt at an action: begun -> sent -> judged -> a settlement.

An action is a delivery to the endpoint of its upstream. It is noted as `sending` before
anything of it is sent; whoever finds it so has found what a worker did not survive, or could
not write down, and asks the upstream what came of it instead of sending it again.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from bridge.app.action_outcome import Outcomes, unbegun
from bridge.app.outage import store_outage
from bridge.app.ports import (
    ActionStore,
    ActionUpstream,
    Begun,
    Delivery,
    Masks,
    SearchResult,
    Settlement,
    Sought,
)
from bridge.core.action import ActionState, marker_of, upstream_of
from bridge.core.action_answer import ActionAnswer, read_action_answer, retry_in
from bridge.core.button import Button
from bridge.core.delivery import MAX_CRASHES, Fault
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import Response
from bridge.core.task import TaskStatus
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds below which another request is not worth beginning: it goes with the next attempt.
TOO_LITTLE = 5.0
#: Searches after which an upstream's complete list is believed that has no such task: a request
#: may be worked on for a while before its task is listed.
SEARCHES_FOR_ABSENCE = 2

_NO_MASK = "its mask is not on the machine where a worker sends it; post it to the gateway's /mj/submit/modal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPerformer:
    """
    Attempts actions, each at most once; see `bridge.app.ports.Performer`.

    Attributes:
        store: Keeps them.

        upstreams: By name.

        masks: Those of this machine.

        endpoints: Those that may subscribe to what is reported.

        now: Returns the time, in seconds since the epoch, by this machine's clock.

        elapsed: A clock that only goes forward, in seconds.

        roll: Returns a random number in ``[0, 1)``.
    """

    store: ActionStore
    upstreams: Mapping[str, ActionUpstream]
    masks: Masks
    endpoints: Sequence[Endpoint]
    now: Callable[[], float]
    elapsed: Callable[[], float]
    roll: Callable[[], float]

    async def attempt(self, delivery: Delivery, endpoint: Endpoint) -> Settlement:
        """Make one attempt, and return what is to be settled. Never raises."""
        began = self.elapsed()
        try:
            begun = await self.store.begin(delivery)
        except BridgeError as error:
            store_outage.failed(str(error))
            return unbegun(delivery)
        if begun is None:
            return Settlement(delivery=delivery)
        work = _Work(self, delivery, endpoint, begun, began=began)
        try:
            settlement = await work.settlement()
        except BridgeError as error:
            # The store went away in the middle. What was sent stays `sending`, and is
            # looked for by whoever claims it next.
            store_outage.failed(str(error))
            return Settlement(delivery=delivery)
        except Exception as error:  # noqa: BLE001 - one never costs the others
            log.error(  # noqa: TRY400 - a traceback's locals may hold secrets
                "action.not_understood",
                action=delivery.event.id,
                error=type(error).__name__,
            )
            return work.failed()
        mask = begun.order.mask
        if (
            mask is not None
            and settlement.action is not None
            and settlement.action.ended
        ):
            self.masks.forget(mask)
        return settlement


class _Work:
    """One attempt at one action."""

    def __init__(
        self,
        performer: ActionPerformer,
        delivery: Delivery,
        endpoint: Endpoint,
        begun: Begun,
        *,
        began: float,
    ) -> None:
        self._store = performer.store
        self._upstream = performer.upstreams[upstream_of(endpoint.name) or ""]
        self._performer = performer
        self._delivery = delivery
        self._begun = begun
        self._deadline = began + endpoint.timeout
        self._outcomes = Outcomes(
            delivery=delivery,
            begun=begun,
            endpoints=performer.endpoints,
            redacted=self._upstream.redacted,
            took=lambda: performer.elapsed() - began,
            now=performer.now,
        )

    async def settlement(self) -> Settlement:
        """Do what the action's state asks for."""
        begun = self._begun
        if begun.row.state is ActionState.UNKNOWN:
            return await self._settle_search()
        if begun.row.state is not ActionState.PENDING:
            return self._outcomes.lost("the worker did not survive it")
        if begun.order.sent_at is not None:
            return self._outcomes.lost("its answer was not seen")
        if begun.now >= begun.due_until:
            why = f": {begun.row.reason}" if begun.row.reason else ""
            return self._outcomes.refused(None, f"not taken in time{why}")
        if self._delivery.crashes >= MAX_CRASHES:
            return self._outcomes.refused(None, "crashed the worker")
        order = begun.order
        if begun.modal is not None:
            return await self._send_prompt(begun.modal)
        response = await self._submit(order.route, order.body)
        answer = self._read(response, order.route)
        if answer.state is ActionState.ACCEPTED and await self._asks_more(answer):
            return await self._ask_more(answer.tasks[0], response, answer)
        return self._judged(response, answer)

    # --- requests ---------------------------------------------------------------------

    @property
    def _left(self) -> float:
        return self._deadline - self._performer.elapsed()

    async def _submit(self, route: str, body: Mapping[str, Json]) -> Response:
        left = self._left
        if left <= 0:
            # Its lease may be over, and what it sends be looked for by somebody else already.
            detail = "no time was left to send it"
            return Response(fault=Fault.TIMEOUT, detail=detail, unsent=True)
        return await self._upstream.submit(route, body, within=max(left, 1.0))

    def _read(self, response: Response, route: str) -> ActionAnswer:
        custom_id = self._begun.order.custom_id
        return read_action_answer(response, route=route, custom_id=custom_id)

    async def _asks_more(self, answer: ActionAnswer) -> bool:
        """Return whether the task that was named waits for a prompt."""
        if answer.asks_more is not None:
            return answer.asks_more
        custom_id = self._begun.order.custom_id or ""
        if Button.of(custom_id, None, None).needs_modal:
            return True
        task = await self._upstream.task(answer.tasks[0])
        return task is not None and task.status is TaskStatus.MODAL

    async def _ask_more(
        self, task_id: str, response: Response, answer: ActionAnswer
    ) -> Settlement:
        order = self._begun.order
        if not (order.prompt or "").strip() and order.mask is None:
            return self._outcomes.refused(answer.code, "needs a prompt", response)
        if not await self._store.note_modal(self._delivery, task_id):
            return Settlement(delivery=self._delivery)
        if self._left < TOO_LITTLE:
            return self._outcomes.again(
                response, answer, "its prompt is sent next", 0.0
            )
        return await self._send_prompt(task_id)

    async def _send_prompt(self, task_id: str) -> Settlement:
        route, order = "submit/modal", self._begun.order
        body: dict[str, Json] = {"taskId": task_id, "prompt": order.prompt or ""}
        if order.mask is not None:
            mask = self._performer.masks.read(order.mask)
            if mask is None:
                return self._outcomes.refused(None, _NO_MASK)
            body["maskBase64"] = f"data:image/png;base64,{b64encode(mask).decode()}"
        response = await self._submit(route, body)
        answer = self._read(response, route)
        return self._judged(response, answer, otherwise=task_id)

    # --- what came of it --------------------------------------------------------------

    def _judged(
        self, response: Response, answer: ActionAnswer, *, otherwise: str | None = None
    ) -> Settlement:
        """
        Return what an answer comes to.

        Args:
            otherwise: The task that is the child if the answer names none.
        """
        match answer.state:
            case ActionState.ACCEPTED:
                children = answer.tasks or ((otherwise,) if otherwise else ())
                return self._outcomes.accepted(
                    children, answer.code, answer.reason, response=response
                )
            case ActionState.REFUSED:
                return self._outcomes.refused(answer.code, answer.reason, response)
            case ActionState.PENDING:
                wait = retry_in(
                    answer,
                    attempts=self._delivery.attempts + 1,
                    roll=self._performer.roll(),
                )
                return self._outcomes.again(response, answer, answer.reason, wait)
        return self._outcomes.lost(answer.reason, response=response, code=answer.code)

    # --- looking for it ---------------------------------------------------------------

    async def _settle_search(self) -> Settlement:
        begun, row = self._begun, self._begun.row
        searches = begun.searches + 1
        result = await self._search()
        # What is tracked already is somebody else's.
        new = await self._store.unknown_ids(row.upstream, result.candidates)
        children = result.found or (tuple(new) if len(new) == 1 else ())
        if children:
            return self._outcomes.accepted(children, row.code, "")
        certain = searches >= SEARCHES_FOR_ABSENCE
        sends = begun.modal is None and begun.order.sent_at is None
        if result.absent and certain and not new and sends:
            return self._outcomes.absent()
        return self._outcomes.unclear(searches, last=result.blind and certain)

    async def _search(self) -> SearchResult:
        begun = self._begun
        if begun.modal is not None:
            task = await self._upstream.task(begun.modal)
            waits = task is None or task.status in {None, TaskStatus.MODAL}
            return SearchResult() if waits else SearchResult(found=(begun.modal,))
        prompt = begun.order.body.get("prompt")
        state = begun.order.body.get("state")
        marker = state if isinstance(state, str) else marker_of(begun.row.id)
        sent_at = begun.order.sent_at
        if sent_at is None:
            # By the store's clock it was sent so long ago; servers show times by their own.
            age = max(0.0, begun.now - (begun.row.sent_at or begun.now))
            sent_at = self._performer.now() - age
        return await self._upstream.search(
            Sought(
                marker=marker if begun.order.sent_at is None else None,
                task_id=begun.row.task.id if begun.row.task else None,
                custom_id=begun.order.custom_id,
                prompt=prompt if isinstance(prompt, str) else None,
                sent_at=sent_at,
            )
        )

    def failed(self) -> Settlement:
        """Return what comes of a failure of ours, at whatever point."""
        if self._begun.row.state is ActionState.UNKNOWN:
            return self._outcomes.unclear(self._begun.searches + 1, last=False)
        return self._outcomes.lost("the bridge failed in the middle of it")
