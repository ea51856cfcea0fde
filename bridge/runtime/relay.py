"""What the gateway stands on, made of a deployment's settings."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from bridge.adapters.gateway.proxy import HttpUpstreamProxy
from bridge.adapters.local.data_dir import NOTHING_KEPT, trouble_in
from bridge.adapters.local.journal import FileJournal
from bridge.adapters.local.spool import FileSpool
from bridge.app.intake import Intake
from bridge.app.interpreter import Interpreter
from bridge.app.observe import Observer
from bridge.app.ports import UpstreamProxy
from bridge.app.unanswered import Unanswered
from bridge.core.rule_book import RuleBook
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoints_of, hook_policy, rules_of
from bridge.runtime.upstream_clients import policy_of, upstream_options

log = structlog.get_logger(__name__)

#: Where in the data directory submissions wait for the store, and for their answers.
SPOOL, JOURNAL = "gateway", "gateway-sent"
#: Seconds that what is under way gets when the process ends, beyond what its server gives it.
LAST = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayServices:
    """
    The services of a gateway.

    Attributes:
        proxies: By name, the upstreams that requests are passed on to.

        intake: Tracks what was submitted.

        observer: Records what upstreams answer.

        unanswered: Has submissions looked for whose answers nobody saw.

        data_dir: Where what is submitted is kept while it cannot be tracked.

        under_way: What must not be broken off by a client that leaves.
    """

    proxies: Mapping[str, UpstreamProxy]
    intake: Intake
    observer: Observer
    unanswered: Unanswered
    data_dir: Path
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def to_its_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that goes on if the client that waits for it leaves."""
        task = asyncio.ensure_future(work)
        self.under_way.add(task)
        task.add_done_callback(self._ended)
        await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited for it may be gone

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Track what waits for the store, for as long as the block lasts."""
        if error := trouble_in(self.data_dir):
            reason = f"cannot write to {self.data_dir}: {error.strerror}"
            log.error("gateway.data_dir_unusable", reason=reason, effect=NOTHING_KEPT)
        catching_up = asyncio.create_task(self.intake.run())
        looking = asyncio.create_task(self.unanswered.run())
        try:
            yield
        finally:
            if self.under_way:
                _done, late = await asyncio.wait(self.under_way, timeout=LAST)
                if late:
                    # Upstreams may have taken them, and their answers will not be read.
                    log.error("gateway.cut_off", requests=len(late))
            catching_up.cancel()
            looking.cancel()
            closing = (proxy.aclose() for proxy in self.proxies.values())
            await asyncio.gather(*closing, catching_up, looking, return_exceptions=True)


def gateway_services(deployment: Deployment) -> GatewayServices:
    """Make the services of a deployment's gateway; nothing is opened yet."""
    settings = deployment.settings
    interpreter = Interpreter(
        endpoints=endpoints_of(settings),
        hooks=hook_policy(settings),
        progress_step=settings.progress_step,
        now=time.time,
        roll=random.random,
        kept=deployment.tasks.snapshot,
        rules=RuleBook(rules_of(settings)),
    )
    return GatewayServices(
        data_dir=settings.data_dir,
        proxies={
            name: HttpUpstreamProxy(
                upstream_options(name, one), timeout=settings.gateway.timeout
            )
            for name, one in settings.upstreams.items()
        },
        intake=Intake(deployment.tracking, FileSpool(settings.data_dir / SPOOL)),
        unanswered=Unanswered(
            deployment.actions.writer, FileJournal(settings.data_dir / JOURNAL)
        ),
        observer=Observer(
            store=deployment.tasks,
            interpreter=interpreter,
            policies={name: policy_of(one) for name, one in settings.upstreams.items()},
        ),
    )
