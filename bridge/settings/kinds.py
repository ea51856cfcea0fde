"""
Endpoints by kind: how a kind is inferred from a URL, and a model of each kind's settings.

What all kinds have stands in `EndpointSettings`. What only some have is said by the
channels, as the fields of their options, and the models are made of both: a new kind,
and a new setting of a kind, are known here as soon as the channel has them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeAlias,
    Union,
    get_type_hints,
)
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    TypeAdapter,
    create_model,
)

from bridge.channels import CHANNELS
from bridge.channels.info import ChannelInfo, is_at
from bridge.core.backoff import STANDARD_SCHEDULE
from bridge.core.change import ChangeType
from bridge.core.endpoint import DEFAULT_EVENTS, Endpoint, EndpointOptions
from bridge.settings.addresses import AnyUrl, HookUrl, ProxyUrl
from bridge.settings.files import CertificateFile
from bridge.settings.types import (
    EventGlob,
    Headers,
    Number,
    RateLimit,
    RetryDelays,
    Whole,
    field_of,
)

KINDS = tuple(CHANNELS)

#: Kinds whose events are messages for people.
CHAT_KINDS = frozenset(
    kind for kind, channel in CHANNELS.items() if channel.INFO.is_chat
)

#: What a chat gets unless its ``events`` say otherwise: what ends, and what waits for
#: a person.
CHAT_EVENTS = tuple(
    str(kind)
    for kind in (
        ChangeType.SUCCEEDED,
        ChangeType.FAILED,
        ChangeType.CANCELLED,
        ChangeType.LOST,
        ChangeType.ACTION_REQUIRED,
    )
)

#: What a message that is edited in place shows on the way to its end.
_ON_THE_WAY = (ChangeType.SUBMITTED, ChangeType.STARTED, ChangeType.PROGRESS)

_ALIASES = {
    alias: kind for kind, channel in CHANNELS.items() for alias in channel.INFO.aliases
}


def info_of(kind: str) -> ChannelInfo:
    """Return what is known of one of `KINDS`."""
    return CHANNELS[kind].INFO


def infer(url: str) -> str:
    """
    Return the kind of a URL: by the platform's own host, or a scheme that only Apprise has.

    Anything else, a text that is not a URL included, is a plain webhook's.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "webhook"
    for kind, channel in CHANNELS.items():
        if parts.scheme in channel.INFO.schemes or is_at(host, channel.INFO.hosts):
            return kind
    return "webhook"


def kind_of(table: Mapping[str, Any]) -> str | None:
    """Return the kind that a table of settings describes; ``None`` if it names an unknown one."""
    kind, url = table.get("kind"), table.get("url")
    if kind is None:
        url = url.get_secret_value() if isinstance(url, SecretStr) else url
        return infer(url) if isinstance(url, str) else "webhook"
    name = kind.strip().lower() if isinstance(kind, str) else ""
    name = _ALIASES.get(name, name)
    return name if name in CHANNELS else None


def default_events(kind: str) -> tuple[str, ...]:
    """Return globs over the events that a kind gets unless its ``events`` say otherwise."""
    return CHAT_EVENTS if kind in CHAT_KINDS else DEFAULT_EVENTS


# --- what all kinds have --------------------------------------------------------------


