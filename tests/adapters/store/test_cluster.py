"""A node of a Redis Cluster: refused in a sentence before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.adapters.store.servers import server
from tests.cli.commands import Shell
from tests.waiting import until


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
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


@pytest.mark.parametrize("command", ["worker", "beat", "up", "check"])
def test_a_clusters_node_is_refused_before_anything_runs(
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
    assert "the store is a node of a Redis Cluster" in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err
