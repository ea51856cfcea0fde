"""`bridge.cli.event_printer`: an event is worth reading, and harmless to a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from bridge.cli.event_printer import EventPrinter, render
from bridge.cli.output import plain
from bridge.sandbox.received import Received
from bridge.sandbox.verification import Refusal, Verification

NOW = 1_730_621_856.14
URL = "http://127.0.0.1:8787/mj/image/1730621826053455"


def received(
    kind: str = "task.succeeded",
    *,
    verification: Verification | None = None,
    status: int = 204,
    attempt: int = 1,
    repeat: bool = False,
    redelivery: bool = False,
    **data: Any,
) -> Received:
    plain_data = {
        "id": "1730621826053455",
        "sequence": 3,
        "action": "IMAGINE",
        "prompt": "a lighthouse in the fog",
        "submitTime": "2024-11-03T08:17:06.053Z",
    }
    return Received(
        at=NOW,
        path="/",
        headers={"webhook-id": "evt_1"}
        | ({"webhook-redelivery": "true"} if redelivery else {}),
        body=b"",
        event={
            "type": kind,
            "timestamp": "2024-11-03T08:17:36.102Z",
            "data": plain_data | data if kind.startswith("task.") else data,
        },
        verification=verification or Verification(secret=0),
        status=status,
        attempt=attempt,
        repeat=repeat,
    )


def lines(one: Received, *, width: int = 120) -> list[str]:
    return [line.plain for line in render(one, width=width)]


def test_a_success_shows_its_picture_its_buttons_and_how_long_it_took() -> None:
    head, link, buttons = lines(
        received(
            imageUrl=URL,
            finishTime="2024-11-03T08:17:35.817Z",
            buttons=[
                {"label": "U1"},
                {"label": "U2"},
                {"emoji": "🔄"},
                {"kind": "pan"},
            ],
        )
    )

    assert "✓ task.succeeded" in head
    assert "a lighthouse in the fog" in head
    assert head.endswith("in 29.8 s   38 ms")
    assert link.strip() == f"│ {URL}"
    assert "[U1] [U2] [🔄] [pan]" in buttons


def test_a_kept_picture_is_shown_where_it_stays_and_without_the_buttons_again() -> None:
    kept = "http://127.0.0.1:8300/files/abcd.png"
    _, link = lines(
        received(
            "task.archived",
            imageUrl=URL,
            archived=[{"url": kept}, "nonsense"],
            buttons=[{"label": "U1"}],
        )
    )

    assert link.strip() == f"│ {kept}"


def test_a_task_as_the_protocol_sends_it_is_shown_like_its_event() -> None:
    task = {
        "id": "1730621826053455",
        "action": "IMAGINE",
        "status": "SUCCESS",
        "progress": "100%",
        "prompt": "a lighthouse in the fog",
        "submitTime": 1730621826053,
        "finishTime": 1730621855817,
        "imageUrl": URL,
        "buttons": [{"customId": "MJ::JOB::upsample::1::a", "label": "U1"}],
    }

    head, link, buttons = lines(replace(received(), event=task))
    (running,) = lines(
        replace(received(), event={**task, "status": "IN_PROGRESS", "progress": "46%"})
    )

    assert "✓ task.succeeded" in head
    assert head.rstrip().endswith("in 29.8 s")
    assert (link.strip(), buttons.strip(" │")) == (f"│ {URL}", "[U1]")
    assert "━━━━━━━━━───────────  46%" in running


def test_progress_is_a_bar_on_one_line() -> None:
    (line,) = lines(received("task.progress", progress=46))

    assert "━━━━━━━━━───────────  46%" in line


def test_a_failure_shows_its_whole_reason_within_the_width() -> None:
    reason = "[Banned prompt detected] " + "very " * 40 + "sorry."

    _, *below = lines(received("task.failed", failReason=reason), width=80)

    assert " ".join(line.partition("│ ")[2] for line in below) == reason
    assert max(map(cell_len, below)) <= 80


def test_what_waits_for_a_modal_says_what_to_do() -> None:
    assert "/mj/submit/modal" in "\n".join(lines(received("task.action_required")))


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (received(attempt=3), "attempt 3"),
        (received(status=500), "answered 500"),
        (received(repeat=True), "repeat of evt_1, dropped"),
        (received(repeat=True, redelivery=True), "↻ again"),
        (
            received(verification=Verification(refusal=Refusal.MISMATCH)),
            "✗ refused  no signature",
        ),
        (
            received("endpoint.disabled", endpoint="art", reason="answered 410"),
            "art  answered 410",
        ),
        (received("task.started", progress=None), "task.started"),
        (received("task.odd", buttons="none", videoUrls=None, prompt=None), "task.odd"),
    ],
)
def test_what_is_odd_is_said(one: Received, said: str) -> None:
    assert said in "\n".join(lines(one))


@pytest.mark.parametrize("width", [40, 60, 64, 66, 80, 100, 130])
@given(prompt=st.text(max_size=300))
def test_the_line_fits_the_terminal_whatever_the_prompt_is(
    width: int, prompt: str
) -> None:
    head, *_ = lines(received("task.submitted", prompt=prompt), width=width)
    end, *_ = lines(received("task.failed", prompt=prompt), width=width)

    assert max(cell_len(head), cell_len(end)) <= width


@given(st.text(st.characters()))
def test_nothing_reaches_the_terminal_that_it_would_obey(text: str) -> None:
    kept = plain(text + "\x1b[2J\x9b31m\r\u202e\x07")

    assert not set(kept) & {"\x1b", "\x9b", "\r", "\n", "\u202e", "\x07"}


def test_a_pipe_gets_whole_lines_without_colours() -> None:
    stream = io.StringIO()
    prompt = "long " * 60

    EventPrinter(Console(file=stream, width=80))(
        received("task.submitted", prompt=prompt)
    )

    (line,) = stream.getvalue().splitlines()
    assert prompt.strip() in line
    assert "\x1b" not in line


def test_a_terminal_without_unicode_gets_ascii() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as stream:
        EventPrinter(Console(file=stream))(received("task.progress", progress=46))
        stream.flush()
        line = raw.getvalue().decode("ascii")

    assert "+ task.progress" in line
    assert "=========-----------" in line


def test_as_json_it_says_whether_the_signature_was_verified_and_how_long_it_took() -> (
    None
):
    believed = received().json()
    refused = received(verification=Verification(refusal=Refusal.TOO_OLD)).json()

    assert (believed["verified"], believed["latencyMs"]) == (True, 38.0)
    assert (refused["verified"], refused["refusal"]) == (False, Refusal.TOO_OLD)
