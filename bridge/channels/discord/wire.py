"""
The wire: one message posted, edited or deleted, in the first form that Discord takes.

What it costs (time, the rate's budget) is added up over the whole conversation.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import TypeAlias, TypeVar

from bridge.channels.base import DeliveryContext, SaveState
from bridge.channels.discord import answers, pictures
from bridge.channels.discord.address import Address
from bridge.channels.discord.answers import FILTERED, Said, Sense
from bridge.channels.discord.options import Options
from bridge.channels.discord.payload import NAMES, Draft, Form
from bridge.channels.discord.pictures import Shown
from bridge.channels.headers import with_own
from bridge.channels.message import Message
from bridge.channels.picture import form as multipart
from bridge.channels.picture import to_fetch
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response
from bridge.version import __version__

T = TypeVar("T")
#: A part of a conversation that comes to a result of its own.
Steps: TypeAlias = Generator[Request | SaveState, Response, T]

#: ``DiscordBot (where it is from, version)`` is the form that Discord asks of programs.
USER_AGENT = f"DiscordBot (mjbridge, {__version__})"
#: A message comes back whole, and Chinese takes three bytes a character.
_ANSWER_MOST = 256 * 1024

_RUNNING = frozenset({"task.started", "task.progress"})


def request(
    endpoint: Endpoint, method: str, url: str, content_type: str = "", body: bytes = b""
) -> Request:
    """Make a request to Discord."""
    ours = {"user-agent": USER_AGENT}
    if content_type:
        ours["content-type"] = content_type
    return Request(
        url=url,
        method=method,
        body=body,
        headers=with_own(ours, endpoint.headers),
        most=_ANSWER_MOST,
    )


class Wire:
    """
    What Discord is told in one conversation, and what it says.

    Args:
        occasion: The conversation's.

        form: The form to begin with: not one that was refused before.

        linked: Whether the picture is linked, because an upload of it came to nothing.

    Attributes:
        took: Seconds that the requests took together.

        hold: Seconds until Discord takes more messages; ``None`` if it takes more now.

        last: Its last answer.

        carried: Whether the last request carried a file.

        form: The form that was tried last.

        refused: Why it is not the fullest.
    """

    def __init__(
        self,
        context: DeliveryContext,
        address: Address,
        message: Message,
        form: Form,
        *,
        linked: bool = False,
    ) -> None:
        self.took = 0.0
        self.hold: float | None = None
        self.last = Response(took=0.0)
        self.carried = False
        self.form = form
        self.refused = ""
        self._context = context
        self._address = address
        self._message = message
        self._options = Options.of(context.endpoint)
        self._linked = linked
        self._shown: Shown | None = None

    def post(
        self, *, silent: bool, thread: str, begin: str = "", parent: str = ""
    ) -> Steps[Said]:
        """
        Post the message.

        Args:
            silent: Whether nobody is to be notified.

            thread: The thread to post it in; empty for the channel.

            begin: The name of a thread to begin with it.

            parent: URL of the message that it follows.
        """
        draft = self._draft(silent=silent, parent=parent, begin=begin)
        return (yield from self._send("POST", self._address.to_post(thread), draft))

    def edit(self, message: str, *, thread: str, picture: bool = True) -> Steps[Said]:
        """Put the message in the place of an older one."""
        url = self._address.to_edit(message, thread)
        draft = self._draft(edit=True)
        return (yield from self._send("PATCH", url, draft, picture=picture))

    def delete(self, message: str, *, thread: str) -> Steps[Said]:
        """Delete an older message."""
        return (
            yield from self._ask("DELETE", self._address.to_delete(message, thread))
        )

    def guild(self) -> Steps[str]:
        """Ask for the id of the server; empty if it is not said."""
        yield from self._ask("GET", self._address.to_ask())
        return answers.guild_of(self.last)

    def _draft(
        self,
        *,
        silent: bool = False,
        edit: bool = False,
        parent: str = "",
        begin: str = "",
    ) -> Draft:
        return Draft(
            message=self._message,
            options=self._options,
            at=self._context.at,
            form=self.form,
            silent=silent,
            edit=edit,
            parent=parent,
            begin=begin,
        )

    def _send(
        self, method: str, url: str, draft: Draft, *, picture: bool = True
    ) -> Steps[Said]:
        if picture and draft.form < Form.WITHOUT_PICTURE:
            draft = replace(draft, shown=(yield from self._picture()))
        while True:
            said = yield from self._ask(method, url, draft)
            if said.sense is Sense.SMALLER and draft.file:
                self._shown = pictures.linked(self._message, at=self._context.at)
                draft = replace(draft, shown=self._shown)
                continue
            if said.sense not in {Sense.PLAINER, Sense.SMALLER}:
                return said
            if said.blamed & NAMES and draft.named:
                # The name is refused, not the message: it would be refused in every form.
                draft, self.refused = replace(draft, named=False), said.detail
                continue
            plainer = _plainer(draft, said)
            if plainer is None:
                return said
            draft, self.form, self.refused = plainer, plainer.form, said.detail

    def _picture(self) -> Steps[Shown]:
        """Decide, once, how the picture is shown."""
        if self._shown is None:
            self._shown = yield from self._look()
        return self._shown

    def _look(self) -> Steps[Shown]:
        message, images = self._message, self._options.images
        result = message.shows
        at = self._context.at
        if not (result or message.type in _RUNNING):
            return Shown()
        if images == "none":
            return pictures.left_out(message, at=at) if result else Shown()
        # A running task's picture is another one in a moment: not worth the way.
        fetch = None
        if result and images == "upload" and not self._linked:
            fetch = to_fetch(message, self._context.endpoint.timeout)
        if fetch is None:
            return pictures.linked(message, at=at)
        response = yield fetch
        self.took += response.took
        return pictures.fetched(response, message, at=at)

    def _ask(self, method: str, url: str, draft: Draft | None = None) -> Steps[Said]:
        kind, body = self._packed(draft) if draft else ("", b"")
        response = yield request(self._context.endpoint, method, url, kind, body)
        self.took += response.took
        self.last = response
        self.carried = draft is not None and draft.file is not None
        # Every method has a bucket of its own. So the rate, which counts deliveries, is
        # right for a POST with the DELETE that follows it (``final = "replace"``), and
        # that nothing is left for deleting is no reason to hold messages back.
        wait = answers.budget(response.headers)
        if draft is not None and wait is not None:
            self.hold = max(self.hold or 0.0, wait)
        now = response.at or self._context.at
        return answers.read(response, now=now, hide=self._address.token)

    def _packed(self, draft: Draft) -> tuple[str, bytes]:
        text = json.dumps(draft.payload(), ensure_ascii=False, separators=(",", ":"))
        body = text.encode(errors="replace")
        if draft.file is None:
            return "application/json", body
        return multipart(
            {"payload_json": body},
            "files[0]",
            draft.file,
            boundary=self._context.event.id,
        )


def _plainer(draft: Draft, said: Said) -> Draft | None:
    """The next form to try; ``None`` if there is none left."""
    if said.code not in FILTERED:
        return next(draft.plainer(), None)
    forms = (form for form in draft.plainer() if form.form is Form.OUR_WORDS)
    return next(forms, None)
