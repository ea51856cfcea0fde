"""The checkup: what `mjbridge check` looks at, and `mjbridge endpoints test` sends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bridge.adapters.broker.transport import Broker
from bridge.adapters.gateway.probe import probe
from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.adapters.http.tls import tls_context
from bridge.adapters.local.embedded import find_server
from bridge.app import findings
from bridge.app.findings import Finding
from bridge.app.humanize import host_of
from bridge.app.samples import send_sample
from bridge.channels import channel_for
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.errors import BridgeError, StoreUnavailable
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import NO_KEY, endpoints_of, has_store, is_sandbox
from bridge.runtime.factories import broker, upstream_options
from bridge.settings import Settings, UpstreamSettings

#: Seconds to wait for a broker that is not the store.
BROKER_TIMEOUT = 3


async def check_up(settings: Settings, *, online: bool) -> Sequence[Finding]:
    """
    Look at configuration, store, workers, upstreams and endpoints.

    Args:
        settings: The deployment's; they are valid, or they could not be read.

        online: Also ask upstreams and platforms whether they accept us. Nothing is posted.
    """
    valid = "every setting is valid"
    if is_sandbox(settings):
        valid += "; without an API key, this is the sandbox that is running here"
    endpoints = await _endpoints(settings, online=online)
    return [
        Finding(about="configuration", detail=valid),
        *await _store(settings),
        *await _broker(settings),
        *await _upstreams(settings, online=online),
        *await _with_health(endpoints, settings),
    ]


async def try_endpoint(settings: Settings, endpoint: Endpoint, event: str) -> Attempt:
    """Send a sample event of a type to an endpoint now."""
    sender = HttpSender(guard=Guard(settings.allow_networks))
    try:
        return await send_sample(
            endpoint, event, sender=sender, now=time.time, elapsed=time.monotonic
        )
    finally:
        await sender.aclose()


# --- the store ------------------------------------------------------------------------


async def _store(settings: Settings) -> Sequence[Finding]:
    if not has_store(settings):
        return [_embedded(settings)]
    try:
        async with Deployment(settings) as deployment:
            warnings = await deployment.ready()
            now = await deployment.admin.clock()
            heartbeat = await deployment.queries.heartbeat()
    except StoreUnavailable as error:
        if error.args:  # it answers, but not as hoped: it says itself what is wrong
            return [findings.of_error("store", error)]
        mend = "is the server running, and is it where BRIDGE_REDIS_URL says?"
        detail = "it does not answer"
        return [Finding(about="store", level="error", detail=detail, mend=mend, code=1)]
    except BridgeError as error:
        return [findings.of_error("store", error)]
    where = "configured" if settings.redis_url else "built in"
    return [
        Finding(about="store", detail=f"{where}; it answers, and evicts nothing"),
        *(Finding(about="store", level="warning", detail=one) for one in warnings),
        findings.of_heartbeat(heartbeat, now),
    ]


def _embedded(settings: Settings) -> Finding:
    try:
        find_server()
    except BridgeError as error:
        return findings.of_error("store", error)
    detail = f"built in, in {settings.data_dir}; it is not running"
    mend = "mjbridge up starts it"
    return Finding(about="store", level="note", detail=detail, mend=mend)


# --- the broker -----------------------------------------------------------------------


async def _broker(settings: Settings) -> Sequence[Finding]:
    """Try a broker that is not the store, once."""
    if settings.broker_url is None:
        return []
    try:
        await asyncio.to_thread(_connect, broker(settings))
    except Exception as error:  # noqa: BLE001 - whatever the transport's client raises
        mend = "is the broker running, and is it where BRIDGE_BROKER_URL says?"
        detail = f"it does not answer ({type(error).__name__})"
        return [
            Finding(about="broker", level="error", detail=detail, mend=mend, code=1)
        ]
    return [Finding(about="broker", detail="configured; it answers")]


def _connect(address: Broker) -> None:
    from kombu import Connection

    with Connection(
        address.url,
        transport_options=address.options,
        ssl=address.tls or False,
        connect_timeout=BROKER_TIMEOUT,
    ) as connection:
        connection.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT)


# --- upstreams ------------------------------------------------------------------------


async def _upstreams(settings: Settings, *, online: bool) -> Sequence[Finding]:
    if not settings.upstreams:
        detail, _, mend = NO_KEY.partition(": ")
        return [
            Finding(about="upstream", level="error", detail=detail, mend=mend, code=2)
        ]
    looked_at = (
        _upstream(name, one, online=online) for name, one in settings.upstreams.items()
    )
    return await asyncio.gather(*looked_at)


async def _upstream(name: str, settings: UpstreamSettings, *, online: bool) -> Finding:
    ca = str(settings.tls_ca) if settings.tls_ca else None
    if finding := _untrusting("upstream", name, ca):
        return finding
    if online:
        return await _ask(name, settings)
    return Finding(about="upstream", name=name, detail=_described(settings))


def _untrusting(about: str, name: str, tls_ca: str | None) -> Finding | None:
    """Report a file of certificates that cannot be used."""
    try:
        tls_context(tls_ca)
    except BridgeError as error:
        return findings.of_error(about, error, name=name, key="tls_ca")
    return None


def _described(upstream: UpstreamSettings) -> str:
    key = f"a key, sent as {upstream.auth}" if upstream.api_key else "no key"
    return f"{host_of(upstream.base_url)}, {key}"


async def _ask(name: str, settings: UpstreamSettings) -> Finding:
    probed = await probe(upstream_options(name, settings))
    return findings.of_answer(
        name,
        probed.result,
        where=_described(settings),
        auth=settings.auth,
        other_auth=probed.other_auth,
        has_key=probed.checks_key,
    )


# --- endpoints ------------------------------------------------------------------------


async def _endpoints(settings: Settings, *, online: bool) -> Sequence[Finding]:
    if not settings.endpoints:
        mend = "BRIDGE_ENDPOINTS__ME__URL=https://... adds one"
        detail = "none is configured, so events are sent to nobody"
        return [Finding(about="endpoint", level="warning", detail=detail, mend=mend)]
    found = []
    for endpoint in endpoints_of(settings):
        finding = _untrusting("endpoint", endpoint.name, endpoint.tls_ca)
        finding = finding or findings.of_endpoint(endpoint, now=time.time())
        if online and finding.level == "ok":
            finding = await _probe(endpoint, finding)
        found.append(finding)
    return found


async def _probe(endpoint: Endpoint, finding: Finding) -> Finding:
    probe = channel_for(endpoint.kind).INFO.probe
    request = probe.request(endpoint) if probe else None
    if probe is None or request is None:
        return finding
    sender = HttpSender()
    try:
        answer = await sender.send(endpoint, request)
    finally:
        await sender.aclose()
    return findings.of_probe(endpoint, finding, answer, now=time.time())


async def _with_health(
    found: Sequence[Finding], settings: Settings
) -> Sequence[Finding]:
    try:
        async with Deployment(settings) as deployment:
            now = await deployment.admin.clock()
            rows = await deployment.queries.endpoints(now)
    except BridgeError:
        return found  # what is wrong with the store has been found already
    return findings.with_health(found, rows, now)
