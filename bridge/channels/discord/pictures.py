"""
How a message shows its picture: uploaded, so that it outlives the link; else linked.

Source: Discord, "Signed Attachment CDN URLs": a URL of its own CDN without its signature is
one that Discord renders, and signs anew, by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bridge.channels.message import Message
from bridge.channels.picture import taken
from bridge.channels.urls import is_public, safe_url
from bridge.core.http import File, Response

#: Characters of a URL in an embed.
URL_MOST = 2048

_CDN = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
#: There is no such picture, and asking again does not change that.
_NOT_THERE = frozenset({404, 410})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    How a message shows its picture.

    Attributes:
        file: Uploaded with it.

        url: Where Discord can load it, if there is no file.

        note: What there is to say where there is neither.

        dead: Whether its URL leads nowhere.
    """

    file: File | None = None
    url: str | None = field(default=None, repr=False)
    note: str = ""
    dead: bool = False


NOTHING = Shown()


def fetched(response: Response, message: Message, *, at: float) -> Shown:
    """Decide how a picture is shown, now that it was asked for."""
    if file := taken(response, message.task_id):
        return Shown(file=file)
    if response.status in _NOT_THERE and not _is_discords(message.picture):
        return Shown(note=_note(message, at=at), dead=True)
    return linked(message, at=at)


def linked(message: Message, *, at: float) -> Shown:
    """Decide how a picture is shown that is not fetched."""
    picture = message.picture
    own = _is_discords(picture)
    bare = picture.partition("?")[0] if picture and own else picture
    url = safe_url(bare, most=URL_MOST)
    if url is None or not is_public(url) or (message.expired(at) and not own):
        return Shown(note=_note(message, at=at))
    return Shown(url=url)


def left_out(message: Message, *, at: float) -> Shown:
    """Decide what is said where nobody wants pictures: only the link may be missed."""
    gone = message.expired(at) and not message.videos
    return Shown(note=message.strings.expired if gone else "")


def _is_discords(url: str | None) -> bool:
    """Whether a URL is an attachment on Discord's own CDN."""
    parts = urlsplit(url or "")
    return parts.hostname in _CDN and "attachments/" in parts.path


def _note(message: Message, *, at: float) -> str:
    if message.picture is None:
        return ""
    strings = message.strings
    return strings.expired if message.expired(at) else strings.not_shown
