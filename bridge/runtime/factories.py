"""Factories: settings turned into the broker and the channels that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from bridge.adapters.broker.transport import Broker, broker_of
from bridge.adapters.http import notifier
from bridge.app.ports import Sender
from bridge.app.ports.telemetry import Telemetry
from bridge.channels import apprise, archive, channel_for, midjourney, webhook
from bridge.channels.base import Channel
from bridge.core.endpoint import Endpoint
from bridge.runtime.discovery import store_url
from bridge.settings import Settings

log = structlog.get_logger(__name__)

#: Any of these says where a collector listens, and turns tracing on.
_COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def broker(settings: Settings) -> Broker:
    """Return the broker that ticks travel through."""
    url = settings.broker_url
    address = url.get_secret_value() if url is not None else store_url(settings)
    return broker_of(address, settings.namespace)


def channels_for(endpoints: Sequence[Endpoint]) -> Mapping[str, Channel]:
    """
    Return the channels that these endpoints and hooks need, by kind.

    Raises:
        Misconfigured: There is none for a kind, or a package that it needs is missing.
    """
    if any(endpoint.kind == apprise.KIND for endpoint in endpoints):
        notifier.require()
    configured = {
        endpoint.kind: channel_for(endpoint.kind)
        for endpoint in endpoints
        if not endpoint.internal
    }
    return {
        **configured,
        "webhook": webhook,
        midjourney.KIND: midjourney,
        archive.KIND: archive,
    }


def telemetry_of(environ: Mapping[str, str]) -> Telemetry | None:
    """
    Begin to trace, if the environment names a collector. Call it after the fork.

    Without one nothing of OpenTelemetry is imported. Traces are never worth a worker: what
    is wrong with the variables, or not installed, is logged.
    """
    if not any(environ.get(name) for name in _COLLECTOR):
        return None
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from bridge.adapters.otel import OpenTelemetry

        return OpenTelemetry()
    except ImportError:
        reason = "an extra is not installed: pip install '.[otel]' in the clone"
    except Exception as error:  # noqa: BLE001 - the SDK raises all kinds for its variables
        reason = f"OpenTelemetry refuses its settings ({type(error).__name__})"
    log.warning("telemetry.off", reason=reason)
    return None


def chat_sender(settings: Settings) -> Sender:
    """Make what requests to chats are sent with; nothing is opened yet."""
    from bridge.adapters.http.guard import Guard
    from bridge.adapters.http.sender import HttpSender

    return HttpSender(guard=Guard(settings.allow_networks))
