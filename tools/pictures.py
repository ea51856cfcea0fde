"""
Pictures of messages, for the documentation: `python -m tools.pictures [NAME ...]`.

They are drawn from the payloads that the channels make, by a page of our own in a browser:
renderings, and not screenshots of the platforms. Written to ``docs/images``. The letters are
those of the machine; on Debian, ``fonts-inter``, ``fonts-noto-color-emoji`` and
``fonts-noto-cjk`` have them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from bridge.channels.endpoint_options import ChatOptions
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from tools import scenes
from tools.browser import browser, shoot
from tools.looks import discord, feishu, slack, telegram
from tools.scenes import Shown, endpoint

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
STYLE = (HERE / "looks" / "style.css").read_text(encoding="utf-8")

ADDRESSES = {
    "discord": f"https://discord.com/api/webhooks/1/{'x' * 20}",
    "slack": "https://slack.com/api",
    "telegram": "https://api.telegram.org/bot1:x",
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/x",
}
BOT = {"token": "xoxb-1", "channel": "C1", "progress": "edit"}  # nobody's


def _to(kind: str, **settings: Any) -> Endpoint:
    return endpoint(kind, ADDRESSES[kind], **settings)


DISCORD = _to("discord", progress="edit")
SLACK = _to("slack", **BOT)
TELEGRAM = _to("telegram", chat_id="7")
FEISHU = _to("feishu", language="zh", buttons="off")
#: Where buttons can be pressed: those of the chat's own, or a link to the page.
PRESSED = {
    "slack": (_to("slack", **BOT, buttons="native", signing_secret="s" * 32), slack),
    "discord": (_to("discord", buttons="native", public_key="ab" * 32), discord),
    "telegram": (_to("telegram", chat_id="7", buttons="native"), telegram),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """
    Events that are delivered to an endpoint, and how the last of them looks there.

    Attributes:
        pressed: Whether its first button was pressed.
    """

    to: Endpoint
    events: Sequence[Event]
    look: Callable[[Shown], str]
    width: int
    pressed: bool = False

    def shown(self) -> Shown:
        """Return the message."""
        shown = scenes.shown(self.to, self.events, links=scenes.LINKS)
        if not self.pressed:
            return shown
        return scenes.pressed(self.to, self.events[-1], shown, who="ada")


PICTURES: Mapping[str, Picture] = {
    f"{kind}-{moment}": Picture(to=to, events=events, look=look.html, width=look.WIDTH)
    for kind, to, look, moments in (
        ("discord", DISCORD, discord, ("succeeded", "progress", "failed")),
        ("slack", SLACK, slack, ("succeeded", "progress", "failed")),
        ("telegram", TELEGRAM, telegram, ("succeeded",)),
        ("feishu", FEISHU, feishu, ("succeeded",)),
    )
    for moment in moments
    for events in [
        {
            "succeeded": scenes.succeeded(
                scenes.DUSK_ZH if ChatOptions.of(to).language == "zh" else scenes.DUSK
            ),
            "progress": scenes.progressing(),
            "failed": scenes.failed(),
        }[moment]
    ]
} | {
    "feishu-link": Picture(
        to=_to("feishu"),
        events=scenes.succeeded(),
        look=feishu.html,
        width=feishu.WIDTH,
    ),
    **{
        f"{kind}-pressed": Picture(
            to=to,
            events=scenes.succeeded(),
            look=look.html,
            width=look.WIDTH,
            pressed=True,
        )
        for kind, (to, look) in PRESSED.items()
    },
}


def page(name: str) -> str:
    """Return the page that shows a message."""
    one = PICTURES[name]
    message = one.look(one.shown())
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{message}</body>"


def take(name: str, camera: Browser) -> bytes:
    """Take a message's picture, as a PNG."""
    return shoot(camera, page(name), width=PICTURES[name].width)


def main(names: Sequence[str]) -> None:
    """Take the pictures again; all of them if none is named."""
    IMAGES.mkdir(exist_ok=True)
    with browser() as camera:
        for name in names or PICTURES:
            png = take(name, camera)
            (IMAGES / f"{name}.png").write_bytes(png)
            sys.stdout.write(f"{name}.png  {len(png) / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
