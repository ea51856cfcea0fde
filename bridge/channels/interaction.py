"""
Interactions: what platforms send when somebody presses a button, and what they are answered.

Each platform's `inbound` is one pure step: raw body, headers and time in, an `Interaction` or
something else of `Inbound` out. The proof is checked over the raw body, before anything in it is
read, and nothing whatever that comes in raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from bridge.channels.endpoint_options import NativeOptions
from bridge.channels.message import MessageButton
from bridge.core.characters import writable
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import Request

#: Seconds that a signed request may be old, or ahead of our clock.
MAX_SKEW = 300.0
#: Carried by what is no button, and only says something.
NOTHING = "-"
#: What ends the id of a button that asks for a prompt.
ASKS = "?"
#: Most characters of a person's name that are shown.
MAX_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """
    A button that was pressed, or the form that it had opened and that came back.

    Attributes:
        token: What the button carries.

        user: The id of who pressed.

        name: Their name, for people.

        roles: Ids of their roles, where the platform has any.

        places: Ids of where it happened: a workspace, a channel, a webhook, a chat.

        message: The id of the message; empty if the platform does not show it.

        channel: Where that message is.

        asks: Whether the button wants a prompt before it is pressed.

        prompt: What was entered; ``None`` if no form came back.

        label: What is on the button, where the platform says so.

        reply: What the platform wants answers to be sent to, or with.

        form: What the platform wants a form to be opened with; empty if it cannot be.

        shown: The message's parts that an edit has to repeat.

        unique: What the platform calls this click; the same if it sends it again.
    """

    token: str = field(repr=False)
    user: str
    name: str
    roles: tuple[str, ...] = ()
    places: frozenset[str] = frozenset()
    message: str = ""
    channel: str = ""
    asks: bool = False
    prompt: str | None = None
    label: str = ""
    reply: str = field(repr=False, default="")
    form: str = field(repr=False, default="")
    shown: Sequence[Mapping[str, Json]] = field(repr=False, default=())
    unique: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """
    What a request is answered at once: with `body` as JSON, or nothing.

    Attributes:
        reason: Why nothing is done, for a log; empty if all is well.
    """

    status: int = 200
    body: Mapping[str, Json] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """
    What a platform gets back for a click.

    Attributes:
        answer: To its request, at once.

        request: To be made besides; ``None`` if that is all.
    """

    answer: Acknowledgement = Acknowledgement()
    request: Request | None = None


class Clicks(Protocol):
    """How clicks on one platform are answered. None of these raises."""

    def may_come_from(self, interaction: Interaction, endpoint: Endpoint) -> bool:
        """Whether it happened where the endpoint posts."""
        ...

    def accept(self, endpoint: Endpoint, interaction: Interaction) -> Reaction:
        """Take a click; what comes of it is shown later."""
        ...

    def turn_away(
        self, endpoint: Endpoint, interaction: Interaction, text: str
    ) -> Reaction:
        """Say something to whoever pressed, and to nobody else."""
        ...

    def open_form(
        self, endpoint: Endpoint, interaction: Interaction, title: str, prompt: str
    ) -> Reaction | None:
        """Ask for a prompt; ``None`` where the platform cannot."""
        ...

    def tell(
        self, endpoint: Endpoint, interaction: Interaction, text: str
    ) -> Request | None:
        """Say something to whoever pressed, after their click was taken."""
        ...

    def mark(
        self,
        endpoint: Endpoint,
        interaction: Interaction,
        lines: Sequence[str],
        rows: Sequence[Sequence[MessageButton]],
    ) -> Request | None:
        """
        Put what was pressed in the place of a message's buttons.

        Args:
            lines: What was pressed, by whom, and what came of it.

            rows: The buttons that are left.
        """
        ...


#: What comes of a request: something to be done, or an answer and that is all.
Inbound: TypeAlias = Interaction | Acknowledgement


def refused(reason: str) -> Acknowledgement:
    """Refuse a request that is not proven to come from the platform."""
    return Acknowledgement(status=401, reason=reason)


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header's value; empty if there is none. Names are in lower case."""
    return headers.get(name, "")


def is_recent(timestamp: str, now: float) -> bool:
    """Whether a Unix time, written in at most 15 digits, is within `MAX_SKEW` of now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    return abs(now - int(timestamp)) <= MAX_SKEW


def within(value: object, *path: str | int) -> object:
    """Return what is somewhere within parsed JSON; ``None`` if there is nothing. Never raises."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and len(value) > step:
            value = value[step]
        else:
            return None
    return value


def words(value: object, *path: str | int) -> str:
    """Return the text, or the number as text, that is somewhere within parsed JSON; else ''."""
    found = within(value, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)[:64]
    return writable(found[:4096]) if isinstance(found, str) else ""


def objects(value: object, *path: str | int) -> tuple[dict[str, Json], ...]:
    """Return the objects of a list somewhere within parsed JSON."""
    found = within(value, *path)
    if not isinstance(found, list):
        return ()
    return tuple(one for one in found[:100] if isinstance(one, dict))


def may_press(interaction: Interaction, endpoint: Endpoint) -> bool:
    """Whether an endpoint lets somebody press its buttons."""
    options = endpoint.options
    if not isinstance(options, NativeOptions) or options.buttons != "native":
        return False
    mine = {interaction.user, *(f"role:{role}" for role in interaction.roles)}
    return not options.pressers or bool(mine & set(options.pressers))
