"""What every test can ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from bridge.adapters.store.connection import connect
from tests.contract.bench import Bench
from tests.stores import fresh_namespace, running_store


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the session's store, for redis-py."""
    with running_store(tmp_path_factory) as url:
        yield url


@pytest.fixture
def namespace(redis_url: str) -> Iterator[str]:
    """A namespace of the test's own in the session's store."""
    with fresh_namespace(redis_url) as name:
        yield name


@pytest.fixture
async def bench(redis_url: str, namespace: str) -> AsyncIterator[Bench]:
    """A bench in the session's store, in a namespace of its own."""
    client = connect(redis_url)
    yield Bench(client, namespace)
    await client.aclose()
