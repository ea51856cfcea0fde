"""Clicks as the platforms send them, signed as they sign; and what attackers send in their place."""

from __future__ import annotations

import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
DISCORD_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = DISCORD_KEY.public_key().public_bytes_raw().hex()

Click = tuple[bytes, dict[str, str]]


def slack_payload(token: str, **changes: Any) -> dict[str, Any]:
    """What Slack says of a click on a button of a webhook's message."""
    return {
        "type": "block_actions",
        "user": {"id": "U0ADA", "username": "ada", "team_id": "T0000"},
        "team": {"id": "T0000", "domain": "art"},
        "container": {
            "type": "message",
            "message_ts": "1795329601.000200",
            "channel_id": "C0123456789",
        },
        "trigger_id": f"13345224609.738474920.{time.time_ns()}",
        "response_url": "https://hooks.slack.com/actions/T0000/1/abc",
        "actions": [
            {
                "type": "button",
                "action_id": "mjb.0.0",
                "block_id": "x",
                "value": token,
                "text": {"type": "plain_text", "text": "U1"},
            }
        ],
        "message": {
            "blocks": [
                {
                    "type": "section",
                    "block_id": "a",
                    "text": {"type": "mrkdwn", "text": "✅ *Imagine finished*"},
                },
                {
                    "type": "image",
                    "block_id": "b",
                    "image_url": "https://cdn.example/a.png",
                    "alt_text": "a &amp; b",
                    "image_width": 1024,
                    "image_bytes": 1,
                },
                {"type": "actions", "block_id": "c", "elements": []},
                {
                    "type": "context",
                    "block_id": "d",
                    "elements": [{"type": "mrkdwn", "text": "task `1`"}],
                },
            ]
        },
        **changes,
    }


def slack(
    payload: Any, *, secret: str = SIGNING_SECRET, at: float | None = None
) -> Click:
    body = urlencode({"payload": json.dumps(payload)}).encode()
    return body, slack_headers(body, secret=secret, at=at)


def slack_headers(
    body: bytes, *, secret: str = SIGNING_SECRET, at: float | None = None
) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    signed = hmac.digest(secret.encode(), f"v0:{stamp}:".encode() + body, "sha256")
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={signed.hex()}",
    }


def discord_payload(token: str, **changes: Any) -> dict[str, Any]:
    """What Discord says of a click on a button of an application's webhook."""
    return {
        "type": 3,
        "id": str(time.time_ns()),
        "application_id": "900",
        "guild_id": "100",
        "channel_id": "200",
        "token": "aW50ZXJhY3Rpb24",
        "member": {
            "user": {"id": "300", "username": "ada", "global_name": "Ada"},
            "nick": None,
            "roles": ["7", "8"],
        },
        "data": {"component_type": 2, "custom_id": token},
        "message": {
            "id": "400",
            "channel_id": "200",
            "webhook_id": "1",
            "components": [
                {
                    "type": 1,
                    "components": [
                        {"type": 2, "style": 2, "label": "U1", "custom_id": token}
                    ],
                }
            ],
        },
        **changes,
    }


def discord(
    payload: Any,
    *,
    key: Ed25519PrivateKey = DISCORD_KEY,
    at: float | None = None,
) -> Click:
    body = json.dumps(payload).encode()
    stamp = str(int(time.time() if at is None else at))
    return body, {
        "content-type": "application/json",
        "x-signature-timestamp": stamp,
        "x-signature-ed25519": key.sign(stamp.encode() + body).hex(),
    }


def telegram_payload(token: str, **changes: Any) -> dict[str, Any]:
    """What Telegram says of a click."""
    return {
        "update_id": time.time_ns(),
        "callback_query": {
            "id": "4382bfdwdsb323b2d9",
            "from": {"id": 500, "first_name": "Ada", "username": "ada"},
            "message": {
                "message_id": 1001,
                "chat": {"id": 7, "type": "group"},
                "reply_markup": {
                    "inline_keyboard": [[{"text": "U1", "callback_data": token}]]
                },
            },
            "data": token,
            **changes,
        },
    }


def telegram(payload: Any, *, secret: str) -> Click:
    body = json.dumps(payload).encode()
    return body, {
        "content-type": "application/json",
        "x-telegram-bot-api-secret-token": secret,
    }
