"""The sweep: what is too old, gone or done with, a bounded piece at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bridge.app.housekeeping import sweep
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from tests.contract.bench import Bench
from tests.contract.conftest import fake_bench
from tests.fakes import FakeStore

RETENTION = 604800.0


def endpoint(name: str = "a", url: str = "http://r/", **more: object) -> Endpoint:
    return Endpoint(name=name, url=url, **more)  # type: ignore[arg-type]


def fake(bench: Bench) -> FakeStore:
    assert isinstance(bench.store, FakeStore)
    return bench.store


async def run(bench: Bench, endpoints: Sequence[Endpoint] = (endpoint(),)) -> None:
    await sweep(bench.admin, endpoints, retention=RETENTION)


async def reason(bench: Bench, event: Event, name: str = "a") -> str | None:
    row = await bench.queries.event(event.id)
    assert row is not None
    return next(one.reason for one in row.deliveries if one.endpoint == name)


async def test_what_was_held_longer_than_retention_is_dead() -> None:
    bench = fake_bench()
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


async def test_what_was_held_dies_beside_many_that_are_only_waiting() -> None:
    bench = fake_bench()
    both = [endpoint("a"), endpoint("b", retry=(10 * RETENTION,))]
    await run(bench, both)
    for number in range(300):
        await bench.tell(f"w{number}", to=("b",))
    await bench.admin.switch("a", "pause")
    held = await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench, both)

    assert await bench.state(held) == "dead"


async def test_what_waits_for_its_next_attempt_is_not_held() -> None:
    """A schedule may be longer than what is over is kept."""
    bench = fake_bench()
    patient = endpoint(retry=(2 * RETENTION,))
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


async def test_deliveries_of_an_endpoint_that_is_gone_for_an_hour_are_dead() -> None:
    bench = fake_bench()
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


async def test_an_endpoint_that_is_gone_is_forgotten_when_nothing_waits_for_it() -> (
    None
):
    bench = fake_bench()
    await run(bench, [endpoint("a"), endpoint("b")])
    await bench.tell("u")
    await bench.let_pass(3601.0)
    for _ in range(2):
        await run(bench, [endpoint("b")])

    assert [row.name for row in await bench.queries.endpoints(0.0)] == ["b"]


async def test_an_endpoint_that_is_gone_is_not_forgotten_while_it_is_spoken_to() -> (
    None
):
    bench = fake_bench()
    await run(bench, [endpoint("a"), endpoint("b")])
    event = await bench.tell("u")
    await bench.let_pass(3601.0)
    delivery = await bench.claim_one()
    await run(bench, [endpoint("b")])

    assert await bench.succeed(delivery)
    assert await bench.state(event) == "delivered"


async def test_a_configured_endpoint_is_never_gone() -> None:
    bench = fake_bench()
    await run(bench)
    event = await bench.tell("u")
    await bench.let_pass(86400.0)
    await run(bench)

    assert await bench.state(event) == "pending"


async def test_deaths_are_told_to_those_who_subscribe_to_them() -> None:
    bench = fake_bench()
    ops = endpoint("ops", events=("delivery.dead",))
    await run(bench, [endpoint(), ops])
    event = await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench, [endpoint(), ops])
    (delivery,) = await bench.claim()

    data = json.loads(delivery.event.body)["data"]
    assert delivery.endpoint == "ops"
    assert (data["endpoint"], data["event"]["id"]) == ("a", event.id)


async def test_a_death_that_nobody_hears_of_makes_no_event() -> None:
    bench = fake_bench()
    await run(bench)
    await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)

    assert len(fake(bench).lanes.kept) == 1


async def test_one_sweep_gives_up_as_much_as_a_held_endpoint_collects_between_two() -> (
    None
):
    bench = fake_bench()
    await run(bench)
    await bench.admin.switch("a", "pause")
    for number in range(650):
        await bench.tell(f"u{number}")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)

    assert (await bench.health()).dead == 650


async def test_one_sweep_forgets_as_much_as_a_busy_deployment_ends() -> None:
    bench = fake_bench()
    for number in range(1000):
        await bench.tell(f"u{number}", to=())
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)

    assert not fake(bench).lanes.kept


async def test_a_changed_url_enables_an_endpoint_again() -> None:
    bench = fake_bench()
    await run(bench, [endpoint(url="http://old/")])
    event = await bench.tell("u")
    await bench.disable(await bench.claim_one())
    await run(bench, [endpoint(url="http://old/")])
    assert await bench.claim() == []
    await run(bench, [endpoint(url="http://new/")])

    assert await bench.claimed() == [event.id]


async def test_the_sweep_leaves_a_heartbeat() -> None:
    bench = fake_bench()
    await run(bench)

    assert fake(bench).heartbeat == await bench.admin.clock()


async def test_sweeping_twice_changes_nothing() -> None:
    bench = fake_bench()
    await run(bench)
    event = await bench.tell("u")
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)
    before = await bench.queries.event(event.id)
    await run(bench)

    assert await bench.queries.event(event.id) == before


async def test_a_store_that_is_nearly_full_is_no_reason_not_to_sweep() -> None:
    bench = fake_bench()
    await run(bench)
    event = await bench.tell("u")
    fake(bench).full = True
    await bench.let_pass(RETENTION + 1.0)
    await run(bench)

    assert await bench.state(event) == "dead"
