"""Options: what an endpoint's settings say about how it likes its messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bridge.core.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a Discord endpoint; what is unset has its default."""

    thread_id: str = ""
    thread_name: str = ""
    username: str = ""
    avatar_url: str = ""
    progress: str = "off"
    min_interval: float = 5.0
    final: str = "replace"
    silent: bool = False
    images: str = "upload"
    prompt_max: int = 1000
    language: str = "en"

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """Read an endpoint's options; those that are unset or ``None`` keep the default."""
        known = cls.__dataclass_fields__
        given = {
            name: value
            for name, value in endpoint.options.items()
            if name in known and value is not None
        }
        return cls(**given)  # type: ignore[arg-type]
