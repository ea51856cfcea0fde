"""
Discovery: which deployment a command is about, and where its store is.

The settings say where the store is. If they do not, it is the one that a running
`mjbridge up` has left a run file of; and where nothing real is configured, that may be the
sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bridge.adapters.local.runfile import read_run_file
from bridge.core.endpoint import Endpoint
from bridge.errors import Misconfigured, StoreUnavailable
from bridge.settings import Settings, load_settings

#: The sandbox's directory in the data directory, and the name of its upstream.
SANDBOX = "sandbox"
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
        StoreUnavailable: None is configured, and none runs here.
    """
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    run = read_run_file(settings.data_dir)
    if run is None:
        msg = (
            "no store runs here; start one with `mjbridge up`, or set BRIDGE_REDIS_URL to a "
            "running Redis or Valkey server"
        )
        raise StoreUnavailable(msg)
    return run.redis_url


def endpoints_of(settings: Settings) -> Sequence[Endpoint]:
    """Return the configured endpoints in their order."""
    return [one.to_endpoint(name) for name, one in settings.endpoints.items()]


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
