"""What the sweep does to a running deployment, besides what people do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.adapters.store import codec
from bridge.adapters.store.admin import StoreAdmin
from bridge.adapters.store.keyspace import Keyspace
from bridge.adapters.store.readiness import SCHEMA
from bridge.app.ports import Waiting
from bridge.core.action import upstream_of


class StoreHousekeeping(StoreAdmin):
    """What nothing else would notice; see `bridge.app.housekeeping.HousekeepingStore`."""

    def __init__(self, keys: Keyspace) -> None:
        super().__init__(keys)
        #: How many open events the last calls of `restore_deliveries` have passed.
        self._passed = 0

    async def was_emptied(self) -> bool:
        """Return, once, whether the store has lost all that it held."""
        kept = await self._keys.exists("schema")
        return not kept and await self._keys.keep("schema", SCHEMA) == SCHEMA

    async def beat(self, now: float) -> None:
        """Leave the heartbeat that proves beat, broker and a worker at once."""
        await self._keys.run("mark", "heartbeat", f"{now:.3f}", 0)

    async def hook_endpoints(self) -> Sequence[str]:
        """Name the endpoints that stand for hooks of tasks that are kept."""
        return list(await self._keys.hash("hooks"))

    async def action_endpoints(self) -> Sequence[str]:
        """Name the endpoints that stand for the upstreams of actions that there were."""
        names = await self._keys.members("endpoints")
        return [name for name in names if upstream_of(name) is not None]

    async def holding(self) -> Sequence[str]:
        """Name the endpoints that are paused or disabled."""
        names = await self._keys.members("endpoints")
        rows = await self._keys.hashes(f"health:{name}" for name in names)
        return [
            name
            for name, row in zip(names, rows, strict=True)
            if "paused" in row or "disabled" in row
        ]

    async def unconfigured(self, since: float) -> Sequence[str]:
        """Name the endpoints that no worker has had configured since a time."""
        return await self._keys.members_until("endpoints", since)

    async def forget_endpoint(self, name: str, since: float) -> bool:
        """Forget an endpoint not configured since a time, unless something waits for it."""
        return bool(await self._keys.run("forget_endpoint", name, since))

    async def open_before(self, cutoff: float, most: int) -> Sequence[Waiting]:
        """List open deliveries of events older than a time, the oldest first."""
        ids = await self._keys.members_until("open", cutoff, most)
        return [one for event_id in ids for one in await self._open(event_id)]

    async def _open(self, event_id: str) -> Sequence[Waiting]:
        row = await self._keys.hash(f"event:{event_id}")
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
            redelivery = await self._keys.exists(f"lane:{endpoint}:~{event_id}")
            lane = f"~{event_id}" if redelivery else event.subject
            found.append(Waiting(event=event, endpoint=endpoint, lane=lane))
        return found

    async def follow_clock(
        self, upstreams: Iterable[str], rules: Iterable[str], most: int
    ) -> int:
        """Where the store's clock was set back, move what waits back with it."""
        names = {"upstreams": list(upstreams), "rules": list(rules)}
        moved: int = await self._keys.run("follow_clock", most, codec.dumps(names))
        return moved

    async def restore_tasks(
        self, upstream: str, passed: int, most: int
    ) -> tuple[int, int]:
        """Have tasks polled again that are tracked and nowhere due."""
        examined, restored = await self._keys.run(
            "restore_tasks", upstream, passed, most
        )
        return examined, restored

    async def restore_deliveries(self, most: int) -> int:
        """Have deliveries made that are open and waited nowhere; return how many."""
        examined, restored = await self._keys.run(
            "restore_deliveries", self._keys.retention, self._passed, most
        )
        self._passed = self._passed + examined if examined == most else 0
        return int(restored)

    async def tidy(self, most: int) -> int:
        """Forget what was kept for `retention`, up to `most` of a kind; return how much."""
        forgotten: int = await self._keys.run("tidy", self._keys.retention, most)
        return forgotten
