"""Findings: what the requests of one look at a gateway have brought so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.app.ports import Answer, PollError
from bridge.core.task import TaskSnapshot


@dataclass(slots=True)
class Findings:
    """What one `fetch` has found out so far."""

    tasks: dict[str, TaskSnapshot] = field(default_factory=dict)
    suspects: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)  #: Unknown, and refused for that.
    complaint: Answer | None = None
    warning: str = ""
    answered: bool = False  #: Whether any request had a valid answer.
    requests: int = 0  #: How many there were.
    unasked: set[str] = field(default_factory=set)  #: For want of time.
    hasty: bool = False  #: Whether to take the first few answers for all of them.

    def add(self, answer: Answer) -> None:
        """Take in the answer to one request; the first complaint is the one told."""
        if answer.complaint is not None:
            self.complaint = self.complaint or answer
            return
        self.answered = True
        self.tasks.update(answer.tasks)
        self.warning = self.warning or answer.detail

    def take(self, other: Findings) -> None:
        """Take in all of another one."""
        self.tasks.update(other.tasks)
        self.suspects |= other.suspects
        self.strangers |= other.strangers
        self.unasked |= other.unasked
        self.complaint = self.complaint or other.complaint
        self.warning = self.warning or other.warning
        self.answered = self.answered or other.answered

    @property
    def is_useless(self) -> bool:
        """Whether it brought nothing but a failure that says nothing of us."""
        if self.answered or self.complaint is None:
            return False
        return self.complaint.complaint in {PollError.BROKEN, PollError.MISPLACED}
