"""
Presence: a worker signs on in the store every few seconds, with the queues that it serves.

So a deployment knows whether anybody polls and whether anybody delivers, which beat's ticks
cannot tell: each is answered by one worker of one queue. And it knows whether all of them run
with the same configuration, which decides whom an event is made for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256

from bridge.app.outage import Outage
from bridge.app.ports import SignedOn
from bridge.app.waiting import SILENT_AFTER
from bridge.core.endpoint import Endpoint
from bridge.core.rule import Rule
from bridge.errors import BridgeError
from bridge.runtime.discovery import endpoints_of, rules_of
from bridge.settings import Settings

#: Seconds for which workers may differ: they are replaced one after the other.
MAY_DIFFER_FOR = 60.0
#: Seconds between two lines about it.
REMIND_EVERY = 600.0


class Presence:
    """One worker's: it signs on, and hears of beat and of the others."""

    def __init__(self, sign_on: Callable[[], Awaitable[SignedOn]]) -> None:
        """
        Begin without having signed on.

        Args:
            sign_on: See `StoreAdmin.sign_on`.
        """
        self._sign_on = sign_on
        #: That others have another configuration.
        self._difference = Outage(
            "workers.differ", "workers.agree", remind_every=REMIND_EVERY
        )
        self._born = 0.0  #: By the store's clock.
        self._differs_since: float | None = None

    async def silent_for(self) -> float:
        """
        Sign on, and return the seconds since a sweep ran on a tick, or since there is this
        worker to see one.
        """
        try:
            signed = await self._sign_on()
        except BridgeError:
            self._born = 0.0  # nobody's tick came through, and nobody's was missed
            raise
        self._compare(signed)
        self._born = min(self._born or signed.now, signed.now)
        return signed.now - max(signed.answered_at or 0.0, self._born)

    def _compare(self, signed: SignedOn) -> None:
        now, others_at = signed.now, signed.others_at
        if others_at is None or now - others_at > SILENT_AFTER:
            self._differs_since = None
            self._difference.worked()
            return
        self._differs_since = min(self._differs_since or now, now)
        if now - self._differs_since > MAY_DIFFER_FOR:
            self._difference.failed(
                "other workers run with another configuration, and each makes events for its "
                "own endpoints only; give all of them the same one, or each deployment a namespace "
                "of its own"
            )


def digest_of(settings: Settings) -> str:
    """
    Return what tells a configuration from those that make other events, or for others.

    It may differ from machine to machine in all else, and no secret can be learned from it.
    """
    hooks = settings.hooks
    said = [
        sorted((name, one.base_url) for name, one in settings.upstreams.items()),
        sorted(map(_said_of, endpoints_of(settings))),
        sorted(map(_said_of_rule, rules_of(settings))),
        (hooks.enabled, tuple(hooks.events), hooks.max_origins),
        settings.progress_step,
    ]
    return sha256(repr(said).encode()).hexdigest()[:16]


def _said_of(endpoint: Endpoint) -> tuple[str, ...]:
    heard = (endpoint.events, endpoint.upstreams)
    limits = (endpoint.rate, endpoint.concurrency)
    return endpoint.name, endpoint.kind, endpoint.url, repr(heard), repr(limits)


def _said_of_rule(rule: Rule) -> tuple[str, str]:
    where = {field: tuple(texts) for field, texts in sorted(rule.where.items())}
    return rule.name, repr(replace(rule, where=where))
