"""What routes may use: the deployment's services, and nothing behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bridge.app.actions import Actions
from bridge.app.clicks import ClickHandler
from bridge.app.endpoint_control import EndpointControl
from bridge.app.links import LinkSource
from bridge.app.lookup import Lookup
from bridge.app.ports import Feed, PictureFiles, Queries, RequestStore
from bridge.app.redelivery import Redelivery
from bridge.app.tracking import Tracking
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.settings import Settings
from bridge.web.keys import SigningKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """
    The services of one deployment, as the process ``web`` serves them.

    Attributes:
        settings: The deployment's.

        queries: Reads the store.

        lookup: Finds what ids and names stand for.

        tracking: Has tasks polled.

        endpoint_control: Lists and switches endpoints.

        actions: Presses buttons and submits.

        redelivery: Sends events again.

        feed: What happens, in order.

        pictures: Where pictures are kept; ``None`` if they are not.

        clicks: Takes clicks in chats.

        links: What the tokens of links and buttons are read with.

        requests: Keeps requests that may be repeated, and their answers.

        keys: What sessions are signed with.

        try_write: Checks that changes can be recorded, see `StoreAdmin.try_write`.

        foreign_keys: Names keys that hold what mjbridge did not write there.

        deployment_id: Returns what tells the deployment from others, see `Deployment.id`.

        clock: Returns the store's clock, in seconds since the epoch.

        try_endpoint: Sends an endpoint a sample event of a type now.
    """

    settings: Settings
    queries: Queries
    lookup: Lookup
    tracking: Tracking
    endpoint_control: EndpointControl
    actions: Actions
    redelivery: Redelivery
    feed: Feed
    pictures: PictureFiles | None
    requests: RequestStore
    clicks: ClickHandler
    links: LinkSource
    keys: SigningKeys
    try_write: Callable[[], Awaitable[None]]
    foreign_keys: Callable[[], Awaitable[Sequence[str]]]
    deployment_id: Callable[[], Awaitable[str]]
    clock: Callable[[], Awaitable[float]]
    try_endpoint: Callable[[Endpoint, str], Awaitable[Attempt]]
