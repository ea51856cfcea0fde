"""
``demo``: submits a few tasks to the sandbox as a user of the gateway would, over HTTP.

Between them they show every kind of end but the rare ones: two pictures, one of them
upscaled and then zoomed out of (which asks for a modal first), and one prompt refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import typer

from bridge import logs
from bridge.cli.output import program, say, stderr
from bridge.errors import BridgeError
from bridge.runtime.deployment import Deployment
from bridge.settings import load_settings

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
#: Seconds to wait for the last deliveries, and between two checks.
DELIVERED_WITHIN, CHECK_EVERY = 10.0, 0.2


def demo() -> None:
    """Submit a few tasks to the sandbox's gateway, and follow them."""
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    if settings.log_format == "json":
        logs.only_json()
    [upstream] = settings.upstreams.values()
    key = upstream.api_key.get_secret_value() if upstream.api_key else ""

    async def work() -> None:
        async with Deployment(settings) as deployment:
            await deployment.ready()
            last = ""
            async for last in demo_tasks(upstream.base_url, key):
                await deployment.tracking.track([last])
            await _delivered(deployment, last)
            _print_what_next(last, upstream.base_url)

    try:
        asyncio.run(work())
    except (httpx.HTTPError, BridgeError) as error:
        say(f"no demonstration: {error}")
        raise typer.Exit(1) from error


async def _delivered(deployment: Deployment, task_id: str) -> None:
    """Wait until a task has ended and its events are delivered; not for ever."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DELIVERED_WITHIN):
            while not await _is_delivered(deployment, task_id):  # noqa: ASYNC110 - the store has no event for it
                await asyncio.sleep(CHECK_EVERY)


async def _is_delivered(deployment: Deployment, task_id: str) -> bool:
    task = await deployment.lookup.find_task(task_id)
    events = await deployment.queries.story(str(task.key))
    pending = (one.state == "pending" for event in events for one in event.deliveries)
    return not task.active and not any(pending)


def _print_what_next(task_id: str, gateway: str) -> None:
    name = program()
    rows = (
        (f"{name} show {task_id}", "its events, and every delivery"),
        (f"{name} tasks", "all that was tracked"),
        (f"{name} endpoints test receiver", "send a test event"),
        (gateway, "the pictures so far"),
    )
    width = max(len(command) for command, _ in rows)
    for number, (command, what) in enumerate(rows):
        label = "try next" if number == 0 else ""
        stderr().print(f"{label:<9} {command:<{width}}  {what}", soft_wrap=True)


async def demo_tasks(
    base_url: str, key: str, *, pause: float = 0.5
) -> AsyncIterator[str]:
    """
    Submit the demonstration's tasks; yields each id as soon as there is one.

    Ends when the last one has ended. On a gateway that has tasks already, the prompts are the next ones in the list.

    Args:
        pause: Seconds between two polls of a task that is waited for.

    Raises:
        httpx.HTTPError: The gateway is unreachable, or refuses.
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
        await _finished(client, zoomed, pause)


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
    task = await _finished(client, task_id, pause)
    for button in task.get("buttons") or []:
        if button["label"] == label:
            pressed = {"taskId": task_id, "customId": button["customId"]}
            return await _submit(client, "action", **pressed)
    return None


async def _finished(
    client: httpx.AsyncClient, task_id: str, pause: float
) -> dict[str, Any]:
    """Return a task's row when it has succeeded; empty if that takes too long."""
    try:
        async with asyncio.timeout(DEADLINE):
            # The gateway has no event for it: that is why there is a bridge.
            while (row := await _row(client, task_id)).get("status") != "SUCCESS":  # noqa: ASYNC110 - as the comment says
                await asyncio.sleep(pause)
    except TimeoutError:
        return {}
    return row


async def _row(client: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    """Return a task's row; empty while there is none, or the gateway fails."""
    answer = await client.get(f"/mj/task/{task_id}/fetch")
    try:
        row = answer.json()
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
