"""
Whatever happens, in whatever order: at most one attempt per lane is under way, events of
a lane come in their order, and nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from bridge.adapters.store.connection import connect
from bridge.app.ports import ClaimLimits, Delivery
from bridge.core.endpoint import Rate
from bridge.core.event import Event
from tests.contract.anatomy import examine
from tests.contract.bench import Bench, delivered, endpoint
from tests.stores import fresh_namespace

Result = TypeVar("Result")

NAMES = st.sampled_from(["a", "b"])
LANES = st.sampled_from(["u", "v", "w"])
PASSING = ("task.started", "task.progress", "task.progress")
KINDS = st.sampled_from([*PASSING, "task.action_required"])
SECONDS = st.sampled_from([0.5, 6.0, 31.0, 65.0, 400.0])
ANY = st.integers(0, 1000)


class History(RuleBasedStateMachine):
    """Two endpoints, three tasks, and workers that do what they like."""

    redis_url: ClassVar[str]
    namespace: ClassVar[str]
    numbers: ClassVar[count[int]] = count()
    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = 0.0
        self.told: list[Event] = []
        self.given_up: set[tuple[str, str]] = set()
        self.claims: list[Delivery] = []
        self.leases: dict[tuple[str, str], float] = {}
        self.reached: dict[tuple[str, str], int] = {}
        self.run(self.make())
        limits = endpoint("a", concurrency=2, rate=Rate(per_second=5.0, burst=5.0))
        self.run(self.bench.admin.configure([limits, endpoint("b", edits=True)]))

    async def make(self) -> None:
        namespace = f"{self.namespace}-{next(self.numbers)}"
        self.bench = Bench(connect(self.redis_url), namespace)

    async def unmake(self) -> None:
        client = self.bench.client
        pattern = f"{{{self.bench.namespace}}}*"
        keys = [key async for key in client.scan_iter(match=pattern, count=1000)]
        if keys:
            await client.delete(*keys)
        await client.aclose()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    async def pass_time(self, seconds: float) -> None:
        await self.bench.let_pass(seconds)
        await self.bench.housekeeping.tidy(10)

    # --- what can happen --------------------------------------------------------------

    @rule(lane=LANES, kind=KINDS, both=st.booleans(), name=NAMES)
    def tell(self, lane: str, kind: str, both: bool, name: str) -> None:
        names = ["a", "b"] if both else [name]
        self.told.append(self.run(self.bench.tell(lane, kind, to=names)))

    @rule(limit=st.integers(1, 5), slow_limit=st.integers(0, 5))
    def claim(self, limit: int, slow_limit: int) -> None:
        claimed = self.run(self.bench.claim(limit=limit, slow_limit=slow_limit))
        assert len(claimed) <= limit
        assert sum(one.slow for one in claimed) <= slow_limit
        assert all(one.crashes == 0 for one in claimed)
        self.note(claimed)

    @rule()
    def claim_suspect(self) -> None:
        claimed = self.run(self.bench.claim(alone=True))
        assert len(claimed) <= 1
        assert all(one.crashes > 0 for one in claimed)
        self.note(claimed)

    def note(self, claimed: list[Delivery]) -> None:
        for one in claimed:
            lane = one.endpoint, one.lane
            assert self.leases.get(lane, 0.0) <= self.now + 0.5, "two in flight"
            self.leases[lane] = self.now + 25.0
            if not one.redelivery:
                assert one.event.sequence >= self.reached.get(lane, 0), "out of order"
                self.reached[lane] = one.event.sequence
            self.claims.append(one)

    def settled(self, which: int) -> Delivery | None:
        if not self.claims:
            return None
        return self.claims.pop(which % len(self.claims))

    def free(self, one: Delivery, took_effect: bool) -> None:
        if took_effect:
            self.leases.pop((one.endpoint, one.lane), None)

    @rule(which=ANY, keep=st.booleans())
    def succeed(self, which: int, keep: bool) -> None:
        if (one := self.settled(which)) is not None:
            self.free(one, self.run(self.bench.succeed(one)))
            if keep:  # to be settled again
                self.claims.append(one)

    @rule(which=ANY, limit=st.integers(0, 5))
    def succeed_and_claim(self, which: int, limit: int) -> None:
        if (one := self.settled(which)) is not None:
            limits = ClaimLimits(limit=limit, slow_limit=limit)
            settling = self.bench.deliveries.settle([delivered(one)], claim=limits)
            settled = self.run(settling)
            self.free(one, settled.applied[0])
            assert settled.claim is not None
            assert len(settled.claim.deliveries) <= limit
            self.note(list(settled.claim.deliveries))

    @rule(
        which=ANY,
        status=st.sampled_from([404, 500, None]),
        again_in=st.sampled_from([0.0, 5.0, 300.0]),
        hold=st.sampled_from([0.0, 0.0, 30.0]),
    )
    def fail(
        self, which: int, status: int | None, again_in: float, hold: float
    ) -> None:
        if (one := self.settled(which)) is not None:
            failing = self.bench.fail(one, status=status, again_in=again_in, hold=hold)
            self.free(one, self.run(failing))

    @rule(which=ANY)
    def kill(self, which: int) -> None:
        if (one := self.settled(which)) is not None:
            took_effect = self.run(self.bench.kill(one))
            self.free(one, took_effect)
            if took_effect:
                self.given_up.add((one.event.id, one.endpoint))

    @rule(which=ANY)
    def hand_back(self, which: int) -> None:
        if (one := self.settled(which)) is not None:
            self.free(one, self.run(self.bench.hand_back(one)))

    @rule(which=ANY)
    def disable(self, which: int) -> None:
        if (one := self.settled(which)) is not None:
            self.free(one, self.run(self.bench.disable(one)))

    @rule()
    def crash(self) -> None:
        self.claims.clear()

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.run(self.pass_time(seconds))
        self.now += seconds

    @rule(name=NAMES, what=st.sampled_from(["pause", "resume"]))
    def switch(self, name: str, what: Any) -> None:
        self.run(self.bench.admin.switch(name, what))

    @rule(which=ANY, name=NAMES)
    def redeliver(self, which: int, name: str) -> None:
        if self.told:
            event = self.told[which % len(self.told)]
            self.run(self.bench.redeliver(event.id, name))

    @rule(name=NAMES)
    def bury_one(self, name: str) -> None:
        waiting = self.run(self.bench.admin.open_at(name, 1))
        if self.run(self.bench.admin.give_up(waiting, "why")):
            self.given_up.add((waiting[0].event.id, name))

    # --- what is true all the same ----------------------------------------------------

    @invariant()
    def the_store_is_sound(self) -> None:
        if hasattr(self, "bench"):
            self.run(examine(self.bench.client, self.bench.namespace))

    def teardown(self) -> None:
        try:
            self.run(self.drain())
        finally:
            self.run(self.unmake())
            self.runner.close()

    async def drain(self) -> None:
        """Let everything come to its end: nothing may be left, or have vanished."""
        for name in "ab":
            await self.bench.admin.switch(name, "resume")
        for _ in range(200):
            await self.pass_time(301.0)
            claimed = await self.bench.claim() + await self.bench.claim(alone=True)
            for one in claimed:
                await self.bench.succeed(one)
            open_ = [await self.bench.admin.open_at(name, 1) for name in "ab"]
            if not claimed and not any(open_):
                break
        for event in self.told:
            row = await self.bench.queries.event(event.id)
            assert row is not None
            for delivery in row.deliveries:
                allowed = {"delivered"}
                edited = delivery.endpoint == "b" and event.type in PASSING
                if event.is_progress or edited:
                    allowed.add("superseded")
                if (event.id, delivery.endpoint) in self.given_up:
                    allowed.add("dead")
                assert delivery.state in allowed, (event, delivery)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("server", "examples"),
    [("redis_url", 25), pytest.param("debian_redis_url", 10, marks=pytest.mark.parts)],
)
def test_any_history_is_sound(
    request: pytest.FixtureRequest, server: str, examples: int
) -> None:
    History.redis_url = request.getfixturevalue(server)
    with fresh_namespace(History.redis_url) as History.namespace:
        run_state_machine_as_test(
            History,
            settings=settings(
                max_examples=examples,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
