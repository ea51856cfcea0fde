"""
The demonstration: submits a few tasks as a user of the gateway would, over HTTP.

Between them they show every kind of end but the rare ones: two pictures, one of them
upscaled and then zoomed out of (which asks for a modal first), and one prompt refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

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

#: Seconds after which a picture that does not come is not waited for.
PATIENCE = 180.0


async def demo_tasks(
    base_url: str, key: str, *, pause: float = 0.5
) -> AsyncIterator[str]:
    """
    Submit the demonstration's tasks; gives each id as soon as there is one.

    Ends when the last is submitted, which is after the first picture was finished. On a
    gateway that has tasks already, the prompts are the next ones in the list.

    Args:
        pause: Seconds between two looks at a task that is waited for.

    Raises:
        httpx.HTTPError: The gateway is away, or refuses.
    """
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
    answer = (
        (await client.post(f"/mj/submit/{what}", json=body)).raise_for_status().json()
    )
    return str(answer["result"])


async def _press(
    client: httpx.AsyncClient, task_id: str, label: str, pause: float
) -> str | None:
    """Press a button of a task once it is there; ``None`` if it never is."""
    try:
        async with asyncio.timeout(PATIENCE):
            # The gateway tells no one when a task is done: that is why there is a bridge.
            while (custom_id := await _button(client, task_id, label)) is None:  # noqa: ASYNC110
                await asyncio.sleep(pause)
    except TimeoutError:
        return None
    return await _submit(client, "action", taskId=task_id, customId=custom_id)


async def _button(client: httpx.AsyncClient, task_id: str, label: str) -> str | None:
    """A button's customId; ``None`` while there is none, or the gateway is in a bad mood."""
    answer = await client.get(f"/mj/task/{task_id}/fetch")
    try:
        buttons = answer.json()["buttons"] or []
    except (ValueError, KeyError, TypeError):
        return None
    return next(
        (button["customId"] for button in buttons if button["label"] == label), None
    )
