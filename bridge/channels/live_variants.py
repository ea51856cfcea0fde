"""
Sending a live message: in the first variant that the platform takes.

What was refused once is not sent again, neither in this attempt nor in the next one at the same
event; and a picture whose upload brought no answer is linked in the next.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.channels.live_port import LivePort, RequestSteps, Retry, Steps
from bridge.channels.reply import CUT_OFF, Reply, reply_to
from bridge.core.delivery import AttemptResult
from bridge.core.http import Request


class VariantSender:
    """
    What is sent in one attempt.

    Args:
        port: Makes the requests and reads the responses.

        retry: What the last attempt at this event has found out.

    Attributes:
        taken: The variant that was taken last.

        refused: Why it is not the fullest; empty if it is.

        hold: Seconds until the platform takes more; ``None`` if it does now.

        extra_requests: Requests that were made in the place of refused ones; the platform's limit
            counts both.
    """

    def __init__(self, port: LivePort, retry: Retry) -> None:
        port.linked = retry.linked
        self._port = port
        #: The variant to begin with.
        self._variant = (
            retry.variant if retry.variant in port.variants else port.variants[0]
        )
        self._uploaded = False  #: Whether the last request carried a file.
        self.taken = self._variant
        self.refused = ""
        self.hold: float | None = None
        self.extra_requests = 0

    def send(self, make: Callable[[str], RequestSteps]) -> Steps[Reply]:
        """Send the message in the first variant that is taken."""
        reply, refused = Reply(), None
        variant: str | None = self._variant
        while variant is not None:
            request = yield from make(variant)
            if request is None or request == refused:
                variant = self._port.fallback(variant, None)
                if refused is not None and variant is not None:
                    self._variant = variant
                continue
            self.extra_requests += refused is not None
            reply = yield from self.ask(request)
            if not reply.fallback:
                self.taken = variant
                break
            refused, self.refused = request, self.refused or reply.detail
            if (variant := self._port.fallback(variant, reply)) is not None:
                self._variant = variant
        if reply.ok and reply.retry_after:
            self.hold = max(self.hold or 0.0, reply.retry_after)
        return reply

    def ask(self, request: Request) -> Steps[Reply]:
        """Send a request, and read the response."""
        content_type = request.headers.get("content-type", "")
        self._uploaded = content_type.startswith("multipart/")
        response = yield request
        return reply_to(response, self._port.read)

    def next_retry(self, reply: Reply, event: str) -> Retry:
        """Return what the next attempt at this event should know."""
        # In turns: if there was no answer to a link either, it was not the file.
        linked = self._uploaded if reply.fault in CUT_OFF else self._port.linked
        afresh = not linked and self._variant == self._port.variants[0]
        if afresh or reply.ok or reply.result is AttemptResult.PERMANENT_FAILURE:
            return Retry()
        return Retry(event=event, variant=self._variant, linked=linked)
