"""`bridge.channels.wording` and `compose`: what a message says and shows, whatever the platform."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bridge.channels import CHANNELS
from bridge.channels.base import DeliveryContext
from bridge.channels.compose import message_for
from bridge.channels.wording import message_of
from bridge.core.button import Button
from bridge.core.cadence import Loss
from bridge.core.event import Event
from bridge.core.task import TaskStatus
from tests.channels.cases import (
    BEGAN,
    CASES,
    DONE,
    GRID_URL,
    JOB,
    LANGUAGES,
    NASTY_BUTTONS,
    RUNNING,
    endpoint,
    event_of,
    lost,
    perform,
)
from tests.channels.test_chats import everything
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
    event = event_of("task.corrected", replace(DONE, status=status))

    assert message_of(event, language=language).headline == said


@pytest.mark.parametrize("kind", sorted(set(CHANNELS) - {"webhook", "template"}))
@pytest.mark.parametrize("case", ["corrected_failed", "corrected_cancelled"])
def test_no_chat_takes_a_leftover_picture_for_the_result(kind: str, case: str) -> None:
    event = CASES[case]

    transcript = perform(CHANNELS[kind], event, configured(kind))

    sent = "\n".join(text for one in transcript.sent for text in everything(one))
    assert GRID_URL.partition("?")[0] not in sent
    assert "U1" not in sent
    reason = json.loads(event.body)["data"]["failReason"]
    assert reason is None or reason in sent


def test_wecom_tells_a_reason_although_there_is_a_picture() -> None:
    event = event_of(
        "task.succeeded", replace(DONE, fail_reason="one of four is missing")
    )

    requests = perform(CHANNELS["wecom"], event, configured("wecom")).requests

    assert "one of four is missing" in requests[0].body.decode()


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (60, "1 min", "1 分钟"),
        (125, "2 min 5 s", "2 分钟 5 秒"),
        (7200, "2 h", "2 小时"),
        (7385, "2 h 3 min", "2 小时 3 分钟"),
    ],
)
def test_how_long_it_took_is_said_in_the_units_that_matter(
    seconds: int, en: str, zh: str
) -> None:
    began = DONE.start_time or 0
    event = event_of(
        "task.succeeded", replace(DONE, finish_time=began + seconds * 1000)
    )

    said = {name: message_of(event, language=name).duration for name in LANGUAGES}

    assert said == {"en": en, "zh": zh}


def test_links_that_do_not_fit_are_left_out_and_shorter_ones_are_not() -> None:
    urls = tuple(f"https://cdn.example/{'a' * n}.mp4" for n in (10, 500, 20))
    event = event_of("task.succeeded", replace(DONE, video_urls=urls))
    to = endpoint("ntfy", "https://ntfy.sh/art")
    context = DeliveryContext(event=event, endpoint=to, now=0.0, started=0.0)

    links = message_for(context, links_limit=100).links

    assert links == (("Watch 1", urls[0]), ("Watch 3", urls[2]))


def test_short_labels_of_a_kind_stand_together_and_to_begin_again_comes_last() -> None:
    message = message_of(CASES["succeeded_grid"])

    assert message.steps == ("U1 U2 U3 U4", "V1 V2 V3 V4", "🔄")


def test_everything_that_can_be_done_with_an_upscaled_picture_is_named() -> None:
    buttons = tuple(
        Button.of(f"{custom_id}::1::{JOB}::SOLO", None, None)
        for custom_id in (
            *("MJ::JOB::upsample_v7_2x_subtle", "MJ::JOB::upsample_v7_2x_creative"),
            *("MJ::JOB::low_variation", "MJ::JOB::high_variation", "MJ::Inpaint"),
            *("MJ::Outpaint::50", "MJ::Outpaint::75", "MJ::CustomZoom"),
            *("MJ::JOB::pan_left", "MJ::JOB::pan_right", "MJ::JOB::pan_up"),
            *("MJ::JOB::pan_down", "MJ::JOB::animate_high", "MJ::JOB::animate_low"),
        )
    )

    message = message_of(event_of("task.succeeded", replace(DONE, buttons=buttons)))

    assert message.steps == tuple(button.label for button in buttons)


def test_more_steps_than_anybody_reads_are_said_to_be_more() -> None:
    buttons = NASTY_BUTTONS["many"]

    message = message_of(event_of("task.succeeded", replace(DONE, buttons=buttons)))

    assert message.steps[-1] == "…"
    assert message.steps[0].endswith("U16")


def test_a_button_with_the_name_of_an_emoji_is_a_step_all_the_same() -> None:
    button = Button.of(f"MJ::JOB::upsample::1::{JOB}", None, "upscale_1")

    message = message_of(event_of("task.succeeded", replace(DONE, buttons=(button,))))

    assert message.steps == ("U1",)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (Loss("missing", 300.0), "上游已有 5 分钟未列出该任务"),
        (Loss("expired", 86400.0), "该任务在开始跟踪后 24 小时内没有结束"),
    ],
    ids=["missing", "expired"],
)
def test_our_own_reasons_are_told_in_the_language_of_the_message(
    loss: Loss, said: str
) -> None:
    event = lost(RUNNING, loss, at=BEGAN + 400)

    assert message_of(event, language="zh").reason == said
    assert message_of(event, language="en").reason == str(loss)


def test_a_reason_of_somebody_elses_stays_as_it_came() -> None:
    reason = "missing: the upstream has not listed this task for 300 s"
    event = event_of(
        "task.failed",
        replace(RUNNING, status=TaskStatus.FAILURE, fail_reason=reason),
    )

    assert message_of(event, language="zh").reason == reason


@pytest.mark.parametrize("kind", ["slack", "telegram", "discord", "feishu", "teams"])
def test_an_upstream_is_named_where_there_is_more_than_the_usual_one(kind: str) -> None:
    usual = CASES["succeeded_upscaled"]
    body = usual.body.replace('"upstream":"default"', '"upstream":"second_one"')
    other = replace(usual, upstream="second_one", body=body)

    def sent(event: Event) -> str:
        requests = perform(CHANNELS[kind], event, configured(kind)).requests
        return " ".join(request.body.decode(errors="replace") for request in requests)

    assert "second_one" in sent(other)
    assert "default" not in sent(usual).replace('"default_url"', "")


@pytest.mark.parametrize("kind", ["slack", "teams", "discord"])
def test_a_picture_without_a_prompt_is_described_by_what_was_done(kind: str) -> None:
    requests = perform(
        CHANNELS[kind], CASES["describe"], configured(kind), answers=None
    ).requests

    sent = " ".join(request.body.decode(errors="replace") for request in requests)
    assert "no prompt" not in sent
    assert sent.count("Describe finished") >= 2
