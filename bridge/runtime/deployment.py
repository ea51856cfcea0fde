"""A deployment, for whoever tracks tasks, looks things up or operates it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex, token_urlsafe
from typing import Any, Self, TypeVar

from bridge.adapters.local.masks import LocalMasks
from bridge.adapters.store.actions import StoredActions
from bridge.adapters.store.admin import StoreAdmin
from bridge.adapters.store.clicks import StoredClicks
from bridge.adapters.store.connection import connect
from bridge.adapters.store.deliveries import StoredDeliveries
from bridge.adapters.store.feed import StoreFeed
from bridge.adapters.store.greeting import greet
from bridge.adapters.store.housekeeping import StoreHousekeeping
from bridge.adapters.store.idempotency import StoredRequests
from bridge.adapters.store.keyspace import Keyspace
from bridge.adapters.store.layout import foreign_keys
from bridge.adapters.store.migration import migrate
from bridge.adapters.store.pictures import StoredPictures
from bridge.adapters.store.queries import StoreQueries
from bridge.adapters.store.readiness import inspect
from bridge.adapters.store.tasks import StoredTasks
from bridge.adapters.store.texts import StoredTexts
from bridge.app.actions import Actions
from bridge.app.endpoint_control import EndpointControl
from bridge.app.links import LinkSource
from bridge.app.lookup import Lookup
from bridge.app.ports import Tracked
from bridge.app.redelivery import Redelivery
from bridge.app.tracking import Tracking
from bridge.app.views.actions import Action
from bridge.core.event_data import Json
from bridge.core.task import TaskKey
from bridge.errors import StoreUnavailable
from bridge.runtime.discovery import (
    action_endpoints,
    archive_endpoints,
    endpoints_of,
    hook_policy,
    store_url,
)
from bridge.settings import Settings, load_settings

Result = TypeVar("Result")

#: The header in which `web` says whose it is, beside what it says of its readiness.
DEPLOYMENT_HEADER = "x-mjbridge-deployment"
#: Seconds between two attempts to reach a store.
TRY_EVERY = 0.5


class Deployment:
    """
    A connection to a deployment, and the services that stand on it.

    Use it as an asynchronous context manager, in one event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = connect(store_url(settings), settings.namespace)
        self._keys = Keyspace(
            self.client, namespace=settings.namespace, retention=settings.retention
        )
        self.tasks = StoredTasks(self._keys)
        self.deliveries = StoredDeliveries(self._keys)
        self.admin = StoreAdmin(self._keys)
        self.housekeeping = StoreHousekeeping(self._keys)
        self.queries = StoreQueries(self._keys)
        self.feed = StoreFeed(self._keys)
        self.requests = StoredRequests(self._keys)
        self.texts = StoredTexts(self._keys)
        self.clicks = StoredClicks(self._keys)
        self.links = LinkSource(
            secrets=self.secrets,
            texts=self.texts,
            public_url=settings.public_url,
            ttl=settings.links.ttl,
        )
        self.pictures = StoredPictures(self._keys)
        upstreams = list(settings.upstreams)
        self.lookup = Lookup(
            self.queries, upstreams=upstreams, endpoints=list(settings.endpoints)
        )
        self.redelivery = Redelivery(
            admin=self.admin, queries=self.queries, lookup=self.lookup
        )
        self.tracking = Tracking(
            tracker=self.tasks,
            admin=self.admin,
            lookup=self.lookup,
            upstreams=upstreams,
            hooks=hook_policy(settings),
        )
        self.endpoint_control = EndpointControl(
            admin=self.admin,
            queries=self.queries,
            lookup=self.lookup,
            endpoints=endpoints_of(settings),
            hooks=hook_policy(settings),
            internal=[
                *action_endpoints(settings).values(),
                *archive_endpoints(settings),
            ],
        )
        self.stored_actions = StoredActions(
            self._keys, patience=settings.actions.patience
        )
        self.actions = Actions(
            store=self.stored_actions,
            admin=self.admin,
            lookup=self.lookup,
            tracking=self.tracking,
            endpoints=action_endpoints(settings),
            masks=LocalMasks(settings.data_dir, now=time.time),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.aclose()

    async def foreign_keys(self) -> Sequence[str]:
        """Name keys that hold what mjbridge did not write there, see `foreign_keys`."""
        return await foreign_keys(
            self._keys,
            upstreams=list(self.settings.upstreams),
            endpoints=list(self.settings.endpoints),
        )

    async def ready(
        self, *, patience: float = 3.0, migrates: bool = True
    ) -> Sequence[str]:
        """
        Wait for the store and check that it may be used.

        Args:
            patience: Seconds to wait.

            migrates: Whether data of an older version are brought up to date.

        Returns:
            What is careless about the store, in sentences.

        Raises:
            StoreUnavailable: It does not answer in time.

            StoreRefused: It must not be used.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                await greet(self.client)
                return await inspect(
                    self.client,
                    self.settings.namespace,
                    is_broker=self.settings.broker_url is None,
                    migrate=self._migrate if migrates else None,
                )
            except StoreUnavailable:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(TRY_EVERY)

    async def id(self) -> str:
        """
        Return what tells this deployment from others; it is made up the first time.

        Raises:
            StoreUnavailable: It does not answer.
        """
        return await self.admin.deployment_id(token_hex(8))

    async def secrets(self) -> Sequence[str]:
        """
        Return the secrets that keys are derived from: those configured, or the store's.

        Raises:
            StoreUnavailable: None are configured, and the store does not answer.
        """
        configured = [one.get_secret_value() for one in self.settings.secret_key]
        return configured or [
            await self.admin.secret_key(token_urlsafe(32)),
        ]

    async def _migrate(self) -> None:
        import structlog  # which most commands need not wait for

        rows = await migrate(self._keys)
        structlog.get_logger(__name__).info("store.migrated", rows=rows)


async def wait_for_store(settings: Settings) -> Sequence[str]:
    """
    Wait for the store as long as it takes; its absence is logged as at any other time.

    Args:
        settings: They, or a `mjbridge up` that begins meanwhile, say where it is.

    Returns:
        What is careless about the store, in sentences.

    Raises:
        StoreRefused: It must not be used.
    """
    # Commands that are over soon log nothing.
    from bridge.app.outage import Outage

    outage = Outage("store.away", "store.back")
    while True:
        try:
            async with Deployment(settings) as deployment:
                warnings = await deployment.ready(patience=0.0)
        except StoreUnavailable as error:
            outage.failed(str(error))
            await asyncio.sleep(TRY_EVERY)
            continue
        outage.worked()
        return warnings


def track_now(
    ids: Sequence[object],
    *,
    upstream: str | None,
    metadata: Mapping[str, Json] | None,
    hook: object = None,
    hook_format: object = None,
) -> Tracked:
    """Track from a program, whether or not an event loop runs in its thread."""
    return call_now(
        lambda deployment: deployment.tracking.track(
            ids,
            upstream=upstream,
            metadata=metadata,
            hook=hook,
            hook_format=hook_format,
        )
    )


def press_now(
    task_id: str, button: str, *, upstream: str | None, **options: Any
) -> Action:
    """Press a button from a program, see `Actions.press`."""
    task = task_id if upstream is None else TaskKey(upstream, task_id)
    action, _ = call_now(
        lambda deployment: deployment.actions.press(
            task, button, by="program", **options
        )
    )
    return action


def submit_now(what: str, body: Mapping[str, Json], **options: Any) -> Action:
    """Submit from a program, see `Actions.submit`."""
    action, _ = call_now(
        lambda deployment: deployment.actions.submit(
            what, body, by="program", **options
        )
    )
    return action


def call_now(call: Callable[[Deployment], Awaitable[Result]]) -> Result:
    """Have a deployment do something, whether or not an event loop runs in this thread."""

    async def work() -> Result:
        async with Deployment(load_settings()) as deployment:
            await deployment.ready()
            return await call(deployment)

    with ThreadPoolExecutor(1, thread_name_prefix="mjbridge-call") as executor:
        return executor.submit(asyncio.run, work()).result()
