"""A Redis Cluster as the store: six real nodes, of which one has a deployment's keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from redis import Redis
from redis.crc import key_slot

from bridge.adapters.store.connection import connect
from bridge.adapters.store.keyspace import Keyspace
from bridge.adapters.store.readiness import inspect
from bridge.errors import StoreUnavailable
from tests.adapters.store.servers import free_port, server
from tests.cli.commands import Shell
from tests.waiting import until

Result = TypeVar("Result")

SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Nodes by their ports: masters first, then a replica of each."""

    ports: list[int]
    stopping: dict[int, ExitStack]

    def ask(self, port: int, *command: str | int) -> Any:
        with Redis(port=port, decode_responses=True) as client:
            return client.execute_command(*command)

    def knows(self, port: int, name: str) -> bool:
        """Say whether a node has heard of another one."""
        return name in self.ask(port, "CLUSTER", "NODES")

    def is_up(self, port: int) -> bool:
        """Say whether a node knows of all, and has what its master has."""
        known = str(self.ask(port, "CLUSTER", "NODES")).count("slave")
        state = str(self.ask(port, "CLUSTER", "INFO"))
        copied = self.ask(port, "INFO", "replication").get("master_link_status", "up")
        return known == 3 and "cluster_state:ok" in state and copied == "up"

    def masters(self) -> dict[int, str]:
        """Return the ports and ids of the masters that have slots."""
        rows = self.ask(next(iter(self.stopping)), "CLUSTER", "SLOTS")
        return {node[1]: node[2] for _, _, node, *_ in rows}

    def owner(self, slot: int) -> int:
        """Return the port of the node that has a slot."""
        rows = self.ask(next(iter(self.stopping)), "CLUSTER", "SLOTS")
        return next(int(row[2][1]) for row in rows if row[0] <= slot <= row[1])

    def stop(self, port: int) -> None:
        self.stopping.pop(port).close()

    def move(self, slot: int) -> None:
        """Move a slot with its keys to another master, step by step as `redis-cli` does."""
        here = self.owner(slot)
        ids = self.masters()
        there = next(port for port in ids if port != here)
        self.ask(there, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[here])
        self.ask(here, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[there])
        while keys := self.ask(here, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            for key in keys:
                self.ask(here, "MIGRATE", "127.0.0.1", there, key, 0, 5000)
        for port in (there, here):
            self.ask(port, "CLUSTER", "SETSLOT", slot, "NODE", ids[there])
        until(lambda: self.owner(slot) == there, what="that the slot has moved")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as running:
        stopping: dict[int, ExitStack] = {}
        buses: dict[int, int] = {}
        for number in range(6):
            bus = free_port()
            stack = running.enter_context(ExitStack())
            port = stack.enter_context(
                server(
                    tmp_path / f"node{number}",
                    f"cluster-enabled yes\ncluster-port {bus}\nappendonly yes\n"
                    "cluster-node-timeout 1000\nrepl-diskless-sync-delay 0",
                )
            )
            stopping[port], buses[port] = stack, bus
        made = Cluster(ports=list(stopping), stopping=stopping)
        first, *others = made.ports
        for port in others:
            made.ask(port, "CLUSTER", "MEET", "127.0.0.1", first, buses[first])
        for port, slots in zip(made.ports, SLOTS, strict=False):
            made.ask(port, "CLUSTER", "ADDSLOTSRANGE", *slots)
        for master, replica in zip(made.ports[:3], made.ports[3:], strict=True):
            name = made.ask(master, "CLUSTER", "MYID")
            until(partial(made.knows, replica, name), what="that nodes know each other")
            made.ask(replica, "CLUSTER", "REPLICATE", name)
        until(lambda: all(map(made.is_up, made.ports)), what="that the cluster is up")
        yield made


async def patiently(work: Callable[[], Awaitable[Result]]) -> Result:
    """Ask until the store answers, as everyone does who needs it."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await work()
            except StoreUnavailable:
                await asyncio.sleep(0.05)


async def test_the_node_with_the_keys_is_found_moves_and_fails_over(
    cluster: Cluster,
) -> None:
    namespaces = [f"n{number}" for number in range(12)]
    slots = {name: key_slot(f"{{{name}}}:".encode()) for name in namespaces}
    assert {cluster.owner(slot) for slot in slots.values()} == set(cluster.ports[:3])

    # Through any node, a replica as well, of as many deployments as there are nodes.
    stores = []
    for number, name in enumerate(namespaces):
        port = cluster.ports[number % len(cluster.ports)]
        client = connect(f"redis://127.0.0.1:{port}/0", name)
        keys = Keyspace(client, namespace=name, retention=60.0)
        assert await inspect(client, name, is_broker=False) == []
        assert await keys.keep("word", name) == name
        stores.append((client, keys))

    # A slot moves to another node while somebody is connected to this one.
    cluster.move(slots["n0"])
    assert await patiently(lambda: stores[0][1].text("word")) == "n0"
    assert await patiently(lambda: stores[0][1].keep("more", "kept")) == "kept"

    # A node dies for good, and its replica takes over.
    lost = cluster.owner(slots["n1"])
    with Redis(port=lost) as node:
        assert node.execute_command("WAIT", 1, 5000) >= 1
    cluster.stop(lost)
    for (_, keys), name in zip(stores, namespaces, strict=True):
        found = await patiently(lambda keys=keys: keys.text("word"))  # type: ignore[misc]
        assert found == name
    for client, _ in stores:
        await client.aclose()


def test_workers_run_on_a_cluster_if_the_broker_is_elsewhere(
    cluster: Cluster, tmp_path: Path
) -> None:
    folder = tmp_path / "shell"
    folder.mkdir()
    with server(tmp_path / "broker", "appendonly no") as broker:
        settings = {
            "BRIDGE_REDIS_URL": f"redis://127.0.0.1:{cluster.ports[4]}/0",
            "BRIDGE_BROKER_URL": f"redis://127.0.0.1:{broker}/0",
            "BRIDGE_UPSTREAMS": '{"default": {"api_key": "sk-x"}}',
        }
        shell = Shell(folder, settings)
        with shell.running("worker") as worker, shell.running("beat") as beat:
            worker.says(" ready.")
            until(
                lambda: "beat and a worker are running" in shell.run("check").out,
                within_s=30.0,
                what=lambda: worker.err_file.read_text() + beat.err_file.read_text(),
            )
        said = worker.err_file.read_text() + beat.err_file.read_text()
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["worker", "beat", "up", "check"])
def test_a_cluster_is_refused_as_a_broker_before_anything_runs(
    node: int, tmp_path: Path, command: str
) -> None:
    shell = Shell(
        tmp_path,
        {
            "BRIDGE_REDIS_URL": f"redis://127.0.0.1:{node}/0",
            "BRIDGE_UPSTREAMS": '{"default": {"api_key": "sk-x"}}',
        },
    )

    ran = shell.run(command)

    assert ran.code == 2
    assert "the store is a Redis Cluster" in ran.out + ran.err
    assert "BRIDGE_BROKER_URL" in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A cluster of one node."""
    folder = tmp_path_factory.mktemp("cluster") / "node"
    with (
        server(folder, "cluster-enabled yes\ncluster-port 0") as port,
        Redis(port=port) as client,
    ):
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        until(
            lambda: (
                "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO"))
            ),
            what="that the cluster is up",
        )
        yield port
