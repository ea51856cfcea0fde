"""What a gateway's lists show of a request that was not answered: no more than is sure."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from bridge.adapters.gateway.search import LONGEST_LIST, in_log, in_page, in_rows
from bridge.app.ports import SearchResult, Sought
from bridge.core.action import ActionState
from bridge.core.http import Response
from tests.actions.shop import PARENT, says, shop
from tests.actions.stand import stand
from tests.contract.bench import Bench

NOW = 1_730_621_826.0
MARKER = "mjb-0123456789ab"
PRESS = Sought(marker=MARKER, task_id="1", custom_id="c", prompt=None, sent_at=NOW)
SUBMISSION = Sought(
    marker=MARKER, task_id=None, custom_id=None, prompt="a pig", sent_at=NOW
)


def row(
    task_id: str, *, at: float = NOW - 3600, state: str | None = "", **more: Any
) -> dict[str, Any]:
    return {"id": task_id, "submitTime": at * 1000, "state": state, **more}


def found(rows: object, sought: Sought = PRESS, status: int = 200) -> SearchResult:
    return in_rows(Response(status=status, body=json.dumps(rows).encode()), sought)


def test_the_marker_finds_all_tasks_that_a_press_has_made() -> None:
    rows = [row("1"), row("8", state=f"{MARKER}::2"), row("7", state=f"{MARKER}::1")]

    assert found(rows).found == ("7", "8")
    assert found([row("1"), row("9", state=MARKER)]).found == ("9",)
    assert found([row("1"), row("9", state=f"{MARKER}x")]).found == ()


def test_a_new_child_of_the_same_button_may_be_it() -> None:
    rows = [
        row("1"),
        row("2", at=NOW + 1, parentId="1", customId="c"),
        row("3", at=NOW + 1, parentId="1", properties={"customId": "other"}),
        row("4", at=NOW - 60, parentId="1", customId="c"),
        row("5", at=NOW + 1, parentId="9"),
    ]

    assert found(rows).candidates == ("2",)
    assert found(rows).absent is False


def test_a_new_task_of_the_same_prompt_may_be_it() -> None:
    rows = [
        row("1"),
        row("2", at=NOW + 1, prompt="a pig --v 7"),
        row("3", at=NOW + 1, prompt="a cow"),
        row("4", at=NOW - 60, prompt="a pig"),
    ]

    assert found(rows, SUBMISSION).candidates == ("2",)


def test_a_task_that_may_be_it_does_not_count_where_state_surely_comes_back() -> None:
    rows = [row("1"), row("2", at=NOW - 60, parentId="1")]
    echoed = row("9", state="a client's own", parentId="8")
    new = row("3", at=NOW + 1, parentId="1")

    assert not found(rows).absent
    assert found([*rows, echoed, new]) == SearchResult(absent=True)


def test_what_somebody_else_has_sent_is_known_by_what_it_asked_for() -> None:
    theirs = Sought(
        marker=None, task_id=None, custom_id=None, prompt="a pig", sent_at=NOW
    )
    rows = [
        row("1"),
        row("2", at=NOW + 1, prompt="a pig", state=MARKER),
        row("3", at=NOW + 1, prompt="a pig --v 7", state="order-77"),
        row("4", at=NOW + 1, prompt="a cow", state="order-77"),
    ]

    assert found(rows, theirs).candidates == ("3",)


@pytest.mark.parametrize(
    ("rows", "sought", "absent"),
    [
        ([row("1")], PRESS, True),
        ([row("2")], PRESS, False),
        ([row("2")], SUBMISSION, True),
        ([row("2", at=NOW, prompt="a cow")], SUBMISSION, False),
        ([], PRESS, False),
        ([], SUBMISSION, False),
        ([{"id": "1", "submitTime": NOW * 1000}], PRESS, False),
        ([{"id": "1", "state": ""}], PRESS, False),
        ([row("1", at=NOW)] * LONGEST_LIST, PRESS, False),
        ([row("1", at=NOW - 3600)] * LONGEST_LIST, PRESS, True),
    ],
    ids=[
        *(
            "parent",
            "no parent",
            "older",
            "not older",
            "empty",
            "empty too",
            "no state",
        ),
        *("no time", "cut off", "goes back"),
    ],
)
def test_a_list_proves_that_there_is_no_task_only_if_it_surely_would_have_it(
    rows: list[dict[str, Any]], sought: Sought, *, absent: bool
) -> None:
    assert found(rows, sought).absent is absent


def test_what_is_no_list_shows_nothing_and_a_gateway_that_fails_may_have_one() -> None:
    page = Response(status=200, body=b"<html>New API</html>")
    assert in_rows(page, PRESS) == SearchResult(blind=True)
    assert found({"error": "x"}) == found([], status=404) == SearchResult(blind=True)
    assert found([], status=502) == in_rows(None, PRESS) == SearchResult()
    cut = Response(status=200, body=json.dumps([row("1")]).encode(), detail="broke off")
    assert not in_rows(cut, PRESS).absent


def test_a_page_of_tasks_finds_one_and_proves_no_absence() -> None:
    def paged(page: object) -> SearchResult:
        body = json.dumps(page).encode()
        return in_page(Response(status=200, body=body), PRESS)

    mine = row("9", state=MARKER)
    assert paged({"content": [row("1"), mine], "total": 2}).found == ("9",)
    assert paged({"code": 1, "result": {"list": [mine]}}).found == ("9",)
    assert paged([row("1")]) == paged({"data": [row("1")]}) == SearchResult()
    assert paged({"code": 4}).blind
    assert in_page(Response(status=200, body=b"<html>"), PRESS).blind
    assert in_page(None, PRESS) == SearchResult()


def charged(*rows: tuple[float, str]) -> Response:
    data = [{"created_at": at, "content": text} for at, text in rows]
    return Response(
        status=200, body=json.dumps({"success": True, "data": data}).encode()
    )


def test_the_log_of_a_key_names_what_it_was_charged_for_since() -> None:
    log = charged(
        (NOW + 2, "模型固定价格 0.10\uff0c操作 UPSCALE\uff0cID 17301"),
        (NOW - 60, "模型固定价格 0.10\uff0c操作 UPSCALE\uff0cID 17300"),
        (NOW + 3, "模型 gpt"),
    )

    assert in_log(log, PRESS) == ["17301"]
    assert in_log(Response(status=502), PRESS) == in_log(None, PRESS) == []
    assert in_log(Response(status=401, body=b"{}"), PRESS) is None
    assert in_log(Response(status=200, body=b"<html>"), PRESS) is None


async def test_behind_new_api_a_single_task_that_was_charged_for_is_taken_for_it(
    bench: Bench,
) -> None:
    lost = says(b"", "502 Bad Gateway", sells=True)
    async with (
        shop(manners=[lost], lists=False, log=[], echoes=False) as upstream,
        stand(bench, upstream.url) as at,
    ):
        pressed = await at.press("U1")
        await at.run()
        [sold] = upstream.sold
        content = f"操作 UPSCALE\uff0cID {sold['id']}"
        upstream.log = [{"created_at": time.time(), "content": content}]
        action = await at.settle(pressed.id, within_s=30)

    assert (action.state, action.child_id) == (ActionState.ACCEPTED, sold["id"])
    assert len(upstream.submissions) == 1


async def test_a_task_that_somebody_else_follows_is_not_taken_for_it(
    bench: Bench,
) -> None:
    lost = says(b"", "502 Bad Gateway", sells=True)
    async with (
        shop(manners=[lost], echoes=False) as upstream,
        stand(bench, upstream.url) as at,
    ):
        pressed = await at.press("U1")
        await at.run()
        await bench.track(upstream.sold[0]["id"], upstream="u")
        action = await at.settle(pressed.id)

    assert action.state is ActionState.UNKNOWN
    assert len(upstream.submissions) == 1
    assert upstream.old[0]["id"] == PARENT
