"""What every test can ask for, and how far from reality each one is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.connection import connect
from tests.contract.bench import Bench
from tests.parts import debian_redis
from tests.stores import fresh_namespace, running_store

#: For `make fast`: a few examples find what a slip breaks; the gate tries more.
settings.register_profile("fast", settings.get_profile("ci"), max_examples=10)

#: The folders of tests, by their distance from reality. A test that is nearer to it than its
#: folder says so with a marker of its own.
DISTANCES = {
    "unit": {"core", "channels", "settings", "test_errors.py"},
    "component": {
        "adapters",
        "app",
        "contract",
        "runtime",
        "sandbox",
        "test_stores.py",
    },
    "acceptance": {"acceptance", "cli", "tools", "typing", "test_track.py"},
}
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark each test by its folder.

    Raises:
        UsageError: A folder has no distance yet.
    """
    for item in items:
        if any(item.get_closest_marker(name) for name in (*DISTANCES, "chaos", "soak")):
            continue
        top = item.path.relative_to(_HERE).parts[0]
        found = [name for name, tops in DISTANCES.items() if top in tops]
        if not found:
            msg = f"tests/{top} has no distance from reality: give it one in tests/conftest.py"
            raise pytest.UsageError(msg)
        item.add_marker(found[0])


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the session's store, for redis-py."""
    with running_store(tmp_path_factory) as url:
        yield url


@pytest.fixture(scope="session")
def debian_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a store that is Debian's Redis."""
    folder = tmp_path_factory.mktemp("debian")
    with EmbeddedStore(folder, server=debian_redis()) as store:
        yield store.url


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
