"""Actions on a terminal: what became of one, and the task that it made."""

from __future__ import annotations

import asyncio
import sys

from bridge.app.follow import Follower
from bridge.app.views.actions import Action
from bridge.cli.output import STATE_STYLES, emit, line, say, stdout, text
from bridge.cli.watch import bars, print_until_ended
from bridge.core.action import ActionState
from bridge.core.task import TaskKey
from bridge.errors import NotFound
from bridge.runtime.deployment import Deployment

#: Seconds between two looks at an action that is waited for.
LOOK_EVERY = 0.2


async def carry_out(
    deployment: Deployment, action: Action, *, wait: bool, as_json: bool
) -> bool:
    """
    Print an action; wait for it and for its task, if that was asked.

    Returns:
        Whether it came to what was wanted, as far as that was waited for.
    """
    if not wait:
        print_action(action, as_json=as_json)
        return action.state not in {ActionState.REFUSED, ActionState.UNKNOWN}
    follower = Follower(deployment.queries, deployment.feed)
    await follower.start()
    try:
        action = await _decided(deployment, action, as_json=as_json)
        print_action(action, as_json=as_json)
        if action.state is not ActionState.ACCEPTED or action.child_id is None:
            return action.state is ActionState.ACCEPTED
        child = TaskKey(action.upstream, action.child_id)
        if stdout().is_terminal and not as_json:
            await bars(deployment, follower, [child], [action.upstream])
            [row] = await deployment.queries.rows([child])
            return row.status == "SUCCESS"
        steps = follower.until_ended([child], include_current=True)
        return await print_until_ended(steps, as_json=as_json)
    finally:
        if sys.exc_info()[0] is not None:
            say(f"no longer waiting; {action.id} goes on")


async def _decided(deployment: Deployment, action: Action, *, as_json: bool) -> Action:
    """Wait until an action is taken or not, or nobody knows and nobody will."""
    said = ""
    while action.ended_at is None:
        reason = action.reason or ""
        if reason != said and not as_json:
            say(f"{action.state}: {reason}" if reason else action.state)
            said = reason
        await asyncio.sleep(LOOK_EVERY)
        found = await deployment.actions.find(action.id)
        if found is None:
            raise NotFound
        action = found
    return action


def print_action(action: Action, *, as_json: bool) -> None:
    """Print an action on a line."""
    if as_json:
        emit(action)
        return
    shown = text(f"{action.state}  ", STATE_STYLES.get(action.state, "")) + text(
        action.label or action.custom_id, "bold"
    )
    if action.child_id is not None:
        shown += text("  task ", "dim") + text(action.child_id)
    if action.reason:
        shown += text(f"  {action.reason}", "dim")
    line(shown + text(f"  {action.id}", "dim"))
