"""`bridge.adapters.gateway.rows`: which rows are read again, and which say what they said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.adapters.gateway.polling import asking
from tests.adapters.gateway.reading import EXAMPLE, EXAMPLE_ID, read, read_knowing
from tests.gateways import lists, says

ROW: dict[str, Any] = {
    "id": "1",
    "status": "IN_PROGRESS",
    "progress": "31%",
    "prompt": 'a text with "imageUrl":"http://x?rand=1" in it',
    "imageUrl": "https://gw.example/mj/image/1?v=2&rand=1",
    "videoUrls": [{"url": "https://gw.example/1.mp4?rand=1"}],
}


@pytest.mark.parametrize(
    "again",
    [
        pytest.param({}, id="nothing"),
        pytest.param(
            {"imageUrl": "https://gw.example/mj/image/1?v=2&rand=9"}, id="rand"
        ),
        pytest.param(
            {"imageUrl": "https://gw.example/mj/image/1?v=2&Expires=9&Signature=a"},
            id="a signature",
        ),
    ],
)
def test_a_row_whose_picture_is_decorated_anew_is_not_read_again(
    again: dict[str, Any],
) -> None:
    assert read_knowing(ROW, ROW | again).unchanged == {"1"}


@pytest.mark.parametrize(
    "again",
    [
        pytest.param({"status": "SUCCESS"}, id="the status"),
        pytest.param({"progress": "32%"}, id="the progress"),
        pytest.param(
            {"imageUrl": "https://gw.example/mj/image/2?v=2&rand=1"}, id="URL"
        ),
        pytest.param(
            {"imageUrl": "https://gw.example/mj/image/1?v=3&rand=1"}, id="query"
        ),
        pytest.param({"imageUrl": None}, id="no picture"),
        pytest.param({"prompt": ROW["prompt"].replace("=1", "=2")}, id="a text"),
        pytest.param(
            {"videoUrls": [{"url": "https://gw.example/1.mp4?rand=2"}]}, id="video"
        ),
        pytest.param({"unheardOf": 1}, id="something that is not read"),
    ],
)
def test_a_row_that_says_anything_else_is_read_again(again: dict[str, Any]) -> None:
    answer = read_knowing(ROW, ROW | again)

    assert (answer.unchanged, [*answer.tasks]) == (frozenset(), ["1"])


def test_an_escaped_query_is_taken_apart_like_any_other() -> None:
    first = json.dumps([ROW]).replace("&", "\\u0026")
    known = {"1": read(first.encode()).tasks["1"].row_digest}

    decorated = first.replace('rand=1"', 'rand=2"', 1)
    changed = first.replace("v=2", "v=3")

    assert read(decorated.encode(), known=known).unchanged == {"1"}
    assert [*read(changed.encode(), known=known).tasks] == ["1"]


def test_a_second_row_for_a_task_is_news() -> None:
    stale = ROW | {"status": "MODAL", "submitTime": 1}

    answer = read_knowing(ROW, stale, ROW)

    assert [*answer.tasks] == ["1"]
    assert read_knowing([stale, ROW], stale, ROW).unchanged == {"1"}


def test_a_real_answer_is_read_once() -> None:
    body = EXAMPLE if EXAMPLE.lstrip().startswith(b"[") else b"[%b]" % EXAMPLE
    first = read(body, EXAMPLE_ID)

    again = read(
        body, EXAMPLE_ID, known={EXAMPLE_ID: first.tasks[EXAMPLE_ID].row_digest}
    )

    assert again.unchanged == {EXAMPLE_ID}
    assert not again.tasks


async def test_rows_are_told_apart_in_the_parts_of_a_batch_that_was_refused() -> None:
    rows = [ROW | {"id": task_id} for task_id in "12"]
    listing = lists(rows)
    async with asking(listing) as (gateway, upstream):
        first = await upstream.fetch(["1", "2"])
        gateway.script = lambda asked: (
            says({"description": "do_request_failed "}, 400)
            if "p" in asked.ids
            else listing(asked)
        )
        known = {"1": first.tasks["1"].row_digest, "2": "another"}
        again = await upstream.fetch(["1", "2", "p"], known)

    assert again.unchanged == {"1"}
    assert [*again.tasks] == ["2"]
    assert again.poison_ids == {"p"}
