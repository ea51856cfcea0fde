"""What follows from an answer for each task that was asked about."""

from __future__ import annotations

import structlog

from bridge.app.interpreter import Interpreter
from bridge.app.ports import FetchResult, PollClaim, PollResult
from bridge.core.cadence import PollPolicy
from bridge.core.task import TaskKey
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds after which a task is due again that there was no time to ask about.
ASK_AGAIN = 1.0


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
