"""Keys that somebody deleted, or that half a backup lacks: what nobody would look for comes back."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bridge.adapters.store.actions import StoredActions
from bridge.app.housekeeping import RESTORE_BATCH, sweep
from bridge.app.ports import NewAction, Order
from tests.contract.anatomy import examine
from tests.contract.bench import RETENTION, Bench, endpoint


async def lose(bench: Bench, key: str) -> None:
    lost = await bench.client.delete(f"{{{bench.namespace}}}:{key}")
    assert lost == 1, f"there was a {key}"


async def run(bench: Bench, *upstreams: str, edits: bool = False) -> list[str]:
    """Sweep; name what the log says of it."""
    configured = [endpoint(edits=edits)]
    with capture_logs() as lines:
        await sweep(
            bench.housekeeping, configured, upstreams=upstreams, retention=RETENTION
        )
    return [f"{line['event']} {line['count']}" for line in lines if "count" in line]


async def test_a_known_task_that_is_due_nowhere_is_polled_again_when_it_is_tracked(
    bench: Bench,
) -> None:
    await bench.track("1", "2")
    await lose(bench, "poll:u")
    while await bench.woken("poll"):
        pass
    tracked = await bench.track("1")

    assert tracked.known == ("1",)
    assert await bench.woken("poll")
    assert await bench.due() == ["1"]


async def test_a_known_task_is_not_hurried_when_it_is_tracked(bench: Bench) -> None:
    await bench.track("1")
    await bench.claim_tasks()
    await bench.track("1")

    assert await bench.due() == []


async def test_tasks_that_are_due_nowhere_are_polled_again_and_that_is_said_once(
    bench: Bench,
) -> None:
    ids = [str(number) for number in range(2 * RESTORE_BATCH + 1)]
    await bench.track("0", upstream="other")
    await bench.track(*ids)
    await bench.admin.untrack((await bench.task("7")).key)
    await lose(bench, "poll:u")
    await bench.track("3")

    said = [await run(bench, "other", "u"), await run(bench, "other", "u")]

    assert said == [[f"tasks.restored {len(ids) - 2}"], []]
    due = await bench.client.zcard(f"{{{bench.namespace}}}:poll:u")
    assert due == len(ids) - 1, "one was untracked"


async def test_a_list_that_names_tasks_which_are_not_there_is_put_right(
    bench: Bench,
) -> None:
    await bench.track("1", "2")
    await lose(bench, "task:u:1")
    assert await bench.due() == ["2"]
    await run(bench, "u")

    await examine(bench.client, bench.namespace)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("fresh:a", id="where its lane waits for its first attempt"),
        pytest.param("lane:a:u:1", id="its lane"),
    ],
)
async def test_a_delivery_that_waits_nowhere_is_made_in_its_order(
    bench: Bench, key: str
) -> None:
    await run(bench)
    events = [await bench.tell("u"), await bench.tell("u")]
    await lose(bench, key)
    said = await run(bench)
    await examine(bench.client, bench.namespace)

    delivered = []
    for _ in events:
        delivery = await bench.claim_one()
        delivered.append(delivery.event.id)
        await bench.succeed(delivery)
    assert delivered == [event.id for event in events]
    assert said[0].startswith("deliveries.restored")
    assert await run(bench) == []


async def test_an_attempt_that_is_to_be_repeated_keeps_its_time(bench: Bench) -> None:
    await run(bench)
    event = await bench.tell("u")
    await bench.fail(await bench.claim_one(), again_in=50.0)
    await lose(bench, "retry:a")

    assert await run(bench) == ["deliveries.restored 1"]
    assert await bench.claim() == []
    await bench.let_pass(51.0)
    assert await bench.claimed() == [event.id]


async def test_what_is_under_way_is_not_taken_for_lost(bench: Bench) -> None:
    await run(bench)
    event = await bench.tell("u")
    delivery = await bench.claim_one()
    await lose(bench, "lane:a:u:1")

    assert await run(bench) == ["deliveries.restored 1"]
    assert await bench.claim() == []
    assert await bench.succeed(delivery)
    assert await bench.state(event) == "delivered"


async def test_progress_that_was_lost_does_not_come_after_what_followed(
    bench: Bench,
) -> None:
    await run(bench)
    old = await bench.tell("u", "task.progress")
    await lose(bench, "lane:a:u:1")
    await lose(bench, "edits:a")
    new = await bench.tell("u", "task.succeeded")
    await run(bench)

    await examine(bench.client, bench.namespace)
    assert await bench.state(old) == "superseded"
    assert await bench.claimed() == [new.id]


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("fresh:a", id="where its lane waits"),
        pytest.param("lane:a:~evt_1", id="its lane"),
    ],
)
async def test_a_redelivery_that_waits_nowhere_is_made(bench: Bench, key: str) -> None:
    await run(bench)
    event = await bench.tell("u")
    await bench.succeed(await bench.claim_one())
    await bench.redeliver(event.id, "a")
    await lose(bench, key)
    await run(bench)

    assert (await bench.claim_one()).redelivery


async def test_an_action_that_was_lost_keeps_its_delay(bench: Bench) -> None:
    action = NewAction(
        id="act_1",
        kind="submit",
        upstream="u",
        task=None,
        label=None,
        by="api",
        order=Order(route="submit/imagine", body={}),
        delay=50.0,
    )
    await StoredActions(bench.keys, patience=600.0).create(action)
    await lose(bench, "lane:upstream:u:~act_1")
    await run(bench)

    assert await bench.claim() == []
    await bench.let_pass(51.0)
    assert await bench.claimed() == [action.id]


async def test_all_open_deliveries_are_looked_through_a_part_in_each_sweep(
    bench: Bench,
) -> None:
    await run(bench)
    await bench.tell_many(2 * RESTORE_BATCH + 1)
    await lose(bench, "fresh:a")

    said = [await run(bench) for _ in range(4)]

    batch = f"deliveries.restored {RESTORE_BATCH}"
    assert said == [[batch], [batch], ["deliveries.restored 1"], []]
    await examine(bench.client, bench.namespace)


async def test_a_task_that_somebody_has_written_over_costs_no_other_one_its_poll(
    bench: Bench,
) -> None:
    await bench.track("1", "2")
    await bench.client.set(f"{{{bench.namespace}}}:task:u:1", "junk")
    claim = await bench.claim_tasks()

    assert [due.key.id for due in claim.tasks] == ["2"]
    assert claim.gone == ["u:1"]
    assert await run(bench, "u") == []
    assert [row.key.id for row in (await bench.queries.task_page()).items] == ["2"]
