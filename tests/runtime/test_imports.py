"""What a process loads: what its configuration does not use stays on the disk."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

#: Packages that one feature each is for. (redis-py itself loads what it finds of OpenTelemetry.)
NEEDED_BY_SOME = (
    "PIL",
    "apprise",
    "cryptography.hazmat",
    "jinja2",
    "obstore",
    "opentelemetry.exporter",
    "slack_sdk",
)
#: Assembles what a worker of a deployment with one webhook works with, and says what is loaded.
PLAIN_WORKER = """
import asyncio, sys
import bridge.tasks
from bridge.runtime.worker_parts import assemble
from bridge.settings import load_settings

async def work():
    settings = load_settings(environ={
        "BRIDGE_REDIS_URL": "redis://127.0.0.1:1/0",
        "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-1",
        "BRIDGE_ENDPOINTS__ME__URL": "https://example.com/",
    })
    await (await assemble(settings)).aclose()

asyncio.run(work())
print(*sys.modules)
"""

#: Loads what serves the pages, the API and the doors of chats.
WEB = "import sys, bridge.web.server; print(*sys.modules)"
#: Loads what beat runs.
BEAT = "import sys, bridge.tasks; print(*sys.modules)"


def loaded_by(program: str) -> list[str]:
    """Name the modules that a program has loaded when it ends, having printed them."""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return ran.stdout.split()


def none_of(*names: str, among: list[str]) -> bool:
    """Whether none of these modules, all of which exist, is among others."""
    assert [name for name in names if find_spec(name) is None] == []
    return not {*names} & {*among}


def test_a_plain_worker_loads_nothing_that_it_does_not_use() -> None:
    loaded = loaded_by(PLAIN_WORKER)

    assert "bridge.app.delivery.pump" in loaded
    assert none_of(*NEEDED_BY_SOME, "bridge.adapters.archive.keeper", among=loaded)


def test_the_web_process_loads_no_package_of_a_feature_that_it_does_not_serve() -> None:
    loaded = loaded_by(WEB)

    assert "bridge.web.asgi" in loaded
    serves = {"jinja2"}  # its pages
    assert none_of(*{*NEEDED_BY_SOME} - serves, among=loaded)


def test_beat_loads_neither_engine_nor_http_client() -> None:
    loaded = loaded_by(BEAT)

    assert "bridge.tasks" in loaded
    assert none_of("bridge.runtime.engine", "aiohttp", "httpx", among=loaded)
