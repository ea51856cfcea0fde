"""The sweep: what is too old, gone or done with, a bounded piece at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from bridge.adapters.store.readiness import inspect
from bridge.app.housekeeping import sweep
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from tests.contract.bench import RETENTION, Bench


def endpoint(name: str = "a", url: str = "http://r/", **more: object) -> Endpoint:
    return Endpoint(name=name, url=url, **more)  # type: ignore[arg-type]


async def run(
    bench: Bench,
    endpoints: Sequence[Endpoint] = (endpoint(),),
    *,
    on_a_tick: bool = True,
) -> None:
    await sweep(
        bench.housekeeping,
        endpoints,
        upstreams=[],
        retention=RETENTION,
        on_a_tick=on_a_tick,
    )


async def reason(bench: Bench, event: Event, name: str = "a") -> str | None:
    row = await bench.queries.event(event.id)
    assert row is not None
    return next(one.reason for one in row.deliveries if one.endpoint == name)


async def test_a_store_that_comes_back_empty_is_an_error_in_the_log_once(
    bench: Bench,
) -> None:
    await inspect(bench.client, bench.namespace)
    await run(bench)
    with capture_logs() as before:
        await run(bench)
    await bench.client.flushdb()
    with capture_logs() as after:
        await run(bench)
        await run(bench)

    assert not any(line["event"] == "store.emptied" for line in before)
    assert [line["event"] for line in after].count("store.emptied") == 1


async def test_what_was_held_longer_than_retention_is_dead(bench: Bench) -> None:
    await run(bench)
    old = await bench.tell("u")
    await bench.admin.switch("a", "pause")
    await bench.let_pass(RETENTION - 10.0)
    new = await bench.tell("v")
    await run(bench)
    assert await bench.state(old) == "held"
    await bench.let_pass(20.0)
    await run(bench)

    assert await bench.state(old) == "dead"
    assert await reason(bench, old) == "held longer than 604800 s"
    assert await bench.state(new) == "held"


async def test_what_was_held_dies_beside_many_that_are_only_waiting(
    bench: Bench,
) -> None:
    both = [endpoint("a"), endpoint("b", schedule=(10 * RETENTION,))]
    await run(bench, both)
    await bench.tell_many(300, to=("b",))
    await bench.admin.switch("a", "pause")
    held = await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench, both)

    assert await bench.state(held) == "dead"


async def test_what_waits_for_its_next_attempt_is_not_held(bench: Bench) -> None:
    """A schedule may be longer than what is over is kept."""
    patient = endpoint(schedule=(2 * RETENTION,))
    await run(bench, [patient])
    event = await bench.tell("u")
    await bench.fail(await bench.claim_one(), again_in=2 * RETENTION)
    await bench.let_pass(2 * RETENTION - 1.0)
    await run(bench, [patient])
    assert await bench.state(event) == "pending"

    # A day of Retry-After is granted beyond the schedule, and a tenth of its last delay.
    await bench.let_pass(0.2 * RETENTION + 86400.0 + 2.0)
    await run(bench, [patient])

    assert await bench.state(event) == "dead"
    assert "not delivered within" in (await reason(bench, event) or "")


async def test_deliveries_of_an_endpoint_that_is_gone_for_an_hour_are_dead(
    bench: Bench,
) -> None:
    await run(bench, [endpoint("a"), endpoint("b")])
    event = await bench.tell("u", to=("a", "b"))
    await bench.let_pass(3599.0)
    await run(bench, [endpoint("b")])
    assert await bench.state(event, "a") == "pending"
    await bench.let_pass(2.0)
    await run(bench, [endpoint("b")])

    assert await bench.state(event, "a") == "dead"
    assert await reason(bench, event) == "endpoint removed"
    assert await bench.state(event, "b") == "pending"


async def test_an_endpoint_that_is_gone_is_forgotten_when_nothing_waits_for_it(
    bench: Bench,
) -> None:
    await run(bench, [endpoint("a"), endpoint("b")])
    await bench.tell("u")
    await bench.let_pass(3601.0)
    for _ in range(2):
        await run(bench, [endpoint("b")])

    assert [row.name for row in await bench.queries.endpoints(0.0)] == ["b"]


async def test_an_endpoint_that_is_gone_is_not_forgotten_while_it_is_spoken_to(
    bench: Bench,
) -> None:
    await run(bench, [endpoint("a"), endpoint("b")])
    event = await bench.tell("u")
    await bench.let_pass(3601.0)
    delivery = await bench.claim_one()
    await run(bench, [endpoint("b")])

    assert await bench.succeed(delivery)
    assert await bench.state(event) == "delivered"


async def test_a_configured_endpoint_is_never_gone(bench: Bench) -> None:
    await run(bench)
    event = await bench.tell("u")
    await bench.let_pass(86400.0)
    await run(bench)

    assert await bench.state(event) == "pending"


async def test_deaths_are_told_to_those_who_subscribe_to_them(bench: Bench) -> None:
    ops = endpoint("ops", events=("delivery.dead",))
    await run(bench, [endpoint(), ops])
    event = await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench, [endpoint(), ops])
    (delivery,) = await bench.claim()

    data = json.loads(delivery.event.body)["data"]
    assert delivery.endpoint == "ops"
    assert (data["endpoint"], data["event"]["id"]) == ("a", event.id)


async def test_a_death_that_nobody_hears_of_makes_no_event(bench: Bench) -> None:
    await run(bench)
    await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)

    assert len(await bench.events()) == 1


async def test_one_sweep_gives_up_as_much_as_a_held_endpoint_collects_between_two(
    bench: Bench,
) -> None:
    await run(bench)
    await bench.admin.switch("a", "pause")
    await bench.tell_many(650)
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)

    assert (await bench.health()).dead == 650


async def test_one_sweep_forgets_as_much_as_a_busy_deployment_ends(
    bench: Bench,
) -> None:
    await bench.tell_many(1000, to=())
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)

    assert (await bench.queries.event_page()).items == []


async def test_a_changed_url_enables_an_endpoint_again(bench: Bench) -> None:
    await run(bench, [endpoint(url="http://old/")])
    event = await bench.tell("u")
    await bench.disable(await bench.claim_one())
    await run(bench, [endpoint(url="http://old/")])
    assert await bench.claim() == []
    await run(bench, [endpoint(url="http://new/")])

    assert await bench.claimed() == [event.id]


async def test_the_sweep_leaves_a_heartbeat(bench: Bench) -> None:
    await run(bench)

    now = await bench.admin.clock()
    life = await bench.queries.signs_of_life()
    assert life.answered_at == pytest.approx(now, abs=5.0)


async def test_a_sweep_without_a_tick_leaves_none(bench: Bench) -> None:
    await run(bench, on_a_tick=False)

    assert (await bench.queries.signs_of_life()).answered_at is None


async def test_sweeping_twice_changes_nothing(bench: Bench) -> None:
    await run(bench)
    event = await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)
    before = await bench.queries.event(event.id)
    await run(bench)

    assert await bench.queries.event(event.id) == before
