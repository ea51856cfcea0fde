"""`bridge.adapters.gateway.upstream`: an id that a gateway chokes on harms only itself."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiohttp import web

from bridge.adapters.gateway.client import LARGEST_BODY
from bridge.adapters.gateway.upstream import NOBODYS_ID
from bridge.app.ports import FetchResult, PollError
from tests.adapters.gateway.polling import (
    answer_to,
    asking,
    poisoned,
    rows,
)
from tests.gateways import Asked, lists, says


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("place", [0, 7, 12])
async def test_one_poison_id_harms_only_itself(status: int, place: int) -> None:
    ids = [f"t{number}" for number in range(13)]
    script = poisoned(ids[place], known=ids, status=status)

    answer = await answer_to(script, ids)

    assert answer.error is None
    assert answer.poison_ids == {ids[place]}
    assert set(answer.tasks) == set(ids) - {ids[place]}


async def test_several_poison_ids_harm_only_themselves() -> None:
    ids = [f"t{number}" for number in range(50)]
    poisons = {"t0", "t1", "t25", "t49"}

    answer = await answer_to(poisoned(*poisons, known=ids), ids)

    assert answer.error is None
    assert answer.poison_ids == poisons
    assert set(answer.tasks) == set(ids) - poisons


async def test_what_one_half_lists_is_not_in_the_place_of_what_the_other_has() -> None:
    def script(asked: Asked) -> web.Response:
        if "p" in asked.ids:
            return says({"description": "无效的加速模式"}, 400)
        return says(list(rows(*("X" if one == "x" else one for one in asked.ids))))

    answer = await answer_to(script, ["a", "b", "p", "x"])

    assert (set(answer.tasks), answer.strangers) == ({"a", "b"}, frozenset())


async def test_known_poison_is_asked_for_alone_until_it_is_none() -> None:
    ids = ["a", "b", "c", "p"]
    async with asking(poisoned("p", known=ids)) as (gateway, upstream):
        await upstream.fetch(ids)
        gateway.asked.clear()
        again = await upstream.fetch(ids)
        second = [asked.ids for asked in gateway.asked]
        gateway.script = lists(rows(*ids))
        cured = await upstream.fetch(ids)
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert second == [["a", "b", "c"], ["p"]]
    assert again.poison_ids == {"p"}
    assert (set(cured.tasks), cured.poison_ids) == (set(ids), frozenset())
    assert [asked.ids for asked in gateway.asked] == [ids]


@pytest.mark.parametrize("ids", [["p"], ["p", "q"]], ids=str)
async def test_poison_is_recognized_even_with_nothing_beside_it(ids: list[str]) -> None:
    answer = await answer_to(poisoned("p", "q"), ids)

    assert (answer.error, answer.poison_ids) == (None, frozenset(ids))


@pytest.mark.parametrize("count", [1, 2, 50])
async def test_a_gateway_that_refuses_everything_refuses_us(count: int) -> None:
    ids = [f"t{number}" for number in range(count)]
    async with asking(lambda _: says({"description": "无效的加速模式"}, 400)) as (
        gateway,
        upstream,
    ):
        answer = await upstream.fetch(ids)

    assert answer.error is PollError.BROKEN
    assert "无效的加速模式" in answer.detail
    assert answer.poison_ids == frozenset()
    assert len(gateway.asked) <= 4
    assert gateway.asked[-1].ids == [NOBODYS_ID]


async def test_a_single_unknown_task_is_missing_and_no_poison() -> None:
    answer = await answer_to(lambda _: says({"description": "task_no_found "}, 400))

    assert answer == FetchResult()


@pytest.mark.parametrize("status", [400, 404])
async def test_an_unknown_id_that_costs_a_whole_batch_harms_only_itself(
    status: int,
) -> None:
    ids = [f"t{number}" for number in range(13)]
    known = lists(rows(*ids))

    def script(asked: Asked) -> web.Response:
        if {"t3", "t4"} & set(asked.ids):
            return says({"description": "task_no_found ", "code": 4}, status)
        return known(asked)

    async with asking(script) as (gateway, upstream):
        first = await upstream.fetch(ids)
        gateway.asked.clear()
        second = await upstream.fetch(ids)
        asked = [asked.ids for asked in gateway.asked]
        gateway.script = known
        await upstream.fetch(ids)
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert first == second
    assert (first.error, first.poison_ids) == (None, frozenset())
    assert set(first.tasks) == set(ids) - {"t3", "t4"}
    assert sorted(asked, key=len) == [["t3"], ["t4"], [*ids[:3], *ids[5:]]]
    assert [asked.ids for asked in gateway.asked] == [ids]


async def test_a_batch_of_unknown_ids_is_no_complaint() -> None:
    refusal = {"description": "task_no_found ", "code": 4}

    answer = await answer_to(lambda _: says(refusal, 400), ["1", "2", "3"])

    assert answer == FetchResult()


async def test_known_poison_that_is_refused_may_be_innocent() -> None:
    """As long as nothing is answered at all, none of it counts as missing."""
    async with asking(poisoned("p", known=["a"])) as (gateway, upstream):
        await upstream.fetch(["a", "p"])
        gateway.script = lambda _: says({"description": "maintenance"}, 400)
        answer = await upstream.fetch(["p"])

    assert answer.error is PollError.BROKEN
    assert "maintenance" in answer.detail


@pytest.mark.parametrize(("count", "most"), [(13, 9), (50, 13), (200, 17)])
async def test_poison_is_found_by_halves(count: int, most: int) -> None:
    ids = [f"t{number}" for number in range(count)]
    async with asking(poisoned("t5", known=ids)) as (gateway, upstream):
        answer = await upstream.fetch(ids)

    assert answer.poison_ids == {"t5"}
    assert len(gateway.asked) <= most


@pytest.mark.parametrize("down", [["a", "p"], ["p"]], ids=["all", "only the poison"])
async def test_poison_is_remembered_through_an_outage(down: list[str]) -> None:
    ids = ["a", "b", "p"]
    script = poisoned("p", known=ids)
    outage = poisoned(*down, known=ids, status=503)
    async with asking(script) as (gateway, upstream):
        await upstream.fetch(ids)
        gateway.script = outage
        await upstream.fetch(ids)
        gateway.script = script
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert [asked.ids for asked in gateway.asked] == [["a", "b"], ["p"]]


@pytest.mark.parametrize("status", [401, 429])
async def test_a_gateway_that_complains_is_not_asked_about_poison(status: int) -> None:
    ids = ["a", "b", "p", "q"]
    async with asking(poisoned("p", "q", known=ids)) as (gateway, upstream):
        await upstream.fetch(ids)
        gateway.script = lambda _: says(b"", status)
        gateway.asked.clear()
        await upstream.fetch(ids)

    assert [asked.ids for asked in gateway.asked] == [["a", "b"]]


async def test_only_so_much_poison_is_remembered() -> None:
    async with asking(poisoned("p", known=["a"])) as (_, upstream):
        upstream._poisons = dict.fromkeys(map(str, range(1000)))
        await upstream.fetch(["a", "p"])

        assert len(upstream._poisons) == 1000
        assert "p" in upstream._poisons
        assert "0" not in upstream._poisons


@pytest.mark.parametrize("status", [400, 413, 414, 422])
async def test_a_batch_that_is_too_much_is_asked_for_in_parts(status: int) -> None:
    def script(asked: Asked) -> web.Response:
        return says(b"", status) if len(asked.ids) > 1 else says(rows(*asked.ids))

    answer = await answer_to(script, ["a", "b", "c"])

    assert (answer.error, set(answer.tasks)) == (None, {"a", "b", "c"})


async def test_a_complaint_about_one_half_is_a_complaint() -> None:
    def script(asked: Asked) -> web.Response:
        if len(asked.ids) == 4:
            return says(b"", 413)
        return says(b"", 503) if "d" in asked.ids else says(rows(*asked.ids))

    answer = await answer_to(script, ["a", "b", "c", "d"])

    assert answer.error is PollError.BROKEN
    assert set(answer.tasks) == {"a", "b"}


async def test_too_many_large_rows_are_asked_for_in_parts() -> None:
    large = "x" * (LARGEST_BODY // 3)

    def script(asked: Asked) -> web.Response:
        return says(
            [{"id": i, "maskBase64": large} for i in asked.ids if i != NOBODYS_ID]
        )

    answer = await answer_to(script, ["a", "b", "c", "d"])

    assert (answer.error, set(answer.tasks)) == (None, {"a", "b", "c", "d"})


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end_is_not_read_to_its_end(packed: bool) -> None:
    body = b"[" + b" " * (LARGEST_BODY + 1) + b"]"
    headers = {"content_encoding": "gzip"} if packed else {}
    body = gzip.compress(body, 1) if packed else body

    answer = await answer_to(lambda _: says(body, 200, **headers))

    assert answer.error is PollError.BROKEN
    assert "16 MiB" in answer.detail


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_parts_are_asked_for_within_the_concurrency(concurrency: int) -> None:
    ids = [f"t{number}" for number in range(40)]

    async def script(asked: Asked) -> web.Response:
        await asyncio.sleep(0.001)
        return says(b"", 413) if len(asked.ids) > 2 else says(rows(*asked.ids))

    async with asking(script, concurrency=concurrency) as (gateway, upstream):
        answer = await upstream.fetch(ids)

    assert set(answer.tasks) == set(ids)
    assert gateway.busiest == concurrency
