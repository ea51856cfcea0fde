"""`bridge.adapters.store.readiness`: which stores may be used, and what their user may do."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.connection import connect
from bridge.adapters.store.readiness import inspect
from bridge.errors import StoreForbids, StoreRefused, StoreUnavailable
from tests.cli.commands import Shell
from tests.contract.bench import Bench, endpoint
from tests.parts import debian_redis
from tests.waiting import until

OPERATING = Path(__file__).parents[3] / "docs/operating.md"
OURS = ("~{mjb}:*", "&{mjb}:*", "&{mjb}:celery:/0.celery.pidbox")


def documented_rights() -> list[str]:
    found = re.search(
        r"ACL SETUSER mjbridge on >secret (.*)", OPERATING.read_text("utf-8")
    )
    assert found is not None
    return found[1].split()


@pytest.fixture(
    scope="module",
    params=["built in", pytest.param("debian's redis", marks=pytest.mark.parts)],
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedStore]:
    """A server of these tests' own: they change its users, and demote it."""
    binary = None if request.param == "built in" else debian_redis()
    with EmbeddedStore(tmp_path_factory.mktemp("rights"), server=binary) as store:
        yield store


@pytest.fixture
def root(server: EmbeddedStore) -> Iterator[Redis]:
    with Redis.from_url(server.url) as client:
        yield client
        client.replicaof("NO", "ONE")
        client.flushall()


@pytest.fixture
async def clients() -> AsyncIterator[list[AsyncRedis]]:
    made: list[AsyncRedis] = []
    yield made
    for client in made:
        await client.aclose()


def user_with(root: Redis, server: EmbeddedStore, *rights: str) -> str:
    """Make a user with these rights; returns the URL by which it connects."""
    name = f"u{secrets.token_hex(4)}"
    words = ("reset", "on", ">p@ss/word", *rights)
    root.execute_command("ACL", "SETUSER", name, *words)  # type: ignore[no-untyped-call]
    return f"{server.url}?username={name}&password=p%40ss%2Fword&db=0"


# --- rights ---------------------------------------------------------------------------


async def test_the_documented_rights_suffice_for_everything_the_store_does(
    root: Redis, server: EmbeddedStore, clients: list[AsyncRedis]
) -> None:
    client = connect(user_with(root, server, *documented_rights()))
    clients.append(client)
    (warning,) = await inspect(client, "mjb")
    bench = Bench(client, "mjb")
    await bench.admin.configure([endpoint()])
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())
    await bench.redeliver(event.id, "a")
    await bench.housekeeping.watch_memory()
    await bench.housekeeping.tidy(10)

    assert "at the key celery" in warning
    assert await bench.state(event) == "pending"


def test_workers_run_with_exactly_the_documented_rights(
    root: Redis, server: EmbeddedStore, tmp_path: Path
) -> None:
    """Their user, its password and the database can be named before a socket's path."""
    with Redis.from_url(server.url, db=1) as ours:
        # As documented, for another database.
        rights = [right.replace("/0.", "/1.") for right in documented_rights()]
        words = ("SETUSER", "us/er", "reset", "on", ">+p@ss/word", *rights)
        root.execute_command("ACL", *words)  # type: ignore[no-untyped-call]
        path = server.url.removeprefix("unix://")
        upstream = {"default": {"api_key": "sk-x", "base_url": "http://127.0.0.1:9"}}
        shell = Shell(
            tmp_path,
            {
                "BRIDGE_REDIS_URL": f"unix://us%2Fer:+p%40ss%2Fword@{path}?db=1",
                "BRIDGE_UPSTREAMS": json.dumps(upstream),
            },
        )
        assert shell.run("track", "1730621826053455").code == 0
        with shell.running("worker") as worker, shell.running("beat") as beat:
            until(
                lambda: ours.hget("{mjb}:upstream:default", "failures"),
                within_s=30.0,
                what="a poll",
            )
            until(
                lambda: "beat and a worker are running" in shell.run("check").out,
                within_s=30.0,
                what=lambda: worker.err + beat.err,
            )
            users = [one["user"] for one in root.client_list() if one["db"] == "1"]
            log = worker.out + worker.err

    assert users.count("default") == 1  # this test itself
    assert set(users) == {"us/er", "default"}
    assert "Traceback" not in log
    assert log.count("message.not_heard") <= 2  # once a process


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        (
            ("~other:*", "&{mjb}:*", "+@all"),
            ["to read keys {mjb}:*, and to write keys {mjb}:*, and to use the channel"],
        ),
        ((*OURS, "+@all", "-@scripting"), ["SCRIPT LOAD", "EVALSHA"]),
        ((*OURS, "+@read", "+evalsha", "+script", "+time"), ["to write keys"]),
        ((*OURS, "+@all", "-zadd", "-xadd"), ["to run XADD, ZADD;"]),
    ],
    ids=["keys", "scripts", "writing", "in scripts"],
)
async def test_every_missing_right_is_named(
    root: Redis,
    server: EmbeddedStore,
    clients: list[AsyncRedis],
    rights: tuple[str, ...],
    named: list[str],
) -> None:
    client = connect(user_with(root, server, *rights))
    clients.append(client)

    with pytest.raises(StoreForbids) as caught:
        await inspect(client, "mjb")
    assert all(one in str(caught.value) for one in named)
    assert "operating.md" in str(caught.value)


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        ((*OURS, "+@all", "-info"), "INFO"),
    ],
    ids=["INFO"],
)
async def test_a_right_that_the_store_itself_can_do_without_is_a_warning(
    root: Redis,
    server: EmbeddedStore,
    clients: list[AsyncRedis],
    rights: tuple[str, ...],
    named: str,
) -> None:
    client = connect(user_with(root, server, *rights))
    clients.append(client)

    assert any(named in warning for warning in await inspect(client, "mjb"))
    assert await Bench(client, "mjb").housekeeping.watch_memory() is None


