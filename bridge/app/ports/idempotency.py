"""Requests that may be repeated: each takes effect once, and is answered the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What a request was answered with."""

    status: int
    media_type: str
    body: str


#: What a request is to the store: to be worked on by whoever claimed it; in work elsewhere;
#: another request than the one that its name stands for.
RequestState = Literal["claimed", "in work", "other"]


class RequestStore(Protocol):
    """
    Keeps requests by the names that their callers gave them, for a day.

    An effect in the store that is given the request's name is recorded along with it in
    one step: repeated under that name it changes nothing, and replies as it did at first.
    """

    async def claim(
        self, name: str, *, fingerprint: str, holder: str
    ) -> RequestState | KeptAnswer:
        """
        Claim a request, or return what it was answered with.

        A claim ends after `CLAIMED_FOR` seconds, unless it is claimed anew by its holder.
        A request whose effect has begun can be claimed by anyone: it takes effect once.

        Args:
            name: Names the request.

            fingerprint: Tells it from others of that name.

            holder: Names who works on it.
        """

    async def keep_answer(self, name: str, answer: KeptAnswer) -> None:
        """Keep what a request was answered with, if it is known; the first answer stays."""

    async def queued(self, name: str) -> int:
        """Return how many deliveries a request has queued so far, over all its effects."""

    async def release(self, name: str, *, holder: str) -> None:
        """Give a claim back; what has taken effect is still known."""


#: Seconds for which a claim stands: its holder renews it while it lives.
CLAIMED_FOR = 10.0
