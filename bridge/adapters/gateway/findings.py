"""Findings: what the requests of one look at a gateway have brought so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.app.ports import FetchResult, PollError
from bridge.core.task import TaskSnapshot


@dataclass(slots=True)
class Findings:
    """What one `fetch` has found out so far."""

    tasks: dict[str, TaskSnapshot] = field(default_factory=dict)
    poison_ids: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)  #: Unknown, and refused for that.
    error: FetchResult | None = None
    warning: str = ""
    answered: bool = False  #: Whether any request had a valid answer.
    requests: int = 0  #: How many there were.
    unasked: set[str] = field(default_factory=set)  #: For want of time.
    hasty: bool = False  #: Whether to take the first few answers for all of them.

    def add(self, answer: FetchResult) -> None:
        """Take in the answer to one request; the first complaint is the one told."""
        if answer.error is not None:
            self.error = self.error or answer
            return
        self.answered = True
        self.tasks.update(answer.tasks)
        self.warning = self.warning or answer.detail

    def take(self, other: Findings) -> None:
        """Take in all of another one."""
        self.tasks.update(other.tasks)
        self.poison_ids |= other.poison_ids
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
