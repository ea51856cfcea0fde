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
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.adapters.gateway.client import (
    GatewayClient,
    Pace,
    UpstreamOptions,
    is_gone,
    is_refusal,
    is_unknown,
)
from bridge.adapters.gateway.fetch_state import FetchState
from bridge.app.ports import FetchResult, PollError
from bridge.core.http import Response

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

    async def fetch(
        self, ids: Sequence[str], known: Mapping[str, str] | None = None
    ) -> FetchResult:
        """Ask about tasks, in one request where the gateway allows it, within ``timeout``."""
        wanted = [*dict.fromkeys(task_id.strip() for task_id in ids if task_id.strip())]
        state = FetchState(known=known or {})
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

    def _result(self, state: FetchState) -> FetchResult:
        result = state.error or FetchResult(detail=state.warning)
        # What was listed by one of several requests stands beside what others have brought.
        strangers = () if state.tasks or state.unchanged else state.strangers
        return replace(
            result,
            tasks=state.tasks,
            unchanged=frozenset(state.unchanged),
            detail=self._client.redacted(result.detail),
            poison_ids=frozenset(state.poison_ids),
            unasked=frozenset(state.unasked),
            strangers=frozenset(map(self._client.redacted, strangers)),
            requests=max(1, state.requests),
        )

    async def _post(self, route: str, ids: list[str], state: FetchState) -> Response:
        await self._wait_for_a_turn(state)
        return await self._client.ask(route, ids)

    async def _get(self, task_id: str, state: FetchState) -> Response:
        await self._wait_for_a_turn(state)
        return await self._client.ask_for(task_id)

    async def _wait_for_a_turn(self, state: FetchState) -> None:
        """Keep to the pace: all but the first request, which was admitted by the claim."""
        state.requests += 1
        if state.requests > 1:
            await self._pace.turn()

    # --- ways to ask ------------------------------------------------------------------

    async def _ask(self, ids: list[str], state: FetchState) -> None:
        now = asyncio.get_running_loop().time()
        state.stop_early = now < self._nowhere_until
        first = 0 if now >= self._return_at else self._way
        gone: list[Response] = []
        for way in (*range(first, len(_LISTS) + 1), *range(first)):
            # Better than the way that works: it may have come back, and it may not.
            is_better = first <= way < self._way
            tried = (
                FetchState(known=state.known, requests=state.requests)
                if is_better
                else state
            )
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
        self, route: str, ids: list[str], state: FetchState
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

    async def _ask_part(self, route: str, ids: list[str], state: FetchState) -> None:
        if state.error is None:
            response = await self._post(route, ids, state)
            await self._classify(route, ids, response, state)

    async def _classify(
        self, route: str, ids: list[str], response: Response, state: FetchState
    ) -> None:
        """Merge an answer; if it refuses several ids, ask for each half of them."""
        several = len(ids) > 1
        if not is_refusal(response, several=several):
            state.add(self._client.read(response, ids, known=state.known))
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

    async def _probe(self, route: str, state: FetchState) -> None:
        """Ask for what nobody knows: a gateway that refuses that refuses us."""
        response = await self._post(route, [NOBODYS_ID], state)
        state.add(replace(self._client.read(response, [NOBODYS_ID]), tasks={}))

    async def _ask_each(self, ids: list[str], state: FetchState) -> Response | None:
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

    def _update_poison_ids(self, ids: list[str], state: FetchState) -> None:
        """Remember refused ids as poison, if the gateway answered anything else at all."""
        if not state.answered:
            state.poison_ids &= self._poisons.keys()
        elif state.error is None:
            for task_id in ids:
                self._poisons.pop(task_id, None)
        self._poisons.update(dict.fromkeys(state.poison_ids | state.unknown_ids))
        for task_id in [*self._poisons][:-_MOST_POISONS]:
            del self._poisons[task_id]
