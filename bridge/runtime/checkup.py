"""The checkup: what `mjbridge check` looks at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from bridge.adapters.archive import thumbnails
from bridge.adapters.broker.transport import Broker
from bridge.adapters.gateway.probe import probe
from bridge.adapters.http.sender import HttpSender
from bridge.app import endpoint_findings, findings
from bridge.app.findings import Finding
from bridge.app.humanize import host_of
from bridge.channels import channel_for
from bridge.core.endpoint import Endpoint
from bridge.errors import BridgeError
from bridge.runtime.archive import archive_files, archive_quota
from bridge.runtime.click_checkup import clicks_of
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import (
    NO_KEY,
    circular_upstreams,
    endpoints_of,
    has_store,
    is_sandbox,
)
from bridge.runtime.factories import broker
from bridge.runtime.store_checkup import store_of
from bridge.runtime.upstream_clients import upstream_options
from bridge.runtime.web_checkup import data_dir_of, gateway_of, web_of
from bridge.settings import Settings, UpstreamSettings

#: Seconds to wait for a broker that is not the store.
BROKER_TIMEOUT = 3


async def check_up(settings: Settings, *, online: bool) -> Sequence[Finding]:
    """
    Look at configuration, store, workers, web, upstreams and endpoints.

    Args:
        settings: The deployment's; they are valid, or they could not be read.

        online: Also ask upstreams and platforms whether they accept us. Nothing is posted.
    """
    valid = "every setting is valid"
    if is_sandbox(settings):
        valid += "; without an API key, this is the sandbox that is running here"
    store = await store_of(settings)
    endpoints = await _endpoints(settings, online=online)
    if has_store(settings) and all(finding.level != "error" for finding in store):
        endpoints = await _with_health(endpoints, settings)
    return [
        Finding(about="configuration", detail=valid),
        *data_dir_of(settings),
        *store,
        *await _broker(settings),
        *await web_of(settings),
        *gateway_of(settings),
        *await _archive(settings),
        *await _upstreams(settings, online=online),
        *endpoints,
    ]


# --- the archive ----------------------------------------------------------------------


async def _archive(settings: Settings) -> Sequence[Finding]:
    """Try whether pictures can be kept, if they are to be."""
    try:
        files = archive_files(settings)
        if files is None:
            return []
        await files.try_out()
    except BridgeError as error:
        return [findings.of_error("archive", error)]
    usage = None
    if has_store(settings):
        with suppress(BridgeError):  # that is reported above
            async with Deployment(settings) as deployment:
                usage = await deployment.pictures.usage()
    return findings.of_archive(
        settings.archive.url or "",
        usage,
        quota=archive_quota(settings),
        thumbnails=thumbnails.installed(),
        is_reached=settings.public_url is not None,
    )


# --- the broker -----------------------------------------------------------------------


async def _broker(settings: Settings) -> Sequence[Finding]:
    """Try whether a broker that is not the store takes messages, once."""
    if settings.broker_url is None:
        return []
    try:
        await asyncio.to_thread(_connect, broker(settings))
    except Exception as error:  # noqa: BLE001 - whatever the transport's client raises
        from bridge.runtime.broker_outage import reason_of
        from bridge.runtime.publishing import BrokerBlocked

        mend = (
            "is the broker running, and is it as broker_url (BRIDGE_BROKER_URL) says?"
        )
        if isinstance(error, BrokerBlocked):
            mend = "its log says which of them; workers tick by themselves meanwhile"
        detail = reason_of(error).replace("the broker", "it", 1)
        if detail == "it closed the connection":
            mend = "is RabbitMQ there, and does its port want TLS (amqps://)?"
        elif detail == "it does not speak TLS there":
            mend = "amqp:// is for a port without it; RabbitMQ's with TLS is 5671"
        return [
            Finding(about="broker", level="error", detail=detail, mend=mend, code=1)
        ]
    return [Finding(about="broker", detail="configured; it takes messages")]


def _connect(address: Broker) -> None:
    from kombu import Connection

    from bridge.runtime.publishing import options_to_publish, try_to_publish

    with Connection(
        address.url,
        transport_options=address.options | options_to_publish(address.url),
        ssl=address.tls or False,
        connect_timeout=BROKER_TIMEOUT,
    ) as connection:
        connection.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT)
        try_to_publish(connection, BROKER_TIMEOUT)


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
    found = await asyncio.gather(*looked_at)
    # Whoever was asked has answered as a gateway does, or not: that says more than an address.
    if online or not (settings.web.enabled and settings.gateway.enabled):
        return found
    circular = circular_upstreams(settings)
    return [
        findings.of_circular(one.name, one.detail)
        if one.name in circular and one.level == "ok"
        else one
        for one in found
    ]


async def _upstream(name: str, settings: UpstreamSettings, *, online: bool) -> Finding:
    if online:
        return await _ask(name, settings)
    return Finding(about="upstream", name=name, detail=_described(settings))


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
    configured = endpoints_of(settings)
    for endpoint in configured:
        finding = endpoint_findings.of_endpoint(endpoint, now=time.time())
        if online and finding.level == "ok":
            finding = await _probe(endpoint, finding)
        found.append(finding)
        found += await clicks_of(endpoint, settings, online=online)
    if finding_of_all := endpoint_findings.of_ban_limit(configured):
        found.append(finding_of_all)
    if unsigned := [
        one.name for one in configured if endpoint_findings.is_unsigned(one)
    ]:
        found.append(endpoint_findings.of_unsigned(unsigned))
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
    return endpoint_findings.of_probe(endpoint, finding, answer, now=time.time())


async def _with_health(
    found: Sequence[Finding], settings: Settings
) -> Sequence[Finding]:
    try:
        async with Deployment(settings) as deployment:
            now = await deployment.admin.clock()
            known = await deployment.endpoint_control.endpoints()
    except BridgeError as error:
        return [*found, findings.of_error("store", error)]
    rows = [one.row for one in known]
    removed = endpoint_findings.of_unconfigured(
        [one.row for one in known if one.endpoint is None], now
    )
    own = endpoint_findings.of_own_work(rows, now)
    return [*endpoint_findings.with_health(found, rows, now), *removed, *own]
