"""
The front page, which a gateway also shows, with status 200, for every path it does not know.

new-api serves its single-page application there (`router/web-router.go`). Ours shows the
pictures made so far, for whoever opens the sandbox in a browser.
"""

from __future__ import annotations

from html import escape

from starlette.requests import Request

from bridge.sandbox.tasks import Task, look, shown
from bridge.sandbox.world import World

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


def front_page(world: World, request: Request) -> str:
    """The page, with the newest tasks and their pictures."""
    now, base = world.clock(), world.base(request)
    tasks = world.book.tasks()[::-1][:SHOWN]
    busy = any(not look(task, now).ended for task in tasks)
    return _PAGE.format(
        refresh='<meta http-equiv="refresh" content="2">' if busy else "",
        count=f"{len(world.book)} task{'' if len(world.book) == 1 else 's'}.",
        figures="".join(_figure(task, now, base) for task in tasks),
    )


def _figure(task: Task, now: float, base: str) -> str:
    seen = look(task, now)
    progress = shown(task, now)
    url = f"{base}/mj/image/{task.id}?at={progress}"
    picture = (
        f'<a href="{escape(url)}"><img src="{escape(url)}" alt=""></a>'
        if progress
        else "·"
    )
    status = seen.status if seen.progress is None else f"{seen.status} {seen.progress}%"
    return (
        f'<figure><div class="art">{picture}</div><figcaption>{escape(task.prompt)}'
        f"<small>{escape(task.action)} · {escape(status)}</small><small>{task.id}</small>"
        "</figcaption></figure>"
    )
