"""`bridge.channels.message`: what is worth telling, whatever the platform."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bridge.channels import CHANNELS
from bridge.channels.message import message_of
from bridge.core.task import TaskStatus
from tests.channels.cases import CASES, DONE, GRID_URL, converse, told
from tests.channels.test_registry import configured


@pytest.mark.parametrize(
    ("status", "language", "said"),
    [
        (TaskStatus.SUCCESS, "en", "Imagine: finished after all"),
        (TaskStatus.FAILURE, "en", "Imagine: failed after all"),
        (TaskStatus.CANCEL, "en", "Imagine: was cancelled after all"),
        (TaskStatus.SUCCESS, "zh", "绘图：最终完成"),
        (TaskStatus.FAILURE, "zh", "绘图：最终失败"),
        (TaskStatus.CANCEL, "zh", "绘图：最终取消"),
    ],
)
def test_a_correction_says_how_the_task_ended_after_all(
    status: TaskStatus, language: str, said: str
) -> None:
    event = told("task.corrected", replace(DONE, status=status))

    assert message_of(event, language=language).headline == said


@pytest.mark.parametrize("kind", sorted(set(CHANNELS) - {"webhook", "template"}))
@pytest.mark.parametrize("case", ["corrected_failed", "corrected_cancelled"])
def test_no_chat_takes_a_leftover_picture_for_the_result(kind: str, case: str) -> None:
    event = CASES[case]

    requests = converse(CHANNELS[kind], event, configured(kind)).requests

    sent = " ".join(request.body.decode() for request in requests)
    assert GRID_URL.partition("?")[0] not in sent
    assert "U1" not in sent
    reason = json.loads(event.body)["data"]["failReason"]
    assert reason is None or reason in sent


def test_wecom_tells_a_reason_although_there_is_a_picture() -> None:
    event = told("task.succeeded", replace(DONE, fail_reason="one of four is missing"))

    requests = converse(CHANNELS["wecom"], event, configured("wecom")).requests

    assert "one of four is missing" in requests[0].body.decode()
