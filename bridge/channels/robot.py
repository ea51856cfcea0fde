"""
Robots: what the group robots of Feishu, DingTalk and WeCom have in common.

A robot is a URL that takes one JSON message. It cannot change what it has said, so progress
is not told at all: ten messages a picture would be noise. And it answers HTTP 200 whatever
happened: what did is in the body's code.

A robot that refuses *us* (an unknown key, a wrong signature, a missing keyword, an address
that is not on its list) would refuse every event, and no try mends it. So its endpoint is
disabled at once, with a reason that says what to set: nothing is lost, as a disabled endpoint
goes on collecting, and an operator reads the reason instead of guessing from three days of
retries, at the end of which the first messages would be dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.headers import with_own
from bridge.channels.reply import read_status
from bridge.channels.text import cut, line
from bridge.core.delivery import Attempt, AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import Json
from bridge.core.http import Request, Response
from bridge.version import __version__

#: Seconds to wait where a platform says "too fast" and not for how long: all three count
#: by the minute.
A_MINUTE = 60.0
#: Characters up to which a part of a URL is a word like "robot" or "access_token".
_NO_SECRET = 12
_EARLY = frozenset({"task.submitted", "task.started", "task.progress"})
_URL = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sense:
    """
    What a code means.

    Attributes:
        said: In our words; ``None`` to go by the HTTP status.

        why: For an operator; what to do about it where something can be done.

        retry_after: Seconds to leave the endpoint alone.

        plainer: Whether it is the message that is refused, so that a plainer one of the
            same event may be taken.
    """

    said: AttemptResult | None
    why: str = ""
    retry_after: float | None = None
    plainer: bool = False


#: Refused as it is. If nothing plainer is taken either, nothing ever will be.
UNFIT = Sense(said=AttemptResult.HOPELESS, why="the message was refused", plainer=True)
BUSY = Sense(said=AttemptResult.FAILED, why="the platform is busy")
TOO_FAST = Sense(
    said=AttemptResult.FAILED, why="too fast for the robot", retry_after=A_MINUTE
)
#: A code that nobody has written down: it may pass.
UNKNOWN = Sense(said=AttemptResult.FAILED, why="the platform refused it")

#: The robot refuses us, whatever we say.
NO_ROBOT = Sense(
    said=AttemptResult.GONE, why="there is no such robot any more: set its new url"
)
SWITCHED_OFF = Sense(
    said=AttemptResult.GONE, why="the robot was switched off: switch it on, then resume"
)
UNSIGNED = Sense(
    said=AttemptResult.GONE,
    why="the robot checks signatures and ours is wrong: set its secret, or this machine's"
    " clock, then resume",
)
UNWORDED = Sense(
    said=AttemptResult.GONE,
    why="the robot takes messages with a keyword only: set keyword to one of its words,"
    " then resume",
)
UNLISTED = Sense(
    said=AttemptResult.GONE,
    why="the robot takes messages from listed addresses only: add this machine's, then"
    " resume",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """
    How a platform says what came of a request.

    Attributes:
        name: As people call it.

        codes: The members of an answer that hold the code, the best first.

        texts: Those that hold its words.

        sense: Says what a code other than 0 means, from it, the words and the headers.
    """

    name: str
    codes: tuple[str, ...]
    texts: tuple[str, ...]
    sense: Callable[[int, str, Mapping[str, str]], Sense]


# --- a conversation -------------------------------------------------------------------


def post(endpoint: Endpoint, payload: Mapping[str, Json], *, url: str = "") -> Request:
    """Make the request that posts a message."""
    headers = {
        "content-type": "application/json",
        "user-agent": f"mjbridge/{__version__}",
    }
    return Request(
        url=url or endpoint.url,
        # Never "\uXXXX": WeCom refuses it (40033), and it makes Chinese twice as long.
        body=json.dumps(payload, ensure_ascii=False).encode(errors="replace"),
        headers=with_own(headers, endpoint.headers),
    )


def deliver(
    context: DeliveryContext, drafts: Iterator[Request], platform: Platform
) -> Exchange:
    """
    Post the first draft that the platform takes.

    Args:
        drafts: The same message, plainer and plainer. Not used up where nothing is told.
    """
    event, endpoint = context.event, context.endpoint
    if event.is_progress or (event.type in _EARLY and not endpoint.wants(event)):
        why = f"skipped: {platform.name} cannot edit a message, so progress is not told"
        return ExchangeResult(
            attempt=Attempt(
                started=context.started,
                took=0.0,
                platform_result=AttemptResult.DELIVERED,
                detail=why,
            )
        )
    took, refused, sent = 0.0, "", 0
    for draft in drafts:
        response = yield draft
        sent += 1
        took += response.took
        sense, words = _read(response, context, platform)
        if not sense.plainer:
            break
        refused = words
    detail = f"told more plainly, because of {refused}" if refused else words
    return ExchangeResult(
        attempt=Attempt(
            started=context.started,
            took=took,
            status=response.status,
            fault=response.fault,
            detail=detail if sense.said is AttemptResult.DELIVERED else words,
            retry_after=sense.retry_after,
            platform_result=sense.said,
        ),
        # What is refused counts as well, and who exceeds DingTalk's limit is shut out.
        extra=sent - 1,
    )


def _read(
    response: Response, context: DeliveryContext, platform: Platform
) -> tuple[Sense, str]:
    """Say what an answer means, and put it into words for a person."""
    usual = read_status(response, now=response.at)
    said = _object(response.body)
    codes = [n for name in platform.codes if (n := _number(said.get(name))) is not None]
    text = next((str(said[name]) for name in platform.texts if said.get(name)), "")
    if not codes:
        sense, words = _without_code(response, said), usual.detail
        if sense.said is not None:
            words = f"not {platform.name}'s own answer: {words}"
    else:
        sense = _of_code(response, codes[0], text, platform)
        words = f"{platform.name} {codes[0]}: {cut(line(_URL.sub('…', text)), 240)}"
    if usual.retry_after is not None:
        sense = replace(sense, retry_after=usual.retry_after)
    words = _blot(words, context.endpoint)
    return sense, f"{sense.why} ({words})" if sense.why else words


def _of_code(response: Response, code: int, text: str, platform: Platform) -> Sense:
    if code == 0 and response.status == 200:
        return Sense(said=AttemptResult.DELIVERED)
    if code == 0:  # "0" beside another status is somebody else's in between: no promise
        return _without_code(response, {})
    sense = platform.sense(code, text, response.headers)
    unknown = sense is UNKNOWN and response.status != 200
    return Sense(said=None) if unknown else sense


def _without_code(response: Response, said: Mapping[str, object]) -> Sense:
    """Judge what is no answer of the platform: a gateway's, a proxy's, or none at all."""
    if "punish" in said:  # Alibaba's shield, before it lets nobody through any more
        wait = min(max(_number(said.get("wait")) or 0, 5), 3600)
        return Sense(said=AttemptResult.FAILED, retry_after=float(wait))
    if response.status == 429:
        return Sense(said=AttemptResult.FAILED, retry_after=A_MINUTE)
    if response.status is not None and 200 <= response.status < 300:
        return Sense(said=AttemptResult.FAILED)
    return Sense(said=None)


def _object(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _number(value: object) -> int | None:
    """Read a code; gateways in between have been seen to make texts of numbers."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _blot(text: str, endpoint: Endpoint) -> str:
    """Take out of an answer whatever in it lets somebody post."""
    parts = urlsplit(endpoint.url)
    for secret in (
        *re.split(r"[/?&=#]", f"{parts.path}/{parts.query}"),
        *endpoint.options.secrets_within(),
    ):
        if len(secret) > _NO_SECRET:
            text = text.replace(secret, "…")
    return text