async def test_the_channel_of_celery_is_needed_where_the_store_is_the_broker(
    root: Redis, server: EmbeddedStore, clients: list[AsyncRedis]
) -> None:
    client = connect(user_with(root, server, "~*", "&{mjb}:*", "+@all"))
    clients.append(client)

    with pytest.raises(StoreForbids, match=r"\{mjb\}:celery:/0\.celery\.pidbox"):
        await inspect(client, "mjb")
    assert not any(
        "celery" in warning for warning in await inspect(client, "mjb", is_broker=False)
    )


async def test_a_store_whose_memory_is_nearly_used_up_is_a_warning(
    root: Redis, server: EmbeddedStore, clients: list[AsyncRedis]
) -> None:
    client = connect(server.url)
    clients.append(client)
    # Beside it, a connection's buffers are nothing; sent whole, it would be in one itself.
    root.setrange("ballast", 20_000_000, "x")
    used = root.info("memory")["used_memory"]
    root.config_set("maxmemory", round(used / 0.9))
    try:
        warnings = await inspect(client, "mjb")
    finally:
        root.config_set("maxmemory", 0)
        root.delete("ballast")

    assert any("of the store's memory is used" in warning for warning in warnings)


# --- stores that are none, or are not to be used --------------------------------------


async def test_a_database_that_the_store_does_not_have_is_refused(
    server: EmbeddedStore, clients: list[AsyncRedis]
) -> None:
    client = connect(f"{server.url}?db=99")
    clients.append(client)

    with pytest.raises(StoreRefused, match="fewer databases"):
        await inspect(client, "mjb")


async def test_a_web_server_is_refused(clients: list[AsyncRedis]) -> None:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    web = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = connect(f"redis://127.0.0.1:{web.sockets[0].getsockname()[1]}/0")
    clients.append(client)

    with pytest.raises(StoreRefused, match="not a Redis or Valkey server"):
        await inspect(client, "mjb")
    web.close()


# --- demotion -------------------------------------------------------------------------


async def test_what_was_delivered_while_the_store_was_demoted_is_settled_afterwards(
    root: Redis, server: EmbeddedStore, clients: list[AsyncRedis]
) -> None:
    client = connect(server.url)
    clients.append(client)
    bench = Bench(client, "mjb")
    event = await bench.tell("u")
    delivery = await bench.claim_one()
    root.replicaof("127.0.0.1", "9")
    with pytest.raises(StoreUnavailable, match="replica"):
        await bench.succeed(delivery)
    with pytest.raises(StoreUnavailable):
        await bench.track("2")
    root.replicaof("NO", "ONE")

    assert await bench.succeed(delivery)
    assert await bench.state(event) == "delivered"


def test_a_worker_outlives_a_demotion(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # A path too long for a Unix socket: servers that are demoted are reached over TCP.
    with (
        EmbeddedStore(tmp_path_factory.mktemp("d" * 100)) as store,
        Redis.from_url(store.url) as root,
    ):
        shell = Shell(tmp_path, {"BRIDGE_REDIS_URL": store.url})
        with shell.running("worker") as worker, shell.running("beat"):
            until(lambda: root.get("{mjb}:heartbeat"), within_s=30.0, what="a sweep")
            root.replicaof("127.0.0.1", "9")
            until(
                lambda: "store.away" in worker.err_file.read_text(),
                within_s=20.0,
                what="that the worker has noticed",
            )
            root.replicaof("NO", "ONE")
            before = root.get("{mjb}:heartbeat")
            until(
                lambda: root.get("{mjb}:heartbeat") != before,
                within_s=30.0,
                what="another sweep",
            )
            assert worker.process.poll() is None
