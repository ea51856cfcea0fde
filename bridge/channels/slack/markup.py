"""
Markup: text that Slack shows as it is, and the little of its mrkdwn that we write.

In every text object, the plain ones too, three characters are special and no others:
``<!channel>``, ``<@U1>`` and ``<https://…|label>`` all begin with ``<``. What is escaped
is decoded for display and never read again as markup.
https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_THREE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
#: A colon that begins what Slack would draw as an emoji. Midjourney's ``hot::2 dog::1``
#: is full of colons.
_EMOJI = re.compile(r":(?=[^\s:]+:)")
#: Takes no room and is not drawn, and no emoji's name has one.
_WORD_JOINER = "\u2060"


def escape(text: str) -> str:
    """Make a text harmless in a text object; for ``plain_text`` that is all it takes."""
    return text.translate(_THREE)


def defang(text: str) -> str:
    """Make a text harmless where Slack also looks for emoji: in the message's ``text``."""
    return _EMOJI.sub(f":{_WORD_JOINER}", escape(text))


def code(text: str) -> str:
    """Write a short text as code, in which no other markup has a meaning."""
    return f"`{_fenced(text)}`"


def fence(text: str) -> str:
    """Write a text of several lines as code."""
    return f"```{_fenced(text)}```"


def _fenced(text: str) -> str:
    return escape(text.replace("`", "'"))


def link(url: str, label: str) -> str:
    """
    Write a link in mrkdwn.

    Args:
        url: Percent-encoded, see `bridge.channels.urls.safe_url`.

        label: Our own words.
    """
    return f"<{escape(url)}|{escape(label)}>"


def moment(at: float, *, dated: bool = False) -> str:
    """Write a time of day in the reader's own zone; where that cannot be, in UTC."""
    then = datetime.fromtimestamp(at, UTC)
    if dated:
        shown, fallback = "{date_short_pretty} {time}", f"{then:%Y-%m-%d %H:%M} UTC"
    else:
        shown, fallback = "{time}", f"{then:%H:%M} UTC"
    return f"<!date^{int(at)}^{shown}|{fallback}>"
