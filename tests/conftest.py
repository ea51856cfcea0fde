"""What every test can ask for, and how far from reality each one is."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from time import monotonic

import pytest
import structlog
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.connection import connect
from tests.contract.bench import Bench
from tests.parts import debian_redis
from tests.stores import fresh_namespace, running_store

# What properties are tried with, always the same examples: a few find what a slip breaks, and
# more what is subtle. `make chaos` searches: among many, and others each time.
settings.register_profile("fast", settings.get_profile("ci"), max_examples=10)
settings.register_profile("usual", settings.get_profile("ci"), max_examples=40)
settings.register_profile("search", max_examples=1000, deadline=None, print_blob=True)

# What a test logs is shown if it fails; the values of all variables, as structlog shows them
# beside a traceback where nothing is configured, take longer than most tests.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

#: The folders of tests, by their distance from reality. A test that is nearer to it than its
#: folder says so with a marker of its own.
DISTANCES = {
    "unit": {"core", "channels", "settings", "test_errors.py", "test_names.py"},
    "component": {
        "actions",
        "adapters",
        "app",
        "contract",
        "runtime",
        "sandbox",
        "test_stores.py",
        "web",
    },
    "acceptance": {"acceptance", "cli", "tools", "typing", "test_track.py"},
}
#: Fixtures that start a server: a test that asks for one is no nearer than "component".
SERVERS = {"group", "redis_url"}
#: The folder whose tests share one deployment: a process of the tests' own takes them all.
TOGETHER = "tests/acceptance/everyday"
#: The folder whose tests share a browser, which takes longer to begin than most of them: one has
#: those of the wall, half of all, and another one the rest.
PAGES = "tests/web/dashboard"
WALL = f"{PAGES}/test_wall.py"
#: The files whose tests share nothing and wait a lot: any process takes any of them.
APART = {
    "tests/acceptance/test_outages.py",
    "tests/acceptance/test_start.py",
    "tests/acceptance/test_workers.py",
    "tests/cli/test_up.py",
}
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark each test by its folder, and put what is nearest to reality first, among others.

    Acceptance tests wait most of the time: begun last, they would be all that is left, and with
    nothing but them the processors would be idle.

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
        distance = found[0]
        if distance == "unit" and SERVERS & set(getattr(item, "fixturenames", ())):
            distance = "component"
        item.add_marker(distance)
    groups: dict[str, list[pytest.Item]] = {}
    for item in sorted(items, key=_order):
        groups.setdefault(group_of(item.nodeid), []).append(item)
    items[:] = [item for group in _spread(list(groups.values())) for item in group]


#: Groups of tests that compute, after each group of those that wait.
COMPUTING = 2


def _spread(groups: list[list[pytest.Item]]) -> Iterator[list[pytest.Item]]:
    """Yield the groups that wait, with others in between, and then what is left of these."""
    waits = [one for one in groups if one[0].get_closest_marker("acceptance")]
    others = iter(
        [one for one in groups if not one[0].get_closest_marker("acceptance")]
    )
    for group in waits:
        yield group
        yield from islice(others, COMPUTING)
    yield from others


# What is imported and collected lasts until the end: the garbage collector need not look through
# it, neither again and again while it grows, which is a quarter of that time, nor later.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from here on, of what comes from here on."""
    gc.freeze()
    gc.enable()


def _order(item: pytest.Item) -> tuple[int, bool]:
    """Return what is the less, the nearer to reality a test is; `TOGETHER` is the first of all."""
    names = reversed(DISTANCES)
    reality = (n for n, name in enumerate(names) if item.get_closest_marker(name))
    return next(reality, 0), group_of(item.nodeid) != TOGETHER


def group_of(nodeid: str) -> str:
    """Return the name of all that a test is run together with: most often of its file."""
    file = nodeid.partition("::")[0]
    if file in APART:
        return nodeid
    if file.startswith(f"{TOGETHER}/"):
        return TOGETHER
    return PAGES if file.startswith(f"{PAGES}/") and file != WALL else file


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out groups of tests, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Producer
) -> LoadScopeScheduling | None:
    """Hand out groups, unless another way is asked for on the command line."""
    return (
        GroupScheduling(config, log) if config.getoption("dist") == "loadfile" else None
    )


#: What a test that is pure never does, by the names that Python's audit events have.
_IMPURE = frozenset(
    {"os.fork", "os.posix_spawn", "socket.bind", "socket.connect", "subprocess.Popen"}
)
#: The test that runs, if it is a pure one.
_pure: list[str] = []


def _refuse(event: str, _args: object) -> None:
    if _pure and event in _IMPURE:
        pytest.fail(f"{event} in a test that is marked as unit: {_pure[0]}")


sys.addaudithook(_refuse)


# What tests start imports the same modules again and again. Where nothing compiled may be kept,
# each of these processes compiles all that it imports, and takes twice as long to begin.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell without job control starts what runs in the background with SIGINT ignored, and all that
# this process starts would inherit that: commands that Ctrl-C ends would not end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same for hangups, under nohup. This process itself goes on living through them.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that took too long and did not notice: an asyncio task may have swallowed that."""
    began = monotonic()
    yield
    marker = item.get_closest_marker("timeout")
    limit = marker.args[0] if marker else item.config.getoption("timeout")
    limit = item.config.getini("timeout") if limit is None else limit
    if monotonic() - began > float(limit) > 0:
        pytest.fail(f"it went on for longer than the {limit} s that it may take")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hold a test that says it is pure to that."""
    if item.get_closest_marker("unit"):
        _pure.append(item.nodeid)
    try:
        return (yield)
    finally:
        _pure.clear()


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
