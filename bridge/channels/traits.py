"""
Traits: what a configuration has to know of a kind of endpoint before anything is sent.

They stand in the channel's own module, as its `TRAITS`, so that all that is known of a
platform is in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.core.endpoint import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """
    What is true of every endpoint of a kind. The defaults are those of a simple chat.

    Attributes:
        is_chat: Whether its events are messages for people. Chats have settings of their
            own (``language``, ``prompt_max``, ...) and are told of ends unless ``events``
            say otherwise.

        hosts: The platform's own hosts, by which a URL's kind is known; a leading dot
            stands for any subdomain.

        schemes: The same for URL schemes.

        aliases: Other names that people know the kind by.

        options: Names of the settings that only this kind and a few others have.

        required: Those of them that have to be set.

        rate: The platform's own limit, unless ``rate_limit`` says otherwise. A bucket lets
            its burst and what flows in meanwhile through at once, so both together stay
            below what the platform counts in one window.

        edits: Whether its messages can be edited in place.

        edits_with: The setting without which they cannot.

        ability: What its messages can do, in a few words for people.
    """

    is_chat: bool = True
    hosts: tuple[str, ...] = ()
    schemes: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    rate: Rate | None = None
    edits: bool = False
    edits_with: str | None = None
    ability: str = ""

    def can_edit(self, options: Mapping[str, object]) -> bool:
        """Whether messages can be edited at an endpoint with these settings."""
        return self.edits and (
            self.edits_with is None or options.get(self.edits_with) is not None
        )
