"""Signs of life of beat, workers and store, which say whether a deployment works at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

#: What workers serve: tasks that are to be polled, and deliveries that are due.
Queue: TypeAlias = Literal["poll", "deliver"]
#: All of them; a worker may serve a single one.
QUEUES: tuple[Queue, ...] = get_args(Queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignsOfLife:
    """
    When beat and workers were last heard of.

    Attributes:
        answered_at: When a worker last answered a tick of beat; ``None`` if none ever did.

        served_at: When a worker was last there for a queue, by the queue.

        configured_at: When one was last there with a configuration, by its digest.
    """

    answered_at: float | None = None
    served_at: Mapping[str, float] = field(default_factory=dict)
    configured_at: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOn:
    """
    What a worker that signs on hears of beat and of the others.

    Attributes:
        now: The store's clock.

        answered_at: When a worker last answered a tick of beat; ``None`` if none ever did.

        others_at: When one with another configuration was last there; ``None`` if none was.
    """

    now: float
    answered_at: float | None = None
    others_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMemory:
    """
    How the store's memory stands.

    Attributes:
        share: Used, of what it may use; 0 without a limit.

        evicts: The policy by which keys are evicted when it is full; empty if none are.
    """

    share: float
    evicts: str
