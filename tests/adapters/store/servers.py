"""Servers of a kind that the embedded store never is: sentinels, cluster nodes, TLS."""

from __future__ import annotations

import select
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread

from redis import Redis
from redis.exceptions import RedisError

from bridge.adapters.local.process import tied
from bridge.adapters.local.servers import find_server
from tests.waiting import until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@contextmanager
def server(
    folder: Path, config: str, *options: str, password: str | None = None
) -> Iterator[int]:
    """Run a server with a configuration for as long as the context lasts; yields its port."""
    folder.mkdir(parents=True)
    port = free_port()
    file = folder / "server.conf"
    file.write_text(f"bind 127.0.0.1\nport {port}\ndir {folder}\n{config}\n")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            tied([*find_server(), str(file), *options]), stdout=log
        ) as process,
        Redis(port=port, password=password) as client,
    ):
        try:
            until(lambda: _answers(client), what="the server")
            yield port
        finally:
            process.kill()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@contextmanager
def speaking_tls(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """
    Give a server TLS beside its plain protocol; yields the port that speaks both.

    The server that is installed with the tests is built without TLS.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # closed: the test is over
                while True:
                    client, _ = listening.accept()
                    Thread(
                        target=_pass_on, args=(client, port, context), daemon=True
                    ).start()

        Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def _pass_on(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with ExitStack() as closing, suppress(OSError):
        closing.enter_context(client)
        if client.recv(1, socket.MSG_PEEK) == b"\x16":  # a handshake begins with it
            client = closing.enter_context(
                context.wrap_socket(client, server_side=True)
            )
        there = closing.enter_context(socket.create_connection(("127.0.0.1", port)))
        other = {client: there, there: client}
        while True:
            for one in select.select([client, there], [], [])[0]:
                data = one.recv(65536)
                while isinstance(one, ssl.SSLSocket) and one.pending():
                    data += one.recv(65536)
                if not data:
                    return
                other[one].sendall(data)
