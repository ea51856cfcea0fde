"""
Live messages: one message that follows a task to its end, on every platform that can edit.

Without ``progress = "edit"``, each event is a message. With it, a task has one message, posted
without a sound and kept up to date; and what people wait for (an end, a question) is
*announced*, because an edit notifies nobody:

- ``replace``: by a new message, after which the older one is deleted;
- ``edit``: by the older one, quietly;
- ``reply``: by an answer to the older one, which then says it in full as well.

Rule 1: what is newer is never overwritten by what is older. What ended stays ended.
Rule 2: a message is posted again only if it is known not to have been posted, or if it is one
that must arrive. So a mark is saved before progress is posted, and the message's id after.
Rule 3: an announcement that is out is never repeated for the sake of cleaning up, and cleaning
up holds no endpoint: what is new has been delivered, and the news of others is not to wait.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult, SaveState
from bridge.channels.compose import is_old_news
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.live_port import (
    Cleanup,
    LivePort,
    LiveState,
    Posted,
    RequestSteps,
    Retry,
    Steps,
)
from bridge.channels.live_variants import VariantSender
from bridge.channels.reply import SIMPLER, Reply
from bridge.core.delivery import AttemptResult

#: What a task's message is edited to say; everything else is announced.
EDITED = frozenset({"task.submitted", "task.started", "task.progress"})
#: Announced, but not the end.
_QUESTION = "task.action_required"
#: Deliveries of an announcement in which the older message is cleaned up; then it stays.
MAX_CLEANUPS = 3
#: Seconds without edits where a platform wants fewer and does not say for how long.
REST = 30.0

_OK = Reply(result=AttemptResult.DELIVERED)


def deliver(context: DeliveryContext, port: LivePort) -> Exchange:
    """Deliver an event, and add up the time of all requests; see `bridge.channels.base.Channel`."""
    live = _LiveMessage(context, port)
    steps = live.deliver()
    try:
        step = next(steps)
        while True:
            response = yield step
            live.duration += response.duration
            step = steps.send(response)
    except StopIteration as end:
        result: ExchangeResult = end.value
        return result


class _LiveMessage:
    """One event on its way into a task's message, or into one of its own."""

    def __init__(self, context: DeliveryContext, port: LivePort) -> None:
        options = ChatOptions.of(context.endpoint)
        self.duration = 0.0
        self._context = context
        self._event = context.event
        self._port = port
        self._edits = options.progress == "edit"
        self._final_mode = options.final
        self._silent = options.silent
        self._min_interval = options.min_interval
        self._state = self._saved = LiveState.of(
            context.channel_state, place=port.place, ids=port.ids
        )
        known = self._state.retry
        retry = known if known.event == self._event.id else Retry()
        port.own = dict(self._state.own)
        self._sender = VariantSender(port, retry)
        self._notes: list[str] = []  #: What else a success is reported with.

    def deliver(self) -> Exchange:
        """Deliver the event in the way that suits it."""
        event, port = self._event, self._port
        follows = self._edits and event.type in EDITED
        if port.no_edits and (event.is_progress or follows):
            return self._skipped(port.no_edits)
        if event.is_progress and not self._edits:
            return self._skipped("progress is off")
        if is_old_news(self._context):
            return self._skipped("the task's end is reported here")
        if event.type.startswith("task.") and not port.no_edits:
            if follows:
                return (yield from self._follow())
            if (self._edits or port.keeps_track) and event.type not in EDITED:
                return (yield from self._announce())
        reply, _ = yield from self._post(silent=self._silent)
        return self._result(reply)

    # --- one message, kept up to date -------------------------------------------------

    def _follow(self) -> Exchange:
        """Bring the task's message up to date, or begin it."""
        state, sequence = self._state, self._event.sequence
        if state.final or sequence <= state.sequence:
            return self._skipped("something newer has been delivered")
        if state.posting and state.message is None:
            return self._skipped("nobody knows whether the task's message was posted")
        if state.message is not None:
            reply = yield from self._edit(state.message)
            if reply.limited:
                why = f"{self._port.name}'s limit for edits is reached"
                rest = max(self._min_interval, reply.retry_after or REST)
                return self._skipped(why, hold_progress=rest)
            if reply.ok:
                self._update(sequence=sequence)
            if not reply.repost:
                return self._result(reply)
            older = None if reply.missing else Cleanup(message=state.message)
            self._update(message=None, cleanup=older)
        self._update(posting=True)
        yield self._save()
        reply, message = yield from self._post(silent=True)
        if not reply.ok:
            self._update(posting=reply.unclear)
            return self._result(reply)
        self._update(message=message, sequence=sequence, posting=message is None)
        # If the older one stays for now, a later delivery deals with it.
        yield from self._clean_up(reply)
        return self._result(reply)

    # --- announcements ----------------------------------------------------------------

    def _announce(self) -> Exchange:
        """Deliver an end, or a question, so that it is noticed."""
        state, event, mode = self._state, self._event, self._final_mode
        if state.event == event.id and not self._context.redelivery:
            if state.cleanup is None:
                return self._skipped("it has been delivered")
            return self._result((yield from self._clean_up(_OK)))
        if event.sequence <= state.sequence:
            # Old news, or news that was asked for again: it changes nothing.
            reply, _ = yield from self._post(silent=self._silent)
            return self._result(reply)
        # What corrects an end is a message of its own, and the end stays as it is.
        live = None if state.final else state.message
        window = self._port.edit_window
        if live and mode == "edit" and self._context.now - live.at < window:
            reply = yield from self._edit(live)
            if not reply.repost:
                if reply.ok:
                    self._announced(self._state.message)
                return self._result(reply)
            live = None if reply.missing else live
        answers = live if mode == "reply" else None
        reply, message = yield from self._post(silent=self._silent, reply_to=answers)
        if reply.repost and answers is not None:
            live, answers = None if reply.missing else live, None
            reply, message = yield from self._post(silent=self._silent)
        if not reply.ok:
            return self._result(reply)
        if live is None:
            self._announced(message)
        else:
            stays = answers is not None or self._port.older_stays
            self._announced(live if stays else message)
            self._update(cleanup=Cleanup(message=live, update=stays))
            yield self._save()
        return self._result((yield from self._clean_up(reply)))

    def _announced(self, message: Posted | None) -> None:
        final = self._event.type != _QUESTION
        self._update(
            message=None if final else message,
            event=self._event.id,
            sequence=self._event.sequence,
            final=final,
            posting=message is None and not final,
            cleanup=None,
        )

    def _clean_up(self, reply: Reply) -> Steps[Reply]:
        """
        Deal with the older message: a few times, then it stays.

        Returns:
            The reply that the attempt ends with: *reply*, to what has just been delivered,
            unless the older message has to be dealt with once more.
        """
        cleanup = self._state.cleanup
        if cleanup is None:
            return reply
        if cleanup.update:
            answer = yield from self._edit(cleanup.message)
            if answer.repost and self._port.brief_replies:
                # The reply was brief, and what it answers is gone: nobody has read it all.
                answer, _ = yield from self._post(silent=self._silent)
                if not answer.ok:
                    return answer
        else:
            answer = yield from self._sender.ask(self._port.delete(cleanup.message))
        if answer.ok or not answer.may_pass or cleanup.tries + 1 >= MAX_CLEANUPS:
            if not answer.ok and not answer.missing:
                self._notes.append(
                    f"its older message stays as it was: {answer.detail}"
                )
            self._update(cleanup=None)
            return reply
        self._update(cleanup=replace(cleanup, tries=cleanup.tries + 1))
        detail = f"delivered; its older message: {answer.detail}"
        return replace(
            answer, result=AttemptResult.FAILED, detail=detail, retry_after=None
        )

    # --- one message ------------------------------------------------------------------

    def _post(
        self, *, silent: bool, reply_to: Posted | None = None
    ) -> Steps[tuple[Reply, Posted | None]]:
        def make(variant: str) -> RequestSteps:
            return self._port.post(variant, silent=silent, reply_to=reply_to)

        reply = yield from self._sender.send(make)
        if reply.repost and reply_to is None:
            # The thread that was begun for the task is gone, or what it answers is: another
            # one is begun.
            self._port.parent = None
            reply = yield from self._sender.send(make)
        return reply, self._port.posted(reply, self._sender.taken) if reply.ok else None

    def _edit(self, message: Posted) -> Steps[Reply]:
        reply = yield from self._sender.send(
            lambda variant: self._port.edit(variant, message)
        )
        if reply.ok and self._state.message == message:
            self._update(message=self._port.edited(message, self._sender.taken))
        return reply

    # --- the end ----------------------------------------------------------------------

    def _update(self, **known: Any) -> None:
        self._state = replace(self._state, **known)

    def _save(self) -> SaveState:
        self._update(own=self._port.own)
        self._saved = self._state
        return SaveState(channel_state=self._state.to_json())

    def _skipped(self, why: str, *, hold_progress: float = 0.0) -> ExchangeResult:
        reply = replace(_OK, detail=f"skipped: {why}")
        attempt = reply.attempt(started=self._context.started, duration=self.duration)
        extra = self._sender.extra_requests
        return ExchangeResult(
            attempt=attempt, hold_progress=hold_progress, extra_requests=extra
        )

    def _result(self, reply: Reply) -> ExchangeResult:
        self._update(
            own=self._port.own, retry=self._sender.next_retry(reply, self._event.id)
        )
        follows = self._edits and self._event.type in {*EDITED, _QUESTION}
        hold_progress = self._min_interval if follows and reply.ok else 0.0
        if reply.ok:
            parts = [reply.detail or "ok", *self._notes]
            if self._sender.refused:
                parts.insert(1, f"{SIMPLER}: {self._sender.refused}")
            detail = " · ".join(parts)
            reply = replace(reply, detail=detail, retry_after=self._sender.hold)
        unchanged = self._state == self._saved
        return ExchangeResult(
            attempt=reply.attempt(
                started=self._context.started, duration=self.duration
            ),
            channel_state=None if unchanged else self._state.to_json(),
            hold_progress=hold_progress,
            extra_requests=self._sender.extra_requests,
        )
