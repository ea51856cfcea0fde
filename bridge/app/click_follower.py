"""
What follows a click: the press, and the message that says how it stands until it has ended.

What a message is changed to say is read from the store each time, under a lease for that message,
and replaces its buttons only: so clicks may come in any order and through any process, and none of
them takes back what was written later. Which presses are followed is kept in the store, too: if
a process ends, another one, or the next, goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex

import structlog

from bridge.app.actions import Actions
from bridge.app.click_marks import Marks
from bridge.app.click_records import Click, Following, read_following, written
from bridge.app.links import LinkSource
from bridge.app.lookup import Lookup
from bridge.app.outage import store_outage
from bridge.app.ports import ClickOutcome, ClickStore, ExpiringTexts, Sender, TaskRow
from bridge.channels.interaction import Clicks
from bridge.core.action import ActionState
from bridge.core.button import Button
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request
from bridge.core.task import TaskKey
from bridge.core.token import Purpose
from bridge.errors import BridgeError, Misconfigured, NotFound, Refused

log = structlog.get_logger(__name__)

#: Seconds between two looks at how a press stands; the last one is repeated.
LOOK_AFTER = (0.3, 0.5, 1.0, 2.0, 3.0, 5.0)
#: Seconds after which nobody waits any more for what comes of a press.
PATIENCE = 900.0
#: Seconds for which one process follows a press, unless it says that it still does: longer than
#: it takes to wait for a message and to change it, see `bridge.app.click_marks.MARKING`.
LEASE = 40.0
#: Seconds between two looks for presses that nobody follows any more.
TAKE_OVER_EVERY = 5.0
#: Changes of a message that are tried again where the platform is in trouble.
TRIES = 6
#: A message says the same of these.
_GOES_ON = frozenset({ActionState.PENDING, ActionState.SENDING})


class ClickFollower:
    """Presses for those who click, and has their messages say what comes of it."""

    def __init__(
        self,
        *,
        platforms: Mapping[Purpose, Clicks],
        endpoints: Sequence[Endpoint],
        actions: Actions,
        links: LinkSource,
        lookup: Lookup,
        texts: ExpiringTexts,
        store: ClickStore,
        sender: Sender,
        now: Callable[[], float],
    ) -> None:
        """
        Bind it to the services that it needs; nothing is sent yet.

        Args:
            platforms: How clicks are answered.

            endpoints: All that are configured.

            now: Returns the time, in seconds since the epoch, by this machine's clock.
        """
        self.platforms = platforms
        self._endpoints = {one.name: one for one in endpoints}
        self._actions = actions
        self._marks = Marks(
            actions=actions,
            links=links,
            lookup=lookup,
            texts=texts,
            send=self.send,
            now=now,
        )
        self._links = links
        self._texts = texts
        self._store = store
        self._sender = sender
        self._now = now
        self._me = token_hex(8)

    async def press(
        self, click: Click, row: TaskRow, pressed: Button
    ) -> Following | None:
        """
        Press a button. No platform is asked for anything before that is written down.

        Returns:
            What is to be followed; ``None`` if the press is refused, or cannot be followed.

        Raises:
            BridgeError: The store does not answer; nothing says that the button was pressed.
        """
        interaction = click.interaction
        await self._remember(row.key, click)
        try:
            action, _ = await self._actions.press(
                row.key,
                pressed.custom_id,
                by=f"{click.endpoint.kind}:{interaction.user}",
                prompt=interaction.prompt,
            )
        except (Refused, NotFound, Misconfigured) as error:
            label = interaction.label or pressed.label or pressed.emoji or "…"
            await self.count(click.endpoint, "refused")
            await self.tell(click, f"{label}: {error}")
            return None
        await self.count(click.endpoint, "pressed")
        following = Following(
            click=click, task=row.key, action=action, until=self._now() + PATIENCE
        )
        try:
            await self._texts.claim(_following(action.id), self._me, LEASE)
            await self._store.follow(action.id, written(following))
        except BridgeError as error:
            # The message keeps its buttons: nobody else would bring them back.
            log.warning("click.not_followed", error=str(error))
            return None
        return following

    async def follow(self, following: Following) -> None:
        """Have the message say at once what was pressed, and then what comes of it."""
        try:
            if following.action.state in _GOES_ON:
                await self._mark(following, pressing=True)
            await self._follow(following)
        except BridgeError as error:
            log.warning("click.broken_off", error=str(error))  # until it is taken over

    async def take_over(self) -> None:
        """Follow, until cancelled, what was pressed at processes that have ended."""
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(TAKE_OVER_EVERY)
                try:
                    for action_id, text in (await self._store.followed()).items():
                        name = _following(action_id)
                        # One that we follow is ours already; it is claimed by nobody else.
                        if await self._texts.kept(name) is None and (
                            await self._texts.claim(name, self._me, LEASE)
                        ):
                            group.create_task(self._go_on(action_id, text))
                except BridgeError as error:
                    store_outage.failed(str(error))
                except Exception:
                    log.exception("click.not_taken_over")  # the next time may do better

    async def _go_on(self, action_id: str, text: str) -> None:
        try:
            found = None
            if (action := await self._actions.find(action_id)) is not None:
                found = read_following(
                    text, action, endpoints=self._endpoints, platforms=self.platforms
                )
            if found is None:
                await self._store.forget(action_id)
            else:
                await self._follow(found)
        except BridgeError as error:
            log.warning("click.broken_off", error=str(error))
        except Exception:
            log.exception("click.failed", action=action_id)  # it costs no other one

    async def _follow(self, following: Following) -> None:
        """Have the message say how a press stands, until nothing more comes of it."""
        action = following.action
        said: ActionState | None = None
        place = tries = 0
        while True:
            stands = ActionState.PENDING if action.state in _GOES_ON else action.state
            # What may be over in a moment is not said to go on.
            if stands is not said and (stands is not ActionState.PENDING or place > 1):
                tries += 1
                if await self._mark(following) or tries >= TRIES:
                    said, tries = stands, 0
            over = action.state.is_final and stands is said
            if over or self._now() > following.until:
                break
            await asyncio.sleep(LOOK_AFTER[min(place, len(LOOK_AFTER) - 1)])
            place += 1
            await self._texts.keep(_following(action.id), self._me, LEASE)
            action = await self._actions.find(action.id) or action
        await self._store.forget(action.id)
        if action.state is ActionState.REFUSED:
            await self.tell(following.click, f"{action.label}: {action.reason or ''}")

    # --- what is kept, and sent -------------------------------------------------------

    async def _remember(self, task: TaskKey, click: Click) -> None:
        """Keep who it was by name, and the message that what comes of it answers."""
        interaction, endpoint = click.interaction, click.endpoint
        name = f"name:{endpoint.kind}:{interaction.user}"
        await self._texts.keep(name, interaction.name, self._links.ttl)
        if interaction.message:
            await self._links.keep_message(
                task,
                endpoint.name,
                channel=interaction.channel,
                message=interaction.message,
            )

    async def count(self, endpoint: Endpoint, outcome: ClickOutcome) -> None:
        """Count what came of a click; a store that is away does not."""
        try:
            await self._store.count(endpoint.name, outcome)
        except BridgeError as error:
            log.warning("click.not_counted", error=str(error))

    async def tell(self, click: Click, text: str) -> None:
        """Say something to whoever clicked, where the platform can."""
        request = click.platform.tell(click.endpoint, click.interaction, text)
        if request is not None:
            await self.send(click.endpoint, request)

    async def _mark(self, following: Following, *, pressing: bool = False) -> bool:
        click = following.click
        return await self._marks.mark(
            click.endpoint,
            click.platform,
            click.interaction,
            following.task,
            pressing=pressing,
        )

    async def send(self, endpoint: Endpoint, request: Request) -> bool:
        """Send a platform something; return whether it is worth nothing to try that again."""
        response = await self._sender.send(endpoint, request)
        status = response.status
        if status is not None and status < 400:
            return True
        log.warning(
            "click.not_shown",
            endpoint=endpoint.name,
            status=status,
            reason=response.detail or None,
        )
        return status is not None and status < 500 and status != 429


def _following(action_id: str) -> str:
    return f"following:{action_id}"
