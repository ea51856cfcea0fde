"""A whole run, with everything that it says to anybody: what is secret is nowhere in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.acceptance.harness import QUICK_UPSTREAM, Installation, Process
from tests.acceptance.stage import Stage, row
from tests.cli.commands import Shell
from tests.waiting import until

PATH, QUERY = "n0where-path", "n0where-query"
HOOK_PATH, HOOK_QUERY = "n0where-hook-path", "n0where-hook-query"
#: Each shows by itself where it came from. Signing secrets are base64.
SECRETS = {
    "token": "n0where-token",
    "session key": "n0where-session-key-0123456789",
    "upstream's key": "sk-n0where-key",
    "endpoint's path": PATH,
    "endpoint's query": QUERY,
    "endpoint's signature": "whsec_" + "bjB3aGVyZS1zaWduYXR1cmUtMDEyMzQ1",
    "hook's path": HOOK_PATH,
    "hook's query": HOOK_QUERY,
    "hooks' signature": "whsec_" + "bjB3aGVyZS1ob29rLXNpZ25hdHVyZS0w",
}
PAGES = ["/", "/endpoints", "/deliveries", "/upstreams", "/tasks/s-1", "/endpoints/art"]
LISTS = ["tasks", "tasks/s-1", "events", "deliveries", "endpoints", "upstreams"]
COMMANDS = [
    ["tasks"],
    ["show", "s-1"],
    ["show", "s-1", "--json"],
    ["endpoints"],
    ["deliveries", "--json"],
    ["preview", "art"],
    ["check"],
]


def test_no_secret_is_said_to_anybody(tmp_path: Path, stage: Stage) -> None:
    gateway, hooks = stage.gateway(), stage.hooks()
    secret = f"{PATH}?key={QUERY}"
    hook = f"{HOOK_PATH}?key={HOOK_QUERY}"
    endpoint = {
        "secrets": [SECRETS["endpoint's signature"]],
        "retry": [0.3],
        "events": ["*"],
    }
    upstream = {**QUICK_UPSTREAM, "api_key": SECRETS["upstream's key"]}
    hooks.answer(f"/{HOOK_PATH}", then=500)
    with Installation(
        tmp_path,
        upstreams={
            "default": {**upstream, "base_url": gateway.url},
            "down": {**upstream, "base_url": "http://127.0.0.1:1"},
        },
        endpoints={
            "art": {**endpoint, "url": f"{hooks.url}/{secret}"},
            "down": {**endpoint, "url": f"http://127.0.0.1:1/{secret}"},
        },
        hooks=json.dumps(
            {
                "secrets": [SECRETS["hooks' signature"]],
                "allow_networks": ["127.0.0.0/8"],
                "retry": [0.3],
            }
        ),
        api_token=SECRETS["token"],
        secret_key=SECRETS["session key"],
        log_level="debug",
    ) as deployment:
        worker = deployment.start_worker(wait=False)
        deployment.start_beat()
        web = deployment.start_program("web", "mjbridge", "web")
        deployment.is_up(worker)
        gateway.put(row("s-1", "SUCCESS"))
        said = "".join(_said_by(web, f"{hooks.url}/{hook}"))
        deployment.track("s-2", upstream="down")
        hooks.wait_for(f"/{PATH}", "task.succeeded")
        until(lambda: len(hooks.received(f"/{HOOK_PATH}")) > 1)
        until(lambda: web.says("web.started"))
        said += "".join(_shown_by(web))
        shell = Shell(tmp_path, deployment.env)
        printed = [shell.run(*arguments) for arguments in COMMANDS]

    logs = {log.name: log.read_text() for log in tmp_path.glob("*.log")}
    assert "task.succeeded" in said
    assert len(logs) == 3
    for name, value in SECRETS.items():
        for where, text in {**logs, "answers": said, "commands": str(printed)}.items():
            assert value.removeprefix("whsec_") not in text, (name, where)


def _client(web: Process) -> httpx.Client:
    until(lambda: web.says("web.started"), within_s=30, what=web.log.read_text)
    [url] = re.findall(r"http://127.0.0.1:\d+", web.log.read_text())[:1]
    token = {"authorization": f"Bearer {SECRETS['token']}"}
    return httpx.Client(base_url=url, headers=token, timeout=20)


def _written(answer: httpx.Response) -> str:
    return f"{answer.status_code}{answer.headers}{answer.text}"


def _said_by(web: Process, hook: str) -> Iterator[str]:
    """Return what is said to whom hands over a secret: in the right place, and in a wrong one."""
    with _client(web) as client:
        until(lambda: client.get("/api/v1/tasks").status_code != 503)
        tracked = {"ids": ["s-1"], "upstream": "default", "notifyHook": hook}
        yield _written(client.post("/api/v1/tasks", json=tracked))
        refused = {"ids": [hook], "upstream": hook, "notifyHook": f"x{hook}"}
        yield _written(client.post("/api/v1/tasks", json=refused))
        yield _written(client.post("/signin", json={"token": SECRETS["token"]}))
        yield _written(client.post("/signin", json={"token": hook}))


def _shown_by(web: Process) -> Iterator[str]:
    """Return what is shown to whom has the token, and to others."""
    with _client(web) as client:
        for path in ["/metrics", "/readyz", "/healthz", "/api/docs", *PAGES]:
            yield _written(client.get(path, headers={"accept": "text/html"}))
            stranger = httpx.get(f"{client.base_url}{path}")
            yield _written(stranger)
        for path in LISTS:
            yield _written(client.get(f"/api/v1/{path}"))
        for path in ("endpoints/art/test", "endpoints/down/test"):
            yield _written(client.post(f"/api/v1/{path}"))
        for event in client.get("/api/v1/events").json()["items"]:
            yield _written(client.get(f"/api/v1/events/{event['eventId']}"))
        shown = {"after": "0-0", "deliveries": "true"}
        with client.stream("GET", "/api/v1/stream", params=shown) as stream:
            for line in stream.iter_lines():
                yield line
                if "task.succeeded" in line:
                    break
