"""
Discovery: which deployment a command is about, and where its store is.

The settings say where the store is. If they do not, it is the one that a running
`mjbridge up` has left a run file of; and where nothing real is configured, that may be the
sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from bridge.adapters.local.runfile import (
    read_run_file,
    read_web_url,
    why_unreadable,
    write_web_file,
)
from bridge.core.action import KIND as ACTION
from bridge.core.action import endpoint_of as action_endpoint
from bridge.core.address import Network, in_url, is_loopback, origin_of
from bridge.core.archive import ArchiveOptions
from bridge.core.archive import endpoint_of as archive_endpoint
from bridge.core.endpoint import Endpoint
from bridge.core.hook import HookPolicy
from bridge.core.rule import Rule
from bridge.errors import Misconfigured, StoreUnavailable
from bridge.settings import Settings, load_settings

#: The sandbox's directory in the data directory, and the name of its upstream.
SANDBOX = "sandbox"
LOOPBACK = "127.0.0.1"
#: What is wrong where no gateway can be polled, and how to mend it.
NO_KEY = (
    "no API key is configured: set BRIDGE_UPSTREAMS__DEFAULT__API_KEY=sk-..., "
    "or try everything without one: mjbridge up --sandbox"
)


def find_settings() -> Settings:
    """
    Return the settings of the deployment that a command is about.

    Raises:
        Misconfigured: They are wrong.
    """
    settings = load_settings(need_keys=False)
    if not has_store(settings) and not can_poll(settings):
        folder = sandbox_dir(settings)
        if read_run_file(folder) is not None:
            return load_sandbox(folder)
    return load_settings()


def has_store(settings: Settings) -> bool:
    """Whether a store is configured, or a running `mjbridge up` holds one."""
    return (
        settings.redis_url is not None or read_run_file(settings.data_dir) is not None
    )


def store_url(settings: Settings) -> str:
    """
    Return where the store is: as configured, or as a running `mjbridge up` says.

    Raises:
        StoreUnavailable: None is configured, and none runs here, or nobody can tell.
    """
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    run = read_run_file(settings.data_dir)
    if run is None:
        check_run_file(settings)
        msg = (
            "no store runs here; start one with `mjbridge up`, or set BRIDGE_REDIS_URL to a "
            "running Redis or Valkey server"
        )
        raise StoreUnavailable(msg)
    return run.redis_url


def check_run_file(settings: Settings) -> None:
    """
    Check that what a running `mjbridge up` says of itself can be read, and makes sense.

    Raises:
        StoreUnavailable: It cannot, or does not.
    """
    if reason := why_unreadable(settings.data_dir):
        msg = (
            f"whether a store runs here cannot be read in {settings.data_dir}: {reason}"
        )
        raise StoreUnavailable(msg)


def web_url(settings: Settings) -> str | None:
    """Return where `web` listens, for clients on this machine; ``None`` if nobody knows."""
    if found := read_web_url(settings.data_dir):
        return found
    host, port = settings.web.host, settings.web.port
    host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{in_url(host)}:{port}" if port else None


def check_reach(settings: Settings, host: str) -> None:
    """
    Check that `web` may listen at an address.

    Raises:
        Misconfigured: It can be reached from elsewhere, and nobody has to present a token.
    """
    if settings.api_token is None and not is_loopback(host):
        msg = (
            f"{host} can be reached from other machines, so api_token has to be set: "
            "BRIDGE_API_TOKEN=..., a long random text"
        )
        raise Misconfigured(msg)


def announce_web(settings: Settings, url: str) -> None:
    """Leave word of where this process serves `web`, unless there is no place for it."""
    with suppress(OSError):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_web_file(settings.data_dir, web_url=url)


def endpoints_of(settings: Settings) -> Sequence[Endpoint]:
    """Return the configured endpoints in their order."""
    wait = settings.archive.wait if settings.archive.url is not None else 0.0
    endpoints = [one.to_endpoint(name) for name, one in settings.endpoints.items()]
    return [replace(one, wait=wait) if _uploads(one) else one for one in endpoints]


def _uploads(endpoint: Endpoint) -> bool:
    return getattr(endpoint.options, "images", None) == "upload"


def archive_endpoints(settings: Settings) -> Sequence[Endpoint]:
    """Return the endpoints that keep upstreams' pictures; none if there is no archive."""
    if settings.archive.url is None:
        return []
    base = settings.public_url or web_url(settings) or ""
    return [
        archive_endpoint(
            name,
            ArchiveOptions(base_url=one.base_url, files_url=f"{base}/files/"),
            proxy=one.proxy.get_secret_value() if one.proxy is not None else None,
            tls_ca=str(one.tls_ca) if one.tls_ca else None,
        )
        for name, one in settings.upstreams.items()
    ]


