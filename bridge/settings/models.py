"""
Settings, typed: what a configuration says once it is known to be right.

Rule 1: a value that exists is valid; nothing behind this module checks it again.
Rule 2: what holds between two settings (this one needs that one) is in `checks`, so that
one mistake never hides another.
Rule 3: whatever lets somebody in or post is a `SecretStr`, and a webhook's URL is: whoever
knows it can post there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bridge.core.backoff import STANDARD_DELAYS
from bridge.core.endpoint import Endpoint, Rate
from bridge.settings.addresses import (
    BaseUrl,
    BrokerUrl,
    File,
    Network,
    ProxyUrl,
    PublicUrl,
    RedisUrl,
    Url,
    any_url,
    http_url,
)
from bridge.settings.credentials import Auth, Credential, Headers, SigningSecret
from bridge.settings.kinds import (
    BELONGS_TO,
    Kind,
    canonical,
    default_events,
    infer,
    traits_of,
    with_edits,
)
from bridge.settings.types import (
    LONGEST,
    EndpointName,
    EventGlob,
    Identifier,
    Namespace,
    Number,
    RateLimit,
    Schedule,
    Seconds,
    StatusGlob,
    UpstreamName,
    Whole,
    lower,
)

#: The gateway that the upstream called ``default`` is, unless its ``base_url`` differs.
DEFAULT_BASE_URL = "https://api.quickrouter.ai"

_FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class UpstreamSettings(BaseModel):
    """A gateway account that is polled."""

    model_config = _FROZEN

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


class EndpointSettings(BaseModel):
    """
    A receiver of events.

    Settings that belong to other kinds keep their defaults; see `kinds.BELONGS_TO`.
    ``None`` means the kind's own default wherever it is not explained.
    """

    model_config = _FROZEN

    kind: Kind = "webhook"
    url: SecretStr
    secrets: Annotated[tuple[SigningSecret, ...], Field(max_length=10)] = ()
    events: Annotated[tuple[EventGlob, ...], Field(min_length=1)] | None = None
    upstreams: Annotated[tuple[str, ...], Field(min_length=1)] | None = (
        None  #: ``None``: all.
    )
    headers: Headers = Field(default_factory=dict)
    timeout: Annotated[Number, Field(gt=0, le=60)] = 15.0
    rate_limit: RateLimit | None = None
    concurrency: Annotated[Whole, Field(ge=1, le=1000)] = 20
    retry: Schedule = STANDARD_DELAYS
    proxy: ProxyUrl | None = None
    tls_ca: File | None = None

    token: Credential | None = None
    channel: Annotated[Identifier, Field(min_length=1)] | None = None
    thread_id: Annotated[Identifier, Field(min_length=1)] | None = None
    thread_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    username: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    avatar_url: Url | None = None
    secret: Credential | None = None
    keyword: Annotated[str, Field(min_length=1)] | None = None
    chat_id: Annotated[Identifier, Field(min_length=1)] | None = None

    method: Annotated[
        Literal["POST", "PUT", "PATCH", "GET", "DELETE"],
        BeforeValidator(
            lambda value: value.upper() if isinstance(value, str) else value
        ),
    ] = "POST"
    preset: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")] | None = None
    body: str | None = None
    content_type: (
        Annotated[str, Field(pattern=r"^[!-~]+/[!-~]+( *;[ -~]*)?$")] | None
    ) = None
    success: Annotated[tuple[StatusGlob, ...], Field(min_length=1)] = ("2??",)
    values: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")],
        str | bool | int | float,
    ] = Field(default_factory=dict)

    progress: Annotated[Literal["off", "edit"], BeforeValidator(lower)] = "off"
    min_interval: Annotated[Number, Field(ge=0, le=LONGEST)] = 5.0
    final: Annotated[Literal["replace", "edit", "reply"], BeforeValidator(lower)] = (
        "replace"
    )
    silent: bool = False
    images: (
        Annotated[Literal["upload", "url", "none"], BeforeValidator(lower)] | None
    ) = None
    prompt_max: Annotated[Whole, Field(ge=1, le=100_000)] = 1000
    language: Annotated[Literal["en", "zh"], BeforeValidator(lower)] = "en"

    @model_validator(mode="before")
    @classmethod
    def _know_the_kind(cls, given: Any) -> Any:
        """Settle the kind first: what a URL may look like depends on it."""
        if not isinstance(given, dict):
            return given
        kind, url = given.get("kind"), given.get("url")
        if isinstance(kind, str):
            return {**given, "kind": canonical(kind)}
        if isinstance(url, SecretStr):
            url = url.get_secret_value()
        if kind is None and isinstance(url, str):
            return {**given, "kind": infer(url)}
        return given

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        text = url.get_secret_value()
        if info.data.get("kind") == "apprise":
            return SecretStr(any_url(text))
        return SecretStr(http_url(text, instead="a header can carry them instead"))

    @property
    def options(self) -> dict[str, object]:
        """The settings that only some kinds have and this one's does, by name, plain."""
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, kinds in BELONGS_TO.items()
            if self.kind in kinds and name != "secrets"
            for value in [getattr(self, name)]
        }

    @property
    def _edits(self) -> bool:
        return self.progress == "edit" and traits_of(self.kind).can_edit(self.options)

    def _events(self) -> tuple[str, ...]:
        events = self.events or default_events(self.kind)
        return with_edits(events) if self._edits else events

    def to_endpoint(self, name: str) -> Endpoint:
        """Say it in the words of the core; a default that depends on the kind is settled."""
        return Endpoint(
            name=name,
            kind=self.kind,
            url=self.url.get_secret_value(),
            secrets=tuple(secret.get_secret_value() for secret in self.secrets),
            events=self._events(),
            upstreams=self.upstreams,
            headers={
                name: value.get_secret_value() for name, value in self.headers.items()
            },
            timeout=self.timeout,
            rate=self.rate_limit or traits_of(self.kind).rate,
            concurrency=self.concurrency,
            edits=self._edits,
            delays=self.retry,
            proxy=self.proxy.get_secret_value() if self.proxy else None,
            tls_ca=str(self.tls_ca) if self.tls_ca else None,
            options=self.options,
        )


class Settings(BaseSettings):
    """
    Everything that can be configured.

    Read by `load_settings`, which layers the environment, ``.env`` and the TOML file.
    Making one by hand reads nothing but its arguments.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True
    )

    redis_url: RedisUrl | None = None  #: ``None``: the embedded store.
    broker_url: BrokerUrl | None = None  #: ``None``: the store.
    namespace: Namespace = "mjb"
    data_dir: Path = Path(".mjbridge")
    retention: Seconds = 604800.0
    progress_step: Annotated[Whole, Field(ge=1, le=100)] = 10
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(lower)
    ] = "info"
    log_format: Annotated[Literal["auto", "text", "json"], BeforeValidator(lower)] = (
        "auto"
    )
    public_url: PublicUrl | None = None
    api_token: Credential | None = None
    allow_networks: tuple[Network, ...] = ()
    upstreams: dict[UpstreamName, UpstreamSettings] = Field(default_factory=dict)
    endpoints: dict[EndpointName, EndpointSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """
        Take what `load_settings` has merged, and nothing else.

        The library's own sources stop at the first mistake, do not say where a value came
        from, and ignore variables that they do not know; ours must not.
        """
        return (init_settings,)

    @property
    def has_api_key(self) -> bool:
        """Whether there is an upstream that could be polled in earnest, key in hand."""
        return any(upstream.api_key is not None for upstream in self.upstreams.values())
