"""The operator's desk: what is done to a running deployment, by people and by the sweep."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from secrets import token_hex
from typing import Literal

from bridge.adapters.store import codec
from bridge.adapters.store.connection import Client, store_errors
from bridge.adapters.store.scripts import Scripts
from bridge.app.ports import NEARLY_FULL, Publication, Waiting
from bridge.core.endpoint import Endpoint
from bridge.core.task import TaskKey

#: Seconds beyond an endpoint's timeout after which a claimed delivery is up for others.
LEASE_MARGIN = 10.0
#: Lanes that are looked into, at most, for each old delivery that is asked for.
LANES_FOR_ONE = 10


class StoreAdmin:
    """Changes to a deployment that are not part of polling or delivering."""

    def __init__(self, client: Client, *, namespace: str, retention: float) -> None:
        self._client = client
        self._scripts = Scripts(client, namespace)
        self._prefix = self._scripts.prefix
        self._retention = retention

    async def configure(self, endpoints: Sequence[Endpoint]) -> Sequence[str]:
        """
        Tell the store which endpoints are configured here, and their limits.

        Returns:
            Those whose URL has changed; if they were disabled, they are enabled again.
        """
        rows = [
            {
                "name": endpoint.name,
                "kind": endpoint.kind,
                "concurrency": endpoint.concurrency,
                "rate": endpoint.rate.per_second if endpoint.rate else 0,
                "burst": endpoint.rate.burst if endpoint.rate else 0,
                "lease": endpoint.timeout + LEASE_MARGIN,
                "edits": int(endpoint.edits),
                "fingerprint": sha256(endpoint.url.encode()).hexdigest()[:16],
            }
            for endpoint in endpoints
        ]
        if not rows:
            return []
        changed: list[str] = await self._scripts.run("configure", [codec.dumps(rows)])
        return changed

    async def untrack(self, key: TaskKey) -> bool | None:
        """Stop to look at a task; ``None`` if it is not known, false if it was not."""
        done = await self._scripts.run("untrack", [key.upstream, key.id, token_hex(8)])
        return None if done < 0 else bool(done)

    async def switch(
        self, endpoint: str, what: Literal["pause", "resume"]
    ) -> tuple[bool, bool]:
        """Pause or resume an endpoint; say whether that changed anything, and to wake."""
        wake, changed = await self._scripts.run("switch", [endpoint, what])
        return bool(changed), bool(wake)

    async def redeliver(
        self, event_id: str, endpoint: str, *, dead_only: bool = False
    ) -> tuple[Literal["queued", "open", "recent", "unknown", "skipped"], bool]:
        """Send an event again; say what became of the wish, and whether to wake."""
        wake, outcome = await self._scripts.run(
            "redeliver", [event_id, endpoint, int(dead_only)]
        )
        return outcome, bool(wake)

    async def give_up(
        self,
        waiting: Sequence[Waiting],
        reason: str,
        notices: Sequence[Sequence[Publication]] = (),
    ) -> int:
        """
        Give up deliveries that nobody is attempting; returns how many that were.

        Args:
            waiting: Which; a few hundred at most.

            reason: Why, for a person.

            notices: For each, what operators are to hear of it.
        """
        told = notices or [()] * len(waiting)
        items = [
            {
                "endpoint": one.endpoint,
                "lane": one.lane,
                "id": one.event.id,
                "notices": [
                    {
                        "event": codec.write_event(notice.event),
                        "endpoints": list(notice.endpoints),
                    }
                    for notice in about
                ],
            }
            for one, about in zip(waiting, told, strict=True)
        ]
        given = {"retention": self._retention, "reason": reason, "items": items}
        buried: list[int] = await self._scripts.run("bury", [codec.dumps(given)])
        return sum(buried)

    async def open_before(self, cutoff: float, most: int) -> Sequence[Waiting]:
        """List open deliveries of events older than a time, the oldest first."""
        with store_errors():
            ids = await self._client.zrange(
                f"{self._prefix}open", "-inf", cutoff, byscore=True, offset=0, num=most
            )
            return [one for event_id in ids for one in await self._open(event_id)]

    async def open_at(
        self, endpoint: str, most: int, *, before: float | None = None
    ) -> Sequence[Waiting]:
        """
        List `most` deliveries that are open at an endpoint, or all if there are fewer.

        Args:
            endpoint: Its name.

            most: How many.

            before: Only those of events that are as old as this time, or were asked to be
                sent again by then. They are looked for in as many lanes as one call may.
        """
        found: list[Waiting] = []
        lanes = most if before is None else most * LANES_FOR_ONE
        with store_errors():
            async for lane in self._lanes(endpoint, lanes):
                key = f"{self._prefix}lane:{endpoint}:{lane}"
                ids = await self._client.lrange(key, 0, most - len(found) - 1)
                pipe = self._client.pipeline(transaction=False)
                for event_id in ids:
                    pipe.zscore(f"{self._prefix}open", event_id)
                    pipe.hgetall(f"{self._prefix}event:{event_id}")
                answers = await pipe.execute()
                rows = zip(ids, answers[::2], answers[1::2], strict=True)
                for event_id, since, row in rows:
                    if before is None or float(since or 0.0) <= before:
                        event = codec.read_event(event_id, row)
                        found.append(Waiting(event=event, endpoint=endpoint, lane=lane))
                if len(found) >= most:
                    break
        return found

    async def holding(self) -> Sequence[str]:
        """Name the endpoints that are paused or disabled."""
        with store_errors():
            names = await self._client.zrange(f"{self._prefix}endpoints", 0, -1)
            held = []
            for name in names:
                key = f"{self._prefix}health:{name}"
                if any(await self._client.hmget(key, ["paused", "disabled"])):
                    held.append(name)
        return held

    async def _lanes(self, endpoint: str, most: int) -> AsyncIterator[str]:
        """Name lanes of an endpoint that are not empty, wherever their heads wait."""
        for where in ("fresh", "retry", "woken", "edits", "flight"):
            key = f"{self._prefix}{where}:{endpoint}"
            for lane in await self._client.zrange(key, 0, most - 1):
                yield lane
        for member in await self._client.zrange(f"{self._prefix}suspects", 0, -1):
            name, _, lane = member.partition("|")
            if name == endpoint:
                yield lane

    async def _open(self, event_id: str) -> Sequence[Waiting]:
        row = await self._client.hgetall(f"{self._prefix}event:{event_id}")
        if not row:
            return ()
        event = codec.read_event(event_id, row)
        pending = [
            name.removeprefix("to:")
            for name, state in row.items()
            if name.startswith("to:") and state == "pending"
        ]
        found = []
        for endpoint in pending:
            again = f"{self._prefix}lane:{endpoint}:~{event_id}"
            redelivery = await self._client.exists(again)
            lane = f"~{event_id}" if redelivery else event.subject
            found.append(Waiting(event=event, endpoint=endpoint, lane=lane))
        return found

    async def unconfigured(self, since: float) -> Sequence[str]:
        """Name the endpoints that no worker has had configured since a time."""
        with store_errors():
            return await self._client.zrange(
                f"{self._prefix}endpoints", "-inf", since, byscore=True
            )

    async def forget_endpoint(self, name: str, since: float) -> bool:
        """Forget an endpoint not configured since a time, unless something waits for it."""
        return bool(await self._scripts.run("forget_endpoint", [name, since]))

    async def tidy(self, most: int) -> int:
        """Forget what was kept for `retention`; returns how much, `most` of a kind."""
        forgotten: int = await self._scripts.run("tidy", [self._retention, most])
        return forgotten

    async def watch_memory(self) -> float | None:
        """
        Say which share of the store's memory is used; ``None`` if it has no limit.

        Above `NEARLY_FULL` polling pauses for the next 15 s, so that what is known can
        still be delivered.
        """
        with store_errors():
            facts = await self._client.info("memory")
            limit = int(facts.get("maxmemory", 0))
            if not limit:
                return None
        share = int(facts["used_memory"]) / limit
        await self._scripts.run(
            "note", ["full", "1" if share >= NEARLY_FULL else "", 15]
        )
        return share

    async def clock(self) -> float:
        """Return the store's clock, in seconds since the epoch."""
        with store_errors():
            seconds, micros = await self._client.time()
        return float(seconds) + float(micros) / 1e6

    async def beat(self, now: float) -> None:
        """Leave the heartbeat that proves beat, broker and a worker at once."""
        await self._scripts.run("note", ["heartbeat", f"{now:.3f}", 0])
