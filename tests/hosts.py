"""
Hosts: workers with networks of their own, of one deployment, in front of slow receivers.

Each host is a network namespace of this machine, with an address and a link of its own, so
that a host can be cut off from the store and from the receivers while its processes run.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bridge.adapters.local.process import tied
from bridge.adapters.store.connection import connect
from tests.acceptance.harness import Installation, Process
from tests.acceptance.stage import Stage
from tests.adapters.store.servers import server
from tests.contract.bench import Bench
from tests.waiting import until
from tests.web.dashboard.scene import succeeded
from tests.web.history import polled

NAMESPACE = "acc"
#: The network of these hosts; its first address is where store and receivers are.
NETWORK = "10.77.{}"
#: Seconds that a receiver takes: with it a host's window of attempts is what limits it.
TAKES_S = 0.9
ENDPOINTS = 20
#: Seconds over which a rate is measured.
MEASURED_S = 8.0


@contextmanager
def network() -> Iterator[tuple[str, Callable[[int], str]]]:
    """
    Make a network of this machine's own.

    Returns:
        The address of this machine in it, and what adds a host by its number and returns
        its name.
    """
    part = NETWORK.format(os.getpid() % 250)
    bridge = f"mjb{os.getpid() % 10_000}"

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    with ExitStack() as undoing:

        def add(number: int) -> str:
            name, link = f"{bridge}-{number}", f"{bridge}v{number}"
            ip("netns", "add", name)
            undoing.callback(ip, "netns", "delete", name)
            inside = ("type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "add", link, *inside)
            ip("link", "set", link, "master", bridge, "up")
            within = ("netns", "exec", name, "ip")
            ip(*within, "address", "add", f"{part}.1{number}/24", "dev", "eth0")
            ip(*within, "link", "set", "eth0", "up")
            ip(*within, "link", "set", "lo", "up")
            return name

        ip("link", "add", bridge, "type", "bridge")
        undoing.callback(ip, "link", "delete", bridge)
        ip("address", "add", f"{part}.1/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        yield f"{part}.1", add


class Receiver:
    """A receiver that takes its time, and counts each event that arrives."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()

    @asynccontextmanager
    async def serving(self, address: str) -> AsyncIterator[int]:
        listening = await asyncio.start_server(self._answer, address, 0, backlog=4096)
        async with listening:
            yield listening.sockets[0].getsockname()[1]

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                facts = dict(
                    line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2]
                )
                await reader.readexactly(int(facts[b"content-length"]))
                await asyncio.sleep(TAKES_S)
                self.arrived[facts[b"webhook-id"].decode()] += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def _record(url: str, names: Sequence[str], events: int) -> set[str]:
    """Record an event of each of many tasks, for one endpoint each; return their ids."""
    client = connect(url)
    bench = Bench(client, NAMESPACE)
    recorded: set[str] = set()
    each = events // len(names)
    for place, name in enumerate(names):
        tasks = [succeeded(f"{place * each + number}") for number in range(each)]
        recorded |= {event.id for event in await polled(bench, *tasks, to=(name,))}
    await client.aclose()
    return recorded


class Host:
    """A worker with a network of its own."""

    def __init__(
        self, name: str, folder: Path, deployment: Installation, url: str
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        command = [
            *("ip", "netns", "exec", name),
            *(sys.executable, "-m", "celery", "-A", "bridge"),
            *("worker", "-Q", "deliver", "-c", "1", "-n", f"w@{name}"),
            *("--without-gossip", "--without-mingle"),
        ]
        with self.log.open("wb") as output:
            self.process = Process(
                name=name,
                popen=subprocess.Popen(
                    tied(command),
                    cwd=folder,
                    env=deployment.env | {"BRIDGE_REDIS_URL": url},
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                ),
                log=self.log,
            )

    def switch_link(self, state: str) -> None:
        within = ["ip", "netns", "exec", self.name, "ip", "link", "set", "eth0", state]
        subprocess.run(within, check=True)


@dataclass(frozen=True, slots=True)
class Hosts:
    """
    A deployment whose workers are hosts, and slow receivers in front of it.

    Attributes:
        receiver: What has arrived.

        events: The ids of those that wait to be delivered once.

        start: Adds a host by its number, and returns it when it runs.
    """

    receiver: Receiver
    events: set[str]
    start: Callable[[int], Host]

    def rate(self) -> float:
        """Return the events a second that arrive now."""
        arrived = self.receiver.arrived
        before, began = arrived.total(), monotonic()
        until(
            lambda: monotonic() - began >= MEASURED_S,
            within_s=2 * MEASURED_S,
            what="that time passes",
        )
        return (arrived.total() - before) / (monotonic() - began)


@contextmanager
def deployed(folder: Path, *, events: int) -> Iterator[Hosts]:
    """
    Run a store and receivers for hosts of this machine; only root may.

    Args:
        folder: Where files go.

        events: How many of them wait.
    """
    receiver = Receiver()
    names = [f"e{number}" for number in range(ENDPOINTS)]
    with ExitStack() as running:
        address, add = running.enter_context(network())
        stage = running.enter_context(Stage())
        port = stage.enter(receiver.serving(address))
        options = f"bind 127.0.0.1 {address}\nprotected-mode no\nappendonly yes"
        url = f"redis://{address}:{running.enter_context(server(folder / 's', options))}/0"
        deployment = Installation(
            folder,
            upstreams={"default": {"api_key": "sk-test"}},
            endpoints={
                name: {"url": f"http://{address}:{port}/{name}", "concurrency": 100}
                for name in names
            },
        )

        def start(number: int) -> Host:
            host = Host(add(number), folder, deployment, url)
            running.callback(host.process.kill)
            deployment.is_up(host.process)
            return host

        recorded = asyncio.run(_record(url, names, events))
        yield Hosts(receiver, recorded, start)
