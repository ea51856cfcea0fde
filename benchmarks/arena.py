"""What a benchmark runs: a whole deployment as `mjbridge up` runs it, and the world around."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from redis import Redis

from benchmarks.usage import Usage, tree, used
from bridge.adapters.local.process import spawn
from bridge.errors import BridgeError
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import store_url, web_url
from bridge.settings import Settings, load_settings
from tests.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
#: How the children of `mjbridge up` are known: by what they are told on their command lines.
CHILDREN = {
    ("worker", "-Q", "deliver"): "deliverer",
    ("worker", "-Q", "poll,celery"): "poller",
    ("beat",): "beat",
    ("web",): "web",
}
#: The supervisor, and what is none of the above.
SUPERVISOR, STORE = "up", "store"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str) -> Any:
    with urlopen(url) as answer:
        return json.load(answer)


@contextmanager
def running(
    *command: str, env: Mapping[str, str] = {}, says: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module until the block ends; enter it when it has said a word."""
    with tempfile.NamedTemporaryFile("w+b") as log:
        process = spawn(
            [sys.executable, "-m", *command],
            env=env,
            output=log,
            on_our_death=signal.SIGTERM,
        )

        def said() -> bool:
            return (
                says.encode() in Path(log.name).read_bytes()
                or process.poll() is not None
            )

        try:
            until(said, within_s=30)
            if process.poll() is not None:
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
def server(module: str) -> Iterator[tuple[str, int]]:
    """Run a sink or a gateway; yields its address and its process id."""
    port = free_port()
    with running(f"benchmarks.{module}", str(port), says="ready") as process:
        yield f"http://127.0.0.1:{port}", process.pid


def arrived(sink: str, kind: str) -> int:
    """Return how many distinct deliveries came to a kind of a sink's paths."""
    return int(ask(f"{sink}/counts")["distinct"].get(kind, 0))


@dataclass(slots=True)
class Arena:
    """
    A deployment that runs, the world around it, and what they have used.

    Attributes:
        sink: Where the receivers' addresses begin.

        gateway: Where the upstream is.
    """

    settings: Settings
    sink: str
    gateway: str
    store: Redis
    pids: dict[str, int]
    up: int = field(kw_only=True)

    def components(self) -> dict[str, list[psutil.Process]]:
        """Return the processes of each component, this one among them."""
        found = {name: tree(pid) for name, pid in self.pids.items()}
        found["feed"] = [psutil.Process()]
        supervisor = psutil.Process(self.up)
        found[SUPERVISOR] = [supervisor]
        for child in supervisor.children():
            found.setdefault(_name_of(child), []).extend(tree(child.pid))
        return found

    def used(self) -> Usage:
        """Return what everything has used until now."""
        return used(self.components(), self.store)

    def kind(self, endpoint: str) -> str:
        """Return the kind of path that an endpoint has at the sink."""
        url = self.settings.endpoints[endpoint].url.get_secret_value()
        return url.removeprefix(self.sink).split("/")[1]

    def compact(self) -> None:
        """
        Have the store rewrite its append-only file now.

        It does so whenever that has doubled, on a core of its own for as long as that takes: a
        cost of what was written before, that would fall on whatever is measured then.
        """
        self.store.bgrewriteaof()
        until(self._is_compact, within_s=60)

    def _is_compact(self) -> bool:
        facts = cast("Mapping[str, Any]", self.store.info("persistence"))
        names = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
        return not any(facts[name] for name in names)

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Stop the processes of components until the block ends, as they are."""
        components = self.components()
        processes = [one for name in names for one in components[name]]
        for one in processes:
            one.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for one in processes:
                one.send_signal(signal.SIGCONT)


def _name_of(child: psutil.Process) -> str:
    told = tuple(child.cmdline()[3:])
    names = (name for words, name in CHILDREN.items() if told[: len(words)] == words)
    return next(names, STORE)


@contextmanager
def deployment(
    endpoints: Mapping[str, str],
    *,
    web: bool = False,
    events: str = "*",
    upstream: Mapping[str, object] = {},
) -> Iterator[Arena]:
    """
    Run `mjbridge up` until the block ends, with its own store, a sink and a gateway.

    Args:
        endpoints: By name, the path at the sink, or the address, that receives.

        events: What the endpoints subscribe to.

        web: Whether there is a process ``web``.

        upstream: Settings of the upstream.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mjb"))
        sink, sink_pid = stack.enter_context(server("sink"))
        gateway, gateway_pid = stack.enter_context(server("gateway"))
        config = Path(folder, "bridge.toml")
        account = {"base_url": gateway, "api_key": "sk-benchmark", **upstream}
        config.write_text(_toml(sink, endpoints, events, account))
        env = {
            "BRIDGE_CONFIG": str(config),
            "BRIDGE_DATA_DIR": folder,
            "BRIDGE_WEB__ENABLED": json.dumps(web),
            "BRIDGE_WEB__PORT": "0",
        }
        for name in [name for name in os.environ if name.startswith("BRIDGE_")]:
            del os.environ[name]
        os.environ.update(env)
        settings = load_settings(environ=env, cwd=Path(folder))
        up = stack.enter_context(running("bridge.cli", "up", says="polls"))
        until(lambda: asyncio.run(_ticks(settings)), within_s=30)
        if web:
            until(lambda: _serves(settings), within_s=30)
        store = Redis.from_url(store_url(settings), socket_timeout=60)
        stack.callback(store.close)
        pids = {"sink": sink_pid, "gateway": gateway_pid}
        yield Arena(settings, sink, gateway, store, pids, up=up.pid)


def _toml(
    sink: str,
    endpoints: Mapping[str, str],
    events: str,
    account: Mapping[str, object],
) -> str:
    """Return a configuration; as environment variables, a thousand endpoints are too long."""
    lines = ["[upstreams.default]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in account.items()]
    for name, path in endpoints.items():
        url = path if "://" in path else f"{sink}/{path}"
        lines += [f"[endpoints.{name}]", f'url = "{url}"']
        lines += [f'secrets = ["{SECRET}"]', f'events = ["{events}"]']
    return "\n".join(lines)


def _serves(settings: Settings) -> bool:
    with suppress(URLError), urlopen(f"{web_url(settings)}/api/v1/openapi.json"):
        return True
    return False


async def _ticks(settings: Settings) -> bool:
    """Return whether beat, broker and workers have swept once."""
    with suppress(BridgeError):
        async with Deployment(settings) as found:
            life = await found.queries.signs_of_life()
            return life.answered_at is not None
    return False
