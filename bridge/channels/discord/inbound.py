"""
Inbound: what Discord sends when a button is pressed, and what it is sent back.

A request proves itself by an Ed25519 signature over its time and raw body. Discord sends bad ones
on purpose, and takes an address away that does not answer them with 401.
https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from bridge.channels.discord import api
from bridge.channels.discord.api import WebhookUrl
from bridge.channels.discord.payload import pressed_rows
from bridge.channels.interaction import (
    ASKS,
    MAX_NAME,
    Acknowledgement,
    Inbound,
    Interaction,
    Reaction,
    header,
    is_recent,
    objects,
    refused,
    within,
    words,
)
from bridge.channels.message import MessageButton
from bridge.channels.text import cut, line
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import Request, json_object

_PING, _COMPONENT, _FORM = 1, 3, 5
_PONG, _MESSAGE, _LATER, _OPEN_FORM = 1, 4, 6, 9
_EPHEMERAL = 64
_ROW, _BUTTON, _INPUT = 1, 2, 4
_LINK, _GREY, _PARAGRAPH = 5, 2, 2
_MAX_ROWS = 5
_PROMPT = "prompt"
#: What the ids of buttons begin with that only say something.
_MARK = "mjb.mark."
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)


def read(
    body: bytes, headers: Mapping[str, str], now: float, secrets: Sequence[str]
) -> Inbound:
    """
    Read a request to ``/interactions/discord``. Never raises.

    Args:
        headers: Names in lower case.

        now: In seconds since the epoch.

        secrets: Public keys of applications, any of which may have signed; in hexadecimal.
    """
    timestamp = header(headers, "x-signature-timestamp")
    signature = _unhex(header(headers, "x-signature-ed25519"), 64)
    signed = timestamp.encode("utf-8", "surrogatepass") + body
    if signature is None or not any(_is_by(one, signature, signed) for one in secrets):
        return refused("the signature is not that of a public key here")
    if not is_recent(timestamp, now):
        return refused("the request is too old, or this machine's clock is wrong")
    data = json_object(body)
    kind = data.get("type")
    if kind == _PING:
        return Acknowledgement(body={"type": _PONG})
    # No set: what was sent need not have a hash.
    if kind not in (_COMPONENT, _FORM):
        return Acknowledgement(status=400, reason="not a button, and not a form")
    return _interaction(data, is_form=kind == _FORM)


def _interaction(data: Mapping[str, object], *, is_form: bool) -> Interaction:
    user = within(data, "member", "user") or within(data, "user")
    name = (
        words(data, "member", "nick")
        or words(user, "global_name")
        or words(user, "username")
    )
    custom_id = words(data, "data", "custom_id")
    roles = within(data, "member", "roles")
    places = (
        words(data, "guild_id"),
        words(data, "channel_id"),
        words(data, "application_id"),
        words(data, "message", "webhook_id"),
    )
    return Interaction(
        token=custom_id.removesuffix(ASKS),
        user=words(user, "id"),
        name=line(name)[:MAX_NAME] or words(user, "id"),
        roles=tuple(str(one) for one in roles[:250]) if isinstance(roles, list) else (),
        places=frozenset(one for one in places if one),
        message=words(data, "message", "id"),
        channel=words(data, "message", "channel_id") or words(data, "channel_id"),
        asks=custom_id.endswith(ASKS),
        prompt=words(data, "data", "components", 0, "components", 0, "value")
        if is_form
        else None,
        label=_label(data, custom_id),
        reply=f"{words(data, 'application_id')}/{words(data, 'token')}",
        shown=objects(data, "message", "components"),
        unique=words(data, "id"),
    )


def _label(data: Mapping[str, object], custom_id: str) -> str:
    for row in objects(data, "message", "components"):
        for button in objects(row, "components"):
            if button.get("custom_id") == custom_id:
                return words(button, "label")
    return ""


def _is_by(public_key: str, signature: bytes, signed: bytes) -> bool:
    raw = _unhex(public_key, 32)
    if raw is None:
        return False
    # What a process without a door for Discord need not load.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _unhex(text: str, size: int) -> bytes | None:
    if len(text) != 2 * size or not _HEX.fullmatch(text):
        return None
    return bytes.fromhex(text)


# --- what Discord is sent back --------------------------------------------------------


def may_come_from(interaction: Interaction, endpoint: Endpoint) -> bool:
    """Whether it is the endpoint's own webhook that posted the message."""
    webhook = WebhookUrl.of(endpoint.url)
    return webhook is not None and webhook.id in interaction.places


