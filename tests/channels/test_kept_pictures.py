"""Chats and the archive: a picture that is kept is uploaded from there, and linked there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.channels import channel_for
from bridge.channels.base import DeliveryContext, ExchangeResult, SaveState
from bridge.channels.compose import message_for
from bridge.channels.picture import MAX_PICTURE
from bridge.core.archive import Archived
from bridge.core.endpoint import Endpoint
from bridge.core.http import (
    AnyRequest,
    Download,
    KeptPicture,
    Notification,
    Request,
    Response,
)
from bridge.core.media import thumbnail_name
from bridge.settings import endpoint_settings
from tests.channels.cases import CASES, DONE, KEPT, NOW, event_of
from tests.pictures import picture

PLACES = {
    "discord": {"url": "https://discord.com/api/webhooks/1/token"},
    "telegram": {"url": "https://api.telegram.org/bot1:token", "chat_id": "7"},
    "apprise": {"url": "json://receiver.test/"},
}


def place(kind: str, **settings: object) -> Endpoint:
    table = {"kind": kind, "images": "upload", **PLACES[kind], **settings}
    return endpoint_settings(**table).to_endpoint(kind)


def context(to: Endpoint, archived: Archived | None, **more: float) -> DeliveryContext:
    return DeliveryContext(
        event=CASES["succeeded_grid"],
        endpoint=to,
        now=more.get("now", NOW),
        started=NOW,
        archived=archived,
    )


def asked(given: DeliveryContext, *, kept: bytes | None = None) -> list[AnyRequest]:
    """Everything that a delivery asks for, up to the message itself."""
    channel = channel_for(given.endpoint.kind)
    exchange = channel.deliver(given)
    requests: list[AnyRequest] = []
    step = next(exchange)
    for _ in range(9):
        if isinstance(step, SaveState):
            step = exchange.send(Response())
            continue
        requests.append(step)
        if isinstance(step, Request) and step.method == "GET":
            step = exchange.send(Response(status=404))
        elif isinstance(step, KeptPicture):
            answer = (
                Response(detail="gone")
                if kept is None
                else Response(status=200, body=kept)
            )
            step = exchange.send(answer)
        else:
            return requests
    return requests


@pytest.mark.parametrize("kind", [*PLACES])
def test_what_is_kept_is_read_from_the_archive_and_not_from_the_gateway(
    kind: str,
) -> None:
    first, *_ = asked(context(place(kind), Archived(files=(KEPT,))), kept=picture())

    assert isinstance(first, KeptPicture)
    assert (first.name, first.max_bytes) == (KEPT.name, MAX_PICTURE)


@pytest.mark.parametrize("kind", [*PLACES])
def test_what_is_not_kept_is_fetched_as_ever(kind: str) -> None:
    requests = asked(context(place(kind), Archived(reason="HTTP 404")))

    assert any(isinstance(one, Request) and one.method == "GET" for one in requests)
    assert not any(isinstance(one, KeptPicture | Download) for one in requests)


def test_of_what_is_too_large_a_smaller_form_is_uploaded() -> None:
    large = replace(KEPT, bytes=MAX_PICTURE + 1)
    first, *_ = asked(context(place("discord"), Archived(files=(large,))))

    assert isinstance(first, KeptPicture)
    assert first.name == thumbnail_name(KEPT.name, 1024)


def test_a_picture_that_has_gone_from_the_archive_does_not_hold_up_the_message() -> (
    None
):
    *_, last = asked(context(place("discord"), Archived(files=(KEPT,))))

    assert isinstance(last, Request)
    assert last.method == "POST"


def test_a_kept_picture_does_not_expire() -> None:
    given = context(place("discord"), Archived(files=(KEPT,)), now=NOW + 10**8)
    message = message_for(given)

    assert not message.expired
    assert message.public_picture == KEPT.url
    assert [url for _, url in message.links] == [KEPT.url]


@pytest.mark.parametrize(
    "url",
    [
        "/files/a.png",
        "http://127.0.0.1:8300/files/a.png",
        "http://bridge.lan/files/a.png",
    ],
)
def test_an_address_that_only_we_reach_is_in_no_message(url: str) -> None:
    message = message_for(
        context(place("discord"), Archived(files=(replace(KEPT, url=url),)))
    )

    assert message.kept is not None
    assert message.picture == DONE.image_url


@pytest.mark.parametrize("kind", [*PLACES])
@pytest.mark.parametrize(
    ("events", "says"), [(["task.*"], False), (["task.archived"], True)]
)
def test_that_a_picture_was_kept_is_said_where_the_end_is_not(
    kind: str, events: list[str], says: bool
) -> None:
    given = replace(
        context(place(kind, events=events), Archived(files=(KEPT,))),
        event=event_of("task.archived", DONE),
    )
    exchange = channel_for(kind).deliver(given)
    if says:
        assert isinstance(next(exchange), Request | KeptPicture | Notification)
        return
    with pytest.raises(StopIteration) as end:
        next(exchange)
    result: ExchangeResult = end.value.value
    assert result.attempt.detail == "skipped: the task's end is reported here"
