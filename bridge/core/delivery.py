"""
Deliveries: what an attempt's outcome means.

Rule 1: a failed delivery is not an exception, it is an `Attempt`.
Rule 2: `judge` decides and changes nothing; the store's settle script does what the
verdict says and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.core.backoff import MAX_RETRY_AFTER, Schedule, next_attempt_at

#: Answers that refuse this event, not the endpoint: the same bytes will be refused
#: again, and meanwhile they hold up the rest of their task.
REFUSALS = frozenset({400, 413, 415, 422})
#: Refusals of one event after which it is given up.
MAX_REFUSALS = 3
#: Claims without a recorded attempt after which a delivery is given up: it crashes
#: the worker.
MAX_CRASHES = 3
#: A delivery that is put off again waits at least this share of the time since its first
#: attempt.
PUT_OFF_GROWTH = 0.1


class Fault(StrEnum):
    """Why an attempt brought no answer."""

    TIMEOUT = "timeout"  #: Not over within the endpoint's ``timeout``.
    CONNECTION = "connection"  #: No connection, or it broke.
    ADDRESS_BLOCKED = "address_blocked"  #: The address is not one we may connect to.
    RENDERING = "rendering"  #: The request could not be made.
    UNANSWERED = "unanswered"  #: Nobody knows whether it arrived.


class AttemptResult(StrEnum):
    """What an answer says, in the words of the receiver's platform."""

    DELIVERED = "delivered"  #: It arrived.
    FAILED = "failed"  #: It did not; later it may.
    REFUSED = "refused"  #: This event is refused; a few more tries, then it is dead.
    PERMANENT_FAILURE = "permanent_failure"  #: This event will never be accepted.
    GONE = "gone"  #: There is nobody there any more: nothing more is to be sent.


def result_of(status: int | None) -> AttemptResult:
    """Return what a status means by itself; ``None`` stands for no answer."""
    if status is None:
        return AttemptResult.FAILED
    if 200 <= status < 300:
        return AttemptResult.DELIVERED
    if status == 410:
        return AttemptResult.GONE
    return AttemptResult.REFUSED if status in REFUSALS else AttemptResult.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    One attempt to deliver: for a webhook one HTTP request, for a chat a few.

    Attributes:
        started: When, in seconds since the epoch by the store's clock.

        duration: Seconds until the answer was read, or given up.

        status: The answer's status code; ``None`` if there was none.

        fault: Why there was none.

        detail: The beginning of the answer, or what went wrong, for a person.

        retry_after: Seconds that the receiver asked us to wait; ``None`` if it did not.
            After a success it holds the endpoint all the same: a platform has said there that
            its budget is used up (the header alone counts for nothing then, see `reply_to`).

        platform_result: What the answer means where the platform has its own words for it;
            ``None`` to go by the status.
    """

    started: float
    duration: float
    status: int | None = None
    fault: Fault | None = None
    detail: str = ""
    retry_after: float | None = None
    platform_result: AttemptResult | None = None

    @property
    def result(self) -> AttemptResult:
        """
        What the attempt came to. Without words of the platform, any 2xx is a success. An
        address that must not be connected to is not asked for again.
        """
        if self.fault is Fault.ADDRESS_BLOCKED:
            return AttemptResult.PERMANENT_FAILURE
        return self.platform_result or result_of(self.status)

    @property
    def succeeded(self) -> bool:
        """Whether it arrived. Redirects are not followed, so a 3xx is a failure."""
        return self.result is AttemptResult.DELIVERED

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
        if self.status is None:
            return str(self.fault)
        return str(self.result) if self.status < 300 else f"{self.status // 100}xx"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHistory:
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


class Disposition(StrEnum):
    """What becomes of a delivery after an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    What is to be done after an attempt.

    Attributes:
        disposition: What becomes of the delivery.

        due: When it is tried again, by the attempt's clock; 0 unless it is a retry.

        failures: Failed attempts that count, this one included where it does.

        refusals: How many of them refused the event itself.

        reason: Why it was not delivered; for a person.

        disable: Whether nothing more is to be sent to the endpoint.

        hold: Seconds that the endpoint asked to be left alone.
    """

    disposition: Disposition
    due: float = 0.0
    failures: int = 0
    refusals: int = 0
    reason: str = ""
    disable: bool = False
    hold: float = 0.0


def judge(
    attempt: Attempt, history: DeliveryHistory, *, schedule: Schedule, roll: float
) -> Verdict:
    """
    Return what becomes of a delivery after an attempt.

    Args:
        attempt: What happened.

        history: What had happened before.

        schedule: The endpoint's, see `bridge.core.backoff`.

        roll: A fresh random number in ``[0, 1)``.
    """
    result = attempt.result
    wait = min(attempt.retry_after or 0.0, MAX_RETRY_AFTER)
    if result is AttemptResult.DELIVERED:
        return Verdict(disposition=Disposition.DELIVERED, hold=wait)
    first = attempt.started if history.first is None else history.first
    ended = attempt.started + attempt.duration
    again = Verdict(
        disposition=Disposition.RETRY,
        due=max(history.due, ended + wait),
        failures=history.failures,
        refusals=history.refusals,
        reason=_words(attempt),
        hold=wait,
    )
    if result is AttemptResult.GONE:
        return replace(again, due=ended, hold=0.0, disable=True)
    if result is AttemptResult.PERMANENT_FAILURE:
        return _dead(_words(attempt), history)
    failed = replace(
        history,
        failures=history.failures + 1,
        refusals=history.refusals + (result is AttemptResult.REFUSED),
    )
    if failed.refusals >= MAX_REFUSALS:
        why = f"refused {failed.refusals} times ({_words(attempt)})"
        return replace(_dead(why, failed), hold=wait)
    over = attempt.started > first + sum(schedule)
    if wait and not (over and history.failures):
        # A platform that asks for the same short wait again and again is asked less and
        # less often: some hundred times a day instead of once a second.
        growing = min((ended - first) * PUT_OFF_GROWTH, MAX_RETRY_AFTER)
        later = max(again.due, ended + growing)
        return replace(again, due=later, refusals=failed.refusals)
    due = next_attempt_at(
        schedule, first=first, started=attempt.started, due=history.due, roll=roll
    )
    if due is None:
        why = f"every attempt failed ({_words(attempt)})"
        return replace(_dead(why, failed), hold=wait)
    return replace(again, due=due, failures=failed.failures, refusals=failed.refusals)


def _dead(reason: str, history: DeliveryHistory) -> Verdict:
    return Verdict(
        disposition=Disposition.DEAD,
        reason=reason,
        failures=history.failures,
        refusals=history.refusals,
    )


def _words(attempt: Attempt) -> str:
    if attempt.platform_result is not None and attempt.detail:
        return attempt.detail
    if attempt.status == 410:
        return "the receiver answered 410 Gone"
    if attempt.status is not None:
        redirected = ", and redirects are not followed" * (300 <= attempt.status < 400)
        return f"HTTP {attempt.status}{redirected}"
    return attempt.detail or str(attempt.fault)
