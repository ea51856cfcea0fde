"""
Settings, typed: what a configuration says once it is known to be right.

Rule 1: a value that exists is valid; nothing behind this module checks it again.
Rule 2: what holds between two settings (this one needs that one) is in `checks`, so that
one mistake never hides another.
Rule 3: whatever lets somebody in or post is a `SecretStr`, and a webhook's URL is:
anyone who knows it can post there.
"""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bridge.channels.endpoint_options import MAX_SECONDS
from bridge.channels.webhook import WebhookOptions, check_secret
from bridge.core.backoff import STANDARD_SCHEDULE
from bridge.core.endpoint import DEFAULT_EVENTS, Endpoint, Rate
from bridge.core.rule import Rule
from bridge.settings.addresses import (
    ArchiveUrl,
    BaseUrl,
    Cidr,
    HostName,
    Origin,
    ProxyUrl,
    PublicUrl,
    ServiceUrl,
)
from bridge.settings.files import CertificateFile
from bridge.settings.kinds import AnyEndpoint
from bridge.settings.rule_types import ButtonName, PressLimit, Where
from bridge.settings.server_urls import BrokerUrl, RedisUrl
from bridge.settings.types import (
    Auth,
    Credential,
    EndpointName,
    EventGlob,
    Namespace,
    Number,
    RateLimit,
    RetryDelays,
    Seconds,
    SecretKeys,
    UpstreamName,
    Whole,
    any_case,
    checked_secret,
)

#: The gateway that the upstream called ``default`` is, unless its ``base_url`` differs.
DEFAULT_BASE_URL = "https://api.quickrouter.ai"
#: Requests to the hooks of one origin. Its owner may never have heard of the bridge, so that
#: there is a limit unless another one is set.
DEFAULT_HOOK_RATE = Rate(per_second=50.0, burst=5.0)

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
    tls_ca: CertificateFile | None = None
    timeout: Annotated[Number, Field(gt=0, le=600)] = 30.0


class WebSettings(BaseModel):
    """The process ``web``: the HTTP API, the dashboard, metrics and health."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = True  #: Whether `mjbridge up` serves it.
    host: HostName = "127.0.0.1"
    port: Annotated[Whole, Field(ge=0, le=65535)] = 8300  #: 0: any free one.
    cors_origins: tuple[Origin, ...] = ()


class LinkSettings(BaseModel):
    """Pages where people press a task's buttons, each reached by a link in a message."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: In which a press can be undone.
    delay: Annotated[Number, Field(ge=0, le=60)] = 5.0
    #: For buttons of chats, too.
    ttl: Annotated[Number, Field(ge=60, le=MAX_SECONDS)] = 1209600.0
    login: bool = False  #: Whether people sign in before.
    previews: bool = False  #: Whether programs that preview links see the picture.


class HookSettings(BaseModel):
    """Receivers of one task's events, which those who track it may name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = True  #: Whether any are taken, and delivered to.
    secrets: Annotated[
        tuple[Annotated[SecretStr, checked_secret(check_secret)], ...],
        Field(max_length=10),
    ] = ()
    events: Annotated[tuple[EventGlob, ...], Field(min_length=1)] = DEFAULT_EVENTS
    #: Over all tasks that are kept. A page of deliveries merges a list of each.
    max_origins: Annotated[Whole, Field(ge=1, le=2000)] = 1000
    #: ``None``: those of the top level.
    allow_networks: tuple[Cidr, ...] | None = None
    timeout: Annotated[Number, Field(gt=0, le=60)] = 15.0
    rate_limit: RateLimit = DEFAULT_HOOK_RATE
    concurrency: Annotated[Whole, Field(ge=1, le=1000)] = 20
    retry: RetryDelays = STANDARD_SCHEDULE

    def to_endpoint(self) -> Endpoint:
        """Return what holds for every hook, as the core knows an endpoint."""
        secrets = tuple(secret.get_secret_value() for secret in self.secrets)
        return Endpoint(
            name="hook",
            url="",
            events=self.events,
            timeout=self.timeout,
            rate=self.rate_limit,
            concurrency=self.concurrency,
            schedule=self.retry,
            guarded=True,
            options=WebhookOptions(secrets=secrets),
        )


class ActionSettings(BaseModel):
    """Presses of buttons and submissions, which the bridge makes at an upstream."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    patience: Annotated[Number, Field(ge=0, le=86400)] = 600.0
    #: Below the longest lease of a delivery.
    timeout: Annotated[Number, Field(ge=1, le=150)] = 60.0


class GatewaySettings(BaseModel):
    """The routes ``/mj/...`` of ``web``, which clients use in an upstream's place."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = (
        True  #: Whether they are served. Nobody passes without a key or the token.
    )
    #: Seconds in which equal questions of one client share an answer; 0: none do.
    collapse: Annotated[Number, Field(ge=0, le=60)] = 1.0
    #: Seconds until an upstream's answer begins, and between two pieces of it.
    timeout: Annotated[Number, Field(gt=0, le=3600)] = 120.0


class RuleSettings(BaseModel):
    """Presses that are made when an event fits."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    on: Annotated[tuple[EventGlob, ...], Field(min_length=1)] = ("task.succeeded",)
    where: Where = Field(default_factory=dict)
    press: Annotated[tuple[ButtonName, ...], Field(min_length=1, max_length=50)]
    limit: PressLimit | None = None
    over: Literal["wait", "drop"] = "wait"
    depth: Annotated[Whole, Field(ge=0, le=10)] = 0
    dry_run: bool = False
    known: bool = False

    def to_rule(self, name: str) -> Rule:
        """Return the rule, as the core knows it."""
        return Rule(
            name=name,
            on=self.on,
            where=self.where,
            press=self.press,
            limit=self.limit,
            waits=self.over == "wait",
            depth=self.depth,
            dry_run=self.dry_run,
            known=self.known,
        )


class ArchiveSettings(BaseModel):
    """Where the pictures of tasks that succeeded are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: ArchiveUrl | None = None  #: ``None``: none are kept.
    endpoint_url: ServiceUrl | None = None  #: ``None``: Amazon's own.
    region: Annotated[str, Field(min_length=1)] | None = None
    #: ``None``: those of the machine, as every client of S3 finds them.
    access_key: Credential | None = None
    secret_key: Credential | None = None
    #: For a chat's message whose picture is uploaded.
    wait: Annotated[Number, Field(ge=0, le=120)] = 10.0
    max_bytes: Annotated[Whole, Field(ge=1024, le=1024**3)] = 50 * 1024**2
    keep: Annotated[Number, Field(ge=0, le=MAX_SECONDS)] = 2592000.0  #: 0: for ever.
    quota: Annotated[Whole, Field(ge=0)] = 10 * 1024**3  #: 0: none.


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
    secret_key: SecretKeys = ()  #: The first signs; empty: the store's own.
    allow_networks: tuple[Cidr, ...] = ()
    web: WebSettings = WebSettings()
    hooks: HookSettings = HookSettings()
    links: LinkSettings = LinkSettings()
    actions: ActionSettings = ActionSettings()
    gateway: GatewaySettings = GatewaySettings()
    archive: ArchiveSettings = ArchiveSettings()
    upstreams: dict[UpstreamName, UpstreamSettings] = Field(default_factory=dict)
    endpoints: dict[EndpointName, AnyEndpoint] = Field(default_factory=dict)
    rules: dict[EndpointName, RuleSettings] = Field(default_factory=dict)

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
