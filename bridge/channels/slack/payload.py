"""
Payloads: what a message looks like in Slack.

    ✅ *Imagine finished* · 47 s                  our words, in mrkdwn
    a lighthouse in a storm, oil on canvas        the prompt, in plain text without emoji
    [the picture]
    Next: U1 · U2 · U3 · U4                       small
    Open full size · task `1732…` · 06:40         small

Rule 1: untrusted text (prompt, reason, result, labels) is in ``plain_text``, where
Slack reads no markup; without blocks it is in code.
Rule 2: every text fits before it is sent: Slack refuses a whole message for one that is
too long, or for one that is empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

from bridge.channels.endpoint_options import NativeOptions
from bridge.channels.message import Message
from bridge.channels.slack.blocks import (
    Block,
    buttons,
    context,
    image,
    named,
    plain,
    section,
)
from bridge.channels.slack.markup import code, defang, escape, fence, link, moment
from bridge.channels.text import bar, cut, fit, line, utf16
from bridge.core.event_data import Json

#: A message's ``text`` and ``blocks``.
MessageBody: TypeAlias = dict[str, Json]

#: A section's text has 3000 at the most. A line of context has no limit of its own that is written
#: down, and shall be short anyway.
MAX_LINKS = 2900
MAX_SMALL = 1900
MAX_LINK = 1500
#: A notification on a telephone shows less than that.
MAX_FALLBACK = 300
MAX_ID = 128
#: Of the parts of a message without blocks. ``chat.update`` refuses a ``text`` above 4000: these
#: are 3400, and 600 are left for our own words, the page's link and the task's id.
MAX_PROMPT, MAX_REASON, MAX_RESULT, MAX_URL = 1000, 500, 1200, 700

#: The fullest first.
VARIANTS = ("picture", "link", "text")

#: What Slack draws. It answers anything else, WebP above all, with a refusal.
_DRAWN = (".png", ".jpg", ".jpeg", ".gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackOptions(NativeOptions):
    """
    How a Slack endpoint likes its messages.

    A message knows those of its endpoint, see `Message.options`: one of its looks is read here.

    Attributes:
        token: A bot's. Without one, messages go to an incoming webhook.

        channel: Where the bot posts.

        signing_secret: What the app's clicks are signed with.

        app_token: Lets clicks come over a socket (``xapp-...``), without a public URL.
    """

    token: str | None = field(default=None, repr=False)
    channel: str | None = field(default=None, metadata={"min_length": 1})
    signing_secret: str | None = field(default=None, repr=False)
    app_token: str | None = field(default=None, repr=False)


def content(
    message: Message, variant: str, *, revision: str = ""
) -> MessageBody | None:
    """
    Write a message.

    Args:
        message: What to say.

        variant: One of `VARIANTS`: with its picture; without it, with a link in its place;
            as nothing but text.

        revision: What the ids of blocks begin with; empty for no ids. An edited message
            needs others than it had.

    Returns:
        ``None`` if there is no picture that Slack could show.
    """
    text = _fallback(message)
    if variant == "text":
        return {"text": _text_only(message)}
    if variant == "link":
        blocks = _blocks(message, picture=None, links=_links(message))
        return {"text": text, "blocks": named(blocks, revision)}
    url = _picture(message)
    if url is None:
        return None
    blocks = _blocks(message, picture=url, links=_watch(message))
    return {"text": text, "blocks": named(blocks, revision and f"{revision}.p")}


def brief(message: Message) -> MessageBody:
    """Write the same in a line, to answer in the thread of a message that says it all."""
    lines = (_title(message), _fenced_reason(message))
    return {"text": "\n".join(filter(None, lines))}


# --- with blocks ----------------------------------------------------------------------


def _blocks(message: Message, *, picture: str | None, links: str) -> list[Block]:
    strings = message.strings
    blocks = [section(_title(message))]
    if message.sample:
        blocks.append(context(plain(f"🧪 {strings.sample}")))
    if message.prompt:
        blocks.append(section(plain(message.prompt)))
    if message.reason:
        blocks.append(section(plain(message.labelled_reason)))
    if message.result:
        blocks.append(section(plain(message.result)))
    if picture:
        blocks.append(image(picture, message.alt))
    if links:
        blocks.append(section(links))
    blocks += buttons(message.buttons)
    if message.steps:
        blocks.append(context(plain(message.labelled_steps, MAX_SMALL)))
    if message.choice is not None:
        label, url = message.choice
        blocks.append(section(f"👉  {link(url, label)}"))
    # Last, as `divided` relies on.
    blocks.append(context(_origin(message, linked=picture is not None)))
    return blocks


def divided(shown: list[Block]) -> tuple[list[Block], list[Block]]:
    """
    Divide the blocks of a message where what was pressed is told: before the task's origin.

    The origin is what `_blocks` ends with, the only block that is small and last.
    """
    place = len(shown) - bool(shown and shown[-1]["type"] == "context")
    return shown[:place], shown[place:]


def _title(message: Message) -> str:
    title = f"{message.emoji}  *{escape(message.headline)}*"
    if message.duration:
        return f"{title}  ·  {message.duration}"
    if message.progress is not None:
        return f"{title}   {bar(message.progress)}  {message.progress}%"
    return title


def _links(message: Message) -> str:
    """Link to the videos; or to the picture, saying why it is not shown."""
    if videos := _watch(message):
        return videos
    if not message.shows or not message.picture:
        return ""
    parts = [f"🖼️  {message.unshown}"] if message.unshown else []
    url = _openable(message)
    return "  ·  ".join([*parts, link(url, message.strings.open)] if url else parts)


def _openable(message: Message) -> str | None:
    """Return the URL of the picture if anybody in the channel can open it."""
    return message.links[0][1] if message.links and not message.videos else None


def _watch(message: Message) -> str:
    shown = ""
    for label, url in message.links if message.videos else ():
        more = f"{shown}  ·  {link(url, label)}" if shown else f"🎬  {link(url, label)}"
        if utf16(more) > MAX_LINKS:
            break
        shown = more
    return shown


def _origin(message: Message, *, linked: bool) -> str:
    """Say which task it is about, and when it happened; with a link to what is shown."""
    strings = message.strings
    parts = []
    url = message.public_picture if linked else None
    if url and utf16(escape(url)) <= MAX_LINK:
        parts.append(link(url, strings.open))
    for label, text in message.origin if message.task_id else ():
        parts.append(label + code(cut(text, MAX_ID)))
    if message.since is not None:
        since = moment(message.since, dated=True)
        parts.append(f"{strings.since}{strings.colon}{since}")
    parts.append(moment(message.at))
    return "  ·  ".join(parts)


def _picture(message: Message) -> str | None:
    """
    Return the URL of the picture if Slack can show it.

    Gateways hand pictures on under addresses that end in an id; those are tried, as what
    is behind them is a PNG more often than not, and Slack says so if it is not.
    """
    url = message.public_picture
    name = urlsplit(url or "").path.rpartition("/")[2].lower()
    return url if name.endswith(_DRAWN) or (name and "." not in name) else None


# --- without --------------------------------------------------------------------------


def _fallback(message: Message) -> str:
    """Write it in a line, for notifications and screen readers."""
    strings = message.strings
    text = escape(message.title)
    if message.progress is not None:
        text += f" {message.progress}%"
    more = line(message.reason or message.prompt or message.result)
    if more:
        text += strings.colon + fit(more, MAX_FALLBACK, defang)
    return f"{text} ({strings.sample})" if message.sample else text


def _text_only(message: Message) -> str:
    strings = message.strings
    lines = [_title(message)]
    if message.sample:
        lines.append(f"🧪 {strings.sample}")
    if message.prompt:
        lines.append(fit(message.prompt, MAX_PROMPT, fence))
    if reason := _fenced_reason(message):
        lines.append(reason)
    if message.result:
        lines.append(fit(message.result, MAX_RESULT, fence))
    small = []
    url = _openable(message)
    if url and utf16(escape(url)) <= MAX_URL:
        small.append(link(url, strings.open))
    elif message.shows and message.expired and not message.videos:
        small.append(strings.expired)
    if message.choice is not None:
        label, page = message.choice
        small.append(link(page, label))
    if message.task_id:
        small.append(f"{strings.task_id} {code(cut(message.task_id, MAX_ID))}")
    return "\n".join([*lines, "  ·  ".join(small)]).strip()


def _fenced_reason(message: Message) -> str:
    """Write the reason with its label, as text without blocks; empty without one."""
    strings, reason = message.strings, fit(message.reason, MAX_REASON, fence)
    return f"{strings.reason}{strings.colon}{reason}" if message.reason else ""
