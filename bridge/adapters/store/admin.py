"""What people and programs do to a running deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import sha256
from secrets import token_hex
from typing import Literal

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import (
    NEARLY_FULL,
    Publication,
    RedeliveryResult,
    SignedOn,
    StoreMemory,
    Waiting,
)
from bridge.core.endpoint import Endpoint
from bridge.core.task import TaskKey
from bridge.errors import StoreForbids

#: Seconds beyond an endpoint's timeout after which a claimed delivery is up for others.
LEASE_MARGIN = 10.0
#: Lanes that are searched, at most, for each old delivery that is asked for.
LANES_FOR_ONE = 10


class StoreAdmin:
    """Changes a deployment; see `bridge.app.ports.Admin`."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def configure(self, endpoints: Sequence[Endpoint]) -> Sequence[str]:
        """Make endpoints and their limits known to the store; name those whose URL has changed."""
        rows = [
            {
                "name": endpoint.name,
                "kind": endpoint.kind,
                "concurrency": endpoint.concurrency,
                "rate": endpoint.rate.per_second if endpoint.rate else 0,
                "burst": endpoint.rate.burst if endpoint.rate else 0,
                "lease": endpoint.timeout + LEASE_MARGIN,
                "edits": int(endpoint.edits),
                "wait": endpoint.wait,
                "fingerprint": sha256(endpoint.url.encode()).hexdigest()[:16],
            }
            for endpoint in endpoints
        ]
        if not rows:
            return []
        changed: list[str] = await self._keys.run("configure", codec.dumps(rows))
        return changed

    async def untrack(self, key: TaskKey) -> bool | None:
        """Stop polling a task; ``None`` if it is unknown, false if it was not polled."""
        done = await self._keys.run("untrack", key.upstream, key.id, token_hex(8))
        return None if done < 0 else bool(done)

    async def switch(
        self,
        endpoint: str,
        what: Literal["pause", "resume"],
        *,
        request: str | None = None,
    ) -> bool:
        """Pause or resume an endpoint; return whether that changed anything."""
        return bool(await self._keys.run("switch", endpoint, what, request or ""))

    async def redeliver(
        self,
        deliveries: Sequence[tuple[str, str]],
        *,
        dead_only: bool = False,
        request: str | None = None,
    ) -> Sequence[RedeliveryResult]:
        """Queue events to be sent again; return for each whether it was queued, or why not."""
        given = {
            "deliveries": deliveries,
            "dead_only": dead_only,
            "request": request or "",
            "part": f"queued:{sha256(repr(deliveries).encode()).hexdigest()[:16]}",
        }
        results: list[RedeliveryResult] = await self._keys.run(
            "redeliver", codec.dumps(given)
        )
        return results

    async def give_up(
        self,
        waiting: Sequence[Waiting],
        reason: str,
        notices: Sequence[Sequence[Publication]] = (),
        *,
        by_hand: bool = False,
    ) -> int:
        """Give up deliveries that nobody is attempting; return how many those were."""
        about = notices or [()] * len(waiting)
        items = [
            {
                "endpoint": one.endpoint,
                "lane": one.lane,
                "id": one.event.id,
                "notices": [codec.write_publication(notice) for notice in reports],
            }
            for one, reports in zip(waiting, about, strict=True)
        ]
        given: dict[str, object] = {"reason": reason, "by_hand": by_hand}
        given |= {"retention": self._keys.retention, "items": items}
        given_up: list[int] = await self._keys.run("give_up", codec.dumps(given))
        return sum(given_up)

    async def open_at(
        self, endpoint: str, most: int, *, before: float | None = None
    ) -> Sequence[Waiting]:
        """List deliveries that are open at an endpoint, or those older than a time."""
        found: list[Waiting] = []
        lanes = most if before is None else most * LANES_FOR_ONE
        async for lane in self._lanes(endpoint, lanes):
            ids = await self._keys.items(f"lane:{endpoint}:{lane}", most - len(found))
            if before is not None:
                times = await self._keys.scores(("open", event_id) for event_id in ids)
                dated = zip(ids, times, strict=True)
                ids = [event_id for event_id, at in dated if (at or 0.0) <= before]
            rows = await self._keys.hashes(f"event:{event_id}" for event_id in ids)
            for event_id, row in zip(ids, rows, strict=True):
                event = codec.read_event(event_id, row)
                found.append(Waiting(event=event, endpoint=endpoint, lane=lane))
            if len(found) >= most:
                break
        return found

    async def _lanes(self, endpoint: str, most: int) -> AsyncIterator[str]:
        """Name lanes of an endpoint that are not empty, wherever their heads wait."""
        for where in ("fresh", "retry", "woken", "edits", "flight"):
            for lane in await self._keys.members(f"{where}:{endpoint}", most):
                yield lane
        for member in await self._keys.members("suspects"):
            name, _, lane = member.partition("|")
            if name == endpoint:
                yield lane

    async def watch_memory(self) -> StoreMemory | None:
        """Return how the store's memory stands; ``None`` if we may not know it."""
        try:
            facts = await self._keys.info("memory")
        except StoreForbids:  # `mjbridge check` says so
            return None
        limit = int(facts.get("maxmemory", 0))
        share = int(facts["used_memory"]) / limit if limit else 0.0
        await self._keys.run("mark", "full", "1" if share >= NEARLY_FULL else "", 15)
        policy = str(facts.get("maxmemory_policy", "noeviction"))
        return StoreMemory(share=share, evicts=policy.replace("noeviction", ""))

    async def pause_rules(self, *, paused: bool) -> None:
        """Have no rule press anything, or have them press again."""
        await self._keys.run("mark", "rules:paused", "1" if paused else "", 0)

    async def rules_paused(self) -> bool:
        """Check whether rules press nothing."""
        return await self._keys.exists("rules:paused")

    async def secret_key(self, new: str) -> str:
        """Return the secret that the deployment keeps; *new*, from now on, if it has none."""
        return await self._keys.keep("secret_key", new)

    async def deployment_id(self, new: str) -> str:
        """Return what the deployment is known by; *new*, from now on, if it has no id yet."""
        return await self._keys.keep("id", new)

    async def try_write(self) -> None:
        """Check that changes can be recorded."""
        await self._keys.try_write()

    async def clock(self) -> float:
        """Return the store's clock, in seconds since the epoch."""
        return await self._keys.clock()

    async def sign_on(self, queues: Iterable[str], digest: str) -> SignedOn:
        """
        Note that a worker is there.

        Args:
            queues: Those that it serves.

            digest: Tells its configuration from others.
        """
        reply = await self._keys.run("sign_on", digest, *queues)
        now, answered_at, others_at = reply
        return SignedOn(
            now=float(now),
            answered_at=float(answered_at) if answered_at else None,
            others_at=float(others_at) if others_at else None,
        )
