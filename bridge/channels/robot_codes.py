"""
Robot codes: how the group robots of Feishu, DingTalk and WeCom reply.

A robot answers HTTP 200 whatever happened: what did is in the body's code. Each channel has the
table of its platform's codes, which leads to the replies below.

A robot that refuses *us* (an unknown key, a wrong signature, a missing keyword, an address
that is not on its list) would refuse every event, and no retry mends that. So its endpoint is
disabled at once, with a reason that says what to set: nothing is lost, as a disabled endpoint
goes on collecting, and an operator reads the reason instead of guessing from three days of
retries, at the end of which the first messages would be dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from bridge.channels import one_shot
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.message import Message
from bridge.channels.reply import Reply, detail_of
from bridge.channels.text import cut, line
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Rate
from bridge.core.http import Request, Response, json_object

#: Seconds to wait where a platform says "too fast" and not for how long: all three count
#: by the minute.
A_MINUTE = 60.0
#: A larger burst would leave no room for a message in its third variant: the two that were refused
#: count, and are charged only afterwards.
TWENTY_A_MINUTE = Rate(per_second=0.25, burst=3.0)
#: UTF-16 units of the platform's own words.
_MAX_WORDS = 240
_URL = re.compile(r"https?://\S+")


def _gone(why: str) -> Reply:
    return Reply(result=AttemptResult.GONE, detail=why)


#: Refused as it is. If nothing simpler is taken either, nothing ever will be.
UNFIT = Reply(
    result=AttemptResult.PERMANENT_FAILURE,
    detail="the message was refused",
    fallback=True,
)
BUSY = Reply(result=AttemptResult.FAILED, detail="the platform is busy")
TOO_FAST = Reply(
    result=AttemptResult.FAILED, detail="too fast for the robot", retry_after=A_MINUTE
)
#: A code that nobody has written down: it may pass.
UNKNOWN = Reply(result=AttemptResult.FAILED, detail="the platform refused it")

#: The robot refuses us, whatever we say.
NO_ROBOT = _gone("there is no such robot any more: set its new url")
SWITCHED_OFF = _gone("the robot was switched off: switch it on, then resume")
UNSIGNED = _gone(
    "the robot checks signatures and ours is wrong: set its secret, or this machine's clock,"
    " then resume"
)
NO_KEYWORD = _gone(
    "the robot takes messages with a keyword only: set keyword to one of its words, then resume"
)
UNLISTED = _gone(
    "the robot takes messages from listed addresses only: add this machine's, then resume"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """
    How a platform says what came of a request.

    Attributes:
        name: As people call it.

        codes: The members of a reply that hold the code, the best first.

        texts: Those that hold its words.

        reply_of: Reads a code other than 0, with the text and the headers.
    """

    name: str
    codes: tuple[str, ...]
    texts: tuple[str, ...]
    reply_of: Callable[[int, str, Mapping[str, str]], Reply]


def deliver(
    context: DeliveryContext,
    variants: Callable[[Message], Iterable[Request]],
    platform: Platform,
    *,
    links_limit: int,
) -> Exchange:
    """Post an event's message to a robot, see `bridge.channels.one_shot.deliver`."""
    return one_shot.deliver(
        context,
        variants,
        partial(_read, platform=platform),
        platform=platform.name,
        links_limit=links_limit,
    )


def _read(response: Response, *, platform: Platform) -> Reply:
    body = json_object(response.body)
    codes = [n for name in platform.codes if (n := _number(body.get(name))) is not None]
    if not codes:
        reply, words = _without_code(response, body), detail_of(response)
        if reply.result is not None:
            words = f"not {platform.name}'s own answer: {words or 'it is empty'}"
    else:
        texts = (str(body[name]) for name in platform.texts if body.get(name))
        text = next(texts, "")
        reply = _of_code(response, codes[0], text, platform)
        shown = cut(line(_URL.sub("…", text)), _MAX_WORDS)
        words = ": ".join(filter(None, (f"{platform.name} {codes[0]}", shown)))
    detail = f"{reply.detail} ({words})" if reply.detail else words
    return replace(reply, detail=detail)


def _of_code(response: Response, code: int, text: str, platform: Platform) -> Reply:
    if code == 0 and response.status == 200:
        return Reply(result=AttemptResult.DELIVERED)
    if code == 0:  # "0" beside another status is somebody else's in between: no promise
        return _without_code(response, {})
    reply = platform.reply_of(code, text, response.headers)
    unknown = reply is UNKNOWN and response.status != 200
    return Reply() if unknown else reply


def _without_code(response: Response, body: Mapping[str, object]) -> Reply:
    """Judge a reply that is not the platform's: a gateway's, a proxy's, or none at all."""
    if "punish" in body:  # Alibaba's shield, before it lets nobody through any more
        wait = min(max(_number(body.get("wait")) or 0, 5), 3600)
        return Reply(result=AttemptResult.FAILED, retry_after=float(wait))
    if response.status == 429:
        return Reply(result=AttemptResult.FAILED, retry_after=A_MINUTE)
    if response.status is not None and 200 <= response.status < 300:
        return Reply(result=AttemptResult.FAILED)
    return Reply()


def _number(value: object) -> int | None:
    """Read a code; gateways in between have been seen to make texts of numbers."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None
