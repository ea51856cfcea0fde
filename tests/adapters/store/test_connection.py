"""`bridge.adapters.store.connection`: connections, as a client keeps them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from redis import Redis

from bridge.adapters.store.connection import connect
from tests.adapters.store.servers import server
from tests.waiting import until


@pytest.mark.parametrize("connections", [1, 3])
async def test_no_command_fails_on_a_connection_that_the_store_has_closed(
    tmp_path: Path, connections: int
) -> None:
    def open_connections(root: Redis) -> int:
        return len(root.client_list(_type="normal")) - 1  # but for the asking one

    with server(tmp_path / "store", "") as port, Redis(port=port) as root:
        client = connect(f"redis://127.0.0.1:{port}/0")
        async with aclosing(client):
            held = (client.blpop(["nothing"], timeout=0.1) for _ in range(connections))
            await asyncio.gather(*held)
            # As at a restart, or where a firewall tires of idle ones.
            root.client_kill_filter(_type="normal", skipme=True)
            await asyncio.to_thread(
                until, lambda: open_connections(root) == 0, what="that they are closed"
            )
            answers = [client.ping() for _ in range(connections)]

            assert await asyncio.gather(*answers) == [True] * connections
