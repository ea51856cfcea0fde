"""
Conversations: in which order Telegram is told what.

Without ``progress = "edit"``, each event is a message. With it, a task has one message, which
comes without a sound and is kept up to date; and what people should notice (the end, or that
the task waits for them) is *announced*, because an edit notifies nobody:

- ``replace``: a new message, then the old one is deleted;
- ``edit``: the old one says it, quietly;
- ``reply``: an answer to the old one, then the old one says briefly how it ended.

Rule 1: what is newer is never overwritten by what is older.
Rule 2: a message is posted again only if we know that it was not posted, or if it is one
that must arrive.
Rule 3: an announcement that is out is never repeated for the sake of tidying up.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.channels.base import DeliveryContext, Exchange, SaveState
from bridge.channels.telegram import calls
from bridge.channels.telegram.answers import Sense
from bridge.channels.telegram.memory import Told, kept
from bridge.channels.telegram.teller import Teller

#: What a task's message is edited to say; everything else is announced.
EDITED = frozenset({"task.submitted", "task.started", "task.progress"})
#: Announced, but not the end.
_WAITS = "task.action_required"
#: Deliveries of an announcement in which its old message is tidied up; then it stays.
MOST_TRIES = 3


def deliver(context: DeliveryContext) -> Exchange:
    """Tell an event; see `bridge.channels.base.Channel`."""
    event, endpoint = context.event, context.endpoint
    teller = Teller(context)
    edits = endpoint.options.get("progress") == "edit"
    if event.is_progress and not edits:
        return teller.skipped("progress is off")
    if not edits or not event.type.startswith("task."):
        return teller.outcome((yield from teller.say(teller.post())))
    told = teller.recalled
    if event.type in EDITED:
        return (yield from _keep_up(teller, told))
    if context.redelivery:
        return teller.outcome((yield from teller.say(teller.post())))
    return (yield from _announce(teller, told))


# --- one message, kept up to date -----------------------------------------------------


def _keep_up(teller: Teller, told: Told) -> Exchange:
    sequence = teller.context.event.sequence
    if told.final or sequence <= told.sequence:
        return teller.skipped("something newer has been told")
    if told.posting:
        return teller.skipped("nobody knows whether the task's message was posted")
    if told.id:
        answer = yield from teller.change(told)
        if answer.sense is not Sense.ANEW:
            after = replace(teller.shown(told), sequence=sequence)
            ok = answer.sense is Sense.OK
            return teller.outcome(answer, after if ok else None, edit=True)
    begun = replace(told, id=0, photo=False, picture="", posting=True)
    yield SaveState(channel_state=kept(begun))
    answer = yield from teller.say(teller.post(silent=True), picture=not told.unshown)
    if answer.sense is Sense.OK:
        after = replace(teller.posted(begun, answer), sequence=sequence)
    else:
        after = replace(begun, posting=answer.unclear)
    return teller.outcome(answer, after, edit=True)


# --- announcements --------------------------------------------------------------------


def _announce(teller: Teller, told: Told) -> Exchange:
    event = teller.context.event
    if told.event == event.id:
        return (yield from _tidy_up(teller, told))
    if event.sequence <= told.sequence:
        return teller.outcome((yield from teller.say(teller.post())))
    mode = teller.context.endpoint.options.get("final", "replace")
    after = replace(
        told,
        sequence=event.sequence,
        final=event.type != _WAITS,
        event=event.id,
        posting=False,
        todo="",
        old=0,
        old_photo=False,
        tries=0,
    )
    if told.id and mode == "edit" and not told.final:
        answer = yield from teller.change(told, afresh=True)
        if answer.sense is not Sense.ANEW:
            ok = answer.sense is Sense.OK
            return teller.outcome(answer, teller.shown(after) if ok else None)
    # What corrects an end answers it; the wait for somebody's answer is soon over.
    replies = told.final or (mode == "reply" and after.final)
    answer = yield from teller.say(teller.post(reply_to=told.id if replies else 0))
    if answer.sense is not Sense.OK:
        return teller.outcome(answer)
    after = teller.posted(after, answer)
    if not told.id or told.final:
        return teller.outcome(answer, after)
    todo = "update" if replies else "delete"
    after = replace(after, todo=todo, old=told.id, old_photo=told.photo)
    yield SaveState(channel_state=kept(after))
    return (yield from _tidy_up(teller, after))


def _tidy_up(teller: Teller, told: Told) -> Exchange:
    """Bring the old message in line with an announcement that is already out."""
    if not told.todo:
        return teller.skipped("it has been told")
    endpoint = teller.context.endpoint
    if told.todo == "delete":
        answer = yield from teller.ask(calls.delete(endpoint, id=told.old))
    else:
        brief = teller.forms.brief()
        call = calls.edit(endpoint, brief, id=told.old, photo=told.old_photo)
        answer = yield from teller.ask(call)
    if answer.sense is Sense.LATER and told.tries + 1 < MOST_TRIES:
        after = replace(told, tries=told.tries + 1)
        return teller.outcome(answer, after, but="told; its old message: ")
    tidy = replace(told, todo="", old=0, old_photo=False, tries=0)
    trouble = f"told; its old message: {answer.detail}" if answer.detail else "told"
    return teller.done(tidy, trouble)
