"""The port of polling: gateways that are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bridge.core.task import TaskSnapshot


class PollError(StrEnum):
    """Why an upstream's answer is not valid."""

    REFUSED = "refused"  #: 401, 403: the key, its quota or our address.
    THROTTLED = "throttled"  #: 429.
    BROKEN = "broken"  #: 5xx, no answer, an unreadable one, an error envelope.
    MISPLACED = "misplaced"  #: A page or a redirect: probably a wrong base URL.


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """
    What an upstream answered about some tasks.

    Attributes:
        tasks: By id, only ids that were asked for. A task that is not among them is
            unknown to the upstream, or hidden by a hiccup of its own.

        error: ``None`` if the answer is valid. Then, and only then, does a missing
            task count as missing.

        detail: What is wrong, for a person, without secrets.

        retry_after: Seconds that the upstream asked us to wait.

        mend: What to do about it, for a person, where the answer tells.

        poison_ids: Ids that the upstream refused to be asked about even alone. They
            count as missing; the rest of `tasks` is valid.

        unasked: Ids that there was no time to ask about. Nothing is known of them.

        unchanged: Ids whose row is the one that the caller knows; they are not in `tasks`.

        strangers: Ids that were listed in the place of all that were asked for, cut to a length
            that can be shown.

        requests: How many requests it took.
    """

    tasks: Mapping[str, TaskSnapshot] = field(default_factory=dict)
    error: PollError | None = None
    detail: str = ""
    retry_after: float | None = None
    mend: str = ""
    poison_ids: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()
    unchanged: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()
    requests: int = field(default=1, compare=False)


class Upstream(Protocol):
    """A gateway account that is polled."""

    async def fetch(
        self, ids: Sequence[str], known: Mapping[str, str] | None = None
    ) -> FetchResult:
        """
        Ask about tasks, in one request where the gateway allows it.

        Never raises for what the gateway or the network does.

        Args:
            ids: What to ask about.

            known: By id, the digest of a row that need not be read, see
                `bridge.core.task.TaskSnapshot.row_digest`.
        """

    async def aclose(self) -> None:
        """Close its connections."""
