"""Parts: what settings say, as the objects that do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.adapters.broker.transport import Broker, broker_of
from bridge.adapters.gateway.batches import HttpUpstream, UpstreamOptions
from bridge.adapters.http import apprise as apprise_sender
from bridge.adapters.local.runfile import read_run_file
from bridge.app.delivery.attempt import Recipient
from bridge.app.poll import PolledUpstream
from bridge.app.ports import PollLimits
from bridge.channels import apprise, channel_for
from bridge.core.cadence import PollPolicy
from bridge.core.endpoint import Endpoint
from bridge.errors import StoreUnavailable
from bridge.settings import Settings, UpstreamSettings

#: Seconds beyond an upstream's timeout after which what was claimed is up for others.
POLL_LEASE_MARGIN = 10.0


def store_url(settings: Settings) -> str:
    """
    Say where the store is: as configured, or the one that a running `mjbridge up` holds.

    Raises:
        StoreUnavailable: Nothing is configured and nothing runs.
    """
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    run = read_run_file(settings.data_dir)
    if run is None:
        msg = (
            "no store runs here; start one with `mjbridge up`, or set BRIDGE_REDIS_URL to a "
            "Redis or Valkey server that runs"
        )
        raise StoreUnavailable(msg)
    return run.redis_url


def broker(settings: Settings) -> Broker:
    """Say where wake-ups travel."""
    url = settings.broker_url
    address = url.get_secret_value() if url is not None else store_url(settings)
    return broker_of(address, settings.namespace)


def endpoints_of(settings: Settings) -> Sequence[Endpoint]:
    """Return the configured endpoints in the words of the core, in their order."""
    return [one.to_endpoint(name) for name, one in settings.endpoints.items()]


def receivers_of(endpoints: Sequence[Endpoint]) -> Mapping[str, Recipient]:
    """
    Find the channel of every endpoint.

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
    key = settings.api_key
    proxy = settings.proxy
    return HttpUpstream(
        UpstreamOptions(
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
    )


def polled(name: str, settings: UpstreamSettings) -> PolledUpstream:
    """Say how an upstream is polled."""
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
