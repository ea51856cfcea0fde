"""
Replies: what a receiver's HTTP response means, in one form for every channel.

`read_status` reads a response by its status line, for receivers that have no words of their
own. The rest of such a response is for people, so a 200 whose body never ends is a success:
the receiver has said yes, and to insist would only send it twice. Platforms that have words of
their own make their `Reply` from these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.core.delivery import Attempt, AttemptResult, Fault, result_of
from bridge.core.http import Response, retry_after

#: How much of a response is kept for people, in bytes.
MAX_DETAIL = 1024

#: Said of a message that was taken, before the reason why its fullest variant was not.
SIMPLER = "in a simpler form, because the full one was refused"

#: The request was on its way: it may have arrived.
CUT_OFF = frozenset({Fault.TIMEOUT, Fault.CONNECTION})

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

    def attempt(self, *, started: float, took: float) -> Attempt:
        """
        Return the attempt that ends with this reply.

        Args:
            started: When the attempt began, in seconds since the epoch.

            took: Seconds that all its requests took together.
        """
        return Attempt(
            started=started,
            took=took,
            status=self.status,
            fault=self.fault,
            detail=self.detail,
            retry_after=self.retry_after,
            platform_result=self.result,
        )


def no_answer(response: Response) -> Reply:
    """Read a response without a status: what went wrong says whether it may have arrived."""
    return Reply(
        detail=response.detail,
        fault=response.fault,
        unclear=response.fault in CUT_OFF,
    )


def read_status(response: Response, *, now: float) -> Reply:
    """
    Read a response by its status line.

    Args:
        now: In seconds since the epoch; what a ``Retry-After`` with a date is measured
            against.
    """
    failed = result_of(response.status) is not AttemptResult.DELIVERED
    asked = response.headers.get("retry-after") if failed else None
    return Reply(
        detail=detail_of(response),
        retry_after=retry_after(asked, now=now) if asked else None,
        status=response.status,
        fault=response.fault,
    )


def detail_of(response: Response) -> str:
    """Return what is kept of a response for people: one line, at most `MAX_DETAIL` bytes."""
    packed = response.headers.get("content-encoding", "identity").lower()
    if response.body and packed not in {"", "identity"}:
        text = f"({len(response.body)} bytes, encoded, not unpacked)"
    else:
        charset = _CHARSET.search(response.headers.get("content-type", ""))
        text = readable(response.body, charset=charset[1] if charset else "utf-8")
    return _cut(" · ".join(part for part in (response.detail, text) if part))


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
    kind = response.headers.get("content-type", "").lower()
    return "html" in kind or response.body.lstrip()[:1] == b"<"


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:MAX_DETAIL].decode(errors="ignore")
