"""
Looks: a payload as HTML, roughly as a platform's client shows it.

Only what our messages use is understood. The style is our own; it is in ``style.css``.
"""

from __future__ import annotations

from base64 import b64encode
from html import escape

from tools.scenes import Shown, image_at

#: Who speaks: a sun over two hills, which is nobody's trademark.
AVATAR = (
    '<svg class="avatar" viewBox="0 0 40 40"><defs>'
    '<linearGradient id="sky" x2="0" y2="1"><stop stop-color="#26215a"/>'
    '<stop offset=".7" stop-color="#c46a86"/><stop offset="1" stop-color="#fcb06e"/>'
    '</linearGradient></defs><path fill="url(#sky)" d="M0 0h40v40H0z"/>'
    '<circle cx="25" cy="17" r="5.5" fill="#ffecbe"/>'
    '<path fill="#7a4767" d="M0 29l9-9 7 7 8-7 16 13v7H0z"/>'
    '<path fill="#221630" d="M0 35l12-8 10 8 9-6 9 7v4H0z"/></svg>'
)


def source(shown: Shown, url: str) -> str:
    """
    Return an image's URL with the image in it.

    Raises:
        LookupError: There is none; a picture of a message has no holes.
    """
    data = shown.files.get(url.removeprefix("attachment://")) or image_at(url)
    if data is None:
        msg = "no such picture"
        raise LookupError(msg)
    return f"data:image/png;base64,{b64encode(data).decode()}"


def text(value: object) -> str:
    """Write a text as HTML, on as many lines as it has."""
    return escape(str(value)).replace("\n", "<br>")
