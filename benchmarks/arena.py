"""The processes that a benchmark runs against: a store, a sink, Celery workers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.core.event import Event
from bridge.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], *, within: float) -> bool:
    """Wait for a condition; false if it did not come true in time."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@contextmanager
def running(
    *command: str, env: Mapping[str, str] = {}, says: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the block ends; enter it when the process has said a word."""
    with tempfile.NamedTemporaryFile("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **env},
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def said() -> bool:
            return (
                says.encode() in Path(log.name).read_bytes()
                or process.poll() is not None
            )

        try:
            if not wait_until(said, within=30) or process.poll() is not None:
                raise RuntimeError(Path(log.name).read_text())
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def store(fsync: str = "always") -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mjb") as folder:
        embedded = EmbeddedStore(Path(folder), fsync=fsync)
        try:
            yield embedded.start()
        finally:
            embedded.stop()


@contextmanager
def sink() -> Iterator[str]:
    port = free_port()
    with running("benchmarks.sink", str(port), says="ready"):
        yield f"http://127.0.0.1:{port}"


def counts(sink_url: str) -> dict[str, Any]:
    with urlopen(f"{sink_url}/counts") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def settings_for(
    store_url: str, urls: Mapping[str, str]
) -> tuple[Settings, dict[str, str]]:
    """Settings with these endpoints, and the environment that says the same."""
    env = {
        "BRIDGE_REDIS_URL": store_url,
        "BRIDGE_LOG_LEVEL": "warning",
        "BRIDGE_UPSTREAMS": json.dumps({"default": {"api_key": "sk-benchmark"}}),
        "BRIDGE_ENDPOINTS": json.dumps(
            {
                name: {"url": url, "secrets": [SECRET], "events": ["*"]}
                for name, url in urls.items()
            }
        ),
    }
    return load_settings(environ=env, cwd=Path(tempfile.gettempdir())), env


@contextmanager
def deliverers(env: Mapping[str, str], *, concurrency: int = 2) -> Iterator[None]:
    with running(
        "celery", "-A", "bridge", "worker", "-Q", "deliver", "-c", str(concurrency), "-l", "warning",
        "--without-gossip", "--without-mingle", "-n", f"bench-{os.getpid()}@%h",
        env={**env, "BRIDGE_LOG_LEVEL": "info"}, says="ready.",
    ):  # fmt: skip
        yield


def event(number: int, *, size: int = 2000) -> Event:
    """An event of some size, of a task of its own, that carries the time it was made."""
    now = time.time()
    filling = "p" * max(0, size - 160)
    body = {
        "type": "task.succeeded",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": {"id": str(number), "prompt": filling, "metadata": {"recordedAt": now}},
    }
    return Event(
        id=f"evt_{number:032x}",
        type="task.succeeded",
        subject=f"default:{number}",
        upstream="default",
        sequence=1,
        at=now,
        body=json.dumps(body, separators=(",", ":")),
    )
