"""`bridge.adapters.http.notifier`: the real library, against services on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import b64decode

import pytest

from bridge.adapters.http import notifier
from bridge.adapters.http.notifier import Notifier, problem_with
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.http import File, Notification
from tests.receivers import Receiver, answers, is_silent, receiver, says
from tests.waiting import until

# Loading its plugins, the library imports a module of Python's that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

TITLE, BODY = "✅ Imagine finished", "a <b> & {{ c }}"


def notification(
    url: str, file: File | None = None, *, timeout: float = 10.0
) -> Notification:
    return Notification(
        url=url, title=TITLE, body=BODY, type="success", file=file, timeout=timeout
    )


def url_of(there: Receiver, path: str = "/s3cretpath", query: str = "") -> str:
    return f"json://user:pa55word@127.0.0.1:{there.port}{path}{query}"


async def test_a_notification_arrives_as_it_was_ordered() -> None:
    async with receiver(answers()) as there:
        response = await Notifier().notify(notification(url_of(there)))

    assert response.result is AttemptResult.DELIVERED
    assert response.fault is None
    (received,) = there.requests
    posted = json.loads(received.body)
    assert posted["title"] == TITLE
    assert posted["message"] == BODY
    assert posted["type"] == "success"


async def test_a_picture_goes_along() -> None:
    file = File(name="mj_1.png", type="image/png", data=b"\x89PNG")
    async with receiver(answers()) as there:
        response = await Notifier().notify(notification(url_of(there), file=file))

    assert response.result is AttemptResult.DELIVERED
    (sent,) = json.loads(there.requests[0].body)["attachments"]
    assert (sent["filename"], sent["mimetype"]) == ("mj_1.png", "image/png")
    assert b64decode(sent["base64"]) == b"\x89PNG"


@pytest.mark.parametrize("query", ["", "?optional=yes"])
async def test_a_service_that_refuses_is_a_failure_with_its_reason(query: str) -> None:
    async with receiver(answers("500 Oops", body=b"s3cretpath")) as there:
        response = await Notifier().notify(notification(url_of(there, query=query)))

    assert response.result is AttemptResult.FAILED
    assert response.detail.startswith("JSON: ")
    assert "500" in response.detail


async def test_nothing_of_the_url_is_in_what_is_said() -> None:
    async with receiver(says(b"")) as there:
        response = await Notifier().notify(notification(url_of(there)))

    said = response.detail
    assert said.startswith("JSON: ")
    for secret in ("pa55word", "s3cretpath", "127.0.0.1", str(there.port)):
        assert secret not in said


async def test_a_redirect_is_not_followed() -> None:
    async with receiver(answers()) as elsewhere:
        to = f"location: http://127.0.0.1:{elsewhere.port}/"
        async with receiver(answers("307 Elsewhere", to)) as there:
            response = await Notifier().notify(notification(url_of(there)))

    assert response.result is AttemptResult.FAILED
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url", ["nosuch://s3cret", "mailto://", "https://x.example/s3cret"]
)
async def test_a_url_that_apprise_does_not_know_is_invalid(url: str) -> None:
    response = await Notifier().notify(notification(url))

    assert response.result is AttemptResult.GONE
    assert "does not understand this URL" in response.detail
    assert "s3cret" not in response.detail


async def test_nobody_waits_longer_than_asked_and_the_loop_goes_on() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async with receiver(is_silent) as there:
        ticking = asyncio.create_task(tick())
        response = await Notifier().notify(
            notification(url_of(there, query="?rto=30"), timeout=0.5)
        )
        ticking.cancel()

    assert response.fault is Fault.TIMEOUT
    assert 0.4 < response.duration < 20
    assert ticks > 3
    await asyncio.to_thread(until, _no_thread_is_left)  # its connection was cut


async def test_services_that_hang_do_not_fill_the_process_with_threads() -> None:
    crowd = Notifier()
    async with receiver(is_silent) as there:
        url = url_of(there, query="?rto=30")
        under_way = [
            asyncio.create_task(crowd.notify(notification(url, timeout=0.1)))
            for _ in range(notifier.MAX_THREADS + 5)
        ]
        responses = await asyncio.gather(*under_way)
    await asyncio.to_thread(until, _no_thread_is_left, within_s=30)

    refused = [one for one in responses if "still under way" in one.detail]
    assert len(refused) == 5
    assert all(one.fault is Fault.TIMEOUT for one in responses)


def _no_thread_is_left() -> bool:
    return not any(thread.name == "apprise" for thread in threading.enumerate())


def test_a_url_is_judged_without_repeating_it() -> None:
    assert problem_with("json://localhost/s3cret") is None
    said = problem_with("nosuch://s3cret")
    assert said is not None
    assert "nosuch://" in said
    assert "s3cret" not in said


def test_the_library_is_here() -> None:
    notifier.require()
