"""A deployment, for whoever tracks tasks, looks things up or operates it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from bridge.adapters.store.admin import StoreAdmin
from bridge.adapters.store.connection import connect
from bridge.adapters.store.deliveries import StoredDeliveries
from bridge.adapters.store.keyspace import Keyspace
from bridge.adapters.store.queries import StoreQueries
from bridge.adapters.store.readiness import inspect, wait_for, within
from bridge.adapters.store.tasks import StoredTasks
from bridge.app.feed import Feed
from bridge.app.lookup import Lookup
from bridge.app.operations import Operations
from bridge.app.ports import Tracked
from bridge.core.event import Json
from bridge.core.task import TaskKey
from bridge.runtime.discovery import endpoints_of, store_url
from bridge.settings import Settings, load_settings


class Deployment:
    """
    A connection to a deployment, and the services that stand on it.

    Use it as an asynchronous context manager, in one event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = connect(store_url(settings))
        keys = Keyspace(
            self.client, namespace=settings.namespace, retention=settings.retention
        )
        self.tasks = StoredTasks(keys)
        self.deliveries = StoredDeliveries(keys)
        self.admin = StoreAdmin(keys)
        self.queries = StoreQueries(keys)
        upstreams, endpoints = list(settings.upstreams), endpoints_of(settings)
        self.lookup = Lookup(
            self.queries, upstreams=upstreams, endpoints=list(settings.endpoints)
        )
        self.operations = Operations(
            tracker=self.tasks,
            admin=self.admin,
            queries=self.queries,
            lookup=self.lookup,
            upstreams=upstreams,
            endpoints=endpoints,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.aclose()

    def feed(self, positions: Mapping[TaskKey, int] | None = None) -> Feed:
        """Begin to read what happens to tasks."""
        return Feed(self.queries, positions)

    async def ready(self, *, patience: float = 3.0) -> Sequence[str]:
        """
        Wait for the store and check that it may be used.

        Args:
            patience: Seconds to wait.

        Returns:
            What is careless about the store, in sentences.

        Raises:
            StoreUnavailable: It does not answer in time.

            StoreRefused: It must not be used.
        """
        return await within(self.look, patience, sleep=asyncio.sleep)

    async def look(self) -> list[str]:
        """Check the store once, as `ready` does."""
        return await inspect(
            self.client,
            self.settings.namespace,
            is_broker=self.settings.broker_url is None,
        )


async def wait_for_store(
    settings: Settings, *, say: Callable[[str], None]
) -> Sequence[str]:
    """
    Wait for the store as long as it takes, and report that every few seconds.

    Args:
        settings: They, or a `mjbridge up` that begins meanwhile, say where it is.

        say: Prints a line for a person.

    Returns:
        What is careless about the store, in sentences.

    Raises:
        StoreRefused: It must not be used.
    """

    async def look() -> list[str]:
        async with Deployment(settings) as deployment:
            return await deployment.look()

    return await wait_for(look, say=say, sleep=asyncio.sleep)


def track_now(
    ids: Sequence[object], *, upstream: str | None, metadata: Mapping[str, Json] | None
) -> Tracked:
    """Track from a program, whether or not an event loop runs in its thread."""

    async def work() -> Tracked:
        async with Deployment(load_settings()) as deployment:
            await deployment.ready()
            return await deployment.operations.track(
                ids, upstream=upstream, metadata=metadata
            )

    with ThreadPoolExecutor(1, thread_name_prefix="mjbridge-track") as executor:
        return executor.submit(asyncio.run, work()).result()
