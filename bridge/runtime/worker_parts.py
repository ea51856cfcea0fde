"""What a worker process works with: poller, pump and their connections, made of the settings."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

import structlog

from bridge.adapters.broker.foreign_queue import ForeignQueue
from bridge.adapters.gateway.actions import ActionClient
from bridge.adapters.gateway.upstream import HttpUpstream
from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.adapters.local.masks import LocalMasks
from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.app.housekeeping import sweep
from bridge.app.outage import store_outage
from bridge.app.perform import ActionPerformer
from bridge.app.poll import Poller
from bridge.app.ports import Sender
from bridge.app.ports.telemetry import Telemetry
from bridge.app.store_memory import memory_log
from bridge.core.action import KIND as ACTION
from bridge.core.address import holds_metadata
from bridge.core.endpoint import Endpoint
from bridge.errors import BridgeError
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import (
    action_endpoints,
    archive_endpoints,
    endpoints_of,
    hook_networks,
    hook_policy,
    rules_of,
)
from bridge.runtime.factories import channels_for, telemetry_of
from bridge.runtime.producers import Producers
from bridge.runtime.upstream_clients import action_client, polled
from bridge.settings import Settings

if TYPE_CHECKING:
    from bridge.app.archive_care import ArchiveCare

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """
    What one event loop works with.

    Attributes:
        foreign: The queue of plain Celery producers; ``None`` where they cannot reach us, as
            Celery has a broker of its own.

        archive: ``None`` if no pictures are kept.

        telemetry: ``None`` if nothing is traced.
    """

    settings: Settings
    deployment: Deployment
    endpoints: Sequence[Endpoint]
    poller: Poller
    pump: Pump
    foreign: ForeignQueue | None
    producers: Producers
    archive: ArchiveCare | None
    telemetry: Telemetry | None
    sender: Sender
    clients: Sequence[HttpUpstream | ActionClient]

    async def poll(self) -> None:
        """Start to poll everything that is due."""
        await self.poller.poll()

    async def deliver(self) -> None:
        """Start to deliver everything that is due."""
        self.pump.wake()

    async def sweep(self, *, on_a_tick: bool = False, thorough: bool = True) -> None:
        """Do one sweep's worth of housekeeping, see `bridge.app.housekeeping.sweep`."""
        await sweep(
            self.deployment.housekeeping,
            self.endpoints,
            hooks=hook_policy(self.settings),
            actions=list(action_endpoints(self.settings).values()),
            upstreams=self.settings.upstreams,
            rules=self.settings.rules,
            retention=self.settings.retention,
            on_a_tick=on_a_tick,
            thorough=thorough,
        )
        if self.archive is not None:
            await self.archive.tidy()

    async def try_store(self) -> None:
        """
        Check that the store takes writes, and whether what was said about its memory still holds.

        Raises:
            BridgeError: It takes none.
        """
        admin = self.deployment.admin
        await admin.try_write()
        await memory_log.follow(admin.watch_memory)

    async def drain(self, grace: float) -> None:
        """Claim no more, give what is in flight its time, hand the rest back."""
        await asyncio.gather(self.poller.stop(grace), self.pump.stop(grace))

    async def aclose(self) -> None:
        """Close all connections."""
        closing = (one.aclose() for one in self.clients)
        await asyncio.gather(
            self.sender.aclose(), self.deployment.client.aclose(), *closing
        )


async def assemble(settings: Settings) -> WorkerParts:
    """Make a worker's parts, in the event loop that they are for; nothing is claimed yet."""
    deployment = Deployment(settings)
    endpoints = [*endpoints_of(settings), *archive_endpoints(settings)]
    await _announce(settings, deployment, endpoints)
    telemetry = telemetry_of(os.environ)
    sender, archive = await _sender(settings, deployment, endpoints)
    action_clients = {
        name: action_client(name, one) for name, one in settings.upstreams.items()
    }
    performer = _performer(settings, deployment, endpoints, action_clients)
    poller, upstreams = _poller(settings, deployment, endpoints, telemetry)
    hears = settings.broker_url is None  # their queue is on our server
    return WorkerParts(
        settings=settings,
        deployment=deployment,
        endpoints=endpoints,
        poller=poller,
        pump=Pump(
            store=deployment.deliveries,
            runner=AttemptRunner(
                store=deployment.deliveries,
                sender=sender,
                endpoints={
                    one.name: one
                    for one in (*endpoints, *action_endpoints(settings).values())
                },
                hooks=hook_policy(settings),
                links=deployment.links,
                channels=channels_for(endpoints),
                performers={ACTION: performer},
                now=time.time,
                elapsed=time.monotonic,
                roll=random.random,
                telemetry=telemetry,
            ),
            elapsed=time.monotonic,
        ),
        foreign=ForeignQueue(deployment.client) if hears else None,
        producers=Producers(deployment),
        archive=archive,
        telemetry=telemetry,
        sender=sender,
        clients=[*upstreams, *action_clients.values()],
    )


async def _announce(
    settings: Settings, deployment: Deployment, endpoints: Sequence[Endpoint]
) -> None:
    """Give the store the limits: they hold from the first delivery on, not from the first sweep."""
    pressed = action_endpoints(settings).values() if settings.rules else ()
    try:
        await deployment.admin.configure([*endpoints, *pressed])
    except BridgeError as error:
        store_outage.failed(str(error))


def _poller(
    settings: Settings,
    deployment: Deployment,
    endpoints: Sequence[Endpoint],
    telemetry: Telemetry | None,
) -> tuple[Poller, Sequence[HttpUpstream]]:
    upstreams = {name: polled(name, one) for name, one in settings.upstreams.items()}
    poller = Poller(
        store=deployment.tasks,
        upstreams=upstreams,
        endpoints=endpoints,
        hooks=hook_policy(settings),
        rules=rules_of(settings),
        progress_step=settings.progress_step,
        now=time.time,
        elapsed=time.monotonic,
        roll=random.random,
        telemetry=telemetry,
    )
    return poller, [one.upstream for one in upstreams.values()]  # type: ignore[misc]


def _performer(
    settings: Settings,
    deployment: Deployment,
    endpoints: Sequence[Endpoint],
    clients: Mapping[str, ActionClient],
) -> ActionPerformer:
    return ActionPerformer(
        store=deployment.stored_actions,
        upstreams=clients,
        masks=LocalMasks(settings.data_dir, now=time.time),
        endpoints=endpoints,
        now=time.time,
        elapsed=time.monotonic,
        roll=random.random,
    )


async def _sender(
    settings: Settings, deployment: Deployment, endpoints: Sequence[Endpoint]
) -> tuple[Sender, ArchiveCare | None]:
    """Return what sends, and keeps pictures as well if there is an archive; and what tidies that."""
    networks = hook_networks(settings)
    for network in {*settings.allow_networks, *map(str, networks)}:
        if holds_metadata(ip_network(network)):
            log.warning(
                "engine.network_holds_metadata",
                network=network,
                effect="where clouds keep credentials stays out of reach",
            )
    sender = HttpSender(
        guard=Guard(settings.allow_networks), hook_guard=Guard(networks)
    )
    await sender.warm(endpoints)
    if settings.archive.url is None:
        return sender, None
    # Most keep no pictures, and need not load what does.
    from bridge.runtime.archive import archive_of

    return archive_of(settings, deployment, endpoints, sender)