def accept(endpoint: Endpoint, interaction: Interaction) -> Reaction:  # noqa: ARG001 - the answer is the same
    """Take a click."""
    return Reaction(answer=Acknowledgement(body={"type": _LATER}))


def turn_away(endpoint: Endpoint, interaction: Interaction, text: str) -> Reaction:  # noqa: ARG001 - the answer goes to whoever pressed
    """Say something to whoever pressed, in place of doing what they want."""
    data = {**_said(text), "flags": _EPHEMERAL}
    return Reaction(answer=Acknowledgement(body={"type": _MESSAGE, "data": data}))


def open_form(
    endpoint: Endpoint,  # noqa: ARG001 - the answer opens it
    interaction: Interaction,
    title: str,
    prompt: str,
) -> Reaction:
    """Ask for a prompt."""
    entry: dict[str, Json] = {
        "type": _INPUT,
        "custom_id": _PROMPT,
        "style": _PARAGRAPH,
        "label": "Prompt",
        "max_length": 4000,
        "value": cut(prompt, 4000),
    }
    data: dict[str, Json] = {
        "custom_id": interaction.token,
        "title": cut(title, 45) or "Prompt",
        "components": [{"type": _ROW, "components": [entry]}],
    }
    return Reaction(answer=Acknowledgement(body={"type": _OPEN_FORM, "data": data}))


def tell(endpoint: Endpoint, interaction: Interaction, text: str) -> Request | None:
    """Say something to whoever pressed, and to nobody else."""
    webhook = WebhookUrl.of(endpoint.url)
    if webhook is None:
        return None
    base = webhook.webhook.rpartition("/webhooks/")[0]
    application, _, token = interaction.reply.partition("/")
    url = f"{base}/webhooks/{quote(application, safe='')}/{quote(token, safe='')}"
    return _send(endpoint, "POST", url, {**_said(text), "flags": _EPHEMERAL})


def mark(
    endpoint: Endpoint,
    interaction: Interaction,
    lines: Sequence[str],
    rows: Sequence[Sequence[MessageButton]],
) -> Request | None:
    """Put what was pressed in the place of the message's buttons, and those that are left."""
    webhook = WebhookUrl.of(endpoint.url)
    if webhook is None or not interaction.message.isdecimal():
        return None
    said: list[Json] = [
        {
            "type": _BUTTON,
            "style": _GREY,
            "label": cut(line(text), 80),
            "custom_id": f"{_MARK}{place}",
            "disabled": True,
        }
        for place, text in enumerate(lines[-5:])
    ]
    links: list[Json] = [
        dict(one)
        for row in interaction.shown
        for one in objects(row, "components")
        if one.get("style") == _LINK
    ]
    ours: list[Json] = [
        {"type": _ROW, "components": extra[:5]} for extra in (said, links) if extra
    ]
    left: list[Json] = [*pressed_rows(rows)]
    kept = [*left[: _MAX_ROWS - len(ours)], *ours]
    thread = interaction.channel if webhook.thread or _in_thread(endpoint) else ""
    url = webhook.to_edit(interaction.message, thread)
    return _send(endpoint, "PATCH", url, {"components": kept})


def _in_thread(endpoint: Endpoint) -> bool:
    options = endpoint.options
    return bool(
        getattr(options, "thread_id", None) or getattr(options, "thread_name", None)
    )


def _said(text: str) -> dict[str, Json]:
    return {"content": cut(text, 1900), "allowed_mentions": {"parse": []}}


def _send(
    endpoint: Endpoint, method: str, url: str, body: Mapping[str, Json]
) -> Request:
    text = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    return api.request(endpoint, method, url, "application/json", text)
