"""What every webhook must be, whatever it tells."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from standardwebhooks.webhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook

from bridge.sandbox.received import Received

_SCHEMA = Path(__file__).parents[2] / "docs" / "events.schema.json"


def verified(one: Received, *secrets: str) -> dict[str, Any]:
    """Check a request as receivers do, with either library; returns the event."""
    body = one.body.decode()
    for secret in secrets:
        assert Webhook(secret).verify(body, one.headers) == one.event
        SvixWebhook(secret).verify(body, one.headers)  # raises if it is not
    return one.event


def conforms(event: dict[str, Any]) -> None:
    """Check an event against the published schema."""
    if _SCHEMA.exists():
        _validator().validate(event)


@cache
def _validator() -> jsonschema.Draft202012Validator:
    draft = jsonschema.Draft202012Validator
    return draft(json.loads(_SCHEMA.read_text()), format_checker=draft.FORMAT_CHECKER)


def disorder(received: Iterable[Received]) -> list[str]:
    """
    List what came after a later event of its task.

    An event that comes again is told by its id; but not once a later one of its task was
    sent, unless somebody asked for it.
    """
    furthest: dict[str, int] = defaultdict(int)
    wrong = []
    for one in received:
        if one.task and not one.redelivery:
            number = one.sequence or 0
            if number < furthest[one.task]:
                wrong.append(
                    f"{one.type} of {one.task} after event {furthest[one.task]}"
                )
            furthest[one.task] = max(number, furthest[one.task])
    return wrong


def in_order(received: Iterable[Received]) -> None:
    """Check that each task's events came in order, and each only after those before it."""
    assert disorder(received) == []


def same_on_every_attempt(received: Iterable[Received]) -> None:
    """Check that an id stands for one body, and a body's place in its task for one id."""
    bodies: dict[str, bytes] = {}
    ids: dict[tuple[str, int | None], str] = {}
    for one in received:
        assert bodies.setdefault(one.id, one.body) == one.body
        if one.task:
            place = f"{one.data['upstream']}:{one.task}", one.sequence
            assert ids.setdefault(place, one.id) == one.id
