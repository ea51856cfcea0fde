"""Lists: pages by filter and cursor, which read what they return and no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from bridge.adapters.store.rows import read_cursor, write_cursor
from bridge.app.paging import all_rows
from bridge.app.ports import Page, PollResult, Publication
from bridge.core.change import ChangeType, TaskState
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus
from bridge.errors import InvalidCursor
from tests.contract.bench import Bench, endpoint
from tests.contract.commands import commands

#: Top-level commands that a list's page may cost, however long the list is.
COMMANDS = 5


async def see(
    bench: Bench,
    status: TaskStatus,
    *,
    upstream: str = "u",
    prompt: str | None = None,
    ended: ChangeType | None = None,
) -> None:
    """Record for what is due at an upstream that it was seen, and how."""
    claim = await bench.claim_tasks(upstream)
    await bench.tasks.poll_succeeded(claim)
    await bench.tasks.record(
        [
            PollResult(
                due=due,
                task_state=TaskState(status=status, ended=ended),
                snapshot=TaskSnapshot(id=due.key.id, status=status, prompt=prompt),
                poll_again_in=None if status.is_final or ended else 900.0,
            )
            for due in claim.tasks
        ]
    )


async def ids(bench: Bench, **filters: Any) -> list[str]:
    page = await bench.queries.task_page(**filters)
    return [row.key.id for row in page.items]


async def pages(read: Callable[..., Awaitable[Page[Any]]], limit: int) -> list[Any]:
    """Every row of a list, read in pages of a size."""
    found: list[Any] = []
    page = await read(limit=limit)
    found += page.items
    while page.next is not None:
        page = await read(limit=limit, cursor=page.next)
        assert len(page.items) <= limit
        found += page.items
    return found


# --- tasks ----------------------------------------------------------------------------


async def test_tasks_are_listed_by_status_upstream_and_whether_they_are_polled(
    bench: Bench,
) -> None:
    await bench.track("done")
    await see(bench, TaskStatus.SUCCESS)
    await bench.track("lost")
    await see(bench, TaskStatus.IN_PROGRESS, ended=ChangeType.LOST)
    await bench.track("new")
    await bench.track("other", upstream="v")
    await see(bench, TaskStatus.IN_PROGRESS, upstream="v")

    assert await ids(bench) == ["other", "new", "lost", "done"]
    assert await ids(bench, status="SUCCESS") == ["done"]
    assert await ids(bench, status="LOST") == ["lost"]
    assert await ids(bench, status="IN_PROGRESS") == ["other"]
    assert await ids(bench, status="-") == ["new"]
    assert await ids(bench, upstream="u") == ["new", "lost", "done"]
    assert await ids(bench, active=True) == ["other", "new"]
    assert await ids(bench, upstream="u", active=False) == ["lost", "done"]
    assert await ids(bench, upstream="nowhere") == []


async def test_a_task_that_is_tracked_again_is_the_newest(bench: Bench) -> None:
    await bench.track("1")
    await see(bench, TaskStatus.SUCCESS)
    await bench.track("2")
    assert await ids(bench) == ["2", "1"]

    await bench.track("1")

    assert await ids(bench) == ["1", "2"]
    assert await ids(bench, status="SUCCESS", active=True) == ["1"]


async def test_a_page_says_what_a_task_is_about(bench: Bench) -> None:
    await bench.track("1")
    await see(bench, TaskStatus.IN_PROGRESS, prompt="a boat")

    (row,) = (await bench.queries.task_page()).items

    assert row == await bench.task("1")
    assert row.snapshot is not None
    assert row.snapshot.prompt == "a boat"
    assert row.seen_at == pytest.approx(row.tracked_at, abs=5.0)
    assert row.next_look == pytest.approx(row.tracked_at + 900.0, abs=5.0)


@pytest.mark.parametrize("limit", [1, 7, 50, 500])
async def test_pages_together_are_the_whole_list(bench: Bench, limit: int) -> None:
    """Also of tasks that were tracked at the same moment."""
    for upstream in "uvw":
        await bench.track(*map(str, range(40)), upstream=upstream)
        await see(bench, TaskStatus.IN_PROGRESS, upstream=upstream)
    await bench.admin.untrack(TaskKey("u", "7"))

    found = await pages(bench.queries.task_page, limit)

    keys = [row.key for row in found]
    assert len(keys) == len(set(keys)) == 120
    times = [(row.tracked_at, str(row.key).encode()) for row in found]
    assert times == sorted(times, reverse=True)


async def test_what_exists_throughout_is_listed_once_whatever_happens_meanwhile(
    bench: Bench,
) -> None:
    await bench.track(*map(str, range(300)))
    listed: list[str] = []
    cursor, number = None, 300
    while True:
        page = await bench.queries.task_page(limit=20, cursor=cursor)
        listed += [row.key.id for row in page.items]
        if page.next is None:
            break
        cursor = page.next
        await bench.track(*map(str, range(number, number + 25)))
        number += 25
        await see(bench, TaskStatus.IN_PROGRESS)  # fifty of them change their cell
        await bench.admin.untrack(TaskKey("u", listed[-1]))
        await bench.admin.untrack(TaskKey("u", str(number % 300)))

    before = [name for name in listed if int(name) < 300]
    assert sorted(before, key=int) == list(map(str, range(300)))


async def test_a_cursor_goes_on_though_its_row_is_gone(bench: Bench) -> None:
    for name in "abc":
        await bench.track(name)
    page = await bench.queries.task_page(limit=1)
    await bench.track("c")

    assert await ids(bench, cursor=page.next) == ["b", "a"]


@pytest.mark.parametrize(
    "text",
    ["", "!", "=", "none", "ümlaut", write_cursor("nan", "u:1"), "x" * 5000],
)
async def test_a_cursor_that_is_none_is_refused(bench: Bench, text: str) -> None:
    for read in (
        bench.queries.task_page,
        bench.queries.event_page,
        bench.queries.delivery_page,
    ):
        with pytest.raises(InvalidCursor):
            await read(cursor=text)


# --- searching ------------------------------------------------------------------------


async def test_an_id_is_found_at_every_upstream(bench: Bench) -> None:
    await bench.track("1", "10")
    await bench.track("1", upstream="v")

    found = (await bench.queries.task_page(search="1")).items
    assert {row.key for row in found} == {TaskKey("u", "1"), TaskKey("v", "1")}
    assert await ids(bench, search=" 1 ", upstream="u") == ["1"]
    assert await ids(bench, search="1", active=False) == []


async def test_words_are_found_in_ids_and_prompts_in_any_case_and_order(
    bench: Bench,
) -> None:
    await bench.track("Abc-9")
    await see(bench, TaskStatus.SUCCESS, prompt="A RED Boat, ÉTÉ (50%)")
    await bench.track("xyz")
    await see(bench, TaskStatus.SUCCESS, prompt="a blue boat")

    assert await ids(bench, search="BOAT") == ["xyz", "Abc-9"]
    assert await ids(bench, search="boat red") == ["Abc-9"]
    assert await ids(bench, search="été") == ["Abc-9"]
    assert await ids(bench, search="(50%)") == ["Abc-9"]
    assert await ids(bench, search="abc boat") == ["Abc-9"]
    assert await ids(bench, search="red blue") == []
    assert await ids(bench, search="boat", status="FAILURE") == []


async def test_a_search_is_bounded_a_call_and_goes_on(bench: Bench) -> None:
    await bench.track("needle")
    await bench.track(*map(str, range(2500)), upstream="hay")

    first = await bench.queries.task_page(search="needl")

    assert first.items == []
    assert first.next is not None
    found = [
        row.key.id
        async for row in all_rows(partial(bench.queries.task_page, search="needl"))
    ]
    assert found == ["needle"]


# --- events ---------------------------------------------------------------------------


async def test_events_are_listed_by_type_task_upstream_and_time(bench: Bench) -> None:
    first = await bench.tell("u", "task.submitted")
    second = await bench.tell("u", "task.started")
    other = await bench.tell("v", "task.failed")

    async def listed(**filters: Any) -> list[str]:
        page = await bench.queries.event_page(**filters)
        return [row.event.id for row in page.items]

    assert await listed() == [other.id, second.id, first.id]
    assert await listed(types=["task.s*"]) == [second.id, first.id]
    assert await listed(types=["endpoint.*", "task.failed"]) == [other.id]
    assert await listed(types=["nothing.*"]) == []
    assert await listed(upstream="u") == [second.id, first.id]
    assert await listed(subject="u:1") == [second.id, first.id]
    assert await listed(subject="u:1", types=["task.submitted"]) == [first.id]
    assert await listed(subject="u:1", since=second.at) == [second.id]
    assert await listed(since=second.at) == [other.id, second.id]
    assert await listed(since=other.at + 1.0) == []
    page = await bench.queries.event_page(subject="u:1", limit=1)
    assert await listed(subject="u:1", cursor=page.next) == [first.id]


async def test_notices_are_listed_with_the_events_of_tasks(bench: Bench) -> None:
    await bench.tell("u")
    notice = bench.notice("delivery.dead")
    await bench.kill(await bench.claim_one(), notice)

    page = await bench.queries.event_page(types=["delivery.*"])

    assert [row.event for row in page.items] == [notice.event]
    assert page.items[0].deliveries[0].endpoint == "ops"


# --- deliveries -----------------------------------------------------------------------


async def test_deliveries_are_listed_by_endpoint_and_state(bench: Bench) -> None:
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    gone = await bench.tell("u", "task.submitted", to=("a",))
    await bench.kill(await bench.claim_one())
    fine = await bench.tell("v", "task.submitted", to=("a", "b"))
    for delivery in await bench.claim():
        await bench.succeed(delivery)
    await bench.admin.switch("b", "pause")
    open_ = await bench.tell("w", "task.submitted", to=("a", "b"))

    async def listed(**filters: Any) -> list[tuple[str, str]]:
        page = await bench.queries.delivery_page(**filters)
        return [(row.event_id, row.endpoint) for row in page.items]

    everything = [(open_, "b"), (open_, "a"), (fine, "b"), (fine, "a"), (gone, "a")]
    assert await listed() == [(event.id, name) for event, name in everything]
    assert await listed(state="pending") == [(open_.id, "a")]
    assert await listed(state="held") == [(open_.id, "b")]
    assert await listed(state="dead") == [(gone.id, "a")]
    assert await listed(endpoint="b") == [(open_.id, "b"), (fine.id, "b")]
    assert await listed(endpoint="b", state="delivered") == [(fine.id, "b")]
    assert await listed(endpoint="b", state="pending") == []
    assert await listed(endpoint="nobody") == []


async def test_names_with_colons_and_bars_are_only_names(bench: Bench) -> None:
    """A hook's endpoint is named after an origin."""
    name = "hook:https://[::1]|x:8443"
    event = await bench.tell("u", to=(name,))
    await bench.succeed(await bench.claim_one())

    page = await bench.queries.delivery_page(endpoint=name, state="delivered")

    assert [(row.event_id, row.endpoint) for row in page.items] == [(event.id, name)]
    assert (await bench.queries.counters()).attempts == {("hook", "delivered"): 1}


