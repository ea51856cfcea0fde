"""
Why a delivery waits, in one sentence: the strongest of the facts that hold it back. Pure.

What holds the whole endpoint comes first, then what holds the delivery's lane, then what
makes it wait a moment. A page in another language uses the cause and its facts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bridge.app.humanize import span
from bridge.app.ports import Wait

#: Seconds after which beat, or a queue's workers, count as not running if nothing was heard of them.
SILENT_AFTER = 30.0
#: Seconds after which what is due is no longer about to be taken.
OVERDUE_AFTER = 30.0


class Cause(StrEnum):
    """What holds a delivery back, the strongest first."""

    ATTEMPTED = "attempted"  #: Nothing: it is being attempted.
    DISABLED = "disabled"
    PAUSED = "paused"
    NO_WORKER = "no_worker"
    UNCONFIGURED = "unconfigured"
    RETRY_AFTER = "retry_after"
    BREAKER_OPEN = "breaker_open"
    BREAKER_TRIAL = "breaker_trial"
    BEHIND = "behind"
    SUSPECT = "suspect"
    SUSPECT_TRIAL = "suspect_trial"
    SCHEDULED = "scheduled"
    CONCURRENCY = "concurrency"
    RATE_LIMIT = "rate_limit"
    STORE_FULL = "store_full"
    DUE = "due"  #: Nothing: a worker takes it next, or has more to do than it can.


_SENTENCES = {
    Cause.ATTEMPTED: "it is being attempted now",
    Cause.PAUSED: "the endpoint has been paused since {at}",
    Cause.DISABLED: "the endpoint has been disabled since {at}, by an answer saying that nobody is there any more",
    Cause.UNCONFIGURED: "the worker that was to send it does not have the endpoint configured; it waits for one that has",
    Cause.NO_WORKER: "no worker serves the queue deliver; {silence}",
    Cause.RETRY_AFTER: "the endpoint is left alone until {at}, as the receiver asked (Retry-After, a day at most)",
    Cause.BREAKER_OPEN: "the endpoint keeps failing; the circuit breaker is open, with a trial at {at}",
    Cause.BREAKER_TRIAL: "the circuit breaker is half-open and awaits the outcome of its trial",
    Cause.BEHIND: "behind event {number} of its task",
    Cause.SUSPECT: "the worker that attempted it did not survive; it is tried alone",
    Cause.SUSPECT_TRIAL: "an event whose worker did not survive is being tried alone",
    Cause.SCHEDULED: "next attempt at {at}",
    Cause.RATE_LIMIT: "the rate limit allows the next request at {at}",
    Cause.CONCURRENCY: "{number} attempts are under way, as many as are allowed at once",
    Cause.STORE_FULL: "the store's memory is nearly used up",
    Cause.DUE: "it is due; a worker is about to take it",
}
_OVERDUE = "it has been due since {at}: the workers for the queue deliver have more to do than they can, or are stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """
    Why a delivery waits.

    Attributes:
        cause: The strongest of the facts.

        at: Since when, for what was switched off, and for what has been due too long for a
            worker to be about to take it; until when, for what passes.

        number: The number of the event that goes first, or how many attempts are under way.

        silence: Seconds since a worker that delivers was last heard of; ``None`` if none
            ever was.
    """

    cause: Cause
    at: float | None = None
    number: int | None = None
    silence: float | None = None

    def sentence(self, write_time: Callable[[float], str]) -> str:
        """Return it in English, without a full stop; times as *write_time* writes them."""
        overdue = self.cause is Cause.DUE and self.at is not None
        return (_OVERDUE if overdue else _SENTENCES[self.cause]).format(
            at="" if self.at is None else write_time(self.at),
            number=self.number,
            silence="none ever was"
            if self.silence is None
            else f"the last was heard of {span(self.silence)} ago",
        )


def explain(wait: Wait) -> Explanation:
    """Return why a delivery waits."""
    return (
        _of_endpoint(wait) or _of_lane(wait) or _of_a_moment(wait) or _of_nothing(wait)
    )


def next_attempt(wait: Wait) -> float | None:
    """Return when a delivery is attempted next, as far as that is known."""
    switched_off = (wait.disabled_at, wait.paused_at, wait.behind)
    if any(one is not None for one in switched_off) or wait.next_at is None:
        return None
    held = (wait.hold_until, wait.open_until, wait.next_token_at)
    return max(wait.next_at, wait.now, *(at for at in held if at is not None))


def _of_endpoint(wait: Wait) -> Explanation | None:
    silence = None if wait.heartbeat is None else wait.now - wait.heartbeat
    if wait.attempted_until is not None:
        return Explanation(cause=Cause.ATTEMPTED, at=wait.attempted_until)
    if wait.disabled_at is not None:
        return Explanation(cause=Cause.DISABLED, at=wait.disabled_at)
    if wait.paused_at is not None:
        return Explanation(cause=Cause.PAUSED, at=wait.paused_at)
    if silence is None or silence > SILENT_AFTER:
        return Explanation(cause=Cause.NO_WORKER, silence=silence)
    if wait.unconfigured:
        return Explanation(cause=Cause.UNCONFIGURED)
    if wait.hold_until is not None:
        return Explanation(cause=Cause.RETRY_AFTER, at=wait.hold_until)
    if wait.open_until is not None:
        return Explanation(cause=Cause.BREAKER_OPEN, at=wait.open_until)
    if wait.trial_until is not None:
        return Explanation(cause=Cause.BREAKER_TRIAL, at=wait.trial_until)
    return None


def _of_lane(wait: Wait) -> Explanation | None:
    if wait.behind is not None:
        return Explanation(cause=Cause.BEHIND, number=wait.behind_sequence)
    if wait.suspect:
        return Explanation(cause=Cause.SUSPECT)
    if wait.suspect_trial:
        return Explanation(cause=Cause.SUSPECT_TRIAL)
    return None


def _of_a_moment(wait: Wait) -> Explanation | None:
    if wait.next_at is not None and wait.next_at > wait.now:
        return Explanation(cause=Cause.SCHEDULED, at=wait.next_at)
    if wait.in_flight >= wait.concurrency:
        return Explanation(cause=Cause.CONCURRENCY, number=wait.in_flight)
    if wait.next_token_at is not None:
        return Explanation(cause=Cause.RATE_LIMIT, at=wait.next_token_at)
    if wait.memory_full:
        return Explanation(cause=Cause.STORE_FULL)
    return None


def _of_nothing(wait: Wait) -> Explanation:
    at = wait.next_at
    overdue = at is not None and wait.now - at > OVERDUE_AFTER
    return Explanation(cause=Cause.DUE, at=at if overdue else None)
