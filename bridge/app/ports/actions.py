"""Ports of actions: the store that keeps them, and what makes them at an upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from bridge.app.ports.delivery import Delivery
from bridge.app.ports.rows import Page
from bridge.core.action import ActionState
from bridge.core.endpoint import Publication
from bridge.core.event_data import Json
from bridge.core.hook import Hook
from bridge.core.http import Response
from bridge.core.rule import Rule
from bridge.core.task import TaskKey, TaskSnapshot

ActionKind: TypeAlias = Literal["press", "submit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What an action sends.

    Attributes:
        route: Below ``/mj``, such as ``submit/action``.

        body: To the upstream, as JSON.

        custom_id: The button that is pressed; ``None`` for a submission.

        prompt: Goes to ``submit/modal`` if the upstream asks for more.

        mask: The name of the mask that goes there as well, see `Masks`; ``None`` for none.

        sent_at: When somebody else has sent it, by this machine's clock: it is looked for, and
            never sent. ``None`` for what is to be sent.
    """

    route: str
    body: Mapping[str, Json] = field(repr=False)
    custom_id: str | None = None
    prompt: str | None = field(default=None, repr=False)
    mask: str | None = None
    sent_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAction:
    """
    An action that is asked for.

    Attributes:
        id: See `bridge.core.action`.

        round: For what may be pressed again, the round that the id belongs to; 0 for what has none.

        task: Whose button is pressed; ``None`` for a submission.

        delay: Seconds in which it can still be undone.

        metadata: What the child's events carry; ``None`` for what the parent's do.

        hook: The child's; ``None`` for the parent's.

        rule: Whose limit it counts towards, if it has one.

        limited: Reports that the rule drops presses; published once in a while.
    """

    id: str
    kind: ActionKind
    upstream: str
    task: TaskKey | None
    label: str | None
    by: str
    order: Order
    round: int = 0
    delay: float = 0.0
    metadata: Mapping[str, Json] | None = None
    hook: Hook | None = None
    max_origins: int = 0
    rule: Rule | None = None
    limited: Publication | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """
    An action as the store keeps it. Times are in seconds since the epoch.

    Attributes:
        child: The task that it made, the first if it made several; ``None`` if there is none yet.

        code: The upstream's own, of its last answer.

        reason: Why it stands as it does, for a person; ``None`` if nothing is to say.
    """

    id: str
    kind: ActionKind
    upstream: str
    task: TaskKey | None
    custom_id: str | None
    label: str | None
    state: ActionState
    child: str | None
    code: int | None
    reason: str | None
    by: str
    created_at: float
    sent_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """
    An action that was claimed, as it stood before.

    Attributes:
        row: Its state says what to do: `pending` was set to `sending` just now.

        modal: The task that waits for the prompt, once the upstream has named one.

        due_until: Until when it is tried again if it is not taken.

        searches: How often the upstream was asked what came of it.

        now: The store's clock.
    """

    row: ActionRow
    order: Order
    modal: str | None = None
    due_until: float = 0.0
    searches: int = 0
    now: float = 0.0


class ActionStore(Protocol):
    """The store as actions see it. Each method is one atomic step."""

    async def round_of(self, task: TaskKey, custom_id: str) -> int:
        """Return the round that a press of a button that may be pressed again belongs to."""

    async def create(self, action: NewAction) -> tuple[ActionRow, bool] | None:
        """
        Write an action down, to be sent as soon as its delay is over.

        One that was refused or cancelled is asked for anew.

        Returns:
            It, and whether it is new; ``None`` if its round is over: another id is its own.
        """

    async def find(self, action_id: str) -> ActionRow | None:
        """Return an action; ``None`` if none of this id is kept."""

    async def page(
        self,
        *,
        task: TaskKey | None = None,
        state: ActionState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ActionRow]:
        """
        List actions, the newest first.

        Raises:
            InvalidCursor: The cursor does not come from a list.
        """

    async def cancel(self, action_id: str) -> bool:
        """Undo an action that is pending and not being sent; return whether it was."""

    async def begin(self, delivery: Delivery) -> Begun | None:
        """
        Note that an action is about to be sent, before anything of it is.

        Returns:
            ``None`` if the claim was lost, or the action is not to be sent any more.
        """

    async def note_modal(self, delivery: Delivery, task_id: str) -> bool:
        """Note the task that waits for the prompt; return whether the claim still stands."""

    async def unknown_ids(self, upstream: str, ids: Sequence[str]) -> Sequence[str]:
        """Return those of some ids that are not tracked at an upstream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """
    An action whose request was not answered.

    Attributes:
        marker: What its task's ``state`` begins with; ``None`` if somebody else has sent it.

        task_id: Whose button was pressed; ``None`` for a submission.

        sent_at: In seconds since the epoch, by this machine's clock.
    """

    marker: str | None
    task_id: str | None
    custom_id: str | None
    prompt: str | None
    sent_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """
    What an upstream shows of a request that it did not answer.

    Attributes:
        found: The tasks that it made.

        candidates: Tasks that it may have made, if nobody else asked for them.

        absent: Whether the upstream's list is complete and has no such task, unless it is
            one of the candidates.

        blind: Whether the upstream has no way of being asked.
    """

    found: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    absent: bool = False
    blind: bool = False


class Masks(Protocol):
    """Keeps masks of actions outside of the store, on one machine. Never raises for what that does."""

    def keep(self, action_id: str, mask: bytes) -> str | None:
        """
        Keep a mask beside all others, also of the same action.

        Returns:
            Its name; ``None`` if it cannot be kept.
        """

    def read(self, name: str) -> bytes | None:
        """Return a mask; ``None`` if it is not on this machine."""

    def forget(self, name: str) -> None:
        """Forget a mask, if it is here."""


class ActionUpstream(Protocol):
    """An upstream that actions are made at. Never raises for what it does."""

    async def submit(
        self, route: str, body: Mapping[str, Json], *, within: float
    ) -> Response:
        """Send one request once, over a connection of its own, within some seconds."""

    async def task(self, task_id: str) -> TaskSnapshot | None:
        """Ask for a task; ``None`` if the upstream does not show it."""

    async def search(self, sought: Sought) -> SearchResult:
        """Look for the task of a request that was not answered, without changing anything."""

    def redacted(self, words: str) -> str:
        """Make the upstream's words fit to be shown."""

    async def aclose(self) -> None:
        """Close its connections."""