async def test_dead_deliveries_say_why(bench: Bench) -> None:
    await bench.tell("u")
    await bench.kill(await bench.claim_one())

    (row,) = (await bench.queries.delivery_page(state="dead")).items

    assert row.reason == "enough"


# --- what it costs --------------------------------------------------------------------


async def fill(bench: Bench, number: int) -> None:
    """Have as many tasks, each with an event for two endpoints that is open."""
    upstream = f"of{number}"
    names = list(map(str, range(number)))
    await bench.track(*names, upstream=upstream)
    while (claim := await bench.claim_tasks(upstream)).tasks:
        await bench.tasks.poll_succeeded(claim)
        results = []
        for due in claim.tasks:
            event = bench.event("task.started", due, at=claim.now)
            told = Publication(event=event, recipients=("a", "b"))
            state = TaskState(status=TaskStatus.IN_PROGRESS)
            results.append(
                PollResult(
                    due=due, task_state=state, poll_again_in=900.0, publication=told
                )
            )
        await bench.tasks.record(results)


def _lists(bench: Bench) -> Sequence[Callable[[], Awaitable[object]]]:
    read = bench.queries
    return [
        read.task_page,
        partial(read.task_page, status="FAILURE"),
        partial(read.task_page, status="IN_PROGRESS", active=True),
        partial(read.task_page, upstream="nowhere"),
        partial(read.task_page, search="99"),
        partial(read.task_page, search="no such words"),
        read.event_page,
        partial(read.event_page, types=["task.failed"]),
        partial(read.event_page, subject="of100:1"),
        partial(read.event_page, since=1e12),
        read.delivery_page,
        partial(read.delivery_page, state="dead"),
        partial(read.delivery_page, state="held"),
        partial(read.delivery_page, endpoint="a", state="pending"),
        partial(read.endpoints, 0.0),
        partial(read.upstreams, 0.0),
        read.counters,
    ]


@pytest.mark.timeout(120)
async def test_a_list_costs_the_same_however_long_it_is(bench: Bench) -> None:
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    for read in _lists(bench):
        await read()  # the server learns each script once
    costs = []
    for rows in (100, 9_900):
        await fill(bench, rows)
        costs.append(
            [
                await commands(bench.client, bench.namespace, read)
                for read in _lists(bench)
            ]
        )

    assert costs[0] == costs[1]
    assert max(costs[0]) <= COMMANDS


@pytest.mark.parametrize("score", ["1764366000.25", "0", "-1.5", "1e300"])
def test_a_cursor_is_read_as_it_was_written(score: str) -> None:
    text = write_cursor(score, "u:1 ü|:")

    assert text is not None
    assert read_cursor(text) == (score, "u:1 ü|:")
