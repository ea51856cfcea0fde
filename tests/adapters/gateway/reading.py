"""What the tests of reading an answer share: an example, and shorthands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bridge.adapters.gateway.parse import read_answer
from bridge.app.ports import FetchResult
from bridge.core.task import TaskSnapshot, TaskStatus

EXAMPLE = (Path(__file__).parents[2] / "data" / "quickrouter-example.json").read_bytes()
EXAMPLE_ID = "1730621826053455"


def brief(value: object) -> str:
    return repr(value)[:40]


def read(
    said: object, *asked: str, known: Mapping[str, str] | None = None
) -> FetchResult:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return read_answer(body, asked or ("1",), known)


def read_knowing(before: object, *rows: object) -> FetchResult:
    """Read rows for task 1 by who has read others before."""
    first = read(before if isinstance(before, list) else [before])
    return read([*rows], known={"1": first.tasks["1"].row_digest})


def only(said: object, *asked: str) -> TaskSnapshot:
    answer = read(said, *asked)
    assert answer.error is None, answer.detail
    (task,) = answer.tasks.values()
    return task


def row(**fields: object) -> TaskSnapshot:
    return only([{"id": "1", **fields}])


def is_example(task: TaskSnapshot) -> bool:
    return (
        task.id == EXAMPLE_ID
        and task.status is TaskStatus.SUCCESS
        and task.progress == 100
        and task.image_url is not None
        and task.image_url.endswith("671b50&")
        and [button.label for button in task.buttons]
        == ["U1", "U2", "U3", "U4", None, "V1", "V2", "V3", "V4"]
    )
