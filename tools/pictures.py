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

from bridge.channels.endpoint_options import ChatOptions
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from tools import scenes
from tools.browser import Browser, browser
from tools.looks import discord, feishu, slack, telegram
from tools.scenes import Shown, endpoint

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
STYLE = (HERE / "looks" / "style.css").read_text(encoding="utf-8")

DISCORD = endpoint(
    "discord", f"https://discord.com/api/webhooks/1/{'x' * 20}", progress="edit"
)
SLACK = endpoint(
    "slack",
    "https://slack.com/api",
    token="xoxb-1",  # noqa: S106 - nobody's
    channel="C1",
    progress="edit",
)
TELEGRAM = endpoint("telegram", "https://api.telegram.org/bot1:x", chat_id="7")
FEISHU = endpoint(
    "feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/x", language="zh"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Events that are told to an endpoint, and how the last of them looks there."""

    to: Endpoint
    events: Sequence[Event]
    look: Callable[[Shown], str]
    width: int


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
}


def page(name: str) -> str:
    """Return the page that shows a message."""
    one = PICTURES[name]
    message = one.look(scenes.shown(one.to, one.events))
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{message}</body>"


def take(name: str, camera: Browser) -> bytes:
    """Take a message's picture, as a PNG."""
    return camera.shoot(page(name), width=PICTURES[name].width)


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
