"""
Settings, typed: what a configuration says once it is known to be right.

Rule 1: a value that exists is valid; nothing behind this module checks it again.
Rule 2: what holds between two settings (this one needs that one) is in `checks`, so that
one mistake never hides another.
Rule 3: whatever lets somebody in or post is a `SecretStr`, and a webhook's URL is:
anyone who knows it can post there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bridge.core.endpoint import Rate
from bridge.settings.addresses import (
    BaseUrl,
    BrokerUrl,
    File,
    Network,
    ProxyUrl,
    PublicUrl,
    RedisUrl,
)
from bridge.settings.kinds import MODELS, AnyEndpoint
from bridge.settings.types import (
    Auth,
    Credential,
    EndpointName,
    Namespace,
    Number,
    RateLimit,
    Seconds,
    UpstreamName,
    Whole,
    any_case,
)

#: The gateway that the upstream called ``default`` is, unless its ``base_url`` differs.
DEFAULT_BASE_URL = "https://api.quickrouter.ai"

#: What settings are read from, the strongest first. Where it is empty, settings are made
#: of their arguments alone.
SOURCES: ContextVar[tuple[PydanticBaseSettingsSource, ...]] = ContextVar(
    "SOURCES", default=()
)

_LOG_LEVELS = Literal["debug", "info", "warning", "error", "critical"]
_LOG_FORMATS = Literal["auto", "text", "json"]


class UpstreamSettings(BaseModel):
    """A gateway account that is polled."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: BaseUrl = DEFAULT_BASE_URL
    api_key: Credential | None = None
    auth: Auth = "bearer"
    batch_size: Annotated[Whole, Field(ge=1, le=500)] = 50
    poll_interval: Annotated[Number, Field(gt=0, le=86400)] = 5.0
    rate_limit: RateLimit = Rate(per_second=5.0, burst=1.0)
    concurrency: Annotated[Whole, Field(ge=1, le=1000)] = 4
    missing_after: Seconds = 300.0
    max_age: Seconds = 86400.0
    proxy: ProxyUrl | None = None
    tls_ca: File | None = None
    timeout: Annotated[Number, Field(gt=0, le=600)] = 30.0


class Settings(BaseSettings):
    """Everything that can be configured; read by `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, case_sensitive=True
    )

    redis_url: RedisUrl | None = None  #: ``None``: the embedded store.
    broker_url: BrokerUrl | None = None  #: ``None``: the store.
    namespace: Namespace = "mjb"
    data_dir: Path = Path(".mjbridge")
    retention: Seconds = 604800.0
    progress_step: Annotated[Whole, Field(ge=1, le=100)] = 10
    log_level: Annotated[_LOG_LEVELS, any_case(get_args(_LOG_LEVELS))] = "info"
    log_format: Annotated[_LOG_FORMATS, any_case(get_args(_LOG_FORMATS))] = "auto"
    public_url: PublicUrl | None = None
    api_token: Credential | None = None
    allow_networks: tuple[Network, ...] = ()
    upstreams: dict[UpstreamName, UpstreamSettings] = Field(default_factory=dict)
    endpoints: dict[EndpointName, AnyEndpoint] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what `load_settings` reads; by hand, the arguments and nothing else."""
        return SOURCES.get() or (init_settings,)

    @property
    def has_api_key(self) -> bool:
        """Whether there is an upstream that could be polled in earnest, key in hand."""
        return any(upstream.api_key is not None for upstream in self.upstreams.values())


# --- the tree of settings, by its names -----------------------------------------------

#: The tables of named tables, and what each of those can hold.
TABLES: Mapping[str, Mapping[str, FieldInfo]] = {
    "upstreams": UpstreamSettings.model_fields,
    "endpoints": {
        name: field
        for model in MODELS.values()
        for name, field in model.model_fields.items()
    },
}

#: What every secret can be called instead, to be read from a file of its own.
FILE_SUFFIX = "_file"


def fields_of(table: str = "") -> Mapping[str, FieldInfo]:
    """Return the settings of an upstream, of an endpoint, or of the top level."""
    return TABLES[table] if table else Settings.model_fields


def files_of(table: str = "") -> Mapping[str, str]:
    """Return the settings that name a file of a secret, each with the secret's name."""
    return {
        name + FILE_SUFFIX: name
        for name, field in fields_of(table).items()
        if _mentions(field.annotation, SecretStr) and not is_table(field)
    }


def is_table(field: FieldInfo) -> bool:
    """Whether a setting is a table."""
    return _mentions(field.annotation, dict)


def is_list(field: FieldInfo) -> bool:
    """Whether a setting is a list."""
    return _mentions(field.annotation, tuple) and not is_table(field)


def _mentions(annotation: Any, wanted: type) -> bool:
    return wanted in {annotation, get_origin(annotation)} or any(
        _mentions(part, wanted) for part in get_args(annotation)
    )
