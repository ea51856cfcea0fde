"""
Endpoints: which events go where.

An endpoint's URL is a password (whoever knows a chat webhook's URL can post there), so
it is kept out of `repr`, and errors and logs speak of an endpoint by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bridge.core.backoff import STANDARD_DELAYS
from bridge.core.change import ChangeType
from bridge.core.event import Event

#: What a webhook gets unless its ``events`` say otherwise: every change of a task
#: but its progress.
DEFAULT_EVENTS = tuple(str(kind) for kind in ChangeType if kind != ChangeType.PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """
    A limit of requests over time, as a bucket of tokens.

    Attributes:
        per_second: Tokens that flow in a second; above 0.

        burst: Tokens that the bucket holds; at least 1.
    """

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """
    One configured receiver.

    Attributes:
        name: What people, logs and metrics call it.

        kind: The channel that speaks to it.

        url: Where it listens. A secret.

        secrets: Signing secrets; the first signs first.

        events: Globs over event types.

        upstreams: The upstreams it hears about; ``None`` for all.

        headers: Sent along with every request.

        timeout: Seconds for a whole attempt, from connecting to the answer's end.

        rate: Requests over time; ``None`` for no limit.

        concurrency: Requests in flight at once, over all workers.

        edits: Whether it shows a task's way in one message that is edited in place. What
            is on the way then gives way to what comes later, as progress does everywhere.

        delays: Seconds before the 2nd, 3rd, ... scheduled attempt.

        proxy: The proxy to go through; ``None`` for none, whatever the environment
            says.

        tls_ca: A file of certificates to trust instead of the system's.

        options: The settings of its kind, as the channel reads them.
    """

    name: str
    url: str = field(repr=False)
    kind: str = "webhook"
    secrets: tuple[str, ...] = field(default=(), repr=False)
    events: tuple[str, ...] = DEFAULT_EVENTS
    upstreams: tuple[str, ...] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 15.0
    rate: Rate | None = None
    concurrency: int = 20
    edits: bool = False
    delays: tuple[float, ...] = STANDARD_DELAYS
    proxy: str | None = field(default=None, repr=False)
    tls_ca: str | None = None
    options: Mapping[str, object] = field(default_factory=dict, repr=False)

    def wants(self, event: Event) -> bool:
        """Whether this endpoint subscribes to an event."""
        heard_of = self.upstreams is None or event.upstream is None
        if not heard_of and event.upstream not in (self.upstreams or ()):
            return False
        return any(fnmatchcase(event.type, glob) for glob in self.events)


def receivers(event: Event, endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """Name the endpoints that an event is for, in the order of the configuration."""
    return tuple(endpoint.name for endpoint in endpoints if endpoint.wants(event))
