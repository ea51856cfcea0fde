"""`bridge.cli.demo`: the demonstration shows what the product is for."""

from __future__ import annotations

from pathlib import Path

import httpx

from bridge.cli.demo import PROMPTS, demo_tasks
from bridge.sandbox.server import serving
from bridge.sandbox.simulated_gateway import create_gateway


async def ends(url: str, ids: list[str]) -> dict[str, str]:
    """The actions of these tasks and how they ended, once all have."""
    async with httpx.AsyncClient(
        base_url=url, headers={"authorization": "key"}
    ) as client:
        while True:
            rows = (await client.post("/mj/task/list-by-ids", json={"ids": ids})).json()
            states = {row["id"]: (row["action"], row["status"]) for row in rows}
            if all(status in {"SUCCESS", "FAILURE"} for _, status in states.values()):
                return {task_id: " ".join(states[task_id]) for task_id in ids}


async def test_it_submits_two_pictures_a_failure_an_upscale_and_a_modal() -> None:
    async with serving(create_gateway(speed=100)) as url:
        ids = [one async for one in demo_tasks(url, "key", pause=0.01)]
        ended = await ends(url, ids)

    assert list(ended.values()) == [
        "IMAGINE SUCCESS",
        "IMAGINE SUCCESS",
        "IMAGINE FAILURE",
        "UPSCALE SUCCESS",
        "CUSTOM_ZOOM SUCCESS",
    ]


async def test_a_second_start_goes_on_with_other_prompts(tmp_path: Path) -> None:
    for _ in range(2):
        app = create_gateway(data_dir=tmp_path, speed=1000)
        async with serving(app) as url:
            assert [one async for one in demo_tasks(url, "key", pause=0.01)]
            tasks = app.state.gateway.tasks.all()

    prompts = [task.prompt for task in tasks if task.action == "IMAGINE"]
    assert [prompt for prompt in prompts if prompt in PROMPTS] == list(PROMPTS[:4])
