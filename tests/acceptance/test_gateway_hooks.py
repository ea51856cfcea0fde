"""`notifyHook` at the gateway, to its end: the client's receiver is called as the protocol calls it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Hooks, Stage
from tests.waiting import until

#: The fields by which a receiver of midjourney-proxy's knows a task.
FIELDS = {"id", "action", "status", "progress", "prompt", "imageUrl", "failReason"}


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client that knows an address and a key."""

    url: str

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.url}{path}",
            json=body or {},
            headers={"mj-api-secret": str(QUICK_UPSTREAM["api_key"])},
            trust_env=False,
        )
        assert "x-mjbridge" not in answer.headers
        found: dict[str, Any] = answer.json()
        return found

    def is_served(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/api/v1/", trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code != 503


@pytest.fixture
def client(stage: Stage, tmp_path: Path) -> Iterator[Client]:
    gateway = stage.gateway(speed=20.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    retried = {"allow_networks": ["127.0.0.0/8"], "retry": [0.3] * 20}
    with Installation(
        tmp_path,
        upstreams={"main": {**QUICK_UPSTREAM, "base_url": gateway.url}},
        endpoints={},
        hooks=json.dumps(retried),
    ) as deployment:
        worker = deployment.start_worker(wait=False)
        deployment.start_beat()
        deployment.start_program("web", "mjbridge", "web", "--port", str(port))
        deployment.is_up(worker)
        served = Client(url=f"http://127.0.0.1:{port}")
        until(served.is_served, within_s=60, what="web answers")
        yield served


def statuses(hooks: Hooks, path: str) -> list[str]:
    return [str(one.event["status"]) for one in hooks.events(path)]


@pytest.mark.timeout(240)
def test_a_receiver_is_called_back_until_the_end_in_order_and_through_failures(
    client: Client, stage: Stage
) -> None:
    hooks = stage.hooks()
    hooks.answer("/done", 502, 502, then=200)
    submitted = client.post(
        "/mj/submit/imagine",
        {"prompt": "a lighthouse", "state": "77", "notifyHook": f"{hooks.url}/done"},
    )
    stopped = client.post(
        "/mj/submit/imagine",
        {"prompt": "a --sandbox slow", "notifyHook": f"{hooks.url}/stopped"},
    )
    until(lambda: statuses(hooks, "/stopped"), within_s=60, what="it has begun")
    client.post(f"/mj/task/{stopped['result']}/cancel")
    until(lambda: "SUCCESS" in statuses(hooks, "/done"), within_s=60, what="the end")
    until(lambda: "CANCEL" in statuses(hooks, "/stopped"), within_s=60, what="its end")

    attempts = hooks.received("/done")
    assert [one.status for one in attempts][:3] == [502, 502, 200]
    assert len({one.id for one in attempts[:3]}) == 1
    is_told_as_the_protocol_does(hooks, submitted["result"])
    asks_for_more(client, hooks, submitted["result"])


def is_told_as_the_protocol_does(hooks: Hooks, task: str) -> None:
    called = [one.event for one in hooks.events("/done")]
    for one in called:
        assert one.keys() >= FIELDS
        assert (one["id"], one["state"]) == (task, "77")
    progress = [int(str(one["progress"] or "0%").rstrip("%")) for one in called]
    assert progress == sorted(progress)
    assert called[-1]["status"] == "SUCCESS"
    assert called[-1]["imageUrl"]
    assert called[-1]["buttons"][0].keys() >= {"customId", "label", "emoji"}


def asks_for_more(client: Client, hooks: Hooks, grid: str) -> None:
    """A window is told of, which some servers of the family do not, and what follows it."""
    picture = pressed(client, hooks, grid, "upsample::1", after="/done", to="/picture")
    assert picture["code"] == 1
    until(lambda: "SUCCESS" in statuses(hooks, "/picture"), within_s=60)
    task = picture["result"]
    asks = pressed(client, hooks, task, "CustomZoom", after="/picture", to="/asks")
    assert asks["code"] == 21
    until(lambda: "MODAL" in statuses(hooks, "/asks"), within_s=60, what="the window")
    confirm = {"taskId": asks["result"], "prompt": "a lighthouse --zoom 1.8"}
    client.post("/mj/submit/modal", confirm)
    until(lambda: statuses(hooks, "/asks")[-1] == "SUCCESS", within_s=60)


def pressed(
    client: Client, hooks: Hooks, task: str, kind: str, *, after: str, to: str
) -> dict[str, Any]:
    """Press a button that a receiver was told of; what comes of it is told at another path."""
    buttons = hooks.events(after)[-1].event["buttons"]
    custom_id = next(one["customId"] for one in buttons if kind in one["customId"])
    body = {"customId": custom_id, "taskId": task, "notifyHook": f"{hooks.url}{to}"}
    return client.post("/mj/submit/action", body)
