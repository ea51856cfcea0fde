"""
What an attempt at an action comes to, as the settlement that records it.

An answer that refuses an action has been delivered: its endpoint works. What was not taken in
time, and what nobody knows, is a dead delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from bridge.app.operator_events import publications
from bridge.app.ports import Begun, Delivery, Publication, Settlement
from bridge.core.action import SEARCH_AFTER, ActionOutcome, ActionState
from bridge.core.action_answer import FIRST_RETRY, ActionAnswer
from bridge.core.delivery import Attempt, AttemptResult, Disposition, Fault, Verdict
from bridge.core.endpoint import Endpoint
from bridge.core.event import NoticeType, notice
from bridge.core.http import Response

log = structlog.get_logger(__name__)

#: Seconds until a search is made up for that could not be made.
SEARCH_AGAIN = 5.0

_UNCLEAR = "it may or may not have started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """
    The ways in which one attempt at an action can end.

    Attributes:
        delivery: As it was claimed.

        begun: The action, as it stood before.

        endpoints: Those that may subscribe to what is reported.

        redacted: Makes the upstream's words fit to be shown.

        took: Returns the seconds since the attempt began.

        now: Returns the time, in seconds since the epoch, by this machine's clock.
    """

    delivery: Delivery
    begun: Begun
    endpoints: Sequence[Endpoint]
    redacted: Callable[[str], str]
    took: Callable[[], float]
    now: Callable[[], float]

    def accepted(
        self,
        children: tuple[str, ...],
        code: int | None,
        reason: str,
        *,
        response: Response | None = None,
    ) -> Settlement:
        """Return what ends it with the tasks that it made, which are followed from then on."""
        outcome = ActionOutcome(
            state=ActionState.ACCEPTED,
            ended=True,
            code=code,
            reason=self.redacted(reason) or None,
            children=children,
        )
        verdict = Verdict(disposition=Disposition.DELIVERED)
        attempt = self._attempt(response, AttemptResult.DELIVERED, reason)
        return self._settlement(verdict, attempt, outcome)

    def refused(
        self, code: int | None, reason: str, response: Response | None = None
    ) -> Settlement:
        """Return what ends it. An answer that refuses it was delivered all the same."""
        shown = self.redacted(reason)
        outcome = ActionOutcome(
            state=ActionState.REFUSED, ended=True, code=code, reason=shown
        )
        if response is None:
            verdict = Verdict(disposition=Disposition.DEAD, reason=shown)
            return self._settlement(verdict, None, outcome)
        verdict = Verdict(disposition=Disposition.DELIVERED)
        attempt = self._attempt(response, AttemptResult.DELIVERED, reason)
        return self._settlement(verdict, attempt, outcome)

    def again(
        self, response: Response, answer: ActionAnswer, reason: str, wait: float
    ) -> Settlement:
        """Return what has it tried again: it was surely not taken."""
        shown = self.redacted(reason)
        outcome = ActionOutcome(
            state=ActionState.PENDING, ended=False, code=answer.code, reason=shown
        )
        attempt = self._attempt(response, AttemptResult.FAILED, reason)
        verdict = self._retry(wait, shown, hold=answer.hold)
        return self._settlement(verdict, attempt, outcome)

    def lost(
        self,
        reason: str,
        *,
        response: Response | None = None,
        code: int | None = None,
    ) -> Settlement:
        """Return what has it looked for: nobody knows whether it arrived."""
        shown = self.redacted(f"{_UNCLEAR}: {reason}")
        outcome = ActionOutcome(
            state=ActionState.UNKNOWN, ended=False, code=code, reason=shown
        )
        attempt = self._attempt(response, AttemptResult.FAILED, reason)
        return self._settlement(
            self._retry(self._next_search(0), shown), attempt, outcome
        )

    def absent(self) -> Settlement:
        """Return what has it sent again: the upstream surely has no such task."""
        reason = "the upstream has no such task; it is sent again"
        outcome = ActionOutcome(state=ActionState.PENDING, ended=False, reason=reason)
        attempt = self._attempt(None, AttemptResult.FAILED, reason)
        return self._settlement(self._retry(0.0, reason), attempt, outcome)

    def unclear(self, searches: int, *, last: bool) -> Settlement:
        """
        Return what comes of a search that showed nothing.

        Args:
            searches: How many there were.

            last: Whether there is none to come.
        """
        row = self.begun.row
        reason = row.reason or _UNCLEAR
        last = last or searches >= len(SEARCH_AFTER)
        outcome = ActionOutcome(
            state=ActionState.UNKNOWN,
            ended=last,
            code=row.code,
            reason=reason,
            searches=searches,
        )
        if last:
            verdict = Verdict(disposition=Disposition.DEAD, reason=reason)
            return self._settlement(verdict, None, outcome)
        attempt = self._attempt(
            None, AttemptResult.FAILED, "the upstream does not show it yet"
        )
        verdict = self._retry(self._next_search(searches), reason)
        return self._settlement(verdict, attempt, outcome)

    def _next_search(self, searches: int) -> float:
        """Return the seconds until the next search."""
        sent_at = self.begun.row.sent_at or self.delivery.now
        since = max(0.0, self.delivery.now - sent_at)
        return max(SEARCH_AFTER[searches] - since, SEARCH_AGAIN)

    def _retry(self, wait: float, reason: str, *, hold: float = 0.0) -> Verdict:
        took = self.took()
        return Verdict(
            disposition=Disposition.RETRY,
            due=self.delivery.now + took + wait,
            failures=self.delivery.history.failures + 1,
            reason=reason,
            hold=hold,
        )

    def _attempt(
        self, response: Response | None, result: AttemptResult, detail: str
    ) -> Attempt:
        return Attempt(
            started=self.delivery.now,
            duration=self.took(),
            status=response.status if response else None,
            fault=response.fault if response else Fault.UNANSWERED,
            detail=self.redacted(detail),
            platform_result=result,
        )

    def _settlement(
        self, verdict: Verdict, attempt: Attempt | None, outcome: ActionOutcome
    ) -> Settlement:
        row = self.begun.row
        log.info(
            "action.attempted",
            action=row.id,
            upstream=row.upstream,
            label=row.label,
            state=outcome.state,
            code=outcome.code,
            child=outcome.children[0] if outcome.children else None,
            reason=outcome.reason,
        )
        return Settlement(
            delivery=self.delivery,
            attempt=attempt,
            verdict=verdict,
            notices=tuple(self._notices(outcome)),
            action=outcome,
        )

    def _notices(self, outcome: ActionOutcome) -> Sequence[Publication]:
        types = {
            ActionState.REFUSED: NoticeType.ACTION_REFUSED,
            ActionState.UNKNOWN: NoticeType.ACTION_UNKNOWN,
        }
        type_ = types.get(outcome.state)
        if type_ is None or not outcome.ended:
            return ()
        row = self.begun.row
        event = notice(
            type_,
            name=row.upstream,
            reason=outcome.reason or "",
            since=row.created_at,
            at=self.now(),
            action={
                "actionId": row.id,
                "taskId": row.task.id if row.task else None,
                "customId": row.custom_id,
                "label": row.label,
                "code": outcome.code,
                "by": row.by,
            },
        )
        return publications([event], self.endpoints)


def unbegun(delivery: Delivery) -> Settlement:
    """Return what has an action tried again that the store may have noted, and nobody sent."""
    reason = "the store did not answer"
    return Settlement(
        delivery=delivery,
        attempt=Attempt(
            started=delivery.now,
            duration=0.0,
            fault=Fault.UNANSWERED,
            detail=reason,
            platform_result=AttemptResult.FAILED,
        ),
        verdict=Verdict(
            disposition=Disposition.RETRY,
            due=delivery.now + FIRST_RETRY,
            failures=delivery.history.failures + 1,
            reason=reason,
        ),
        action=ActionOutcome(state=ActionState.PENDING, ended=False, reason=reason),
    )
