"""Whole conversations over HTTP: the requests are such that servers understand them."""

from __future__ import annotations

import pytest

from bridge.adapters.http.sender import HttpSender
from bridge.channels import ntfy, teams, telegram
from bridge.channels.base import Channel, DeliveryContext, ExchangeResult, SaveState
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response
from tests.channels.cases import CASES, NOW, endpoint
from tests.platforms.loopback import serving
from tests.platforms.ntfy import Ntfy
from tests.platforms.teams import Teams
from tests.platforms.telegram import CHAT, Telegram

pytestmark = pytest.mark.component

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000


async def converse(channel: Channel, to: Endpoint) -> ExchangeResult:
    """Tell of a success, over real connections but for the picture's."""
    sender = HttpSender()
    context = DeliveryContext(
        event=CASES["succeeded_grid"], endpoint=to, at=NOW, started=NOW
    )
    talk = channel.deliver(context)
    step = next(talk)
    try:
        while True:
            if isinstance(step, SaveState):
                response = Response(took=0.0)
            elif isinstance(step, Request) and step.method == "GET":
                response = Response(took=0.0, status=200, body=PNG)
            else:
                response = await sender.send(to, step)
            step = talk.send(response)
    except StopIteration as ended:
        outcome: ExchangeResult = ended.value
        return outcome
    finally:
        await sender.aclose()


@pytest.mark.parametrize("images", ["url", "upload"])
async def test_telegram_takes_a_picture_over_http(images: str) -> None:
    server = Telegram()
    async with serving(server):
        to = endpoint("telegram", server.url, chat_id=str(CHAT), images=images)

        outcome = await converse(telegram, to)

    assert outcome.attempt.succeeded, outcome
    (message,) = server.shown
    assert (message.look.photo == PNG) is (images == "upload")


async def test_ntfy_takes_a_publication_over_http() -> None:
    server = Ntfy(tokens=frozenset({"tk_a"}))
    async with serving(server):
        outcome = await converse(ntfy, endpoint("ntfy", server.url, token="tk_a"))

    assert outcome.attempt.succeeded, outcome
    assert len(server.published) == 1


async def test_a_workflow_takes_a_card_over_http() -> None:
    server = Teams()
    async with serving(server):
        outcome = await converse(teams, endpoint("teams", server.url))

    assert outcome.attempt.succeeded, outcome
    assert len(server.cards) == 1
