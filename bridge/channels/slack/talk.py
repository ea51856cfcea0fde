"""A conversation with Slack: how an event is said, asked about, and reported."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from bridge.channels.base import DeliveryContext, ExchangeResult, SaveState
from bridge.channels.message import Message, message_of
from bridge.channels.slack import calls, payload
from bridge.channels.slack.answers import Answer, Sense, read
from bridge.channels.slack.memory import Told, kept
from bridge.core.delivery import Attempt, AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response

_MEANINGS = {
    Sense.OK: AttemptResult.DELIVERED,
    Sense.UNSHOWABLE: AttemptResult.HOPELESS,
    Sense.REFUSED: AttemptResult.REFUSED,
    Sense.GONE: AttemptResult.GONE,
    Sense.ANEW: AttemptResult.FAILED,
    Sense.LATER: AttemptResult.FAILED,
}

Make: TypeAlias = Callable[[payload.Content], Request]
#: A part of a conversation, which ends with Slack's last answer.
Part: TypeAlias = Generator[Request | SaveState, Response, Answer]


@dataclass(slots=True, kw_only=True)
class Talk:
    """One conversation: what it is about, and what has come of it so far."""

    context: DeliveryContext
    took: float = 0.0
    status: int | None = None
    refused: str = ""  #: Why it was said in a simpler form.

    @property
    def endpoint(self) -> Endpoint:
        """Whom it is with."""
        return self.context.endpoint

    @property
    def min_interval(self) -> float:
        """Seconds between two edits of a message."""
        seconds = self.endpoint.options.get("min_interval", 5.0)
        return float(seconds) if isinstance(seconds, int | float) else 5.0

    # --- asking -----------------------------------------------------------------------

    def say(self, make: Make, forms: Iterable[payload.Content] | None = None) -> Part:
        """Say it in the best form that is accepted."""
        answer = None
        for content in self.forms() if forms is None else forms:
            answer = yield from self.ask(make(content))
            if answer.sense is not Sense.UNSHOWABLE:
                return answer
            self.refused = self.refused or answer.detail
        assert answer is not None  # noqa: S101 - there always is a form
        return answer

    def ask(self, request: Request) -> Part:
        """Send a request, and read what comes back."""
        response = yield request
        self.took += response.took
        self.status = response.status
        now = response.at or self.context.at
        return read(response, now=now, api=calls.is_bot(self.endpoint))

    # --- what is said -----------------------------------------------------------------

    def forms(self) -> Iterable[payload.Content]:
        """List the forms of the message, the best first."""
        event = self.context.event
        revision = event.id[4:20] if calls.is_bot(self.endpoint) else ""
        images = self.endpoint.options.get("images")
        return payload.forms(
            self.message(), now=self.context.at, images=images, revision=revision
        )

    def brief(self) -> Iterable[payload.Content]:
        """Say it in a line."""
        return payload.brief(self.message())

    def message(self) -> Message:
        """Say what there is to say, before it takes a form."""
        options = self.endpoint.options
        return message_of(
            self.context.event,
            language=str(options.get("language", "en")),
            prompt_max=int(str(options.get("prompt_max", 1000))),
        )

    def webhook(self, content: payload.Content) -> Request:
        """Make the request that posts through the incoming webhook."""
        return calls.webhook(self.endpoint, content)

    def post(self, content: payload.Content) -> Request:
        """Make the request that posts as the bot."""
        return calls.post(self.endpoint, content)

    def reply(self, ts: str) -> Make:
        """Answer in the thread of a message."""
        return lambda content: calls.post(self.endpoint, content, thread=ts)

    def update(self, channel: str, ts: str) -> Make:
        """Change a message."""
        return lambda content: calls.update(
            self.endpoint, content, channel=channel, ts=ts
        )

    # --- how it ends ------------------------------------------------------------------

    def outcome(
        self,
        answer: Answer,
        told: Told | None = None,
        *,
        edit_in: float = 0.0,
        but: str = "",
    ) -> ExchangeResult:
        """End with what Slack answered."""
        response = answer.response
        detail = answer.detail or "ok"
        if self.refused and answer.sense is Sense.OK:
            detail = f"ok, in a simpler form; the first was refused: {self.refused}"
        attempt = Attempt(
            started=self.context.started,
            took=self.took,
            status=response.status,
            fault=response.fault,
            detail=f"{but}{detail}",
            retry_after=answer.retry_after,
            # Without an answer, the fault says it.
            platform_result=None
            if response.status is None
            else _MEANINGS[answer.sense],
        )
        return ExchangeResult(
            attempt=attempt,
            channel_state=None if told is None else kept(told),
            edit_in=edit_in,
        )

    def announced(self, answer: Answer, told: Told) -> ExchangeResult:
        """End an announcement for which there is nothing to be tidied up."""
        if answer.sense is not Sense.OK:
            return self.outcome(answer)
        return self.outcome(answer, told, edit_in=self.min_interval)

    def done(self, told: Told, detail: str) -> ExchangeResult:
        """End with success, whatever the last answer was."""
        return ExchangeResult(
            attempt=Attempt(
                started=self.context.started,
                took=self.took,
                status=self.status,
                detail=detail,
                platform_result=AttemptResult.DELIVERED,
            ),
            channel_state=kept(told),
            edit_in=self.min_interval,
        )

    def skipped(self, why: str, *, edit_in: float = 0.0) -> ExchangeResult:
        """End without having told anything, on purpose."""
        attempt = Attempt(
            started=self.context.started,
            took=self.took,
            status=self.status,
            detail=f"skipped: {why}",
            platform_result=AttemptResult.DELIVERED,
        )
        return ExchangeResult(attempt=attempt, edit_in=edit_in)
