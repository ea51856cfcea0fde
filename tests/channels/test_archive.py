"""`bridge.channels.archive`: what is downloaded, and what an answer means for a task's pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bridge.channels import archive
from bridge.channels.base import DeliveryContext, ExchangeResult, SaveState, dry_run
from bridge.core.archive import Archived, ArchiveOptions, endpoint_of
from bridge.core.change import ChangeType
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.event import Event
from bridge.core.http import Download, Request, Response
from bridge.core.media import KeptFile
from tests.channels.cases import DONE, event_of

PNG = KeptFile(sha256="ab" * 32, bytes=70, type="image/png", width=8, height=6)
MP4 = KeptFile(sha256="cd" * 32, bytes=9000, type="video/mp4")
PLACE = endpoint_of(
    "default",
    ArchiveOptions(
        base_url="http://gateway.test:3000/api", files_url="https://b.test/files/"
    ),
)
PICTURE = "https://cdn.test/a.png"
VIDEO = "https://cdn.test/a.mp4"
KEPT = Response(status=200, duration=0.5, kept=PNG)


def done(url: str | None = PICTURE, *videos: str, status: str = "SUCCESS") -> Event:
    event = event_of(ChangeType.SUCCEEDED, DONE)
    body = json.loads(event.body)
    body["data"] |= {"imageUrl": url, "videoUrls": list(videos), "status": status}
    return replace(event, body=json.dumps(body))


@dataclass
class Transcript:
    downloads: list[Download]
    saved: list[Mapping[str, Any]]
    result: ExchangeResult


def keep(
    event: Event, *answers: Response, state: Mapping[str, Any] | None = None
) -> Transcript:
    """Run the exchange, each download being answered in turn."""
    context = DeliveryContext(
        event=event, endpoint=PLACE, now=2e9, started=5.0, channel_state=state or {}
    )
    exchange = archive.deliver(context)
    left = list(answers)
    downloads: list[Download] = []
    saved: list[Mapping[str, Any]] = []
    response: Response | None = None
    try:
        while True:
            step = next(exchange) if response is None else exchange.send(response)
            if isinstance(step, SaveState):
                saved.append(step.channel_state)
                response = Response()
                continue
            assert isinstance(step, Download)
            downloads.append(step)
            response = left.pop(0)
    except StopIteration as end:
        assert not left
        return Transcript(downloads, saved, end.value)


def refused(**said: Any) -> ExchangeResult:
    return keep(done(), Response(**said)).result


def test_a_picture_is_kept_with_where_it_came_from_and_where_it_is() -> None:
    run = keep(done(), KEPT)

    assert [one.url for one in run.downloads] == [PICTURE]
    assert run.result.attempt.succeeded
    assert run.result.attempt.duration == 0.5
    assert run.result.archived is not None
    (file,) = run.result.archived.files
    assert file == replace(
        PNG, source=PICTURE, url=f"https://b.test/files/{PNG.sha256}.png"
    )
    assert run.result.archived.reason == ""


def test_videos_are_kept_as_well_and_each_file_is_saved_at_once() -> None:
    run = keep(done(PICTURE, VIDEO, VIDEO), KEPT, Response(status=200, kept=MP4))

    assert [one.url for one in run.downloads] == [PICTURE, VIDEO]
    assert [len(state["files"]) for state in run.saved] == [1, 2]


def test_an_attempt_goes_on_where_the_one_before_it_ended() -> None:
    first = keep(done(PICTURE, VIDEO), KEPT, Response(status=503))
    second = keep(
        done(PICTURE, VIDEO), Response(status=200, kept=MP4), state=first.saved[-1]
    )

    assert first.result.attempt.result is AttemptResult.FAILED
    assert [one.url for one in second.downloads] == [VIDEO]
    assert second.result.archived is not None
    assert [one.type for one in second.result.archived.files] == [
        "image/png",
        "video/mp4",
    ]


def test_what_brings_no_picture_is_done() -> None:
    run = keep(done(None))

    assert run.result.attempt.succeeded
    assert run.downloads == []


def test_a_corrected_task_that_failed_has_nothing_to_keep() -> None:
    assert keep(done(status="FAILURE")).downloads == []


@pytest.mark.parametrize(
    ("url", "asked", "guarded"),
    [
        (PICTURE, PICTURE, True),
        (
            "http://gateway.test:3000/mj/image/1",
            "http://gateway.test:3000/mj/image/1",
            False,
        ),
        ("http://gateway.test/mj/image/1", "http://gateway.test/mj/image/1", False),
        ("/mj/image/1", "http://gateway.test:3000/mj/image/1", False),
        ("http://localhost:3000/mj/image/1", "http://localhost:3000/mj/image/1", True),
        ("http://gateway.test.evil.test/1", "http://gateway.test.evil.test/1", True),
    ],
)
def test_only_the_upstreams_own_host_is_trusted(
    url: str, asked: str, guarded: bool
) -> None:
    (download,) = keep(done(url), KEPT).downloads

    assert (download.url, download.guarded) == (asked, guarded)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://user:secret@cdn.test/",
        "http://gateway.test:6379/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_of_a_picture_is_not_asked_for(url: str) -> None:
    run = keep(done(url))

    assert run.downloads == []
    assert run.result.attempt.result is AttemptResult.PERMANENT_FAILURE


def test_redirects_are_followed_and_each_is_guarded() -> None:
    there = Response(status=302, headers={"location": "http://10.0.0.1/a.png"})
    run = keep(done("http://gateway.test/a"), there, KEPT)

    assert [one.guarded for one in run.downloads] == [False, True]
    assert run.result.attempt.succeeded


def test_redirects_end_somewhere() -> None:
    again = Response(status=302, headers={"location": "/again"})
    run = keep(done(), *[again] * 4)

    assert run.result.attempt.result is AttemptResult.REFUSED


@pytest.mark.parametrize("status", [500, 502, 429])
def test_a_host_in_trouble_is_asked_again(status: int) -> None:
    assert refused(status=status).attempt.result is AttemptResult.FAILED


def test_no_answer_is_tried_again() -> None:
    result = refused(fault=Fault.TIMEOUT, detail="no answer within 5 s")

    assert result.attempt.result is AttemptResult.FAILED
    assert result.attempt.blames_endpoint


def test_what_is_missing_may_come_a_little_later() -> None:
    assert refused(status=404).attempt.result is AttemptResult.REFUSED


def test_what_has_expired_is_given_up_at_once() -> None:
    run = keep(done(f"{PICTURE}?ex=6728831f&is=1&hm=2"), Response(status=404))

    assert run.result.attempt.result is AttemptResult.PERMANENT_FAILURE
    assert run.result.attempt.detail == "the picture's URL has expired (HTTP 404)"


def test_a_forbidden_address_is_given_up_with_the_reason() -> None:
    why = "the picture's address is not allowed: only allow_networks opens private ones"
    result = refused(fault=Fault.ADDRESS_BLOCKED, detail="...")

    assert result.attempt.result is AttemptResult.PERMANENT_FAILURE
    assert result.archived is not None
    assert (result.archived.files, result.archived.reason) == ((), why)


def test_what_cannot_be_kept_does_not_hold_up_what_can() -> None:
    unwanted = Response(
        status=200, result=AttemptResult.PERMANENT_FAILURE, detail="not kept: an SVG"
    )
    run = keep(done(PICTURE, VIDEO), unwanted, Response(status=200, kept=MP4))

    assert run.result.attempt.succeeded
    assert run.result.archived is not None
    assert [one.type for one in run.result.archived.files] == ["video/mp4"]
    assert run.result.archived.reason == "not kept: an SVG"


def test_what_may_still_pass_is_tried_again_beside_what_is_lost() -> None:
    unwanted = Response(status=200, result=AttemptResult.PERMANENT_FAILURE)
    run = keep(done(PICTURE, VIDEO), unwanted, Response(status=503))

    assert run.result.attempt.result is AttemptResult.FAILED


def test_what_cannot_be_read_of_the_state_was_never_kept() -> None:
    assert keep(
        done(), KEPT, state={"files": [{"nonsense": 1}]}
    ).result.attempt.succeeded
    assert Archived.read("nonsense") == Archived()


def test_nothing_is_sent_to_preview_it() -> None:
    context = DeliveryContext(event=done(), endpoint=PLACE, now=2e9, started=5.0)

    requests, _ = dry_run(archive, context)

    assert list(requests) == []
    assert archive.sample_response(Request(url=PICTURE)).status == 200
