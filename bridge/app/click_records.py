"""A click, and the record that is kept of a press while its message is followed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import structlog

from bridge.app.views.actions import Action
from bridge.channels.interaction import Clicks, Interaction
from bridge.channels.strings import Strings, strings_of
from bridge.core.endpoint import Endpoint
from bridge.core.task import TaskKey
from bridge.core.token import Purpose

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A click that may be made: where, and by whom."""

    endpoint: Endpoint
    purpose: Purpose
    platform: Clicks
    interaction: Interaction

    @property
    def strings(self) -> Strings:
        """What is said, in the endpoint's language."""
        return strings_of(self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """
    A press that was written down, and whose message is to say what comes of it.

    Attributes:
        until: When nobody waits for that any more.
    """

    click: Click
    task: TaskKey
    action: Action
    until: float


def written(following: Following) -> str:
    """Write a press down, for whichever process follows it; see `read_following`."""
    click = following.click
    interaction = asdict(replace(click.interaction, prompt=None, form=""))
    return json.dumps(
        {
            "endpoint": click.endpoint.name,
            "purpose": str(click.purpose),
            "task": str(following.task),
            "until": following.until,
            "interaction": interaction | {"places": sorted(interaction["places"])},
        }
    )


def read_following(
    text: str,
    action: Action,
    *,
    endpoints: Mapping[str, Endpoint],
    platforms: Mapping[Purpose, Clicks],
) -> Following | None:
    """
    Read what `written` has written, or another version's did.

    Returns:
        ``None`` if it is not to be followed any more: its endpoint takes no clicks now, or nobody
        understands it.
    """
    try:
        kept = json.loads(text)
        endpoint, purpose = endpoints.get(kept["endpoint"]), Purpose(kept["purpose"])
        if endpoint is None or endpoint.kind != purpose:
            return None
        given = kept["interaction"]
        lists = {"roles": tuple(given["roles"]), "places": frozenset(given["places"])}
        click = Click(
            endpoint=endpoint,
            purpose=purpose,
            platform=platforms[purpose],
            interaction=Interaction(**given | lists),
        )
        return Following(
            click=click,
            task=TaskKey.read(kept["task"]),
            action=action,
            until=float(kept["until"]),
        )
    except (AttributeError, LookupError, TypeError, ValueError):
        log.warning("click.not_understood", action=action.id)  # of another version
        return None
