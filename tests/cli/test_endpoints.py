"""``endpoints``: what is said of one that the configuration does not hold any more."""

from __future__ import annotations

import asyncio

from tests.cli.commands import Shell
from tests.contract.bench import Bench


async def test_what_is_held_for_an_endpoint_that_was_removed_cannot_be_resumed(
    deployment: Shell, bench: Bench
) -> None:
    await bench.tell("u", to=("gone",))
    await bench.let_pass(601.0)

    listed = await asyncio.to_thread(deployment.run, "endpoints")
    resumed = await asyncio.to_thread(deployment.run, "endpoints", "resume", "gone")

    [row] = [line for line in listed.out.splitlines() if line.startswith("gone ")]
    assert "not configured" in row
    assert "held, and given up in 50 min" in row
    assert (resumed.code, resumed.out, resumed.err.count("\n")) == (1, "", 1)
    assert (
        "gone is not configured, so what waits is held, and given up in 50 min"
        in resumed.err
    )
    assert "mjbridge deliveries drop --endpoint gone" in resumed.err
