"""
Views: what is shown of tasks, events, deliveries and endpoints, as JSON objects.

``--json`` prints them, and their schemas describe them. Rule: only what is written out
here is shown, never a secret, nor a URL that anyone could use.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class View(BaseModel):
    """An object that is shown; its fields are camelCase, as in events."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        defer_build=True,  # most commands show one kind of object, or none
    )

    def to_json(self) -> dict[str, Any]:
        """Return the object with the names that are shown."""
        return self.model_dump(by_alias=True)
