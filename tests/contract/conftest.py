"""Every test in here runs twice: against the real store, and against the fake one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest
from redis.asyncio import Redis

from bridge.adapters.store.admin import StoreAdmin
from bridge.adapters.store.connection import connect
from bridge.adapters.store.queries import StoreQueries
from bridge.adapters.store.work import RedisStore
from tests.contract.ageing import let_pass
from tests.contract.bench import Bench
from tests.fakes import FakeStore

RETENTION = 604800.0


def fake_bench() -> Bench:
    fake = FakeStore(retention=RETENTION)

    async def pass_time(seconds: float) -> None:
        fake.clock_.now += seconds

    return Bench(name="fake", store=fake, admin=fake, queries=fake, let_pass=pass_time)


@pytest.fixture
async def real(redis_url: str, namespace: str) -> AsyncIterator[Bench]:
    """A bench with the real store only, for what the fake has no part in."""
    client = connect(redis_url)

    async def pass_time(seconds: float) -> None:
        await let_pass(cast("Redis", client), namespace, seconds)

    yield Bench(
        name="real",
        store=RedisStore(client, namespace=namespace, retention=RETENTION),
        admin=StoreAdmin(client, namespace=namespace, retention=RETENTION),
        queries=StoreQueries(client, namespace=namespace),
        let_pass=pass_time,
    )
    await client.aclose()


@pytest.fixture(params=["real", "fake"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A bench with each of the stores."""
    if request.param == "fake":
        return fake_bench()
    found: Bench = request.getfixturevalue("real")
    return found