def action_endpoints(settings: Settings) -> Mapping[str, Endpoint]:
    """Return the endpoints that stand for the actions at upstreams, by the upstreams' names."""
    return {
        name: Endpoint(
            name=action_endpoint(name),
            kind=ACTION,
            url=upstream.base_url,
            events=(),
            timeout=settings.actions.timeout,
            rate=upstream.rate_limit,
            concurrency=upstream.concurrency,
        )
        for name, upstream in settings.upstreams.items()
    }


def rules_of(settings: Settings) -> Sequence[Rule]:
    """Return the configured rules in their order."""
    return [one.to_rule(name) for name, one in settings.rules.items()]


def hook_policy(settings: Settings) -> HookPolicy | None:
    """Return which hooks are taken and how they are delivered to; ``None`` if they are not."""
    hooks = settings.hooks
    if not hooks.enabled:
        return None
    return HookPolicy(
        endpoint=hooks.to_endpoint(),
        max_origins=hooks.max_origins,
        allow=hook_networks(settings),
        own=frozenset(_own_origins(settings)),
    )


def hook_networks(settings: Settings) -> tuple[Network, ...]:
    """Return the private networks that hooks may lead to."""
    own = settings.hooks.allow_networks
    networks = settings.allow_networks if own is None else own
    return tuple(ip_network(network) for network in networks)


def circular_upstreams(settings: Settings) -> frozenset[str]:
    """
    Name the upstreams whose address is the gateway's own, as far as settings tell.

    What it passed on would come back to it.

    Behind a proxy another path of the public URL's origin may well be a gateway's.
    """
    own = frozenset(_listening_origins(settings))
    public = (settings.public_url or "").rstrip("/")
    return frozenset(
        name
        for name, one in settings.upstreams.items()
        if origin_of(one.base_url) in own or one.base_url.rstrip("/") == public
    )


def _own_origins(settings: Settings) -> Iterator[str]:
    """Return the origins under which the process ``web`` may be reached."""
    if settings.public_url is not None:
        yield origin_of(settings.public_url)
    yield from _listening_origins(settings)


def _listening_origins(settings: Settings) -> Iterator[str]:
    """Return the origins at which the process ``web`` itself listens."""
    ports = {settings.web.port}
    # It may listen elsewhere than configured: `--port`, or any free one.
    if found := read_web_url(settings.data_dir):
        ports.add(urlsplit(found).port or 80)
    for port in sorted(ports):
        for name in (settings.web.host.lower(), "localhost", "127.0.0.1", "::1"):
            yield origin_of(f"http://{in_url(name)}:{port}")


def endpoint_of(settings: Settings, name: str) -> Endpoint:
    """
    Return a configured endpoint.

    Raises:
        Misconfigured: There is none of that name.
    """
    if name not in settings.endpoints:
        known = ", ".join(settings.endpoints) or "none"
        msg = f"there is no endpoint {name!r}; configured: {known}"
        raise Misconfigured(msg)
    return settings.endpoints[name].to_endpoint(name)


def can_poll(settings: Settings) -> bool:
    """Whether there is a gateway to poll: one with a key, or one that needs none."""
    return settings.has_api_key or any(
        upstream.api_key is None and "base_url" in upstream.model_fields_set
        for upstream in settings.upstreams.values()
    )


def is_sandbox(settings: Settings) -> bool:
    """Whether these are the settings of a sandbox."""
    return list(settings.upstreams) == [SANDBOX]


def sandbox_dir(settings: Settings) -> Path:
    """Return where the sandbox of a deployment lives."""
    return settings.data_dir / SANDBOX


def load_sandbox(folder: Path) -> Settings:
    """Read the settings of a sandbox, and of nothing else."""
    return load_settings(config=folder / "bridge.toml", environ={}, cwd=folder)
