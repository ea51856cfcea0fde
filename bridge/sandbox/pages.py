"""
What a browser gets of a simulated gateway: its front page, and the tasks' pictures.

new-api answers every path that it does not know with its single-page application and status
200 (`router/web-router.go`). Ours shows the pictures made so far.
"""

from __future__ import annotations

from colorsys import hls_to_rgb, rgb_to_hls
from functools import lru_cache
from html import escape
from importlib.resources import files
from zlib import crc32

from starlette.requests import Request

from bridge.sandbox.lifecycle import SimulatedTask, phase_of, picture_progress
from bridge.sandbox.state import GatewayState, base_of

#: Dusk, as the pictures are drawn, and other lights that suit them: twelfths of a turn of the
#: colour wheel.
_LIGHTS = (0, 1, 7, 8, 9, 10, 11)
#: Tasks on the page, the newest first.
SHOWN = 48

_PAGE = """<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>New API</title>
<meta name="viewport" content="width=device-width,initial-scale=1">{refresh}
<style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }}
body {{ max-width: 70rem; margin: 2.5rem auto; padding: 0 1.25rem }}
h1 {{ font-size: 1.2rem; margin: 0 }} p {{ margin: .2rem 0 2rem; opacity: .7 }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1.5rem }}
figure {{ margin: 0 }} figcaption {{ margin-top: .5rem; overflow-wrap: anywhere }}
figcaption small {{ display: block; opacity: .65 }}
.art {{ aspect-ratio: 1; border-radius: .6rem; background: #8883; display: grid; place-items: center;
  overflow: hidden }}
.art img {{ width: 100%; display: block }}
</style></head><body><div id="root">
<h1>mjbridge sandbox</h1><p>A simulated Midjourney gateway. {count}</p><main>{figures}</main>
</div></body></html>"""


def front_page(gateway: GatewayState, request: Request) -> str:
    """Return the page, with the newest tasks and their pictures."""
    now, base = gateway.clock(), base_of(request)
    tasks = gateway.tasks.all()[::-1][:SHOWN]
    busy = any(not phase_of(task, now).ended for task in tasks)
    count = len(gateway.tasks)
    return _PAGE.format(
        refresh='<meta http-equiv="refresh" content="2">' if busy else "",
        count=f"{count} task{'' if count == 1 else 's'}.",
        figures="".join(_figure(task, now, base) for task in tasks),
    )


def _figure(task: SimulatedTask, now: float, base: str) -> str:
    phase = phase_of(task, now)
    progress = picture_progress(task, now)
    url = escape(f"{base}/mj/image/{task.id}?at={progress}")
    picture = f'<a href="{url}"><img src="{url}" alt=""></a>' if progress else "·"
    percent = "" if phase.progress is None else f" {phase.progress}%"
    return (
        f'<figure><div class="art">{picture}</div><figcaption>{escape(task.prompt)}'
        f"<small>{escape(task.action)} · {escape(phase.status)}{percent}</small>"
        f"<small>{task.id}</small></figcaption></figure>"
    )


@lru_cache(maxsize=128)
def picture(
    *, image: int | None = None, finished: bool = True, prompt: str = ""
) -> bytes:
    """
    Return a PNG of 512 pixels each way: a grid of four, or *image* (1 to 4) of it in full.

    Every task shows the same four, in a light that depends on its *prompt*; one that is not
    *finished* shows a coarse preview of them.
    """
    grid = "grid" if image is None else f"image-{image}"
    name = grid if finished else "preview"
    png = (files("bridge.sandbox") / "png" / f"{name}.png").read_bytes()
    return _in_light(
        png, _LIGHTS[crc32(prompt.encode("utf-8", "surrogatepass")) % len(_LIGHTS)]
    )


def _in_light(png: bytes, turn: int) -> bytes:
    """Turn the hues of a picture with a palette by so many twelfths of the colour wheel."""
    kind = png.index(b"PLTE")
    start, length = kind + 4, int.from_bytes(png[kind - 4 : kind])
    palette = bytearray()
    colours = png[start : start + length]
    for red, green, blue in zip(
        colours[::3], colours[1::3], colours[2::3], strict=True
    ):
        hue, lightness, saturation = rgb_to_hls(red / 255, green / 255, blue / 255)
        turned = hls_to_rgb((hue + turn / 12) % 1, lightness, saturation)
        palette += bytes(round(255 * part) for part in turned)
    checksum = crc32(b"PLTE" + palette).to_bytes(4)
    return png[:start] + palette + checksum + png[start + length + 4 :]
