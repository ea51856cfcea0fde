"""
Answers: what Discord says, by the code in the body rather than by the status.

404 alone tells nothing: 10008 is a message that somebody deleted, 10015 a webhook that
nobody may call again. An answer without a code is a proxy's or a page of Cloudflare's, and
is taken by its status.

Sources: Discord, "Opcodes and Status Codes" (JSON error codes) and "Rate Limits".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bridge.channels.discord.wording import (
    GONE,
    code_of,
    detail_of,
    object_of,
    snowflake,
    whose,
    why,
)
from bridge.channels.text import cut, line
from bridge.core.backoff import MAX_RETRY_AFTER
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.http import Response, retry_after


class Sense(StrEnum):
    """What an answer asks us to do."""

    TOLD = "told"
    ANEW = "anew"  #: The message cannot be edited (any more): post another.
    PLAINER = "plainer"  #: The message is refused as it is.
    SMALLER = "smaller"  #: The file is.
    GONE = "gone"
    LATER = "later"
    ODD = "odd"  #: Nothing that is known: go by the status.


_ANEW = frozenset({10008, 30046, 50083})
_PLAINER = frozenset({50006, 50035, 50109, 200000, 200001})
_SMALLER = frozenset({40005, 50045, 400001})
#: A moderator's filter found something in a text; buttons and pictures are not the matter.
FILTERED = frozenset({200000, 200001})
#: What may be wrong with a thread of ours and says nothing about the webhook.
THREAD_LOST = frozenset({10003, 50083, 160005})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """
    What Discord said.

    Attributes:
        code: Discord's own; 0 if there is none.

        detail: For a person.

        retry_after: Seconds that it asked us to wait.

        message: The id of the message; empty if it did not say.

        channel: Of the channel or thread that the message is in.

        known: Whether the message is surely not there, or surely is.

        blamed: The fields that a form was refused for, at its top (``username``).

        status: Of the answer; ``None`` if there was none.

        fault: Why there was none.
    """

    sense: Sense
    code: int = 0
    detail: str = ""
    retry_after: float | None = None
    message: str = ""
    channel: str = ""
    known: bool = True
    blamed: frozenset[str] = frozenset()
    status: int | None = None
    fault: Fault | None = None

    @property
    def result(self) -> AttemptResult | None:
        """The same in the words of the core; ``None`` to go by the status."""
        return {
            Sense.TOLD: AttemptResult.DELIVERED,
            Sense.PLAINER: AttemptResult.HOPELESS,
            Sense.SMALLER: AttemptResult.HOPELESS,
            Sense.GONE: AttemptResult.GONE,
            Sense.LATER: AttemptResult.FAILED,
        }.get(self.sense)


def read(response: Response, *, now: float, hide: str = "") -> Said:
    """
    Say what an answer means. Total: no answer is too strange.

    Args:
        now: In seconds since the epoch.

        hide: The webhook's token, in case that somebody repeats it.
    """
    body = object_of(response.body)
    detail = detail_of(response, body)
    said = _read(response, body, detail.replace(hide, "…") if hide else detail, now)
    return replace(said, status=response.status, fault=response.fault)


def _read(response: Response, body: Mapping[str, Any], detail: str, now: float) -> Said:
    status, code, headers = response.status, code_of(body), response.headers
    if status is None:
        return Said(sense=Sense.LATER, detail=detail, known=False)
    if 200 <= status < 300:
        return _success(status, body, detail)
    if status == 429:
        return Said(
            sense=Sense.LATER,
            code=code,
            detail=f"{whose(headers, body)} ({detail})",
            retry_after=_wait(headers, body, now=now),
        )
    return Said(
        sense=_sense(status, body),
        code=code,
        detail=f"{why(status, code)}{detail}",
        retry_after=retry_after(headers.get("retry-after"), now=now),
        known=status < 500,
        blamed=_blamed(body),
    )


def _blamed(body: Mapping[str, Any]) -> frozenset[str]:
    errors = body.get("errors")
    return frozenset(errors) if isinstance(errors, dict) else frozenset()


def budget(headers: Mapping[str, str]) -> float | None:
    """Seconds until Discord takes more; ``None`` while it does."""
    if headers.get("x-ratelimit-remaining", "").strip() != "0":
        return None
    return _seconds(headers.get("x-ratelimit-reset-after"))


def describe(response: Response) -> str:
    """Say for an operator what a webhook is, from its answer to being asked."""
    said = read(response, now=response.at)
    body = object_of(response.body)
    if said.sense is not Sense.TOLD:
        return said.detail
    name = cut(line(str(body.get("name") or "")), 80)
    called = f"the webhook “{name}”" if name else "a webhook without a name"
    owner = body.get("application_id")
    if not owner:
        return f"{called}, made by hand: it can show links, not buttons to press"
    return f"{called}, which belongs to application {line(str(owner))}"


def guild_of(response: Response) -> str:
    """Read the server's id from what a webhook tells of itself; empty if it is not said."""
    return snowflake(object_of(response.body).get("guild_id"))


def _sense(status: int, body: Mapping[str, Any]) -> Sense:
    code = code_of(body)
    if code in _ANEW:
        return Sense.ANEW
    if code in GONE:
        return Sense.GONE
    if code in _PLAINER:
        return Sense.PLAINER
    if code in _SMALLER or status == 413:
        return Sense.SMALLER
    if status == 400 and body and not code:
        return Sense.PLAINER  # {"embeds": ["0"]}, as older parts of it still say
    # Discord asks never to use a webhook again that answered 404, whatever the code.
    if status in {401, 404, 410}:
        return Sense.GONE
    return Sense.ODD


def _success(status: int, said: Mapping[str, Any], detail: str) -> Said:
    message, channel = snowflake(said.get("id")), snowflake(said.get("channel_id"))
    if not said and status != 204:
        # A proxy's page. The message may be there or not; nobody says so.
        detail = f"the answer is not Discord's: {detail}"
        return Said(sense=Sense.LATER, detail=detail, known=False)
    detail = f"message {message}" if message else ""
    return Said(sense=Sense.TOLD, detail=detail, message=message, channel=channel)


def _wait(
    headers: Mapping[str, str], said: Mapping[str, Any], *, now: float
) -> float | None:
    """Read how long to wait: the header first, as Cloudflare's answers are not JSON."""
    return (
        retry_after(headers.get("retry-after"), now=now)
        or _seconds(said.get("retry_after"))
        or _seconds(headers.get("x-ratelimit-reset-after"))
    )


def _seconds(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return (
        min(seconds, MAX_RETRY_AFTER)
        if seconds > 0 and not math.isnan(seconds)
        else None
    )
