"""Options: what an endpoint's settings say about the requests that it wants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from bridge.core.endpoint import EndpointOptions


def _status_glob(text: str) -> str:
    if not re.fullmatch(r"[0-9?*\[\]!-]{1,20}", text) or not any(
        fnmatchcase(str(status), text) for status in range(100, 600)
    ):
        msg = 'must be a pattern over status codes, for example "2??" or "204"'
        raise ValueError(msg)
    return text


def _variable(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", text):
        msg = (
            "a template cannot name it: letters, digits and _, up to 64, no digit first"
        )
        raise ValueError(msg)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOptions(EndpointOptions):
    """
    The request that a template endpoint wants.

    Attributes:
        method: Of the request.

        preset: The name of a request that comes with mjbridge, in the place of ``body``.

        body: A template.

        content_type: Of the body; ``None`` for the preset's, else JSON.

        success: Patterns over the status codes that mean success.

        token: What requests are authorized with; headers and presets can name it.

        values: What templates can name as ``values``.
    """

    method: Literal["POST", "PUT", "PATCH", "GET", "DELETE"] = "POST"
    preset: str | None = field(
        default=None, metadata={"pattern": r"^[a-z][a-z0-9_-]*$"}
    )
    body: str | None = None
    content_type: str | None = field(
        default=None, metadata={"pattern": r"^[!-~]+/[!-~]+( *;[ -~]*)?$"}
    )
    success: tuple[Annotated[str, _status_glob], ...] = field(
        default=("2??",), metadata={"min_length": 1}
    )
    token: str | None = field(default=None, repr=False)
    values: Mapping[Annotated[str, _variable], str | bool | int | float] = field(
        default_factory=dict
    )
