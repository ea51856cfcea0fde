"""What follows from an answer for each task that was asked about, and what is odd about it."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bridge.app.interpreter import Interpreter
from bridge.app.outage import Outage
from bridge.app.ports import FetchResult, PollClaim, PollResult
from bridge.core.cadence import PollPolicy
from bridge.core.task import TaskKey
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds after which a task is due again that there was no time to ask about.
ASK_AGAIN = 1.0
#: Seconds without one after which a gateway no longer lists tasks that nobody asked for: some list all
#: that they have, whatever the question, and then it depends on the batch.
STRANGE_FOR = 300.0


class StrangeAnswers:
    """
    Gateways that list tasks which nobody asked for, in the place of those that were asked for.

    Some write ids in other letters than they were submitted with. To the bridge such a task is missing, and
    lost some minutes later, while the gateway seems to answer; so that is in the log as an outage is.
    """

    def __init__(self, *, elapsed: Callable[[], float]) -> None:
        """Know of none; *elapsed* is a clock that only goes forward, in seconds."""
        self._elapsed = elapsed
        self._outages: dict[str, Outage] = {}

    def note(self, claim: PollClaim, answer: FetchResult) -> None:
        """Take note of an answer about a claim's tasks."""
        if answer.strangers:
            self._outage_of(claim.upstream).failed(
                "it lists tasks that were not asked for, and none that was; it may write ids in "
                "another form, so that they are to be tracked in that one",
                count=len(answer.strangers),
                listed=min(answer.strangers),
                asked=claim.tasks[0].key.id,
            )
        elif answer.tasks or answer.unchanged:
            self._outage_of(claim.upstream).worked()

    def _outage_of(self, upstream: str) -> Outage:
        if upstream not in self._outages:
            self._outages[upstream] = Outage(
                "poll.other_tasks",
                "poll.asked_tasks",
                quiet=STRANGE_FOR,
                facts={"upstream": upstream},
                elapsed=self._elapsed,
            )
        return self._outages[upstream]


async def results_of(
    answer: FetchResult,
    *,
    claim: PollClaim,
    interpreter: Interpreter,
    duration: float,
    policy: PollPolicy,
) -> tuple[list[PollResult], dict[TaskKey, float]]:
    """
    Return what to record, and in how many seconds to poll the tasks again that have no news.

    Args:
        answer: To a question about the claim's tasks.

        claim: The claim.

        interpreter: Decides what a task's row means.

        duration: Seconds that the answer took.

        policy: The upstream's.
    """
    news: list[PollResult] = []
    waits: dict[TaskKey, float] = {}
    for due in claim.tasks:
        if due.key.id in answer.unasked:
            waits[due.key] = ASK_AGAIN
            continue
        unchanged = due.key.id in answer.unchanged
        if unchanged:
            wait = interpreter.wait_of_unchanged(
                due, claim=claim, duration=duration, policy=policy
            )
            if wait is not None:
                waits[due.key] = wait
                continue
        seen = answer.tasks.get(due.key.id)
        if seen is None and not unchanged and answer.error is not None:
            continue  # what was answered before something went wrong counts, and no more
        try:
            result = await interpreter.result(
                due,
                seen,
                unchanged=unchanged,
                claim=claim,
                duration=duration,
                policy=policy,
            )
        except BridgeError:
            raise
        except Exception:
            # One bad task never costs the others; this one is due again when its lease ends.
            log.exception("poll.not_understood", task=str(due.key))
        else:
            if result.is_news or result.poll_again_in is None:
                news.append(result)
            else:
                waits[due.key] = result.poll_again_in
    return news, waits
