"""
The flow: in which order Slack is told what.

Without ``progress = "edit"``, each event is a message. With it, a task has one message that
is kept up to date; and what people should notice (the end, or that the task waits for
them) is *announced*, because an edit notifies nobody:

- ``replace``: a new message, then the old one is deleted;
- ``edit``: the old one says it, quietly;
- ``reply``: an answer in the old one's thread, then the old one says it in full.

Rule 1: what is newer is never overwritten by what is older.
Rule 2: a message is posted again only if we know that it was not posted, or if it is one
that must arrive.
Rule 3: an announcement that is out is never repeated for the sake of tidying up.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.channels.base import DeliveryContext, Exchange, SaveState
from bridge.channels.slack import calls
from bridge.channels.slack.answers import Answer, Sense
from bridge.channels.slack.memory import Told, kept, recall
from bridge.channels.slack.talk import Talk

#: What a task's message is edited to say; everything else is announced.
EDITED = frozenset({"task.submitted", "task.started", "task.progress"})
#: Announced, but not the end.
_WAITS = "task.action_required"
#: Deliveries of an announcement in which its old message is tidied up; then it stays.
MOST_TRIES = 3
#: Seconds without edits where Slack wants fewer of them and does not say for how long.
REST_S = 30.0


def deliver(context: DeliveryContext) -> Exchange:
    """Tell an event; see `bridge.channels.base.Channel`."""
    event, options = context.event, context.endpoint.options
    talk = Talk(context=context)
    edits = options.get("progress") == "edit"
    if not calls.is_bot(context.endpoint):
        if (edits and event.type in EDITED) or event.is_progress:
            return talk.skipped("an incoming webhook cannot edit its messages")
        return talk.outcome((yield from talk.say(talk.webhook)))
    if not edits or not event.type.startswith("task."):
        if event.is_progress:
            return talk.skipped("progress is off")
        return talk.outcome((yield from talk.say(talk.post)))
    told = recall(context.channel_state)
    if event.type in EDITED:
        return (yield from _keep_up(talk, told))
    return (yield from _announce(talk, told))


# --- one message, kept up to date -----------------------------------------------------


def _keep_up(talk: Talk, told: Told) -> Exchange:
    sequence = talk.context.event.sequence
    if told.final or sequence <= told.sequence:
        return talk.skipped("something newer has been told")
    if told.posting:
        return talk.skipped("nobody knows whether the task's message was posted")
    if told.ts:
        answer = yield from talk.say(talk.update(told.channel, told.ts))
        if answer.limited:
            return talk.skipped(
                "Slack's limit for edits is reached",
                edit_in=max(talk.min_interval, answer.retry_after or REST_S),
            )
        if answer.sense is not Sense.ANEW:
            ok = answer.sense is Sense.OK
            after = replace(told, sequence=sequence) if ok else None
            return talk.outcome(answer, after, edit_in=talk.min_interval)
    begun = replace(told, ts="", channel="", posting=True)
    yield SaveState(channel_state=kept(begun))
    answer = yield from talk.say(talk.post)
    if answer.sense is Sense.OK:
        after = replace(_posted(begun, answer), sequence=sequence)
    else:
        after = replace(begun, posting=answer.unclear)
    return talk.outcome(answer, after, edit_in=talk.min_interval)


def _posted(told: Told, answer: Answer) -> Told:
    """Remember where a message is that has just been posted."""
    ts, channel = answer.text("ts"), answer.text("channel")
    if ts is None or channel is None:
        return replace(told, ts="", channel="", posting=True)
    return replace(told, ts=ts, channel=channel, posting=False)


# --- announcements --------------------------------------------------------------------


def _announce(talk: Talk, told: Told) -> Exchange:
    event = talk.context.event
    if told.event == event.id and not talk.context.redelivery:
        return (yield from _tidy_up(talk, told))
    if event.sequence <= told.sequence:
        # It is old news that was asked for: it stands for itself, and changes nothing.
        return talk.outcome((yield from talk.say(talk.post)))
    after = replace(
        _tidy(told),
        sequence=event.sequence,
        final=event.type != _WAITS,
        event=event.id,
        posting=False,
    )
    mode = talk.endpoint.options.get("final", "replace")
    if told.ts and mode == "edit":
        answer = yield from talk.say(talk.update(told.channel, told.ts))
    elif told.ts and mode == "reply":
        answer = yield from talk.say(talk.reply(told.ts), talk.brief())
        if answer.sense is Sense.OK:
            after = _to_do("update", after, told)
            yield SaveState(channel_state=kept(after))
            return (yield from _tidy_up(talk, after))
    else:
        return (yield from _replace(talk, told, after))
    if answer.sense is Sense.ANEW:
        return (yield from _replace(talk, told, after))
    return talk.announced(answer, after)


def _replace(talk: Talk, told: Told, after: Told) -> Exchange:
    """Announce with a new message, and have the old one deleted if there is one."""
    answer = yield from talk.say(talk.post)
    if answer.sense is not Sense.OK:
        return talk.announced(answer, after)
    after = _posted(after, answer)
    if after.final and talk.endpoint.options.get("final", "replace") == "replace":
        # Nothing is to become of this message any more, whatever is told later.
        after = replace(after, ts="", channel="", posting=False)
    if not told.ts:
        return talk.announced(answer, after)
    after = _to_do("delete", after, told)
    yield SaveState(channel_state=kept(after))
    return (yield from _tidy_up(talk, after))


def _tidy_up(talk: Talk, told: Told) -> Exchange:
    """Bring the old message in line with an announcement that is already out."""
    if told.todo == "delete":
        call = calls.delete(talk.endpoint, channel=told.old_channel, ts=told.old)
        answer = yield from talk.ask(call)
    elif told.todo == "update":
        answer = yield from talk.say(talk.update(told.old_channel, told.old))
        if answer.sense is Sense.ANEW:
            # The thread hangs on nothing, so nobody has seen the picture.
            answer = yield from talk.say(talk.post)
            return talk.outcome(
                answer, _tidy(told) if answer.sense is Sense.OK else None
            )
    else:
        return talk.skipped("it has been told")
    over = answer.sense is not Sense.LATER or told.tries + 1 >= MOST_TRIES
    if not over:
        # Only the old message waits: holding the endpoint would keep others' news back.
        trouble = replace(answer, retry_after=None)
        return talk.outcome(
            trouble, replace(told, tries=told.tries + 1), but="told; its old message: "
        )
    why = "" if answer.sense is Sense.OK else f"; its old message: {answer.detail}"
    return talk.done(_tidy(told), f"told{why}")


def _to_do(what: str, after: Told, before: Told) -> Told:
    return replace(after, todo=what, old=before.ts, old_channel=before.channel)


def _tidy(told: Told) -> Told:
    return replace(told, todo="", old="", old_channel="", tries=0)
