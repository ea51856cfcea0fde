"""
Endpoints: which events go where.

An endpoint's URL is a password (anyone who knows a chat webhook's URL can post there), so
it is kept out of `repr`, and errors and logs speak of an endpoint by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Self

from bridge.core.backoff import STANDARD_SCHEDULE, Schedule
from bridge.core.change import ChangeType
from bridge.core.event import ARCHIVED, Event

#: What a webhook gets unless its ``events`` say otherwise: every change of a task
#: but its progress.
DEFAULT_EVENTS = (
    *(str(type_) for type_ in ChangeType if type_ != ChangeType.PROGRESS),
    ARCHIVED,
)


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
class EndpointOptions:
    """
    The settings that only some kinds of endpoint have; each channel has a class of them.

    A field that is left out of `repr` is a secret.
    """

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """
        Return an endpoint's options as the channel of its kind reads them.

        An endpoint that was made without any has the defaults.

        Raises:
            TypeError: It has those of another kind, or none where some are required.
        """
        options = endpoint.options
        if isinstance(options, cls):
            return options
        if type(options) is not EndpointOptions:
            msg = f"endpoint {endpoint.name} has {type(options).__name__}"
            raise TypeError(msg)
        return cls()

    def secrets_within(self) -> Iterator[str]:
        """Return every secret among these settings that is set."""
        for each in fields(self):
            value = getattr(self, each.name)
            if not each.repr and value:
                yield from (value,) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """
    One configured receiver.

    Attributes:
        name: What people, logs and metrics call it.

        kind: The channel that speaks to it.

        url: Where it listens. A secret.

        events: Globs over event types.

        upstreams: The upstreams whose events it gets; ``None`` for all.

        headers: Sent along with every request.

        timeout: Seconds for a whole attempt, from connecting to the answer's end.

        rate: Requests over time; ``None`` for no limit.

        concurrency: Requests in flight at once, over all workers.

        edits: Whether it shows a task's way in one message that is edited in place. What
            is on the way then gives way to what comes later, as progress does everywhere.

        schedule: Seconds before the 2nd, 3rd, ... scheduled attempt.

        proxy: The proxy to go through; ``None`` for none, whatever the environment
            says.

        tls_ca: A file of certificates to trust instead of the system's.

        guarded: Whether it must not be reached at a private address.

        internal: Whether it is the bridge's own work, which nobody waits for elsewhere:
            operators are not sent an event about each delivery that is given up.

        wait: Seconds that a picture's delivery waits until the picture is kept.

        options: The settings that only its kind has.
    """

    name: str
    url: str = field(repr=False)
    kind: str = "webhook"
    events: tuple[str, ...] = DEFAULT_EVENTS
    upstreams: tuple[str, ...] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 15.0
    rate: Rate | None = None
    concurrency: int = 20
    edits: bool = False
    schedule: Schedule = STANDARD_SCHEDULE
    proxy: str | None = field(default=None, repr=False)
    tls_ca: str | None = None
    guarded: bool = False
    internal: bool = False
    wait: float = 0.0
    options: EndpointOptions = EndpointOptions()

    def wants(self, event: Event) -> bool:
        """Whether this endpoint subscribes to an event."""
        heard_of = self.upstreams is None or event.upstream is None
        if not heard_of and event.upstream not in (self.upstreams or ()):
            return False
        return self.hears_of(event.type)

    def hears_of(self, event_type: str) -> bool:
        """Whether this endpoint subscribes to events of a type."""
        return any(fnmatchcase(event_type, glob) for glob in self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """
    An event and its recipients, by name, in the order of the configuration.

    Attributes:
        hook: The formats of hooks that get it: the hook of the event's task is a recipient,
            if it has one in one of them.

        traceparent: The trace that the event belongs to, as in W3C Trace Context; ``None``
            if nothing is traced.
    """

    event: Event
    recipients: tuple[str, ...]
    hook: tuple[str, ...] = ()
    traceparent: str | None = None

    @classmethod
    def of(cls, event: Event, endpoints: Iterable[Endpoint]) -> Self:
        """Address an event to the endpoints that subscribe to it."""
        names = tuple(endpoint.name for endpoint in endpoints if endpoint.wants(event))
        return cls(event=event, recipients=names)
