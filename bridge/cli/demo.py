"""
``demo``: submits a few tasks to the sandbox as a user of the gateway would, over HTTP.

Between them they show every kind of end but the rare ones: two pictures, one of them
upscaled and then zoomed out of (which asks for a modal first), and one prompt refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import typer

from bridge.cli.output import say
from bridge.errors import BridgeError

if TYPE_CHECKING:
    import httpx

#: Two of these at every start, in turn.
PROMPTS = (
    "a lighthouse in the fog, long exposure --ar 1:1 --v 6.1",
    "red fox asleep in the autumn desert, linocut --v 6.1",
    "northern lights over an ice cave, wide angle --v 6.1",
    "cherry orchard on a spring morning, gouache --v 6.1",
    "harbour at sunset, paper boats, isometric --v 6.1",
    "an old observatory under a sky of stars --v 6.1",
    "moss garden after the rain, macro --v 6.1",
    "a city of bridges at dusk, ink and wash --v 6.1",
)
REFUSED = "a word that is banned, in neon --v 6.1"

#: Seconds to wait for a picture.
DEADLINE = 180.0


def demo() -> None:
    """Submit a few tasks to the sandbox's gateway, and follow them."""
    import httpx

    from bridge import logs
    from bridge.runtime.deployment import Deployment
    from bridge.settings import load_settings

    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    [upstream] = settings.upstreams.values()
    key = upstream.api_key.get_secret_value() if upstream.api_key else ""

    async def work() -> None:
        async with Deployment(settings) as deployment:
            await deployment.ready()
            async for task_id in demo_tasks(upstream.base_url, key):
                await deployment.operations.track([task_id])

    try:
        asyncio.run(work())
    except (httpx.HTTPError, BridgeError) as error:
        say(f"no demonstration: {error}")
        raise typer.Exit(1) from error


async def demo_tasks(
    base_url: str, key: str, *, pause: float = 0.5
) -> AsyncIterator[str]:
    """
    Submit the demonstration's tasks; yields each id as soon as there is one.

    Ends when the last is submitted, which is after the first picture was finished. On a
    gateway that has tasks already, the prompts are the next ones in the list.

    Args:
        pause: Seconds between two polls of a task that is waited for.

    Raises:
        httpx.HTTPError: The gateway is unreachable, or refuses.
    """
    import httpx

    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=base_url, headers=headers, timeout=30, trust_env=False
    ) as client:
        first, second = await _next_prompts(client)
        picture = await _submit(client, "imagine", prompt=first)
        yield picture
        yield await _submit(client, "imagine", prompt=second)
        yield await _submit(client, "imagine", prompt=REFUSED)
        single = await _press(client, picture, "U1", pause)
        if single is None:
            return
        yield single
        zoomed = await _press(client, single, "Custom Zoom", pause)
        if zoomed is None:
            return
        yield zoomed
        await asyncio.sleep(6 * pause)  # long enough to be seen waiting
        await _submit(client, "modal", taskId=zoomed, prompt=f"{first} --zoom 1.8")


async def _next_prompts(client: httpx.AsyncClient) -> tuple[str, str]:
    made = (await client.get("/sandbox/tasks")).raise_for_status().json()["tasks"]
    at = sum(task["action"] == "IMAGINE" and task["prompt"] in PROMPTS for task in made)
    return PROMPTS[at % len(PROMPTS)], PROMPTS[(at + 1) % len(PROMPTS)]


async def _submit(client: httpx.AsyncClient, what: str, **body: str) -> str:
    answer = await client.post(f"/mj/submit/{what}", json=body)
    return str(answer.raise_for_status().json()["result"])


async def _press(
    client: httpx.AsyncClient, task_id: str, label: str, pause: float
) -> str | None:
    """Press a button of a task once it is there; ``None`` if it never is."""
    try:
        async with asyncio.timeout(DEADLINE):
            # The gateway has no event for it: that is why there is a bridge.
            while (custom_id := await _button(client, task_id, label)) is None:  # noqa: ASYNC110
                await asyncio.sleep(pause)
    except TimeoutError:
        return None
    return await _submit(client, "action", taskId=task_id, customId=custom_id)


async def _button(client: httpx.AsyncClient, task_id: str, label: str) -> str | None:
    """Return a button's customId; ``None`` while there is none, or the gateway fails."""
    answer = await client.get(f"/mj/task/{task_id}/fetch")
    try:
        buttons = answer.json()["buttons"] or []
    except (ValueError, KeyError, TypeError):
        return None
    return next(
        (button["customId"] for button in buttons if button["label"] == label), None
    )
