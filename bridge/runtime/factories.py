"""Factories: settings turned into the objects that do the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.adapters.broker.transport import Broker, broker_of
from bridge.adapters.gateway.batches import HttpUpstream, UpstreamOptions
from bridge.adapters.http import apprise as apprise_sender
from bridge.app.delivery.attempt import Recipient
from bridge.app.poll import PolledUpstream
from bridge.app.ports import PollLimits
from bridge.channels import apprise, channel_for
from bridge.core.cadence import PollPolicy
from bridge.core.endpoint import Endpoint
from bridge.runtime.discovery import store_url
from bridge.settings import Settings, UpstreamSettings

#: Seconds beyond an upstream's timeout after which what was claimed is up for others.
POLL_LEASE_MARGIN = 10.0


def broker(settings: Settings) -> Broker:
    """Return the broker that wake-ups travel through."""
    url = settings.broker_url
    address = url.get_secret_value() if url is not None else store_url(settings)
    return broker_of(address, settings.namespace)


def receivers_of(endpoints: Sequence[Endpoint]) -> Mapping[str, Recipient]:
    """
    Pair every endpoint with its channel.

    Raises:
        Misconfigured: There is none for a kind, or a package that it needs is missing.
    """
    if any(endpoint.kind == apprise.KIND for endpoint in endpoints):
        apprise_sender.require()
    return {
        endpoint.name: Recipient(endpoint=endpoint, channel=channel_for(endpoint.kind))
        for endpoint in endpoints
    }


def upstream_of(name: str, settings: UpstreamSettings) -> HttpUpstream:
    """Make the client of an upstream."""
    return HttpUpstream(upstream_options(name, settings))


def upstream_options(name: str, settings: UpstreamSettings) -> UpstreamOptions:
    """Return how an upstream is reached."""
    key = settings.api_key
    proxy = settings.proxy
    return UpstreamOptions(
        name=name,
        base_url=settings.base_url,
        api_key=key.get_secret_value() if key is not None else "",
        auth=settings.auth,
        timeout=settings.timeout,
        concurrency=settings.concurrency,
        rate=settings.rate_limit.per_second,
        proxy=proxy.get_secret_value() if proxy is not None else None,
        tls_ca=str(settings.tls_ca) if settings.tls_ca else None,
    )


def polled(name: str, settings: UpstreamSettings) -> PolledUpstream:
    """Make an upstream that is polled, with its limits and its policy."""
    return PolledUpstream(
        upstream=upstream_of(name, settings),
        limits=PollLimits(
            batch_size=settings.batch_size,
            concurrency=settings.concurrency,
            rate=settings.rate_limit,
            lease=settings.timeout + POLL_LEASE_MARGIN,
        ),
        policy=PollPolicy(
            poll_interval=settings.poll_interval,
            missing_after=settings.missing_after,
            max_age=settings.max_age,
        ),
    )
