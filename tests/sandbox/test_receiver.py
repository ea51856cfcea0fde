"""`bridge.sandbox.receiver`: it believes what is signed, drops repeats, and remembers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
import standardwebhooks

from bridge.sandbox.received import Received
from bridge.sandbox.receiver import MAX_BODY, Receiver
from bridge.sandbox.responses import CannedResponse
from bridge.sandbox.server import serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Sender:
    """Signs with the reference library, and sends."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def send(
        self,
        message_id: str = "evt_1",
        *,
        path: str = "/hook",
        event: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        event = event or {"type": "task.started", "data": {"id": "17", "sequence": 2}}
        body, now = json.dumps(event), datetime.fromtimestamp(int(time.time()), UTC)
        signed = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": standardwebhooks.Webhook(SECRET).sign(
                message_id, now, body
            ),
        }
        return await self.client.post(
            path, content=body, headers=signed | (headers or {})
        )


@pytest.fixture
def told() -> list[Received]:
    return []


@pytest.fixture
def receiver(told: list[Received]) -> Receiver:
    return Receiver(secrets=[SECRET], on_event=told.append)


@pytest_asyncio.fixture
async def sender(receiver: Receiver) -> AsyncIterator[Sender]:
    async with serving(receiver.app) as url, httpx.AsyncClient(base_url=url) as client:
        yield Sender(client)


async def test_a_signed_event_is_taken_and_told(
    receiver: Receiver, sender: Sender, told: list[Received]
) -> None:
    answer = await sender.send()

    assert (answer.status_code, answer.content) == (204, b"")
    (event,) = receiver.events()
    assert told == [event]
    assert (event.id, event.type, event.task, event.sequence) == (
        "evt_1",
        "task.started",
        "17",
        2,
    )
    assert event.believed


async def test_a_forged_event_is_answered_401_and_is_no_event(
    receiver: Receiver, sender: Sender, told: list[Received]
) -> None:
    answer = await sender.send(headers={"webhook-signature": "v1,forged"})

    assert answer.status_code == 401
    assert "no signature fits" in answer.json()["error"]
    assert receiver.events() == []
    assert [one.believed for one in told] == [False]


async def test_a_forgery_does_not_use_up_an_id(
    receiver: Receiver, sender: Sender
) -> None:
    await sender.send(headers={"webhook-signature": "v1,forged"})
    await sender.send()

    assert [(one.attempt, one.repeat) for one in receiver.events()] == [(1, False)]


async def test_without_a_secret_everything_is_believed_and_nothing_verified() -> None:
    receiver = Receiver()
    async with serving(receiver.app) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post("/", content=b"no event at all")

    assert answer.status_code == 204
    assert [one.verification for one in receiver.events()] == [None]


async def test_a_repeat_is_answered_well_and_dropped(
    receiver: Receiver, sender: Sender
) -> None:
    answers = [await sender.send() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204] * 3
    assert len(receiver.events()) == 1
    assert [one.repeat for one in receiver.received()] == [False, True, True]


async def test_a_retry_of_a_failed_attempt_is_no_repeat(
    receiver: Receiver, sender: Sender
) -> None:
    receiver.answer(
        "/hook", 500, CannedResponse(status=429, headers={"retry-after": "2"})
    )

    answers = [await sender.send() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 429, 204]
    assert answers[1].headers["retry-after"] == "2"
    assert [(one.attempt, one.taken) for one in receiver.received()] == [
        (1, False), (2, False), (3, True),
    ]  # fmt: skip
    assert [one.attempt for one in receiver.events()] == [3]


async def test_answers_are_told_by_path_and_over_http_too(sender: Sender) -> None:
    told = {"path": "*", "answers": [503], "then": {"status": 410, "body": "gone"}}
    await sender.client.post("/sandbox/answers", json=told)
    wrong = await sender.client.post("/sandbox/answers", json={"answers": [99]})
    others = [await sender.send(path="/a") for _ in range(3)]

    assert [answer.status_code for answer in others] == [503, 410, 410]
    assert others[1].text == "gone"
    assert wrong.status_code == 400


async def test_an_answer_can_be_late(receiver: Receiver, sender: Sender) -> None:
    receiver.answer("/hook", CannedResponse(delay=30))

    sender.client.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        await sender.send()


async def test_the_ledger_is_shown_and_cleared_over_http(sender: Sender) -> None:
    await sender.send()
    shown = (
        await sender.client.get("/sandbox/received", params={"path": "/hook"})
    ).json()
    await sender.client.delete("/sandbox/received")
    cleared = (await sender.client.get("/sandbox/received")).json()

    assert [(one["id"], one["task"], one["verified"]) for one in shown] == [
        ("evt_1", "17", True)
    ]
    assert cleared == []


async def test_the_ledger_keeps_the_last_ones() -> None:
    receiver = Receiver(keep=2)
    async with serving(receiver.app) as url, httpx.AsyncClient(base_url=url) as client:
        for number in range(3):
            await client.post(f"/{number}")

    assert [one.path for one in receiver.received()] == ["/1", "/2"]


async def test_a_body_that_is_too_large_is_refused(
    receiver: Receiver, sender: Sender
) -> None:
    answer = await sender.client.post("/hook", content=b"x" * (MAX_BODY + 1))

    assert answer.status_code == 413
    assert receiver.received() == []


async def test_one_can_wait_for_what_is_to_come(
    receiver: Receiver, sender: Sender
) -> None:
    waiting = asyncio.create_task(receiver.until(lambda one: len(one.events()) == 2))
    await sender.send("evt_1")
    await sender.send("evt_2")

    await waiting
    with pytest.raises(TimeoutError):
        await receiver.until(lambda one: len(one.events()) == 3, seconds=0.01)


async def test_the_latency_is_read_from_the_events_own_time(
    receiver: Receiver, sender: Sender
) -> None:
    await sender.send(
        event={"type": "task.started", "timestamp": "2024-11-03T08:17:36.102Z"}
    )
    await sender.send("evt_2", event={"type": "task.started", "timestamp": "noon"})

    first, second = receiver.events()
    assert first.latency is not None
    assert first.latency > 1e6
    assert second.latency is None


async def test_a_person_who_opens_it_in_a_browser_is_told_what_it_is(
    sender: Sender,
) -> None:
    page = await sender.client.get("/")

    assert "POST" in page.text
