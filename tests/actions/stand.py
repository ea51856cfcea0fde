"""A stand for actions: the real store, pump and transport, in front of a shop."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.adapters.gateway.actions import ActionClient
from bridge.adapters.gateway.client import UpstreamOptions
from bridge.adapters.local.masks import LocalMasks
from bridge.adapters.store.actions import StoredActions
from bridge.app.actions import Actions
from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.app.lookup import Lookup
from bridge.app.perform import ActionPerformer
from bridge.app.ports import PollResult
from bridge.app.tracking import Tracking
from bridge.app.views.actions import Action
from bridge.core.action import KIND, ActionState, endpoint_of
from bridge.core.button import Button
from bridge.core.change import NOTHING, observe
from bridge.core.endpoint import Endpoint
from bridge.core.hook import HookPolicy
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from tests.actions.shop import PARENT
from tests.contract.bench import Bench
from tests.fakes import FakeSender

UPSTREAM = "u"
PATIENCE = 600.0
#: Seconds of patience where a worker seldom lives for long, and hours pass meanwhile.
ENDLESS = 1e6
#: Actions that are made at once.
CONCURRENCY = 50
KEY = TaskKey(UPSTREAM, PARENT)
BUTTONS = tuple(
    Button.of(custom_id, label, None)
    for custom_id, label in (
        ("MJ::JOB::upsample::1::3f", "U1"),
        ("MJ::JOB::upsample::2::3f", "U2"),
        ("MJ::JOB::variation::1::3f", "V1"),
        ("MJ::JOB::reroll::0::3f", None),
        ("MJ::CustomZoom::3f", "Custom Zoom"),
        ("MJ::Inpaint::1::3f::SOLO", "Vary (Region)"),
        ("MJ::BOOKMARK::3f", None),
    )
)


@dataclass(kw_only=True)
class Stand:
    """See the module."""

    bench: Bench
    client: ActionClient
    subscribers: Sequence[Endpoint] = ()
    timeout: float = 0.5
    patience: float = PATIENCE
    folder: Path = Path("/nowhere")  #: For masks; without one, none can be kept.

    def __post_init__(self) -> None:
        self.endpoint = Endpoint(
            name=endpoint_of(UPSTREAM),
            kind=KIND,
            url="http://u.test/",
            events=(),
            timeout=self.timeout,
            concurrency=CONCURRENCY,
        )
        self.masks = LocalMasks(self.folder, now=time.time)
        self.store = StoredActions(self.bench.keys, patience=self.patience)
        self.lookup = Lookup(self.bench.queries, upstreams=[UPSTREAM], endpoints=[])
        self.actions = Actions(
            store=self.store,
            admin=self.bench.admin,
            lookup=self.lookup,
            tracking=Tracking(
                tracker=self.bench.tasks,
                admin=self.bench.admin,
                lookup=self.lookup,
                upstreams=[UPSTREAM],
                hooks=HookPolicy(endpoint=Endpoint(name="hook", url="")),
            ),
            endpoints={UPSTREAM: self.endpoint},
            masks=self.masks,
        )
        self.performer = ActionPerformer(
            store=self.store,
            upstreams={UPSTREAM: self.client},
            masks=self.masks,
            endpoints=self.subscribers,
            now=time.time,
            elapsed=time.monotonic,
            roll=lambda: 0.0,
        )
        self.pump = self.new_pump()

    def new_pump(self) -> Pump:
        endpoints = [*self.subscribers, self.endpoint]
        runner = AttemptRunner(
            store=self.bench.deliveries,
            sender=FakeSender(),
            endpoints={one.name: one for one in endpoints},
            channels={},
            performers={KIND: self.performer},
            now=time.time,
            elapsed=time.monotonic,
            roll=lambda: 0.0,
        )
        return Pump(store=self.bench.deliveries, runner=runner, elapsed=time.monotonic)

    async def finish_parent(self, **more: object) -> None:
        """Have the parent succeed, with buttons."""
        await self.bench.track(PARENT, upstream=UPSTREAM)
        claim = await self.bench.claim_tasks(UPSTREAM)
        seen = TaskSnapshot(id=PARENT, status=TaskStatus.SUCCESS, buttons=BUTTONS)
        observation = observe(NOTHING, replace(seen, **more), progress_step=10)  # type: ignore[arg-type]
        await self.bench.tasks.record(
            [
                PollResult(
                    due=claim.tasks[0],
                    task_state=observation.task_state,
                    snapshot=observation.snapshot,
                )
            ]
        )
        await self.bench.tasks.poll_succeeded(claim)

    async def press(self, button: str = "U1", **options: object) -> Action:
        action, _new = await self.actions.press(KEY, button, by="api", **options)  # type: ignore[arg-type]
        return action

    async def run(self) -> None:
        """Have the pump do everything that is due now."""
        self.pump.wake()
        await self.pump.idle()

    async def settle(self, action_id: str, *, within_s: float = 2000.0) -> Action:
        """Let time pass until nothing more happens to an action by itself."""
        until = self.bench.passed + within_s
        while True:
            await self.run()
            row = await self.store.find(action_id)
            assert row is not None
            if row.ended_at is not None or self.bench.passed >= until:
                return Action.of(row)
            await self.bench.let_pass(5)

    async def press_often(self, times: int, button: str = "U1") -> list[str]:
        """Press a button so often that each is meant to be another; returns the ids."""
        return [(await self.press(button, key=f"{n}")).id for n in range(times)]

    async def settle_all(self, *, within_s: float = 2000.0) -> list[Action]:
        """Let time pass until nothing more happens to any action by itself."""
        until = self.bench.passed + within_s
        while True:
            await self.run()
            actions = await self.all_actions()
            if all(one.ended_at for one in actions) or self.bench.passed >= until:
                return actions
            await self.bench.let_pass(5)

    async def all_actions(self) -> list[Action]:
        page = await self.actions.list(limit=500)
        found = list(page.items)
        while page.next:
            page = await self.actions.list(limit=500, after=page.next)
            found += page.items
        return found

    async def state(self, action_id: str) -> ActionState:
        row = await self.store.find(action_id)
        assert row is not None
        return row.state

    async def children(self) -> list[str]:
        page = await self.bench.queries.task_page(limit=500)
        return [row.key.id for row in page.items if row.key.id != PARENT]


@asynccontextmanager
async def stand(
    bench: Bench,
    url: str,
    *,
    subscribers: Sequence[Endpoint] = (),
    timeout_s: float = 0.5,
    patience_s: float = PATIENCE,
    folder: Path = Path("/nowhere"),
) -> AsyncIterator[Stand]:
    """Set a stand up in front of an upstream."""
    client = ActionClient(
        UpstreamOptions(
            name=UPSTREAM, base_url=url, api_key="sk-secret", concurrency=CONCURRENCY
        )
    )
    made = Stand(
        bench=bench,
        client=client,
        subscribers=subscribers,
        timeout=timeout_s,
        patience=patience_s,
        folder=folder,
    )
    await bench.admin.configure([made.endpoint, *subscribers])
    await made.finish_parent()
    try:
        yield made
    finally:
        await made.pump.stop(1.0)
        await client.aclose()
