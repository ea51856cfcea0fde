"""
A stand-in for a Teams workflow that posts what it is sent as an Adaptive Card.

Enforced: the URL's signature, 28 KB, and the elements and properties of Adaptive Cards 1.4 that
a card of ours may have, with what Teams adds to them.
https://adaptivecards.io/explorer/
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.platforms.loopback import Asked, Said

PATH = "/workflows/9d2f6a1c0b7e4f5d8c3b2a1908f7e6d5/triggers/manual/paths/invoke"
SIGNATURE = "kq3nVb0YtPz1sXw9RfEjHc7LmUaDgI5oQ2eT8uN4vBk"

Json: TypeAlias = Mapping[str, Any]

#: By type: the properties that an element must have, and those that it may.
_ELEMENTS: Mapping[str, tuple[set[str], set[str]]] = {
    "AdaptiveCard": (
        {"version", "body"},
        {"$schema", "actions", "fallbackText", "msteams", "speak", "lang"},
    ),
    "RichTextBlock": ({"inlines"}, {"spacing", "separator", "id"}),
    "TextRun": (
        {"text"},
        {"size", "weight", "color", "isSubtle", "italic", "fontType", "highlight"},
    ),
    "Image": ({"url"}, {"altText", "size", "msteams", "spacing"}),
    "Action.OpenUrl": ({"url", "title"}, {"tooltip", "style"}),
}
_VALUES: Mapping[str, set[str]] = {
    "size": {"Small", "Default", "Medium", "Large", "ExtraLarge", "Stretch", "Auto"},
    "weight": {"Lighter", "Default", "Bolder"},
    "color": {"Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"},
    "spacing": {"None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding"},
}


@dataclass(kw_only=True)
class Teams:
    """
    One workflow.

    Attributes:
        enabled: Whether it is turned on.

        deleted: Whether it is gone.

        pictures: Whether cards with pictures are taken.

        cards: What the channel has seen, in order.
    """

    base: str = "https://prod-12.westeurope.logic.azure.com"
    enabled: bool = True
    deleted: bool = False
    pictures: bool = True
    faults: deque[Said] = field(default_factory=deque)
    cards: list[Json] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What the operator configures."""
        return f"{self.base}{PATH}?api-version=2016-06-01&sv=1.0&sig={SIGNATURE}"

    def answer(self, asked: Asked) -> Said:
        """Take one message."""
        if self.faults:
            return self.faults.popleft()
        if self.deleted or asked.path != PATH:
            return self._error(404, "WorkflowNotFound")
        if f"sig={SIGNATURE}" not in asked.query:
            return self._error(401, "DirectApiAuthorizationRequired")
        if not self.enabled:
            return self._error(400, "WorkflowTriggerIsNotEnabled")
        if len(asked.body) > 28 * 1024:
            return self._error(413, "RequestEntityTooLarge")
        if asked.headers.get("content-type") != "application/json":
            return self._error(415, "UnsupportedMediaType")
        message = json.loads(asked.body)
        for wrong in complaints(message):
            return self._error(400, "TriggerInputSchemaMismatch", wrong)
        card = message["attachments"][0]["content"]
        if not self.pictures and any(one["type"] == "Image" for one in card["body"]):
            return self._error(400, "InvalidBotAdaptiveCard")
        self.cards.append(card)
        return Said(status=202)

    def _error(self, status: int, code: str, why: str = "") -> Said:
        self.refusals.append(f"{code} {why}".strip())
        message = f"Could not execute workflow '{PATH.split('/')[2]}' trigger 'manual'."
        body = json.dumps({"error": {"code": code, "message": message}})
        return Said(
            status=status,
            headers={"content-type": "application/json; charset=utf-8"},
            body=body.encode(),
        )


def complaints(message: Json) -> Iterator[str]:
    """Say what is wrong with a message."""
    attachments = message.get("attachments", [])
    if message.get("type") != "message" or len(attachments) != 1:
        yield "not a message with one card"
        return
    (attachment,) = attachments
    if attachment["contentType"] != "application/vnd.microsoft.card.adaptive":
        yield "not an Adaptive Card"
    card = attachment["content"]
    if card.get("type") != "AdaptiveCard" or card.get("version") != "1.4":
        yield "not a card of version 1.4"
    if not card.get("body"):
        yield "nothing to show"
    if len(card.get("actions", ["one"])) not in range(1, 7):
        yield "too many buttons"
    for element in every(card):
        yield from _element(element)


def every(element: Json) -> Iterator[Json]:
    """Every element of a card, itself included."""
    yield element
    for name in ("body", "inlines", "actions"):
        for one in element.get(name, ()):
            yield from every(one)


def texts(card: Json) -> list[str]:
    """Every text of a card, in order."""
    return [one["text"] for one in every(card) if one["type"] == "TextRun"]


def _element(element: Json) -> Iterator[str]:
    kind = element.get("type", "")
    if kind not in _ELEMENTS:
        yield f"nobody knows {kind}"
        return
    must, may = _ELEMENTS[kind]
    names = element.keys() - {"type"}
    if must - names or names - must - may:
        yield f"{kind}: {sorted(must - names)} missing, {sorted(names - must - may)}"
    for name, values in _VALUES.items():
        if name in element and element[name] not in values:
            yield f"{kind}: {name} cannot be {element[name]}"
    if kind == "TextRun" and not element["text"]:
        yield "an empty text"
    if "url" in element and not re.fullmatch(r"https?://[!-~]+", element["url"]):
        yield f"{kind}: no URL"
    if kind == "Image" and not element["url"].startswith("https://"):
        yield "a picture that is not https"
