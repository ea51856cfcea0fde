"""
Clicks: a button that was pressed in a chat, from the proof to the answer.

A click is answered at once, whatever the store and the upstream do; the press, and what comes of
it, follow behind: see `bridge.app.click_follower`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any

import structlog

from bridge.app.click_follower import ClickFollower
from bridge.app.click_marks import clicked_name
from bridge.app.click_records import Click
from bridge.app.links import LinkSource
from bridge.app.lookup import Lookup
from bridge.app.ports import ClickOutcome, ExpiringTexts, TaskRow
from bridge.channels import sample
from bridge.channels.interaction import (
    NOTHING,
    Acknowledgement,
    Clicks,
    Interaction,
    Reaction,
    may_press,
)
from bridge.channels.strings import strings_of
from bridge.core.endpoint import Endpoint
from bridge.core.token import Grant, Purpose
from bridge.errors import BridgeError, NotFound

log = structlog.get_logger(__name__)

#: Seconds for which a click is known that a platform may send again.
REMEMBERED = 3600.0
#: Seconds that presses get to be written down when the process ends, which has 5 s for all.
GRACE = 1.0
#: Seconds that the store may take before a form is opened without the task's prompt.
_QUICK = 0.3


class ClickHandler:
    """Takes the clicks of one deployment's chats."""

    def __init__(
        self,
        *,
        follower: ClickFollower,
        upstreams: Sequence[str],
        links: LinkSource,
        lookup: Lookup,
        texts: ExpiringTexts,
        now: Callable[[], float],
    ) -> None:
        """
        Bind it to the services that it needs; nothing is sent yet.

        Args:
            follower: Presses, and says what comes of it.

            now: Returns the time, in seconds since the epoch, by this machine's clock.
        """
        self._follower = follower
        self._platforms = follower.platforms
        self._upstreams = upstreams
        self._links = links
        self._lookup = lookup
        self._texts = texts
        self._now = now
        self._pressing: set[asyncio.Task[object]] = set()
        self._under_way: set[asyncio.Task[object]] = set()

    async def take(
        self, purpose: Purpose, interaction: Interaction, endpoints: Sequence[Endpoint]
    ) -> Acknowledgement:
        """
        Take a click that is proven to come from its platform; what follows is begun.

        Args:
            endpoints: Those that the proof is good for; at least one.

        Returns:
            What the platform is answered.
        """
        platform = self._platforms[purpose]
        here = [one for one in endpoints if platform.may_come_from(interaction, one)]
        first = (here or list(endpoints))[0]
        strings = strings_of(first)
        if interaction.token == NOTHING:
            return self._do(first, platform.accept(first, interaction))
        grant = (await self._links.keys()).read(
            purpose, interaction.token, now=self._now()
        )
        name = grant.endpoint(one.name for one in here) if grant else None
        endpoint = next((one for one in here if one.name == name), None)
        if grant is None or endpoint is None:
            return self._turn_away(
                first, platform, interaction, strings.too_late, "late"
            )
        if not may_press(interaction, endpoint):
            return self._turn_away(
                endpoint, platform, interaction, strings.not_yours, "not_allowed"
            )
        if grant.upstream([sample.NAME]) and sample.NAME not in self._upstreams:
            name = clicked_name(endpoint.name)
            await self._texts.keep(name, interaction.name or "?", REMEMBERED)
            return self._do(
                endpoint, platform.turn_away(endpoint, interaction, strings.works)
            )
        click = Click(
            endpoint=endpoint,
            purpose=purpose,
            platform=platform,
            interaction=interaction,
        )
        if interaction.asks and interaction.prompt is None:
            return await self._ask(click, grant)
        self._begin(self._press(click, grant), self._pressing)
        return self._do(endpoint, platform.accept(endpoint, interaction))

    async def aclose(self) -> None:
        """Let presses be written down for a moment; break off what else is under way."""
        if self._pressing:
            await asyncio.wait(self._pressing, timeout=GRACE)
        under_way = self._pressing | self._under_way
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    # --- at once ----------------------------------------------------------------------

    def _do(self, endpoint: Endpoint, reaction: Reaction) -> Acknowledgement:
        if reaction.request is not None:
            self._begin(self._follower.send(endpoint, reaction.request))
        return reaction.answer

    async def _ask(self, click: Click, grant: Grant) -> Acknowledgement:
        row = None
        with suppress(BridgeError, TimeoutError):
            async with asyncio.timeout(_QUICK):
                row = await self._row(grant)
        prompt = (row.snapshot.prompt if row and row.snapshot else None) or ""
        interaction, endpoint = click.interaction, click.endpoint
        title = interaction.label or click.strings.next
        opened = click.platform.open_form(endpoint, interaction, title, prompt)
        if opened is not None:
            return self._do(endpoint, opened)
        text = click.strings.needs_prompt
        if row is not None:
            with suppress(BridgeError):
                links = await self._links.ready_for(row.key)
                page = links.page(row.key, endpoint.name, now=self._now())
                text = f"{text} {page or ''}".rstrip()
        return self._do(endpoint, click.platform.turn_away(endpoint, interaction, text))

    # --- behind the answer ------------------------------------------------------------

    async def _press(self, click: Click, grant: Grant) -> None:
        try:
            if not await self._is_new(click):
                return
            row = await self._row(grant)
            buttons = row.snapshot.buttons if row and row.snapshot else ()
            custom_id = grant.button(one.custom_id for one in buttons)
            if row is None or custom_id is None:
                await self._follower.count(click.endpoint, "late")
                await self._follower.tell(click, click.strings.too_late)
                return
            pressed = next(one for one in buttons if one.custom_id == custom_id)
            following = await self._follower.press(click, row, pressed)
        except BridgeError as error:
            log.warning(
                "click.not_pressed", endpoint=click.endpoint.name, error=str(error)
            )
            await self._follower.tell(click, click.strings.unavailable)
            return
        if following is not None:
            self._begin(self._follower.follow(following))

    async def _is_new(self, click: Click) -> bool:
        if not click.interaction.unique:
            return True
        name = f"click:{click.endpoint.kind}:{click.interaction.unique}"
        return await self._texts.claim(name, token_hex(8), REMEMBERED)

    async def _row(self, grant: Grant) -> TaskRow | None:
        key = await self._links.task_of(grant, self._upstreams)
        if key is None:
            return None
        try:
            return await self._lookup.find_task(key.id, key.upstream)
        except NotFound:
            return None

    def _turn_away(
        self,
        endpoint: Endpoint,
        platform: Clicks,
        interaction: Interaction,
        text: str,
        outcome: ClickOutcome,
    ) -> Acknowledgement:
        log.info("click.refused", endpoint=endpoint.name, reason=outcome)
        self._begin(self._follower.count(endpoint, outcome))
        return self._do(endpoint, platform.turn_away(endpoint, interaction, text))

    def _begin(
        self,
        work: Coroutine[Any, Any, object],
        among: set[asyncio.Task[object]] | None = None,
    ) -> None:
        """
        Do something behind the answer.

        Args:
            among: Where it is kept until it has ended; without it, with what may be broken off.
        """
        tasks = self._under_way if among is None else among

        def ended(task: asyncio.Task[object]) -> None:
            tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("click.failed", exc_info=error)

        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(ended)
