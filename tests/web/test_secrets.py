"""What lets somebody in, or post, is in no answer and in no log."""

from __future__ import annotations

import pytest
import structlog

from tests.contract.bench import Bench
from tests.web.site import Site, open_site

SECRETS = {
    "token": "t0ken-never-shown-anywhere",
    "key": "secret-key-never-shown-anywhere",
    "upstream": "sk-never-shown-anywhere",
    "url": "B0/never-shown-anywhere",
    "signing": "signing-secret-never-shown-anywhere",
}
ADDRESSES = (
    "/",
    "/endpoints",
    "/nowhere",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/openapi.json",
    "/api/v1/tasks",
    "/api/v1/endpoints",
    "/api/v1/endpoints/me",
    "/api/v1/upstreams",
    "/api/v1/tasks?cursor=x",
    f"/api/v1/endpoints/{SECRETS['url']}",
)


async def everything_of(site: Site) -> str:
    """Return all that a site says to somebody who has the token, and to nobody."""
    said = ""
    for authorization in (SECRETS["token"], "wrong"):
        headers = {"authorization": f"Bearer {authorization}"}
        for address in ADDRESSES:
            answer = await site.http.get(address, headers=headers)
            said += f"{answer.headers}{answer.text}"
    async with site.http.stream("GET", "/api/v1/stream") as refused:
        said += f"{refused.headers}{await refused.aread()!r}"
    for token in (SECRETS["token"], "wrong"):
        answer = await site.http.post("/signin", json={"token": token})
        said += f"{answer.headers}{answer.text}"
    return said


async def test_no_secret_leaves_the_process(
    redis_url: str, namespace: str, bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = {
        "url": f"https://hooks.example.com/services/{SECRETS['url']}",
        "secrets": [SECRETS["signing"]],
    }
    await bench.tell("default")
    with structlog.testing.capture_logs() as logs:
        async with open_site(
            redis_url,
            namespace,
            api_token=SECRETS["token"],
            secret_key=SECRETS["key"],
            upstreams={"default": {"api_key": SECRETS["upstream"]}},
            endpoints={"me": endpoint},
        ) as site:
            said = await everything_of(site)

    assert "hooks.example.com" in said  # so the endpoint was shown
    said += f"{logs}{capfd.readouterr()}"
    for name, secret in SECRETS.items():
        assert secret not in said, name
