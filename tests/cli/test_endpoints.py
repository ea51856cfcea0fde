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


async def test_what_the_bridge_does_itself_is_configured_also_where_no_worker_runs(
    deployment: Shell, bench: Bench
) -> None:
    await bench.tell("u", to=("upstream:default",))
    await bench.let_pass(601.0)

    checked = await asyncio.to_thread(deployment.run, "check")
    resumed = await asyncio.to_thread(
        deployment.run, "endpoints", "resume", "upstream:default"
    )

    assert "given up" not in checked.out
    assert resumed.code == 0
    assert "given up" not in resumed.err


async def test_what_is_resumed_and_does_not_go_yet_says_why(
    deployment: Shell, bench: Bench
) -> None:
    day = 86_400.0
    await bench.tell("u", to=("me",))
    await bench.fail(await bench.claim_one(), status=429, again_in=day, hold=day)

    resumed = await asyncio.to_thread(deployment.run, "endpoints", "resume", "me")
    checked = await asyncio.to_thread(deployment.run, "check", "--json")
    tested = await asyncio.to_thread(deployment.run, "endpoints", "test", "me")

    assert tested.err.startswith("mjbridge: me: it is left alone for another 24 h")
    assert "the sample is sent all the same" in tested.err
    assert resumed.out == (
        "me  was not paused, 1 delivery waiting: it is left alone for "
        "another 24 h, as the receiver asked (Retry-After, a day at most)\n"
    )
    [found] = [row for row in checked.rows if row["name"] == "me"]
    assert "left alone for 24 h (Retry-After)" in found["detail"]


async def test_an_open_breaker_with_nothing_to_try_waits_for_the_next_event(
    deployment: Shell, bench: Bench
) -> None:
    await bench.open_breaker("me")
    failing = await asyncio.to_thread(deployment.run, "endpoints")
    await asyncio.to_thread(
        deployment.run, "deliveries", "drop", "--endpoint", "me", "--yes"
    )

    listed = await asyncio.to_thread(deployment.run, "endpoints")

    assert "breaker open, next trial in" in failing.out
    assert "breaker open, to be tried with the next event" in listed.out


async def test_a_delivery_whose_attempts_are_no_longer_kept_says_so(
    deployment: Shell, bench: Bench
) -> None:
    event = await bench.tell("u", to=[f"e{number}" for number in range(52)])
    for delivery in await bench.claim():
        assert await bench.succeed(delivery)

    shown = await asyncio.to_thread(
        deployment.run, "show", event.subject.partition(":")[2]
    )

    rows = [line for line in shown.out.splitlines() if " delivered " in line]
    gone = [row for row in rows if "not among the 50 attempts kept" in row]
    assert len(rows) == 52
    assert len(gone) == 2
    assert all("?" in row for row in gone)
