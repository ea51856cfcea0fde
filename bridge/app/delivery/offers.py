"""
Offers: what a chat's message offers besides what it tells, links and buttons of its task.

Only endpoints that are chats, in deployments whose buttons can be pressed, cost this look.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from bridge.app.links import LinkSource
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.wording import OFFERING
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.task import TaskKey
from bridge.core.token import ActionLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    What a message may offer.

    Attributes:
        links: Signs what offers the task's buttons; ``None`` if nobody can press any.

        parent: Channel and id of the message whose button made the event's task; ``None``
            if there is none here.
    """

    links: ActionLinks | None = None
    parent: tuple[str, str] | None = None


NOTHING = Offer()


async def offer_of(event: Event, endpoint: Endpoint, links: LinkSource) -> Offer:
    """
    Return what an event's message may offer at an endpoint.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    options = endpoint.options
    if not isinstance(options, ChatOptions) or options.buttons == "off":
        return NOTHING
    return Offer(
        links=(
            await links.ready_for(TaskKey.read(event.subject))
            if event.type in OFFERING
            else None
        ),
        parent=(
            await _parent(event, endpoint.name, links)
            if options.buttons == "native"
            else None
        ),
    )


async def _parent(
    event: Event, endpoint: str, links: LinkSource
) -> tuple[str, str] | None:
    """Return the message with the button that the event's task came of."""
    if not event.type.startswith("task."):
        return None
    parent = json.loads(event.body)["data"].get("parentId")
    if not isinstance(parent, str):
        return None
    task = TaskKey(TaskKey.read(event.subject).upstream, parent)
    return await links.message_of(task, endpoint)
