"""
Telling: one message in the best form that Telegram accepts, and what came of it.

A form that is refused costs a request and not the message: the next one shows less.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TypeAlias

from bridge.channels.base import DeliveryContext, ExchangeResult, SaveState
from bridge.channels.picture import File
from bridge.channels.telegram import calls
from bridge.channels.telegram.answers import Answer, Sense, read
from bridge.channels.telegram.calls import Content
from bridge.channels.telegram.forms import Forms
from bridge.channels.telegram.memory import Told, kept, recall
from bridge.core.delivery import Attempt, AttemptResult, Fault
from bridge.core.http import Request, Response

_MEANINGS = {
    Sense.OK: AttemptResult.DELIVERED,
    Sense.UNFIT: AttemptResult.HOPELESS,
    Sense.UNLINKED: AttemptResult.HOPELESS,
    Sense.ANEW: AttemptResult.FAILED,
    Sense.GONE: AttemptResult.GONE,
    Sense.LATER: AttemptResult.FAILED,
}
#: An upload that is too slow for the attempt, or for something on the way, ends so.
_CUT_OFF = frozenset({Fault.TIMEOUT, Fault.CONNECTION})

Make: TypeAlias = Callable[[Content], Request]
#: A part of a conversation, which ends with Telegram's last answer.
Part: TypeAlias = Generator[Request | SaveState, Response, Answer]


class Teller:
    """
    One conversation with Telegram.

    Args:
        occasion: What it is about.
    """

    def __init__(self, context: DeliveryContext) -> None:
        self.context = context
        #: What is remembered of the subject.
        self.recalled = recall(
            context.channel_state, chat=calls.chat_of(context.endpoint)
        )
        uploads = self.recalled.linked_of != context.event.id
        self.forms = Forms(context, uploads=uploads)
        self._took = 0.0
        self._carried = False  #: Whether the last request carried a file.
        self._refused = ""  #: Why it was said in a simpler form.
        self._said: Content | None = None  #: The form that was accepted.
        self._unshown = False  #: Whether a picture was refused.

    # --- asking -----------------------------------------------------------------------

    def post(self, *, silent: bool = False, reply_to: int = 0) -> Make:
        """Make messages."""
        endpoint = self.context.endpoint
        quiet = silent or bool(endpoint.options.get("silent"))
        return lambda content: calls.post(
            endpoint, content, silent=quiet, reply_to=reply_to
        )

    def change(self, told: Told, *, afresh: bool = False) -> Part:
        """
        Change the task's message into what there is to say now.

        Args:
            afresh: Whether to send a picture although it is there, or was refused.
        """
        endpoint = self.context.endpoint
        new = self.forms.mark != told.picture and not told.unshown

        def make(content: Content) -> Request:
            return calls.edit(endpoint, content, id=told.id, photo=told.photo)

        return self.say(make, caption=told.photo, picture=new or afresh)

    def say(self, make: Make, *, caption: bool = False, picture: bool = True) -> Part:
        """
        Say it in the best form that is accepted.

        Args:
            caption: Whether words go under a picture that is there already.

            picture: Whether to send the picture.
        """
        answer: Answer | None = None
        for source in (*(self.forms.sources if picture else ()), "words"):
            content = yield from self._content(source, caption=caption)
            if content is None:
                continue
            upload = isinstance(content.photo, File)
            answer = yield from self.ask(make(content), upload=upload)
            if answer.sense is Sense.UNLINKED and content.links:
                plain = make(calls.unlinked(content))
                answer = yield from self.ask(plain, upload=upload)
            if answer.sense not in {Sense.UNFIT, Sense.UNLINKED}:
                self._said = content
                return answer
            self._refused = self._refused or answer.detail
            self._unshown = self._unshown or content.photo is not None
        assert answer is not None  # noqa: S101 - words can always be had
        return answer

    def _content(
        self, source: str, *, caption: bool
    ) -> Generator[Request, Response, Content | None]:
        if source == "words":
            return self.forms.told(caption=caption)
        if source == "url":
            url = self.forms.url
            return self.forms.shown(url) if url else None
        request = self.forms.to_fetch()
        if request is None:
            return None
        response = yield request
        self._took += response.took
        return self.forms.uploaded(response)

    def ask(self, request: Request, *, upload: bool = False) -> Part:
        """Ask Telegram; `upload` is whether the request carries a file."""
        self._carried = upload
        response = yield request
        self._took += response.took
        return read(response, now=response.at or self.context.at)

    # --- what is remembered -----------------------------------------------------------

    def posted(self, told: Told, answer: Answer) -> Told:
        """Remember the message that has just been posted."""
        if not answer.message_id:
            return replace(told, id=0, posting=True)
        blank = replace(told, photo=False, picture="", posting=False)
        return replace(self.shown(blank), id=answer.message_id)

    def shown(self, told: Told) -> Told:
        """Remember what a message shows now."""
        if self._said is not None and self._said.photo is not None:
            return replace(told, photo=True, picture=self.forms.mark)
        return replace(told, unshown=told.unshown or self._unshown)

    # --- how it ends ------------------------------------------------------------------

    def outcome(
        self,
        answer: Answer,
        told: Told | None = None,
        *,
        edit: bool = False,
        but: str = "",
    ) -> ExchangeResult:
        """End with what Telegram answered."""
        detail = answer.detail
        if self._refused and answer.sense is Sense.OK:
            detail = f"told in a simpler form; the first was refused: {self._refused}"
        attempt = Attempt(
            started=self.context.started,
            took=self._took,
            status=answer.response.status,
            fault=answer.response.fault,
            detail=f"{but}{detail}",
            retry_after=answer.retry_after,
            # Without an answer, the fault says it.
            platform_result=None
            if answer.response.status is None
            else _MEANINGS[answer.sense],
        )
        seconds = self.context.endpoint.options.get("min_interval", 5.0)
        interval = float(seconds) if isinstance(seconds, int | float) else 5.0
        after = replace(told or self.recalled, linked_of=self._linked_of(answer))
        return ExchangeResult(
            attempt=attempt,
            channel_state=None if after == self.recalled and not told else kept(after),
            edit_in=interval if edit else 0.0,
        )

    def _linked_of(self, answer: Answer) -> str:
        """Say of which event the picture is not to be uploaded the next time."""
        if answer.response.fault in _CUT_OFF:
            # In turns: if there was no answer to a link either, it was not the file.
            return self.context.event.id if self._carried else ""
        return "" if answer.sense is Sense.OK else self.recalled.linked_of

    def done(self, told: Told, detail: str) -> ExchangeResult:
        """End with the event told, whatever became of the rest."""
        return ExchangeResult(
            attempt=self._delivered(detail),
            channel_state=kept(replace(told, linked_of="")),
        )

    def skipped(self, why: str) -> ExchangeResult:
        """End without having told anything."""
        return ExchangeResult(attempt=self._delivered(f"skipped: {why}"))

    def _delivered(self, detail: str) -> Attempt:
        return Attempt(
            started=self.context.started,
            took=self._took,
            platform_result=AttemptResult.DELIVERED,
            detail=detail,
        )
