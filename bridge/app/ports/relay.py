"""Ports of the gateway: the upstreams that requests are passed on to, and what is kept for later."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bridge.app.ports.gateways import FetchResult
from bridge.core.delivery import Fault
from bridge.core.hook import Hook


class NotPassedOn(Exception):  # noqa: N818 - what happened to a request, not an error of ours
    """
    A request got no answer.

    Attributes:
        fault: What kind of trouble it was.

        detail: The same for a person, without any address.

        unsent: Whether surely nothing of it was sent; known only of one that was `alone`.
    """

    def __init__(self, fault: Fault, detail: str, *, unsent: bool = False) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail
        self.unsent = unsent


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """
    A request that is passed on, without the credentials that it came with.

    Attributes:
        path: From the speed on, such as ``/mj-fast/mj/submit/imagine``.

        query: With its question mark; empty if there is none.

        headers: Names in lower case; only what an upstream may know.

        content: The body; ``None`` if there is none.

        length: The body's bytes.

        alone: Whether it gets a connection of its own: one that was idle may be dead, and
            nothing would tell whether the request has arrived.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    content: AsyncIterable[bytes] | None = field(repr=False, default=None)
    length: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    An upstream's answer, while it comes in.

    Attributes:
        headers: Names in lower case, in their order.

        body: In pieces, as on the wire; a broken one raises `NotPassedOn`.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: AsyncIterator[bytes]


class UpstreamProxy(Protocol):
    """Passes requests on to one upstream, under its credentials."""

    def send(self, passed: Passed) -> AbstractAsyncContextManager[Answer]:
        """
        Pass a request on, once, and yield its answer.

        Raises:
            NotPassedOn: There was none.
        """

    def read(self, body: bytes, encoding: str, ids: Sequence[str]) -> FetchResult:
        """
        Return what the body of an answer says about tasks. Never raises.

        Args:
            encoding: Its ``content-encoding``.

            ids: What was asked for.
        """

    def unpacked(self, body: bytes, encoding: str) -> bytes:
        """Return a body without its ``content-encoding``; empty if it cannot be read."""

    async def aclose(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """
    What an upstream has taken.

    Attributes:
        ids: The new tasks.

        hook: Who wants to hear of them.

        hook_refused: Why there is no hook, if one was asked for.
    """

    upstream: str
    ids: tuple[str, ...]
    hook: Hook | None = None
    hook_refused: str = ""


class Spool(Protocol):
    """
    Keeps what was submitted while the store is away; it outlives the process.

    Attributes:
        folder: Where, for whoever has to make room.
    """

    folder: Path

    def put(self, submitted: Submitted) -> None:
        """
        Keep it. When this returns, it is on disk.

        Raises:
            OSError: It cannot be written.
        """

    def waiting(self) -> Sequence[str]:
        """
        Return the names of what is kept, the oldest first.

        Raises:
            OSError: It cannot be told.
        """

    def read(self, name: str) -> Submitted | None:
        """
        Return what is kept; ``None`` if another process has taken it.

        Raises:
            OSError: It cannot be read now.

            ValueError: It can be, and is not what was put.
        """

    def discard(self, name: str) -> None:
        """Delete it: it is tracked. Nothing happens if another process was first."""

    def set_aside(self, name: str) -> None:
        """Keep it where nobody tries it again: it cannot be tracked, and a person may look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """
    A submission that is on its way: what it is looked for by if nobody sees its answer.

    Attributes:
        route: Below ``/mj``, such as ``submit/imagine``.

        at: When it was sent, in seconds since the epoch, by this machine's clock.

        task_id: The task whose button it presses, if it presses one.
    """

    upstream: str
    route: str
    at: float
    prompt: str | None = field(default=None, repr=False)
    task_id: str | None = None
    custom_id: str | None = None
    hook: Hook | None = field(default=None, repr=False)


class Entry(Protocol):
    """A submission in a journal."""

    def close(self, *, answered: bool) -> None:
        """Forget it if its answer is known; else leave it to whoever looks for it. Never raises."""


class Journal(Protocol):
    """
    Keeps what is on its way, on this machine; it outlives the process.

    Attributes:
        folder: Where, for whoever has to make room.

        unreadable: How many were no submissions, when they were last looked through.
    """

    folder: Path
    unreadable: int

    def begin(self, sent: Sent) -> Entry:
        """
        Keep a submission until its answer is known.

        Raises:
            OSError: It cannot be written.
        """

    def unanswered(self) -> Sequence[tuple[str, Sent]]:
        """
        Return those that no process waits for any more, by their names.

        Raises:
            OSError: It cannot be told now, and of none that it can be told of.
        """

    def forget(self, name: str) -> None:
        """Forget one of those."""
