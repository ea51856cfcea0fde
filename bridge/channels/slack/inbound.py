"""
Inbound: what Slack sends when a button is pressed, and what it is sent back.

A request proves itself by ``v0=`` and the HMAC-SHA-256 of ``v0:<time>:<raw body>``. Over a socket
(Socket Mode) the connection is the proof, and `payload` reads the same.
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, parse_qs, urlsplit

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
from bridge.channels.reply import MAX_REPLY
from bridge.channels.slack import api
from bridge.channels.slack.blocks import buttons, context
from bridge.channels.slack.markup import escape
from bridge.channels.slack.payload import SlackOptions, divided
from bridge.channels.text import cut, line
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import USER_AGENT, Request, json_object

_PROMPT = "prompt"
#: Where answers are posted to; the platform names the whole URL, which is then checked.
_ANSWERS = ("hooks.slack.com", "hooks.slack-gov.com")
#: By type of block, the properties that we send, and that an edit repeats.
_OWN = {
    "section": ("text",),
    "context": ("elements",),
    "image": ("image_url", "alt_text", "title"),
}


def read(
    body: bytes, headers: Mapping[str, str], now: float, secrets: Sequence[str]
) -> Inbound:
    """
    Read a request to ``/interactions/slack``. Never raises.

    Args:
        headers: Names in lower case.

        now: In seconds since the epoch.

        secrets: Signing secrets, any of which may have signed.
    """
    timestamp = header(headers, "x-slack-request-timestamp")
    given = header(headers, "x-slack-signature").encode("utf-8", "surrogatepass")
    signed = b"v0:" + timestamp.encode("utf-8", "surrogatepass") + b":" + body
    valid = False
    for secret in secrets:
        made = hmac.digest(secret.encode("utf-8", "surrogatepass"), signed, "sha256")
        valid |= hmac.compare_digest(b"v0=" + made.hex().encode(), given)
    if not valid:
        return refused("the signature is not that of a signing secret here")
    if not is_recent(timestamp, now):
        return refused("the request is too old, or this machine's clock is wrong")
    try:
        fields = parse_qs(body.decode(), max_num_fields=100)
    except ValueError:
        return Acknowledgement(status=400, reason="the body is not a form")
    return payload(json_object(fields.get("payload", ["{}"])[0]))


def payload(data: Mapping[str, object]) -> Inbound:
    """Read what was pressed, out of a payload that is proven to be Slack's. Never raises."""
    kind = words(data, "type")
    user = words(data, "user", "id")
    name = words(data, "user", "username") or words(data, "user", "name") or user
    team, theirs = words(data, "team", "id"), words(data, "user", "team_id")
    if kind == "view_submission":
        kept = json_object(words(data, "view", "private_metadata"))
        typed = words(data, "view", "state", "values", _PROMPT, _PROMPT, "value")
        return Interaction(
            token=words(kept, "token"),
            user=user,
            name=line(name)[:MAX_NAME],
            places=frozenset({team, theirs, words(kept, "channel")} - {""}),
            message=words(kept, "message"),
            channel=words(kept, "channel"),
            prompt=typed,
            unique=words(data, "view", "id"),
            reply=words(kept, "reply"),
        )
    action = within(data, "actions", 0)
    if kind != "block_actions" or not words(action, "value"):
        return Acknowledgement()
    channel = words(data, "container", "channel_id")
    return Interaction(
        token=words(action, "value"),
        user=user,
        name=line(name)[:MAX_NAME],
        places=frozenset({team, theirs or team, channel} - {""}),
        message=words(data, "container", "message_ts"),
        channel=channel,
        asks=words(action, "action_id").endswith(ASKS),
        label=words(action, "text", "text"),
        reply=words(data, "response_url"),
        form=words(data, "trigger_id"),
        shown=objects(data, "message", "blocks"),
        unique=words(data, "trigger_id"),
    )


def may_come_from(interaction: Interaction, endpoint: Endpoint) -> bool:
    """Whether it happened where the endpoint posts: its workspace, and its channel if it has one."""
    options = SlackOptions.of(endpoint)
    _, _, place = urlsplit(endpoint.url).path.partition("/services/")
    team = place.partition("/")[0]
    if team and not api.is_compatible(endpoint):
        return team in interaction.places
    channel = options.channel or ""
    return not channel.startswith(("C", "G", "D")) or channel == interaction.channel


