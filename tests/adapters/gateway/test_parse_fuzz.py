"""`bridge.adapters.gateway.parse` under twenty thousand broken answers."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.gateway.errors import redacted_line
from bridge.adapters.gateway.parse import read_answer
from bridge.app.ports import FetchResult, PollError
from bridge.core.button import Button
from bridge.core.change import NOTHING, TaskState, known_row, observe
from bridge.core.event import task_event
from bridge.core.task import TaskKey, TaskSnapshot, TaskStatus

EXAMPLE = json.loads(
    (Path(__file__).parents[2] / "data" / "quickrouter-example.json").read_text()
)
#: Answers as real gateways give them.
VALID: list[Any] = [
    [EXAMPLE],
    EXAMPLE,
    {
        "code": 1,
        "data": [EXAMPLE, {"id": "1", "status": "SUBMITTED", "progress": "0%"}],
    },
    [
        {
            "id": "1",
            "action": "INPAINT",
            "status": "MODAL",
            "progress": "",
            "buttons": None,
        },
        {"id": "1", "action": "MODAL", "status": "IN_PROGRESS", "progress": "46%"},
        {"id": "0191304188213322", "status": "", "progress": "0%", "properties": None},
    ],
    [
        {
            "id": "16",
            "action": "VIDEO",
            "status": "SUCCESS",
            "videoUrls": [{"url": "https://x.example/0.mp4", "thumbnail": None}, "b"],
            "partnerTaskInfo": {"imgUrls": [{"url": "c"}]},
        },
        {"id": "12", "status": "FAILURE", "failReason": "[Banned prompt] …"},
    ],
    {"success": False, "code": -1, "message": "…", "timestamp": "638790000000000000"},
    {"error": {"message": "无效的令牌", "type": "new_api_error", "code": ""}},
]
TEXTS = [json.dumps(said, ensure_ascii=False) for said in VALID]
ASKED = frozenset({EXAMPLE["id"], "1", "2", "12", "16", "0191304188213322"})

#: What takes the place of a value.
ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 0.5, 1e308, -1e-9, 10**18, 10**400, 2**63),
    *(
        "",
        " ",
        "0",
        "1",
        "100%",
        "-5%",
        "nan",
        "SUCCESS",
        "null",
        "\x00",
        "\ud800",
        "\udfff",
    ),
    *("😀" * 50, "x" * 5000, "9" * 5000, "1e999", "2024-02-30", "2024-11-03T08:17:06Z"),
    *(
        "[1",
        '[{"url":"a"}]',
        "{}",
        "http://[",
        "?rand=1&rand=2",
        "ex=zz&is=1",
        "<html>",
    ),
    *([], {}, [[]], [None], [{}], {"id": "1"}, {"url": 5}, ["1", "1"], {"": ""}),
    [[[[[[[[]]]]]]]],
]
KEYS = [
    *EXAMPLE,
    "videoUrls",
    "videoUrl",
    "url",
    "data",
    "list",
    "result",
    "code",
    "error",
]

Slot = tuple[Any, Any]


def slots(value: Any) -> list[Slot]:
    """Every place in a JSON value, as a container and a key of it."""
    found: list[Slot] = []
    rest = [value]
    while rest:
        container = rest.pop()
        keys: Any = container if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], dict | list):
                rest.append(container[key])
    return found


def change_a_place(value: Any, dice: random.Random) -> Any:
    places = slots(value)
    if not places:
        return dice.choice(ODD)
    container, key = dice.choice(places)
    match dice.randrange(5):
        case 0:
            del container[key]
        case 1 if isinstance(container, list):
            container.insert(key, deepcopy(dice.choice(container)))
        case 2:
            other, there = dice.choice(places)
            container[key] = deepcopy(other[there])
        case 3 if isinstance(container, dict):
            container[dice.choice(KEYS)] = container.pop(key)
        case _:
            container[key] = deepcopy(dice.choice(ODD))
    return value


def mutated(dice: random.Random) -> bytes:
    said = json.loads(dice.choice(TEXTS))
    for _ in range(dice.randint(1, 6)):
        said = change_a_place(said, dice) if isinstance(said, dict | list) else said
    if dice.random() < 0.1:
        said = dice.choice([[said], {"data": said}, {"list": {"result": said}}])
    return json.dumps(said, ensure_ascii=dice.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def damaged(dice: random.Random) -> bytes:
    body = bytearray(dice.choice(TEXTS).encode())
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(len(body) + 1)
        match dice.randrange(5):
            case 0:
                del body[place:]
            case 1:
                del body[place : place + dice.randrange(20)]
            case 2:
                body[place:place] = body[place : place + dice.randrange(20)]
            case 3:
                body[place:place] = dice.choice(
                    [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"[" * 2000, b"NaN", b"\\u"]
                )
            case _:
                body[place : place + 1] = bytes([dice.randrange(256)])
    return bytes(body)


# --- what must hold -------------------------------------------------------------------


def is_text(value: object) -> bool:
    return value is None or (
        isinstance(value, str) and bool(value.strip()) and not has_unwritable(value)
    )


UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def has_unwritable(text: str) -> bool:
    return UNWRITABLE.search(text) is not None


def is_moment(value: object) -> bool:
    return value is None or (type(value) is int and 946_684_800_000 <= value < 4.2e12)


IS_RIGHT: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: value is None or type(value) is TaskStatus,
    "row_digest": lambda value: type(value) is str,
    "progress": lambda v: v is None or (type(v) is int and 0 <= v <= 100),
    "submit_time": is_moment,
    "start_time": is_moment,
    "finish_time": is_moment,
    "video_urls": lambda v: type(v) is tuple and all(u and is_text(u) for u in v),
    "buttons": lambda v: type(v) is tuple and all(map(is_button, v)),
}


def is_button(value: object) -> bool:
    return (
        isinstance(value, Button)
        and bool(value.custom_id)
        and all(map(is_text, (value.custom_id, value.label, value.emoji)))
        and (value.index is None or type(value.index) is int)
    )


def check(answer: FetchResult) -> None:
    assert answer.error is None or (answer.detail and not answer.tasks)
    assert answer.tasks.keys() <= ASKED
    redacted_line(answer.detail, ["sk-secret"]).encode()
    for task_id, task in answer.tasks.items():
        assert task.id == task_id
        for field in fields(task):
            value = getattr(task, field.name)
            assert IS_RIGHT.get(field.name, is_text)(value), (field.name, value)
        check_event(task)


def check_event(task: TaskSnapshot) -> None:
    change = observe(NOTHING, task, progress_step=10).change
    assert change is not None
    event = task_event(
        TaskKey("default", task.id), change, sequence=1, metadata={}, at=1_730_621_856.1
    )
    assert json.loads(event.body.encode("utf-8"))["data"]["id"] == task.id


def many(count: int) -> settings:
    return settings(
        max_examples=count, deadline=None, suppress_health_check=list(HealthCheck)
    )


seeds = st.integers(0, 2**64)


@many(500)
@given(seeds)
def test_an_answer_with_odd_values_is_an_answer(seed: int) -> None:
    check(read_answer(mutated(random.Random(seed)), ASKED))


@many(400)
@given(seeds)
def test_an_answer_with_damaged_bytes_is_an_answer(seed: int) -> None:
    check(read_answer(damaged(random.Random(seed)), ASKED))


@many(200)
@given(st.binary())
def test_any_bytes_are_an_answer(body: bytes) -> None:
    check(read_answer(body, ASKED))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)


@many(100)
@given(st.lists(json_values, max_size=4))
def test_a_good_row_survives_any_company(others: list[Any]) -> None:
    rows = [*others, {"id": "12", "status": "SUCCESS"}, *others]

    answer = read_answer(json.dumps(rows).encode(), ASKED)

    check(answer)
    assert answer.error is None
    assert "12" in answer.tasks


# --- no news --------------------------------------------------------------------------


def running(dice: random.Random) -> dict[str, Any]:
    return {
        "id": "1",
        "status": dice.choice([*TaskStatus]),
        "progress": f"{dice.randrange(101)}%",
        "imageUrl": f"https://gw.example/mj/image/1?rand={dice.random()}",
        "prompt": "cat",
        "failReason": dice.choice(["", "no"]),
    }


def redecorated(row: dict[str, Any], dice: random.Random) -> list[dict[str, Any]]:
    """The same task as a gateway lists it at the next look: other, and not new."""
    decorations: list[dict[str, Any]] = [
        {"imageUrl": f"https://gw.example/mj/image/1?rand={dice.random()}"},
        {"imageUrl": dice.choice([None, ""])},
        {"status": dice.choice(["", None, "UNHEARD_OF"]), "failReason": ""},
        {"status": row["status"].lower()},
        {"progress": dice.choice(["", None, "0%", "paused", row["progress"]])},
        {"action": "MODAL", "submitTime": 1743326790100, "state": "x", "extra": 1},
        {"failReason": ""},
    ]
    again = dict(row)
    for decoration in dice.sample(decorations, dice.randint(1, 3)):
        again |= decoration
    stale = {"id": "1", "status": "", "progress": "0%"}
    rows = [again, {"id": "stranger", "status": "SUCCESS"}, None, again, stale]
    dice.shuffle(rows)
    return [r for r in rows if r is again or dice.random() < 0.5]  # type: ignore[misc]


@many(200)
@given(seeds)
def test_what_is_decorated_anew_at_every_look_is_no_news(seed: int) -> None:
    dice = random.Random(seed)
    row = running(dice)
    first = read_answer(json.dumps([row]).encode(), ASKED).tasks["1"]
    task_state: TaskState = observe(NOTHING, first, progress_step=10).task_state

    for _ in range(3):
        body = json.dumps(redecorated(row, dice)).encode()
        seen = read_answer(body, ASKED).tasks["1"]
        weighed = observe(task_state, seen, progress_step=10)
        task_state = weighed.task_state

        assert weighed.change is None


@many(200)
@given(seeds)
def test_a_row_that_is_not_read_again_would_have_brought_no_news(seed: int) -> None:
    dice = random.Random(seed)
    row = running(dice)
    first = read_answer(json.dumps([row]).encode(), ASKED).tasks["1"]
    task_state = observe(NOTHING, first, progress_step=10).task_state
    again = row | {"imageUrl": f"https://gw.example/mj/image/1?rand={dice.random()}"}
    change_a_place(again, dice) if dice.random() < 0.5 else None
    body = json.dumps([again], ensure_ascii=False).encode("utf-8", "surrogatepass")
    known = {"1": known_row(task_state, progress_step=10)}

    if "1" in read_answer(body, ASKED, known).unchanged:
        seen = read_answer(body, ASKED).tasks["1"]
        observation = observe(task_state, seen, progress_step=10)
        assert (observation.task_state, observation.change) == (task_state, None)
    else:
        assert task_state.ended or again != row


@many(300)
@given(seeds)
def test_an_answer_says_the_same_row_by_row_and_as_a_whole(seed: int) -> None:
    body = mutated(random.Random(seed))

    # With a mark in front of it, it is not what a fast reader takes.
    assert read_answer(body, ASKED) == read_answer(b"\xef\xbb\xbf" + body, ASKED)


def test_a_complaint_is_not_mistaken_for_an_empty_list() -> None:
    """The mutations above start from answers that mean what they are taken for."""
    kinds = [read_answer(json.dumps(said).encode(), ASKED).error for said in VALID]

    assert kinds == [None] * 5 + [PollError.BROKEN] * 2
