"""The Discord channel over real connections, against a Discord that enforces its rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import pytest

from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.app.delivery.attempt import run_exchange
from bridge.channels import discord
from bridge.channels.base import DeliveryContext, ExchangeResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState
from bridge.sandbox.server import serving
from tests.channels.cases import CASES, DONE, RUNNING, WAITING, endpoint, event_of
from tests.platforms.discord import PNG, Discord, page

pytestmark = pytest.mark.component

#: Seconds until the next attempt, where Discord does not say.
RETRY = 0.5


@dataclass(kw_only=True)
class World:
    """A Discord on a port, an endpoint that leads there, and the channel state."""

    server: Discord
    base: str
    to: Endpoint
    sender: HttpSender
    kept: dict[str, ChannelState] = field(default_factory=dict)

    async def publish(self, event: Event) -> ExchangeResult:
        """Have the exchange once."""
        context = DeliveryContext(
            event=event,
            endpoint=self.to,
            now=self.server.clock(),
            started=0.0,
            channel_state=self.kept.get(event.subject, {}),
        )

        async def save_state(channel_state: ChannelState) -> bool:
            self.kept[event.subject] = channel_state
            return True

        outcome = await run_exchange(
            discord.deliver(context),
            self.to,
            sender=self.sender,
            save_state=save_state,
            now=self.server.clock,
            elapsed=monotonic,
        )
        if outcome.channel_state is not None:
            await save_state(outcome.channel_state)
        return outcome

    async def insist(self, event: Event) -> None:
        """
        Deliver an event as the bridge does, until it is delivered.

        An attempt that failed is not repeated at once: an older message is cleaned up a few
        times only, and the bucket has to be full again by then.
        """
        for _ in range(200):
            outcome = await self.publish(event)
            if outcome.attempt.succeeded:
                return
            await asyncio.sleep(outcome.attempt.retry_after or RETRY)
        msg = f"not delivered: {outcome.attempt.detail}"
        raise AssertionError(msg)


@asynccontextmanager
async def world(
    server: Discord, *, allow: tuple[str, ...] = ("127.0.0.0/8",), **settings: Any
) -> AsyncIterator[World]:
    sender = HttpSender(guard=Guard(allow))
    async with serving(server.app) as base:
        to = endpoint("discord", base + server.path, **{"progress": "edit", **settings})
        try:
            yield World(server=server, base=base, to=to, sender=sender)
        finally:
            await sender.aclose()


def finished(base: str, picture: str = "/pictures/pig.png") -> Event:
    return event_of(
        "task.succeeded", replace(DONE, image_url=base + picture), sequence=5
    )


async def test_a_tasks_life_is_told_and_its_picture_uploaded() -> None:
    async with world(Discord(limited=False)) as here:
        for event in (CASES["submitted"], CASES["progress_42"], finished(here.base)):
            outcome = await here.publish(event)
            assert outcome.attempt.succeeded, outcome.attempt.detail

        [message] = here.server.shown
        assert message.title == "✅ Imagine finished · 47 s"
        assert message.picture == PNG
        assert here.server.messages[0].deleted


async def test_a_picture_in_our_own_network_is_neither_fetched_nor_shown() -> None:
    async with world(Discord(limited=False), allow=()) as here:
        outcome = await here.publish(finished(here.base))

        assert outcome.attempt.succeeded
        [message] = here.server.shown
        assert message.picture is None
        assert "The picture cannot be shown here" in message.text


@pytest.mark.parametrize("final", ["replace", "reply"])
async def test_many_tasks_at_once_lose_nothing_to_the_limits(final: str) -> None:
    """Buckets are small and quick here, so that all of them overflow many times."""
    server = Discord()
    for bucket in server.buckets.values():
        bucket.most, bucket.seconds = 5, 0.2
    server.hidden.most = 1000
    async with world(server, final=final, images="none") as here:
        ids = [str(n) for n in range(12)]

        async def live(task_id: str) -> None:
            for kind, snapshot, sequence in (
                ("task.submitted", WAITING, 1),
                ("task.progress", replace(RUNNING, progress=50), 2),
                ("task.succeeded", DONE, 3),
            ):
                event = event_of(kind, replace(snapshot, id=task_id), sequence=sequence)
                await here.insist(event)

        await asyncio.gather(*map(live, ids))

        ends = [one for one in server.shown if one.title.startswith("✅")]
        told_of = sorted(int(one.embed["footer"]["text"].split()[1]) for one in ends)
        each = 2 if final == "reply" else 1
        assert told_of == sorted([*range(12)] * each)
        assert len(server.shown) == len(ends), "nothing is left that is out of date"


async def test_a_page_of_a_proxy_is_no_message() -> None:
    server = Discord(limited=False)
    server.faults.extend([page(502), page(200), page(429, retry_after="1")])
    async with world(server) as here:
        first, second, third = [await here.publish(CASES["failed"]) for _ in range(3)]
        fourth = await here.publish(CASES["failed"])

        assert [first.attempt.status, second.attempt.status] == [502, 200]
        assert not first.attempt.succeeded
        assert not second.attempt.succeeded
        assert third.attempt.retry_after == 1.0
        assert fourth.attempt.succeeded
        assert len(server.shown) == 1