class EndpointSettings(BaseModel):
    """A receiver of events; ``None`` means the kind's own default unless explained."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,  # `Settings` holds all kinds; few are ever read alone
    )

    kind: str
    url: HookUrl
    events: Annotated[tuple[EventGlob, ...], Field(min_length=1)] | None = None
    #: ``None``: all.
    upstreams: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    headers: Headers = Field(default_factory=dict)
    timeout: Annotated[Number, Field(gt=0, le=60)] = 15.0
    rate_limit: RateLimit | None = None
    concurrency: Annotated[Whole, Field(ge=1, le=1000)] = 20
    retry: RetryDelays = STANDARD_SCHEDULE
    proxy: ProxyUrl | None = None
    tls_ca: CertificateFile | None = None

    def options(self) -> EndpointOptions:
        """Return the settings that only some kinds have, as this kind's channel reads them."""
        options = info_of(self.kind).options
        return options(
            **{
                each.name: _revealed(getattr(self, each.name))
                for each in dataclasses.fields(options)
            }
        )

    def to_endpoint(self, name: str) -> Endpoint:
        """Return this endpoint as the core knows it, with the kind's defaults filled in."""
        info, options = info_of(self.kind), self.options()
        edits = getattr(options, "progress", "off") == "edit" and info.can_edit(options)
        events = self.events or default_events(self.kind)
        return Endpoint(
            name=name,
            kind=self.kind,
            url=self.url.get_secret_value(),
            events=_with_edits(events) if edits else events,
            upstreams=self.upstreams,
            headers=_revealed(self.headers),
            timeout=self.timeout,
            rate=self.rate_limit or info.rate,
            concurrency=self.concurrency,
            edits=edits,
            schedule=self.retry,
            proxy=_revealed(self.proxy),
            tls_ca=str(self.tls_ca) if self.tls_ca else None,
            options=options,
        )


def _with_edits(events: tuple[str, ...]) -> tuple[str, ...]:
    """Add what a message that is edited in place shows on the way."""
    missing = [
        str(kind)
        for kind in _ON_THE_WAY
        if not any(fnmatchcase(kind, glob) for glob in events)
    ]
    return (*events, *missing)


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return tuple(map(_revealed, value))
    if isinstance(value, dict):
        return {key: _revealed(inner) for key, inner in value.items()}
    return value


# --- what each kind has ---------------------------------------------------------------


def _model(kind: str, info: ChannelInfo) -> type[EndpointSettings]:
    hints = get_type_hints(info.options, include_extras=True)
    own: dict[str, Any] = {
        each.name: field_of(each, hints[each.name])
        for each in dataclasses.fields(info.options)
    }
    # Whatever the kind was called, by then it is known.
    own["kind"] = (Annotated[Literal[kind], BeforeValidator(lambda _: kind)], kind)
    own["url"] = (AnyUrl if info.schemes else HookUrl, ...)
    return create_model(
        f"{kind.capitalize()}Settings",
        __base__=EndpointSettings,
        __module__=__name__,
        **own,
    )


#: The models, by the kinds that they are of.
MODELS: Mapping[str, type[EndpointSettings]] = {
    kind: _model(kind, channel.INFO) for kind, channel in CHANNELS.items()
}


def kinds_with(setting: str) -> tuple[str, ...]:
    """Return the kinds that have a setting."""
    return tuple(
        kind for kind, model in MODELS.items() if setting in model.model_fields
    )


def _refuse_kind(_: object) -> str:
    *most, last = map(repr, KINDS)
    msg = f"must be {', '.join(most)} or {last}"
    raise ValueError(msg)


class _OfNoKind(EndpointSettings):
    """An endpoint of an unknown kind: never valid, but the rest of it is checked too."""

    model_config = ConfigDict(extra="ignore")

    kind: Annotated[str, BeforeValidator(_refuse_kind)]


def _tag(given: Any) -> str | None:
    if isinstance(given, EndpointSettings):
        return given.kind
    return (kind_of(given) or "") if isinstance(given, Mapping) else None


#: The settings of an endpoint of any kind.
if TYPE_CHECKING:
    AnyEndpoint: TypeAlias = EndpointSettings  # all that is known before a program runs
else:
    AnyEndpoint = Annotated[
        Union[
            *(Annotated[model, Tag(kind)] for kind, model in MODELS.items()),
            Annotated[_OfNoKind, Tag("")],
        ],
        Discriminator(_tag),
    ]

_ENDPOINT: TypeAdapter[EndpointSettings] = TypeAdapter(
    AnyEndpoint, config=ConfigDict(hide_input_in_errors=True, defer_build=True)
)


def endpoint_settings(**table: Any) -> EndpointSettings:
    """
    Return the settings of one endpoint, of the kind that they say or that the URL says.

    Raises:
        ValidationError: Something is wrong with them.
    """
    return _ENDPOINT.validate_python(table)