def accept(endpoint: Endpoint, interaction: Interaction) -> Reaction:  # noqa: ARG001 - Slack wants an empty answer
    """Take a click."""
    return Reaction()


def turn_away(endpoint: Endpoint, interaction: Interaction, text: str) -> Reaction:
    """Say something to whoever pressed, in place of doing what they want."""
    return Reaction(request=tell(endpoint, interaction, text))


def tell(endpoint: Endpoint, interaction: Interaction, text: str) -> Request | None:
    """Say something to whoever pressed, and to nobody else."""
    body: dict[str, Json] = {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": escape(text),
    }
    return _answer(endpoint, interaction, body)


def mark(
    endpoint: Endpoint,
    interaction: Interaction,
    lines: Sequence[str],
    rows: Sequence[Sequence[MessageButton]],
) -> Request | None:
    """Put what was pressed in the place of the message's buttons, and those that are left."""
    blocks = [*filter(None, map(_own, interaction.shown))]
    said, origin = divided([one for one in blocks if not _is_mark(one)])
    if not said:
        return None
    pressed: list[Json] = [
        {**context(escape(line)), "block_id": f"mjb.mark.{place}"}
        for place, line in enumerate(lines[-8:])
    ]
    content: list[Json] = [*said, *buttons(rows), *pressed, *origin]
    text = escape(cut(" · ".join(lines[-1:]) or "Midjourney", 300))
    if api.is_bot(endpoint) and interaction.message and interaction.channel:
        return api.update(
            endpoint,
            {"text": text, "blocks": content},
            channel=interaction.channel,
            ts=interaction.message,
        )
    body: dict[str, Json] = {"replace_original": True, "text": text, "blocks": content}
    return _answer(endpoint, interaction, body)


def open_form(
    endpoint: Endpoint, interaction: Interaction, title: str, prompt: str
) -> Reaction | None:
    """Open the form that asks for a prompt; only a bot can."""
    if not api.is_bot(endpoint) or not interaction.form:
        return None
    kept = {
        "token": interaction.token,
        "message": interaction.message,
        "channel": interaction.channel,
        "reply": interaction.reply,
    }
    entry: dict[str, Json] = {
        "type": "input",
        "block_id": _PROMPT,
        "label": {"type": "plain_text", "text": "Prompt"},
        "element": {
            "type": "plain_text_input",
            "action_id": _PROMPT,
            "multiline": True,
            "max_length": 3000,
            "initial_value": cut(prompt, 3000),
        },
    }
    view: dict[str, Json] = {
        "type": "modal",
        "title": {"type": "plain_text", "text": cut(title, 24) or "Prompt"},
        "submit": {"type": "plain_text", "text": "OK"},
        "private_metadata": json.dumps(kept),
        "blocks": [entry],
    }
    opened: dict[str, Json] = {"trigger_id": interaction.form, "view": view}
    return Reaction(request=api.call(endpoint, "views.open", opened))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _own(block: Mapping[str, Json]) -> dict[str, Json] | None:
    """Return a block as we sent it: Slack adds properties that it would not take back."""
    kind = str(block.get("type"))
    if kind not in _OWN:
        return None
    kept = {name: block[name] for name in _OWN[kind] if block.get(name)}
    return (
        {"type": kind, **kept, "block_id": str(block.get("block_id", ""))}
        if kept
        else None
    )


def _is_mark(block: Mapping[str, Json]) -> bool:
    return str(block.get("block_id", "")).startswith("mjb.mark.")


def _answer(
    endpoint: Endpoint, interaction: Interaction, body: Mapping[str, Json]
) -> Request | None:
    parts, own = _split(interaction.reply), urlsplit(endpoint.url)
    at_slack = parts.scheme == "https" and parts.hostname in _ANSWERS
    if not at_slack and (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
        return None
    return Request(
        url=interaction.reply,
        body=json.dumps(body).encode(),
        headers={"content-type": "application/json", "user-agent": USER_AGENT},
        max_bytes=MAX_REPLY,
    )
