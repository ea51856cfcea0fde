"""
A gateway that is polled over HTTP.

`HttpUpstream.fetch` turns whatever a gateway does into one `FetchResult`. What it takes for
that, beyond one request, is in here:

- *Another way to ask.* Some servers have no ``list-by-condition``. Then its sibling
  ``list-by-ids`` is asked, then every task by itself. What worked is remembered, and the
  first way is tried again now and then; while that fails, what worked goes on.
- *A poison id.* One id that a gateway chokes on fails a whole batch. A refused batch is
  halved until the poison is alone; what was found to be poison is asked for by itself
  from then on. Some gateways so refuse an id that they do not know; by itself it is no
  poison, and simply missing.
- *A gateway that refuses everything* looks the same from afar. So where nothing was
  answered at all, an id that no gateway knows is asked for: if even that is refused, it
  is not the ids' fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bridge.adapters.gateway.client import (
    Gateway,
    UpstreamOptions,
    is_gone,
    is_refusal,
    is_unknown,
)
from bridge.adapters.gateway.exchange import Reply
from bridge.adapters.gateway.findings import Findings
from bridge.adapters.gateway.pace import Pace
from bridge.app.ports import FetchResult, PollError

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

    An answer with a complaint may hold tasks all the same: those that were read before
    something went wrong.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        self._timeout = options.timeout
        self._width = options.concurrency
        self._pace = Pace(options.rate)
        self._gateway = Gateway(options)
        self._way = 0  #: The place in `_LISTS` of what worked; behind them, one by one.
        self._return_at = 0.0  #: When to try the first way again, by the loop's clock.
        self._nowhere_until = 0.0  #: Until when to believe that no way leads anywhere.
        self._poisons: dict[str, None] = {}

    async def fetch(self, ids: Sequence[str]) -> FetchResult:
        """
        Ask about tasks, in one request where the gateway allows it.

        Never raises for what the gateway or the network does, and is over within
        ``timeout``.
        """
        wanted = [*dict.fromkeys(task_id.strip() for task_id in ids if task_id.strip())]
        found = Findings()
        if not wanted:
            return FetchResult()
        try:
            async with asyncio.timeout(self._timeout):
                await self._ask(wanted, found)
        except TimeoutError:
            what = f"no answer within {self._timeout:g} s"
            found.add(FetchResult(error=PollError.BROKEN, detail=what))
        self._convict(wanted, found)
        return self._answer(found)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._gateway.aclose()

    def _answer(self, found: Findings) -> FetchResult:
        told = found.error or FetchResult(detail=found.warning)
        return replace(
            told,
            tasks=found.tasks,
            detail=self._gateway.redacted(told.detail),
            poison_ids=frozenset(found.poison_ids),
            unasked=frozenset(found.unasked),
            requests=max(1, found.requests),
        )

    async def _post(self, route: str, ids: list[str], found: Findings) -> Reply:
        await self._wait_for_a_turn(found)
        return await self._gateway.ask(route, ids)

    async def _get(self, task_id: str, found: Findings) -> Reply:
        await self._wait_for_a_turn(found)
        return await self._gateway.ask_for(task_id)

    async def _wait_for_a_turn(self, found: Findings) -> None:
        """Keep to the pace: all but the first request, which was admitted by the claim."""
        found.requests += 1
        if found.requests > 1:
            await self._pace.turn()

    # --- ways to ask ------------------------------------------------------------------

    async def _ask(self, ids: list[str], found: Findings) -> None:
        now = asyncio.get_running_loop().time()
        found.hasty = now < self._nowhere_until
        first = 0 if now >= self._return_at else self._way
        gone: list[Reply] = []
        for way in (*range(first, len(_LISTS) + 1), *range(first)):
            # Better than the way that works: it may have come back, and it may not.
            is_better = first <= way < self._way
            tried = Findings(requests=found.requests) if is_better else found
            if way < len(_LISTS):
                nothing = await self._ask_list(_LISTS[way], ids, tried)
            else:
                nothing = await self._ask_each(ids, tried)
            found.requests = tried.requests
            if nothing is not None:
                gone.append(nothing)
                continue
            if is_better and tried.is_useless:
                continue
            if is_better:
                found.take(tried)
            if found.answered and (way != first or way == 0):
                self._way, self._return_at = way, now + RETURN_AFTER
            return
        if not found.hasty:
            self._nowhere_until = now + RETURN_AFTER
        found.add(self._gateway.read(gone[0], ids))

    async def _ask_list(
        self, route: str, ids: list[str], found: Findings
    ) -> Reply | None:
        """Ask for all at once; return the reply if it is that there is no such address."""
        alone = [task_id for task_id in ids if task_id in self._poisons]
        batch = [task_id for task_id in ids if task_id not in self._poisons]
        first, later = (batch, alone) if batch else (alone[:1], alone[1:])
        reply = await self._post(route, first, found)
        if is_gone(reply):
            return reply
        await self._weigh(route, first, reply, found)
        async with asyncio.TaskGroup() as group:
            for task_id in later:
                group.create_task(self._ask_part(route, [task_id], found))
        if self._are_unproven(found):
            await self._test(route, found)
        return None

    async def _ask_part(self, route: str, ids: list[str], found: Findings) -> None:
        if found.error is None:
            await self._weigh(route, ids, await self._post(route, ids, found), found)

    async def _weigh(
        self, route: str, ids: list[str], reply: Reply, found: Findings
    ) -> None:
        """Take in a reply; if it refuses several ids, ask for each half of them."""
        several = len(ids) > 1
        if not is_refusal(reply, several=several):
            found.add(self._gateway.read(reply, ids))
            if is_unknown(reply):
                found.strangers.update(ids)
        elif not several:
            found.poison_ids.update(ids)
        elif found.error is None:
            middle = len(ids) // 2
            halves = ids[:middle], ids[middle:]
            replies = await asyncio.gather(
                *(self._post(route, half, found) for half in halves)
            )
            if not found.answered and all(
                is_refusal(its_reply, several=len(half) > 1)
                for half, its_reply in zip(halves, replies, strict=True)
            ):
                # Before this becomes a request for each id: is it about them at all?
                await self._test(route, found)
            async with asyncio.TaskGroup() as group:
                for half, its_reply in zip(halves, replies, strict=True):
                    group.create_task(self._weigh(route, half, its_reply, found))

    async def _test(self, route: str, found: Findings) -> None:
        """Ask for what nobody knows: a gateway that refuses that refuses us."""
        reply = await self._post(route, [NOBODYS_ID], found)
        found.add(replace(self._gateway.read(reply, [NOBODYS_ID]), tasks={}))

    async def _ask_each(self, ids: list[str], found: Findings) -> Reply | None:
        """Ask for each alone; return the reply if it is that there is no such address."""
        gone: list[Reply] = []
        asked = 0
        loop = asyncio.get_running_loop()
        enough = loop.time() + FOR_SINGLES * self._timeout
        for start in range(0, len(ids), self._width):
            some = ids[start : start + self._width]
            if start and loop.time() >= enough:
                found.unasked.update(ids[start:])
                break
            replies = await asyncio.gather(
                *(self._get(task_id, found) for task_id in some)
            )
            asked += len(some)
            for task_id, reply in zip(some, replies, strict=True):
                if is_refusal(reply, several=False):
                    found.poison_ids.add(task_id)
                elif is_gone(reply):
                    gone.append(reply)
                else:
                    found.add(self._gateway.read(reply, [task_id], alone=True))
            if found.error is not None or (found.hasty and len(gone) == asked):
                break
        if len(gone) == asked:
            # Some servers have no other words for a task that they do not know, so this
            # takes more than the first few. But once is enough for a while.
            return gone[0]
        if self._are_unproven(found):
            reply = await self._get(NOBODYS_ID, found)
            tested = self._gateway.read(reply, [NOBODYS_ID], alone=True)
            found.add(replace(tested, tasks={}))
        return None

    # --- poison -----------------------------------------------------------------------

    def _are_unproven(self, found: Findings) -> bool:
        """Whether the suspects may be innocent: the gateway refused all there was."""
        return not found.answered and found.error is None

    def _convict(self, ids: list[str], found: Findings) -> None:
        """Remember suspects as poison, if the gateway answered anything else at all."""
        if not found.answered:
            found.poison_ids &= self._poisons.keys()
        elif found.error is None:
            for task_id in ids:
                self._poisons.pop(task_id, None)
        self._poisons.update(dict.fromkeys(found.poison_ids | found.strangers))
        for task_id in [*self._poisons][:-_MOST_POISONS]:
            del self._poisons[task_id]
