"""Upstreams, made from their settings: beside `factories`, for a beat needs no HTTP client."""

from __future__ import annotations

from bridge.adapters.gateway.actions import ActionClient
from bridge.adapters.gateway.upstream import HttpUpstream, UpstreamOptions
from bridge.app.poll import PolledUpstream
from bridge.app.ports import PollLimits
from bridge.core.cadence import PollPolicy
from bridge.settings import UpstreamSettings

#: Seconds beyond an upstream's timeout after which what was claimed is up for others.
POLL_LEASE_MARGIN = 10.0


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


def action_client(name: str, settings: UpstreamSettings) -> ActionClient:
    """Make what makes actions at an upstream."""
    return ActionClient(upstream_options(name, settings))


def polled(name: str, settings: UpstreamSettings) -> PolledUpstream:
    """Make an upstream that is polled, with its limits and its policy."""
    return PolledUpstream(
        upstream=upstream_of(name, settings),
        limits=PollLimits(
            batch_size=settings.batch_size,
            concurrency=settings.concurrency,
            rate=settings.rate_limit,
            lease=settings.timeout + POLL_LEASE_MARGIN,
            # Less than the margin: what is being asked about has its lease's end beyond that.
            ride=min(settings.poll_interval, POLL_LEASE_MARGIN) / 2,
        ),
        policy=policy_of(settings),
    )


def policy_of(settings: UpstreamSettings) -> PollPolicy:
    """Return when the tasks of an upstream are polled, and given up."""
    return PollPolicy(
        poll_interval=settings.poll_interval,
        missing_after=settings.missing_after,
        max_age=settings.max_age,
        batch_size=settings.batch_size,
    )
