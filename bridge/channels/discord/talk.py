"""
The conversation: one message that follows a task to its end, and one that says it ended.

An edit notifies nobody. So whatever somebody waits for (an end, a question) is a message of
its own, and the one that was edited until then goes away, unless ``final`` says otherwise.

Nothing here is done twice if it can be helped: progress is marked before it is posted, an
end is remembered before the older message is dealt with, and a form that was refused is not
tried again.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult, SaveState
from bridge.channels.discord.address import Address
from bridge.channels.discord.answers import THREAD_LOST, Said, Sense
from bridge.channels.discord.kept import Kept
from bridge.channels.discord.options import Options
from bridge.channels.discord.payload import Form
from bridge.channels.discord.wire import Steps, Wire
from bridge.channels.message import message_of
from bridge.core.delivery import Attempt, AttemptResult, Fault

#: Discord allows a message few more edits once it is an hour old (30046).
EDITABLE = 55 * 60.0
#: Deliveries in which a message that is out of date is tidied up; then it stays.
MOST_TRIES = 3
_UNKNOWN_MESSAGE = 10008
_DONE = Said(sense=Sense.TOLD, detail="told already")
#: An upload that is too slow for the attempt, or for something on the way, ends so.
_CUT_OFF = frozenset({Fault.TIMEOUT, Fault.CONNECTION})


class Talk:
    """One conversation, while it goes on; `kept` is what is to be remembered by now."""

    def __init__(self, context: DeliveryContext, address: Address) -> None:
        self._context = context
        self._event = context.event
        self._options = options = Options.of(context.endpoint)
        self._kept = self._written = kept = Kept.of(context.channel_state)
        self._thread = options.thread_id or address.thread
        self._stays = ""  #: Why the message that is out of date was not dealt with.
        self._message = message_of(
            self._event, language=options.language, prompt_max=options.prompt_max
        )
        tried = kept.form if kept.form_of == self._event.id else Form.FULL
        form = Form(tried) if tried in set(Form) else Form.FULL
        linked = kept.linked_of == self._event.id
        self._wire = Wire(context, address, self._message, form, linked=linked)

    def whole(self) -> Exchange:
        """Tell the event in the way that suits it."""
        of_a_task = self._event.sequence > 0
        if of_a_task and (
            self._message.final or self._event.type == "task.action_required"
        ):
            return (yield from self._announce())
        if of_a_task and self._options.progress == "edit":
            return (yield from self._follow())
        if self._event.is_progress and self._options.progress == "off":
            return self._skipped("progress is off")
        return self._over((yield from self._post(silent=self._options.silent)))

    # --- progress -------------------------------------------------------------------

    def _follow(self) -> Exchange:
        """Bring the task's message up to date, or begin it."""
        kept, sequence = self._kept, self._event.sequence
        if kept.final or sequence <= kept.sequence:
            return self._skipped("something later was told already")
        if kept.posting and not kept.id:
            return self._skipped("nobody knows whether the task's message was posted")
        if kept.id:
            said = yield from self._edit(kept.id)
            if said.sense is Sense.TOLD:
                self._keep(sequence=sequence)
            if said.sense is not Sense.ANEW:
                return self._over(said)
            self._leave(kept.id, said)
        self._keep(posting=True)
        yield self._save_state()
        said = yield from self._post(silent=True)
        if said.sense is not Sense.TOLD:
            self._keep(posting=not said.known)
            return self._over(said)
        self._keep(sequence=sequence)
        self._has_message(said)
        # If the older one stays for now, a later conversation deals with it.
        yield from self._tidy()
        return self._over(said)

    # --- what somebody waits for ----------------------------------------------------

    def _announce(self) -> Exchange:
        """Tell an end, or a question, so that it is noticed."""
        if self._context.redelivery:
            return self._over((yield from self._post(silent=self._options.silent)))
        if self._kept.event != self._event.id:
            said = yield from self._tell_loudly()
            if said.sense is not Sense.TOLD:
                return self._over(said)
            if self._kept.chore:
                yield self._save_state()
        else:  # It was told, and then this was interrupted.
            said = _DONE
        busy = yield from self._tidy()
        return self._over(busy or said)

    def _tell_loudly(self) -> Steps[Said]:
        options, older = self._options, "" if self._kept.final else self._kept.id
        if older and options.final == "edit" and self._is_editable:
            said = yield from self._edit(older)
            if said.sense is Sense.TOLD:
                self._keep(id="" if self._message.final else older)
                self._announced()
            if said.sense is not Sense.ANEW:
                return said
            self._leave(older, said)
            older = ""
        parent = ""
        if older and options.final == "reply" and not self._kept.thread:
            parent = yield from self._link(older)
        said = yield from self._post(silent=options.silent, parent=parent)
        if said.sense is not Sense.TOLD:
            return said
        # A thread of the task's own must keep the message that it began with.
        stays = older and (options.final == "reply" or self._kept.thread)
        if older:
            self._keep(chore=older, chore_edits=bool(stays), tries=0)
        if not stays:
            self._has_message(said)
        if self._message.final:
            self._keep(id="")
        if options.progress == "edit" or self._kept.thread or self._kept.chore:
            self._announced()
        else:
            self._kept = Kept()
        return said

    def _announced(self) -> None:
        self._keep(
            event=self._event.id,
            sequence=self._event.sequence,
            final=self._message.final,
            posting=False,
        )

    def _link(self, message: str) -> Steps[str]:
        """Make the URL of a message. The server's id is in it, which only the webhook knows."""
        if not self._kept.guild:
            self._keep(guild=(yield from self._wire.guild()))
        guild, channel = self._kept.guild, self._kept.channel
        if not guild or not channel:
            return ""
        return f"https://discord.com/channels/{guild}/{channel}/{message}"

    @property
    def _is_editable(self) -> bool:
        return self._context.at - self._kept.posted < EDITABLE

    # --- one message ----------------------------------------------------------------

    def _post(self, *, silent: bool, parent: str = "") -> Steps[Said]:
        thread = self._kept.thread or self._thread
        begin = "" if thread else self._options.thread_name
        said = yield from self._wire.post(
            silent=silent, thread=thread, begin=begin, parent=parent
        )
        if self._kept.thread and said.code in THREAD_LOST:
            # Somebody closed the thread that was begun for this task: another is begun.
            self._keep(thread="", chore="")
            return (yield from self._post(silent=silent))
        if said.sense is Sense.TOLD and begin:
            self._keep(thread=said.channel)
        return said

    def _edit(self, message: str, *, picture: bool = True) -> Steps[Said]:
        thread = self._kept.thread or self._thread
        said = yield from self._wire.edit(message, thread=thread, picture=picture)
        lost = self._kept.thread and said.code in THREAD_LOST
        return replace(said, sense=Sense.ANEW) if lost else said

    def _leave(self, message: str, said: Said) -> None:
        """Give up a message that cannot be edited any more; it goes, unless it is gone."""
        gone = said.code == _UNKNOWN_MESSAGE or self._kept.thread
        chore = "" if gone else message
        self._keep(id="", channel="", chore=chore, chore_edits=False, tries=0)

    def _tidy(self) -> Steps[Said | None]:
        """
        Deal with the message that is out of date: a few times, then it stays.

        Returns:
            The answer, if that has to be tried again; what it says otherwise does not
            matter to anybody. Nor does it hold the endpoint: what is new has been told,
            and others' news is not to wait until what is old is gone.
        """
        kept = self._kept
        if not kept.chore:
            return None
        if kept.chore_edits:
            said = yield from self._edit(kept.chore, picture=False)
        else:
            thread = kept.thread or self._thread
            said = yield from self._wire.delete(kept.chore, thread=thread)
        trouble = said.sense is Sense.LATER or (said.status or 0) >= 500
        if trouble and kept.tries + 1 < MOST_TRIES:
            self._keep(tries=kept.tries + 1)
            detail = f"told; its older message: {said.detail}"
            return replace(said, sense=Sense.LATER, detail=detail, retry_after=None)
        if said.sense is not Sense.TOLD and said.code != _UNKNOWN_MESSAGE:
            self._stays = f"its older message stays: {said.detail}"
        self._keep(chore="", chore_edits=False, tries=0)
        return None

    # --- the end --------------------------------------------------------------------

    def _has_message(self, said: Said) -> None:
        self._keep(
            id=said.message,
            channel=said.channel,
            posted=self._context.at,
            posting=not said.message,
        )

    def _keep(self, **known: str | float | bool) -> None:
        self._kept = replace(self._kept, **known)  # type: ignore[arg-type]

    def _save_state(self) -> SaveState:
        self._written = self._kept
        return SaveState(channel_state=self._kept.to_json())

    def _skipped(self, why: str) -> ExchangeResult:
        return ExchangeResult(
            attempt=Attempt(
                started=self._context.started,
                took=0.0,
                platform_result=AttemptResult.DELIVERED,
                detail=f"skipped: {why}",
            )
        )

    def _over(self, said: Said) -> ExchangeResult:
        wire, told = self._wire, said.sense is Sense.TOLD
        detail = said.detail
        if told:
            self._keep(form=0, form_of="", linked_of="")
            plainly = f"told more plainly: {wire.refused}" if wire.refused else ""
            parts = (detail, plainly, self._stays)
            detail = " · ".join(part for part in parts if part)
        elif wire.form:
            self._keep(form=int(wire.form), form_of=self._event.id)
        if said.fault in _CUT_OFF:
            # In turns: if there was no answer to a link either, it was not the file.
            self._keep(linked_of=self._event.id if wire.carried else "")
        attempt = Attempt(
            started=self._context.started,
            took=wire.took,
            status=said.status,
            fault=said.fault,
            detail=detail,
            retry_after=wire.hold if told else said.retry_after,
            platform_result=said.result,
        )
        goes_on = self._event.sequence > 0 and not self._message.final
        follows = told and goes_on and self._options.progress == "edit"
        return ExchangeResult(
            attempt=attempt,
            channel_state=None if self._kept == self._written else self._kept.to_json(),
            edit_in=self._options.min_interval if follows else 0.0,
        )
