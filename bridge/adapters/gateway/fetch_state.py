"""What the requests of one question have brought, until it is one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.app.ports import FetchResult, PollError
from bridge.core.task import TaskSnapshot


@dataclass(slots=True)
class FetchState:
    """What the requests of one `fetch` have brought so far."""

    known: Mapping[str, str] = field(default_factory=dict)  #: What need not be read.
    tasks: dict[str, TaskSnapshot] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    poison_ids: set[str] = field(default_factory=set)
    unknown_ids: set[str] = field(
        default_factory=set
    )  #: Unknown, and refused for that.
    strangers: set[str] = field(default_factory=set)  #: See `FetchResult`.
    error: FetchResult | None = None
    warning: str = ""
    answered: bool = False  #: Whether any request had a valid answer.
    requests: int = 0  #: How many there were.
    unasked: set[str] = field(default_factory=set)  #: For want of time.
    stop_early: bool = False  #: Whether to take the first few answers for all of them.

    def add(self, result: FetchResult) -> None:
        """Merge the result of one request; the first error is the one that is reported."""
        if result.error is not None:
            self.error = self.error or result
            return
        self.answered = True
        self.tasks.update(result.tasks)
        self.unchanged |= result.unchanged
        self.strangers |= result.strangers
        self.warning = self.warning or result.detail

    def merge(self, other: FetchState) -> None:
        """Merge all that another way has brought."""
        self.tasks.update(other.tasks)
        self.unchanged |= other.unchanged
        self.poison_ids |= other.poison_ids
        self.unknown_ids |= other.unknown_ids
        self.strangers |= other.strangers
        self.unasked |= other.unasked
        self.error = self.error or other.error
        self.warning = self.warning or other.warning
        self.answered = self.answered or other.answered

    @property
    def is_useless(self) -> bool:
        """Whether it brought nothing but a failure that says nothing of us."""
        if self.answered or self.error is None:
            return False
        return self.error.error in {PollError.BROKEN, PollError.MISPLACED}

    @property
    def all_refused(self) -> bool:
        """Whether the poison may be innocent: the gateway refused all there was."""
        return not self.answered and self.error is None
