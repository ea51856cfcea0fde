"""`bridge.adapters.gateway.upstream`: a gateway without the usual list is asked in another way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest
from aiohttp import web

from bridge.adapters.gateway.upstream import NOBODYS_ID
from bridge.app.ports import PollError
from tests.adapters.gateway.polling import (
    LIST,
    answer_to,
    asking,
    never,
    rows,
)
from tests.gateways import Asked, Script, lists, says


def without(*routes: str, known: Sequence[str], status: int = 404) -> Script:
    """A gateway that lacks these routes."""

    def script(asked: Asked) -> web.Response:
        if any(asked.path.endswith(route) for route in routes):
            return says({"error": "Not Found", "status": 404}, status)
        if asked.method == "POST":
            return lists(rows(*known))(asked)
        task_id = asked.path.split("/")[-2]
        if task_id in known:
            return says(rows(task_id)[0])
        return UNKNOWN[int(task_id) % len(UNKNOWN)]()

    return script


#: What servers say to a single task that they do not know.
UNKNOWN = (
    lambda: says(b"", 204),
    lambda: says(b"", 200),
    lambda: says(b"null", 200),
    lambda: says({"description": "task_no_found ", "code": 4}, 400),
    lambda: says({"message": "task not found"}, 404),
)
LISTS = ("list-by-condition", "list-by-ids")


@pytest.mark.parametrize("status", [404, 405])
async def test_without_list_by_condition_its_sibling_is_asked(status: int) -> None:
    script = without("list-by-condition", known=["1"], status=status)
    async with asking(script) as (gateway, upstream):
        answers = [await upstream.fetch(["1", "2"]) for _ in range(3)]

    assert [set(answer.tasks) for answer in answers] == [{"1"}] * 3
    assert [asked.path.rpartition("/")[2] for asked in gateway.asked] == [
        *LISTS,
        "list-by-ids",
        "list-by-ids",
    ]


async def test_without_any_list_each_task_is_asked_for() -> None:
    ids = [str(number) for number in range(10, 20)]
    script = without(*LISTS, known=["10", "12"])
    async with asking(script, concurrency=3) as (gateway, upstream):
        first = await upstream.fetch(ids)
        gateway.asked.clear()
        second = await upstream.fetch(ids)

    assert first == second
    assert (first.error, set(first.tasks), first.poison_ids) == (
        None,
        {"10", "12"},
        frozenset(),
    )
    assert {asked.path for asked in gateway.asked} == {
        f"/mj/task/{i}/fetch" for i in ids
    }
    assert {asked.method for asked in gateway.asked} == {"GET"}
    assert gateway.busiest <= 3


async def test_every_request_is_counted() -> None:
    ids = [str(number) for number in range(10, 20)]
    async with asking(without(*LISTS, known=["10"])) as (gateway, upstream):
        answers = [await upstream.fetch(ids) for _ in range(2)]
        reported = sum(answer.requests for answer in answers)

    assert reported == len(gateway.asked)
    assert answers[1].requests == len(ids)


async def test_requests_beyond_the_first_keep_to_the_pace() -> None:
    ids = [str(number) for number in range(10, 22)]
    async with asking(without(*LISTS, known=ids), rate=20.0) as (_, upstream):
        await upstream.fetch(ids[:1])
        began = asyncio.get_running_loop().time()
        answer = await upstream.fetch(ids)
        took = asyncio.get_running_loop().time() - began

    assert set(answer.tasks) == set(ids)
    assert took >= (len(ids) - 2) / 20.0


async def test_tasks_that_there_is_no_time_for_are_left_for_the_next_look() -> None:
    ids = [str(number) for number in range(10, 50)]
    script = without(*LISTS, known=ids)
    async with asking(script, rate=10.0, timeout=1.0, concurrency=2) as (_, upstream):
        await upstream.fetch(ids[:1])
        answer = await upstream.fetch(ids)

    assert answer.error is None
    assert answer.tasks
    assert answer.unasked
    assert answer.tasks.keys() | answer.unasked == set(ids)


async def test_a_list_that_came_back_is_found_again() -> None:
    async with asking(without(*LISTS, known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = lambda asked: (
            lists(rows("1"))(asked) if asked.method == "POST" else says(b"", 404)
        )
        gateway.asked.clear()
        answer = await upstream.fetch(["1"])

    assert set(answer.tasks) == {"1"}
    assert gateway.asked[-1].path == LIST


async def test_a_way_that_goes_on_working_does_not_put_off_the_usual_one() -> None:
    async with asking(without("list-by-condition", known=["1"])) as (_, upstream):
        await upstream.fetch(["1"])
        return_at = upstream._return_at
        await upstream.fetch(["1"])

        assert upstream._return_at == return_at > 0


async def test_a_way_without_a_valid_answer_is_not_remembered() -> None:
    def script(asked: Asked) -> web.Response:
        return says(b"", 405 if asked.path == LIST else 503)

    async with asking(script) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.asked.clear()
        await upstream.fetch(["1"])

    assert gateway.asked[0].path == LIST


@pytest.mark.parametrize("gone", [LISTS[:1], LISTS], ids=len)
@pytest.mark.parametrize("body", [b"", "<title>New API</title>"], ids=["500", "page"])
async def test_while_the_usual_way_fails_the_one_that_works_goes_on(
    gone: Sequence[str], body: bytes | str
) -> None:
    instead = without(*gone, known=["1"], status=405)

    def script(asked: Asked) -> web.Response | Awaitable[web.Response]:
        if asked.path == LIST:
            return says(body, 200 if body else 500)
        return instead(asked)

    async with asking(instead) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = script
        upstream._return_at = 0.0
        answers = [await upstream.fetch(["1"]) for _ in range(2)]

    assert [(answer.error, set(answer.tasks)) for answer in answers] == [
        (None, {"1"})
    ] * 2
    assert [asked.path for asked in gateway.asked].count(LIST) == 2


@pytest.mark.parametrize("status", [401, 429])
async def test_a_complaint_about_us_is_not_evaded_by_another_way(status: int) -> None:
    async with asking(without("list-by-condition", known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = lambda _: says(b"", status)
        upstream._return_at = 0.0
        gateway.asked.clear()
        answer = await upstream.fetch(["1"])

    assert answer.error is not None
    assert [asked.path for asked in gateway.asked] == [LIST]


async def test_a_usual_way_that_is_back_is_stayed_with() -> None:
    async with asking(without("list-by-condition", known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        gateway.script = lists(rows("1"))
        upstream._return_at = 0.0
        gateway.asked.clear()
        answers = [await upstream.fetch(["1"]) for _ in range(2)]

    assert [set(answer.tasks) for answer in answers] == [{"1"}] * 2
    assert [asked.path for asked in gateway.asked] == [LIST] * 2


async def test_the_usual_way_is_tried_again_now_and_then() -> None:
    async with asking(without(*LISTS, known=["1"])) as (gateway, upstream):
        await upstream.fetch(["1"])
        upstream._return_at = 0.0
        gateway.asked.clear()
        await upstream.fetch(["1"])

    assert gateway.asked[0].path == LIST


async def test_a_wrong_address_takes_every_question_once_and_then_a_few() -> None:
    ids = [str(number) for number in range(50)]
    async with asking(lambda _: says({"error": {"message": "Invalid URL"}}, 404)) as (
        gateway,
        upstream,
    ):
        answers = [await upstream.fetch(ids) for _ in range(3)]
        asked = [asked.path.rpartition("/")[2] for asked in gateway.asked]

    assert answers[0] == answers[1] == answers[2]
    assert answers[0].error is PollError.MISPLACED
    assert "Invalid URL" in answers[0].detail
    assert "base_url" in answers[0].detail
    assert asked == [*LISTS, *["fetch"] * 50] + [*LISTS, *["fetch"] * 4] * 2


async def test_unknown_tasks_in_front_do_not_hide_the_others() -> None:
    """Some servers say the same of a task that they do not know as of a wrong address."""
    known = rows("9")[0]

    def script(asked: Asked) -> web.Response:
        return says(known) if asked.path.endswith("/9/fetch") else says(b"", 404)

    ids = [str(number) for number in range(10)]
    answer = await answer_to(script, ids)

    assert (answer.error, set(answer.tasks)) == (None, {"9"})


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_complaint_about_one_task_ends_the_round(status: int) -> None:
    def script(asked: Asked) -> web.Response:
        return says(b"", 404 if asked.method == "POST" else status)

    ids = [str(number) for number in range(50)]
    async with asking(script, concurrency=2) as (gateway, upstream):
        answer = await upstream.fetch(ids)

    assert answer.error is not None
    assert len(gateway.asked) == 4


async def test_single_poison_is_told_from_a_gateway_that_refuses_us() -> None:
    def script(asked: Asked) -> web.Response:
        if asked.method == "POST":
            return says(b"", 404)
        return says(b"", 204) if NOBODYS_ID in asked.path else says(b"", 400)

    answer = await answer_to(script, ["1"])

    assert (answer.error, answer.poison_ids) == (None, frozenset({"1"}))


@pytest.mark.parametrize("task_id", [".", "..", "a/b", "a?b#c", "ä%2F", "任务"])
async def test_an_id_cannot_become_another_address(task_id: str) -> None:
    async with asking(lambda a: says(b"", 404 if a.method == "POST" else 204)) as (
        gateway,
        upstream,
    ):
        answer = await upstream.fetch([task_id, "1"])

    fetched = [asked.path for asked in gateway.asked if asked.method == "GET"]
    assert answer.error is None
    assert all(path.count("/") == 4 and "?" not in path for path in fetched)


async def test_deadline_holds_over_many_questions() -> None:
    async def script(asked: Asked) -> web.Response:
        if asked.method == "POST":
            return says(b"", 404)
        if "/1/" not in asked.path:
            await never()
        return says(rows("1")[0])

    ids = [str(number) for number in range(1, 9)]
    answer = await answer_to(script, ids, timeout=2.0, concurrency=1)

    assert answer.error is PollError.BROKEN
    assert set(answer.tasks) == {"1"}
