"""
Replies: what a receiver's HTTP response means, in one form for every channel.

Every response passes through `reply_to`. `read_status` reads one by its status line, for
receivers that have no words of their own: the rest of it is for people, so a 200 whose body never
ends is a success. The receiver has said yes, and to insist would only send it twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from bridge.core.delivery import Attempt, AttemptResult, Fault, result_of
from bridge.core.http import Response

#: Bytes of a reply that repeats the whole message, with six bytes for a Chinese character. One
#: that is cut short could not be read, and the message would be posted again.
MAX_REPLY = 256 * 1024
#: How much of a response is kept for people, in bytes.
MAX_DETAIL = 1024

#: Said of a message that was taken, before the reason why its fullest variant was not.
SIMPLER = "in a simpler form, because the full one was refused"

#: The request was on its way: it may have arrived.
CUT_OFF = frozenset({Fault.TIMEOUT, Fault.CONNECTION})

#: Statuses that send a client elsewhere.
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTED = "redirects are not followed: use the address that it leads to"

_CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What a response means.

    Attributes:
        result: What the attempt comes to if nothing else is tried; ``None`` to go by the
            status.

        detail: For a person; without URLs and secrets.

        retry_after: Seconds that the receiver asked to be left alone.

        fallback: Whether it is the message that is refused, so that a simpler variant of it
            may be taken.

        repost: Whether the message to be changed, or to be answered, cannot be (any more):
            another one has to be posted.

        missing: Whether that is because it is not there.

        limited: Whether it is a limit on how much may be sent that was reached.

        unclear: Whether the request may have had its effect although the reply does not
            confirm it.

        code: The platform's own code or word; empty if there is none.

        blamed: Names of the fields that are refused, where the platform says so.

        message: Id of the message that was posted; empty if the reply has none.

        channel: Id of the channel or thread that the message is in; empty if not said.

        status: Of the response; ``None`` if there was none.

        fault: Why there was none.
    """

    result: AttemptResult | None = None
    detail: str = ""
    retry_after: float | None = None
    fallback: bool = False
    repost: bool = False
    missing: bool = False
    limited: bool = False
    unclear: bool = False
    code: str = ""
    blamed: frozenset[str] = frozenset()
    message: str = ""
    channel: str = ""
    status: int | None = None
    fault: Fault | None = None

    @property
    def ok(self) -> bool:
        """Whether what was asked for was done."""
        return (self.result or result_of(self.status)) is AttemptResult.DELIVERED

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be taken another time."""
        result = self.result or result_of(self.status)
        return result is AttemptResult.FAILED and not self.repost

    def attempt(self, *, started: float, duration: float) -> Attempt:
        """
        Return the attempt that ends with this reply.

        Args:
            started: When the attempt began, in seconds since the epoch.

            duration: Seconds that all its requests took together.
        """
        return Attempt(
            started=started,
            duration=duration,
            status=self.status,
            fault=self.fault,
            detail=self.detail,
            retry_after=self.retry_after,
            platform_result=self.result,
        )


def reply_to(response: Response, read: Callable[[Response], Reply]) -> Reply:
    """
    Return what a response means.

    Status and fault are added to what *read* makes of it, and how long to wait: a
    ``Retry-After`` goes before a wait in the platform's own words, and counts for nothing
    after a success.

    Args:
        read: Reads a response that has a status, or a result in its place.
    """
    if response.status is None and response.result is None:
        # Whatever went wrong says whether the request may have arrived.
        reply = Reply(detail=detail_of(response), unclear=response.fault in CUT_OFF)
    else:
        reply = read(response)
    reply = replace(reply, status=response.status, fault=response.fault)
    if reply.ok:
        return reply
    return replace(reply, retry_after=response.retry_after or reply.retry_after)


def read_status(response: Response) -> Reply:
    """Read a response by its status line; see `reply_to`."""
    return Reply(detail=detail_of(response))


def detail_of(response: Response) -> str:
    """Return what is kept of a response for people: one line, at most `MAX_DETAIL` bytes."""
    if not response.body and not response.detail and response.status not in _REDIRECTS:
        return ""  # as most answers to events are
    packed = response.headers.get("content-encoding", "identity").lower()
    if response.body and packed not in {"", "identity"}:
        text = f"({len(response.body)} bytes, encoded, not unpacked)"
    else:
        charset = _CHARSET.search(response.headers.get("content-type", ""))
        text = readable(response.body, charset=charset[1] if charset else "utf-8")
    hint = _REDIRECTED if response.status in _REDIRECTS else ""
    return _cut(" · ".join(part for part in (response.detail, hint, text) if part))


def readable(body: bytes, *, charset: str = "utf-8") -> str:
    """
    Turn the beginning of a body into one line that is safe to print.

    White space becomes single spaces; what is invisible, steers a terminal or turns
    the direction of writing is removed.
    """
    beginning = body[:MAX_DETAIL]
    try:
        text = beginning.decode(charset, errors="replace")
    except (LookupError, ValueError):
        text = beginning.decode(errors="replace")
    line = " ".join(text.split())
    kept = "".join(char for char in line if char.isprintable())
    return _cut(re.sub("\ufffd{2,}", "\ufffd", kept))


def is_page(response: Response) -> bool:
    """Whether a web page came: from a proxy in between, or from another server."""
    content_type = response.headers.get("content-type", "").lower()
    return "html" in content_type or response.body.lstrip()[:1] == b"<"


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:MAX_DETAIL].decode(errors="ignore")
