"""
Blocks: what Slack's messages are made of.

Slack refuses a whole message for one text that is too long.
https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from bridge.channels.interaction import ASKS
from bridge.channels.message import MessageButton
from bridge.channels.slack.markup import escape
from bridge.channels.text import cut, fit
from bridge.core.event_data import Json

Block: TypeAlias = dict[str, Json]

#: Slack's limits are 3000 for a section's text and 2000 for an alternative text.
MAX_TEXT = 2900
MAX_ALT = 300
MAX_BUTTON = 75


def section(text: str | Block) -> Block:
    """Write something: our own words with markup, or what `plain` has made of others'."""
    return {"type": "section", "text": _mrkdwn(text) if isinstance(text, str) else text}


def context(text: str | Block) -> Block:
    """Write something small."""
    element = _mrkdwn(text) if isinstance(text, str) else text
    return {"type": "context", "elements": [element]}


def _mrkdwn(text: str) -> Block:
    """Our own words, with markup; Slack looks for no links or names in them by itself."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str, limit: int = MAX_TEXT) -> Block:
    """Have Slack read no markup in a text of others."""
    return {"type": "plain_text", "text": fit(text, limit, escape), "emoji": False}


def image(url: str, alt: str) -> Block:
    """Show a picture, and its description to those who cannot see it."""
    bare = " ".join(alt.replace("<", " ").replace(">", " ").split())
    return {"type": "image", "image_url": url, "alt_text": cut(bare, MAX_ALT)}


def buttons(rows: Sequence[Sequence[MessageButton]]) -> list[Block]:
    """Make the buttons that are pressed; in blocks, as Socket Mode sends no clicks of others."""
    return [
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": plain(button.label, MAX_BUTTON),
                    "action_id": f"mjb.{row}.{place}{ASKS if button.asks else ''}",
                    "value": button.token,
                }
                for place, button in enumerate(side_by_side)
            ],
        }
        for row, side_by_side in enumerate(rows)
    ]


def named(blocks: Sequence[Block], revision: str) -> list[Json]:
    """Give blocks ids that begin with a revision; none if that is empty."""
    if not revision:
        return list(blocks)
    return [
        {**block, "block_id": f"{revision}.{place}"}
        for place, block in enumerate(blocks)
    ]
