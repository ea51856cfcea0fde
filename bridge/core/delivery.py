"""
Deliveries: what an attempt's outcome means.

Rule 1: a failed delivery is not an exception, it is an `Attempt`.
Rule 2: `judge` decides and changes nothing; the store's settle script does what the
verdict says and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.core.backoff import MAX_RETRY_AFTER, next_attempt_at

#: Answers that refuse this event, not the endpoint: the same bytes will be refused
#: again, and meanwhile they hold up the rest of their task.
REFUSALS = frozenset({400, 413, 415, 422})
#: Refusals of one event after which it is given up.
MAX_REFUSALS = 3
#: Claims without a recorded attempt after which a delivery is given up: it crashes
#: whoever works on it.
MAX_CRASHES = 3


class Fault(StrEnum):
    """Why an attempt brought no answer."""

    TIMEOUT = "timeout"  #: Not over within the endpoint's ``timeout``.
    CONNECTION = "connection"  #: No connection, or it broke.
    FORBIDDEN = "forbidden"  #: The address is not one we may connect to.
    RENDERING = "rendering"  #: The request could not be made.


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    One HTTP request made for a delivery.

    Attributes:
        started: When, in seconds since the epoch by the store's clock.

        took: Seconds until the answer was read, or given up.

        status: The answer's status code; ``None`` if there was none.

        fault: Why there was none.

        detail: The beginning of the answer, or what went wrong, for a person.

        retry_after: Seconds that the receiver asked us to wait; ``None`` if it did not.
    """

    started: float
    took: float
    status: int | None = None
    fault: Fault | None = None
    detail: str = ""
    retry_after: float | None = None

    @property
    def succeeded(self) -> bool:
        """Any 2xx is a success, and nothing else is: redirects are not followed."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def blames_endpoint(self) -> bool:
        """Whether the endpoint as a whole seems broken: it counts for the breaker."""
        if self.status is not None:
            return self.status >= 500
        return self.fault in {Fault.TIMEOUT, Fault.CONNECTION}

    @property
    def outcome(self) -> str:
        """One word for logs and metrics."""
        if self.succeeded:
            return "delivered"
        return str(self.fault) if self.status is None else f"{self.status // 100}xx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """
    What happened to a delivery before an attempt.

    Attributes:
        first: When the first attempt was made; ``None`` if there was none.

        due: When the attempt was scheduled for.

        failures: Failed attempts so far that count towards giving up.

        refusals: How many of them refused the event itself.
    """

    first: float | None = None
    due: float = 0.0
    failures: int = 0
    refusals: int = 0


class Fate(StrEnum):
    """What becomes of a delivery after an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    What is to be done after an attempt.

    Attributes:
        fate: What becomes of the delivery.

        due: When it is tried again, by the attempt's clock; 0 unless it is a retry.

        failures: Failed attempts that count, this one included where it does.

        refusals: How many of them refused the event itself.

        reason: Why it was not delivered; for a person.

        disable: Whether nothing more is to be sent to the endpoint.

        hold: Seconds that the endpoint asked to be left alone.
    """

    fate: Fate
    due: float = 0.0
    failures: int = 0
    refusals: int = 0
    reason: str = ""
    disable: bool = False
    hold: float = 0.0


def judge(
    attempt: Attempt, tried: Tried, *, delays: tuple[float, ...], roll: float
) -> Verdict:
    """
    Say what an attempt's outcome means.

    Args:
        attempt: What happened.

        tried: What had happened before.

        delays: The endpoint's schedule, see `bridge.core.backoff`.

        roll: A fresh random number in ``[0, 1)``.
    """
    if attempt.succeeded:
        return Verdict(fate=Fate.DELIVERED)
    first = attempt.started if tried.first is None else tried.first
    ended = attempt.started + attempt.took
    if attempt.status == 410:
        return Verdict(
            fate=Fate.RETRY,
            due=ended,
            failures=tried.failures,
            refusals=tried.refusals,
            reason="the receiver answered 410 Gone",
            disable=True,
        )
    if attempt.retry_after:
        hold = min(attempt.retry_after, MAX_RETRY_AFTER)
        if attempt.started > first + sum(delays):
            # It uses up no attempt, but a receiver that always asks for a little more
            # time must not hold up a task for ever.
            reason = f"still asked to wait after the last retry ({_words(attempt)})"
            dead = _dead(reason, tried.failures + 1, tried.refusals)
            return replace(dead, hold=hold)
        return Verdict(
            fate=Fate.RETRY,
            due=max(tried.due, ended + hold),
            failures=tried.failures,
            refusals=tried.refusals,
            reason=_words(attempt),
            hold=hold,
        )
    failures = tried.failures + 1
    refusals = tried.refusals + (attempt.status in REFUSALS)
    if refusals >= MAX_REFUSALS:
        return _dead(
            f"refused {refusals} times ({_words(attempt)})", failures, refusals
        )
    due = next_attempt_at(
        delays, first=first, started=attempt.started, due=tried.due, roll=roll
    )
    if due is None:
        return _dead(f"every attempt failed ({_words(attempt)})", failures, refusals)
    return Verdict(
        fate=Fate.RETRY,
        due=due,
        failures=failures,
        refusals=refusals,
        reason=_words(attempt),
    )


def _dead(reason: str, failures: int, refusals: int) -> Verdict:
    return Verdict(fate=Fate.DEAD, reason=reason, failures=failures, refusals=refusals)


def _words(attempt: Attempt) -> str:
    return (
        f"HTTP {attempt.status}" if attempt.status is not None else str(attempt.fault)
    )
