"""
A gateway that is polled over HTTP.

`HttpUpstream.fetch` turns whatever a gateway does into one `FetchResult`. What it takes for
that, beyond one request, is in here:

- *Another way to ask.* Some servers have no ``list-by-condition``. Then its sibling
  ``list-by-ids`` is asked, then every task by itself. What worked is remembered, and the
  first way is tried again now and then; while that fails, what worked goes on.
- *A poison id.* One id that a gateway chokes on fails a whole batch. A refused batch is
  halved until the poison is alone; what was found to be poison is asked for by itself
  from then on. Some gateways so refuse an id that they do not know; by itself it is not
  poison, and simply missing.
- *A gateway that refuses everything* looks the same from afar. So where nothing was
  answered at all, an id that no gateway knows is asked for: if even that is refused, it
  is not the ids' fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bridge.adapters.gateway.client import (
    GatewayClient,
    Pace,
    UpstreamOptions,
    is_gone,
    is_refusal,
    is_unknown,
)
from bridge.app.ports import FetchResult, PollError
from bridge.core.http import Response
from bridge.core.task import TaskSnapshot

__all__ = ["HttpUpstream", "UpstreamOptions"]

#: Seconds after which the first way to ask is tried again.
RETURN_AFTER = 600.0
#: Well-formed, and known to nobody: ids begin with the time of their submission, and this
#: one's is in 2001.
NOBODYS_ID = "1000000000000000"
#: The share of the timeout in which another request for one task is begun. The others
#: are left for the next time, which is soon.
FOR_SINGLES = 0.6
#: Ids that are remembered as poison.
_MOST_POISONS = 1000

#: The ways to ask for several tasks at once, the usual one first.
_LISTS = ("task/list-by-condition", "task/list-by-ids")


@dataclass(slots=True)
class _FetchState:
    """What the requests of one `fetch` have brought so far."""

    tasks: dict[str, TaskSnapshot] = field(default_factory=dict)
    poison_ids: set[str] = field(default_factory=set)
    unknown_ids: set[str] = field(
        default_factory=set
    )  #: Unknown, and refused for that.
    error: FetchResult | None = None
    warning: str = ""
    answered: bool = False  #: Whether any request had a valid answer.
    requests: int = 0  #: How many there were.
    unasked: set[str] = field(default_factory=set)  #: For want of time.
    stop_early: bool = False  #: Whether to take the first few answers for all of them.

    def add(self, result: FetchResult) -> None:
        """Merge the result of one request; the first error is the one that is reported."""
        if result.error is not None:
            self.error = self.error or result
            return
        self.answered = True
        self.tasks.update(result.tasks)
        self.warning = self.warning or result.detail

    def merge(self, other: _FetchState) -> None:
        """Merge all that another way has brought."""
        self.tasks.update(other.tasks)
        self.poison_ids |= other.poison_ids
        self.unknown_ids |= other.unknown_ids
        self.unasked |= other.unasked
        self.error = self.error or other.error
        self.warning = self.warning or other.warning
        self.answered = self.answered or other.answered

    @property
    def is_useless(self) -> bool:
        """Whether it brought nothing but a failure that says nothing of us."""
        if self.answered or self.error is None:
            return False
        return self.error.error in {PollError.BROKEN, PollError.MISPLACED}

    @property
    def all_refused(self) -> bool:
        """Whether the poison may be innocent: the gateway refused all there was."""
        return not self.answered and self.error is None


class HttpUpstream:
    """
    A `bridge.app.ports.Upstream` over HTTP, for one event loop.

    A result with an error may hold tasks all the same: those that were read before
    something went wrong.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        self._timeout = options.timeout
        self._width = options.concurrency
        self._pace = Pace(options.rate)
        self._client = GatewayClient(options)
        self._way = 0  #: The place in `_LISTS` of what worked; behind them, one by one.
        self._return_at = 0.0  #: When to try the first way again, by the loop's clock.
        self._nowhere_until = 0.0  #: Until when to believe that no way leads anywhere.
        self._poisons: dict[str, None] = {}

    async def fetch(self, ids: Sequence[str]) -> FetchResult:
        """
        Ask about tasks, in one request where the gateway allows it.

        Never raises for what the gateway or the network does, and ends within
        ``timeout``.
        """
        wanted = [*dict.fromkeys(task_id.strip() for task_id in ids if task_id.strip())]
        state = _FetchState()
        if not wanted:
            return FetchResult()
        try:
            async with asyncio.timeout(self._timeout):
                await self._ask(wanted, state)
        except TimeoutError:
            what = f"no answer within {self._timeout:g} s"
            state.add(FetchResult(error=PollError.BROKEN, detail=what))
        self._update_poison_ids(wanted, state)
        return self._result(state)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def _result(self, state: _FetchState) -> FetchResult:
        result = state.error or FetchResult(detail=state.warning)
        return replace(
            result,
            tasks=state.tasks,
            detail=self._client.redacted(result.detail),
            poison_ids=frozenset(state.poison_ids),
            unasked=frozenset(state.unasked),
            requests=max(1, state.requests),
        )

    async def _post(self, route: str, ids: list[str], state: _FetchState) -> Response:
        await self._wait_for_a_turn(state)
        return await self._client.ask(route, ids)

    async def _get(self, task_id: str, state: _FetchState) -> Response:
        await self._wait_for_a_turn(state)
        return await self._client.ask_for(task_id)

    async def _wait_for_a_turn(self, state: _FetchState) -> None:
        """Keep to the pace: all but the first request, which was admitted by the claim."""
        state.requests += 1
        if state.requests > 1:
            await self._pace.turn()

    # --- ways to ask ------------------------------------------------------------------

    async def _ask(self, ids: list[str], state: _FetchState) -> None:
        now = asyncio.get_running_loop().time()
        state.stop_early = now < self._nowhere_until
        first = 0 if now >= self._return_at else self._way
        gone: list[Response] = []
        for way in (*range(first, len(_LISTS) + 1), *range(first)):
            # Better than the way that works: it may have come back, and it may not.
            is_better = first <= way < self._way
            tried = _FetchState(requests=state.requests) if is_better else state
            if way < len(_LISTS):
                nothing = await self._ask_list(_LISTS[way], ids, tried)
            else:
                nothing = await self._ask_each(ids, tried)
            state.requests = tried.requests
            if nothing is not None:
                gone.append(nothing)
                continue
            if is_better and tried.is_useless:
                continue
            if is_better:
                state.merge(tried)
            if state.answered and (way != first or way == 0):
                self._way, self._return_at = way, now + RETURN_AFTER
            return
        if not state.stop_early:
            self._nowhere_until = now + RETURN_AFTER
        state.add(self._client.read(gone[0], ids))

    async def _ask_list(
        self, route: str, ids: list[str], state: _FetchState
    ) -> Response | None:
        """Ask for all at once; return the answer if it is that there is no such address."""
        alone = [task_id for task_id in ids if task_id in self._poisons]
        batch = [task_id for task_id in ids if task_id not in self._poisons]
        first, later = (batch, alone) if batch else (alone[:1], alone[1:])
        response = await self._post(route, first, state)
        if is_gone(response):
            return response
        await self._classify(route, first, response, state)
        async with asyncio.TaskGroup() as group:
            for task_id in later:
                group.create_task(self._ask_part(route, [task_id], state))
        if state.all_refused:
            await self._probe(route, state)
        return None

    async def _ask_part(self, route: str, ids: list[str], state: _FetchState) -> None:
        if state.error is None:
            response = await self._post(route, ids, state)
            await self._classify(route, ids, response, state)

    async def _classify(
        self, route: str, ids: list[str], response: Response, state: _FetchState
    ) -> None:
        """Merge an answer; if it refuses several ids, ask for each half of them."""
        several = len(ids) > 1
        if not is_refusal(response, several=several):
            state.add(self._client.read(response, ids))
            if is_unknown(response):
                state.unknown_ids.update(ids)
        elif not several:
            state.poison_ids.update(ids)
        elif state.error is None:
            middle = len(ids) // 2
            halves = ids[:middle], ids[middle:]
            responses = await asyncio.gather(
                *(self._post(route, half, state) for half in halves)
            )
            answers = list(zip(halves, responses, strict=True))
            if not state.answered and all(
                is_refusal(its_own, several=len(half) > 1) for half, its_own in answers
            ):
                # Before this becomes a request for each id: is it about them at all?
                await self._probe(route, state)
            async with asyncio.TaskGroup() as group:
                for half, its_own in answers:
                    group.create_task(self._classify(route, half, its_own, state))

    async def _probe(self, route: str, state: _FetchState) -> None:
        """Ask for what nobody knows: a gateway that refuses that refuses us."""
        response = await self._post(route, [NOBODYS_ID], state)
        state.add(replace(self._client.read(response, [NOBODYS_ID]), tasks={}))

    async def _ask_each(self, ids: list[str], state: _FetchState) -> Response | None:
        """Ask for each alone; return the answer if it is that there is no such address."""
        gone: list[Response] = []
        asked = 0
        loop = asyncio.get_running_loop()
        enough = loop.time() + FOR_SINGLES * self._timeout
        for start in range(0, len(ids), self._width):
            some = ids[start : start + self._width]
            if start and loop.time() >= enough:
                state.unasked.update(ids[start:])
                break
            responses = await asyncio.gather(
                *(self._get(task_id, state) for task_id in some)
            )
            asked += len(some)
            for task_id, response in zip(some, responses, strict=True):
                if is_refusal(response, several=False):
                    state.poison_ids.add(task_id)
                elif is_gone(response):
                    gone.append(response)
                else:
                    state.add(self._client.read(response, [task_id], alone=True))
            if state.error is not None or (state.stop_early and len(gone) == asked):
                break
        if len(gone) == asked:
            # Some servers have no other words for a task that they do not know, so this
            # takes more than the first few. But once is enough for a while.
            return gone[0]
        if state.all_refused:
            response = await self._get(NOBODYS_ID, state)
            tested = self._client.read(response, [NOBODYS_ID], alone=True)
            state.add(replace(tested, tasks={}))
        return None

    def _update_poison_ids(self, ids: list[str], state: _FetchState) -> None:
        """Remember refused ids as poison, if the gateway answered anything else at all."""
        if not state.answered:
            state.poison_ids &= self._poisons.keys()
        elif state.error is None:
            for task_id in ids:
                self._poisons.pop(task_id, None)
        self._poisons.update(dict.fromkeys(state.poison_ids | state.unknown_ids))
        for task_id in [*self._poisons][:-_MOST_POISONS]:
            del self._poisons[task_id]
