"""`bridge.adapters.store.greeting`: what answers where a store should be, in a sentence."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest
import trustme

from bridge.adapters.store.connection import connect
from bridge.adapters.store.errors import in_time
from bridge.adapters.store.greeting import greet
from bridge.adapters.store.readiness import inspect
from bridge.errors import StoreRefused, StoreUnavailable
from tests.adapters.store.servers import server

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

Serve = Callable[[socket.socket], None]


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Serve every connection in a thread of its own; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):  # closed: the test is over
                while True:
                    client, _ = listener.accept()
                    Thread(target=run, args=(client,), daemon=True).start()

        def run(client: socket.socket) -> None:
            with client, suppress(OSError):
                serve(client)

        Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def web_server(client: socket.socket) -> None:
    """Answers once it has read a whole request, as most do."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (read := client.recv(4096)):  # gone: it would be asked for more for ever
            return
        request += read
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def mail_server(client: socket.socket) -> None:
    client.sendall(b"220 mail.example ESMTP\r\n")
    client.recv(4096)


def nobody(client: socket.socket) -> None:
    """Takes connections and never answers."""
    while client.recv(4096):
        pass


@pytest.fixture
def certificates() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def tls_server(certificates: ssl.SSLContext) -> Serve:
    """Lets go of whoever does not begin with a handshake, without a word."""

    def serve(client: socket.socket) -> None:
        with certificates.wrap_socket(client, server_side=True) as secure:
            secure.recv(4096)

    return serve


async def explanation(url: str) -> str:
    client = connect(url)
    began = monotonic()
    try:
        with pytest.raises(StoreRefused) as refused:
            await greet(client)
    finally:
        await client.aclose()
    assert monotonic() - began < 15
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
async def test_a_web_server_is_recognized(scheme: str) -> None:
    with listening(web_server) as port:
        said = await explanation(f"{scheme}://127.0.0.1:{port}/0")

    assert "like a web server" in said


async def test_another_server_is_recognized() -> None:
    with listening(mail_server) as port:
        said = await explanation(f"redis://127.0.0.1:{port}/0")

    assert "does not answer like Redis" in said


async def test_tls_where_none_is_expected_is_recognized(tls_server: Serve) -> None:
    with listening(tls_server) as port:
        said = await explanation(f"redis://127.0.0.1:{port}/0")

    assert "has to begin with rediss://" in said


async def test_no_tls_where_it_is_expected_is_recognized(tmp_path: Path) -> None:
    with server(tmp_path / "store", "") as port:
        said = await explanation(f"rediss://127.0.0.1:{port}/0")

    assert "speaks no TLS" in said
    assert "has to begin with redis://" in said


async def test_a_certificate_that_is_not_trusted_is_named(tls_server: Serve) -> None:
    with listening(tls_server) as port:
        said = await explanation(f"rediss://127.0.0.1:{port}/0")

    assert "not trusted" in said
    assert "ssl_ca_certs" in said


@pytest.mark.parametrize(
    ("valid_until", "name", "words"),
    [
        (LONG_AGO, "127.0.0.1", "certificate has expired"),
        (None, "other.example", "certificate is for another name"),
    ],
    ids=["expired", "another name"],
)
async def test_a_certificate_of_the_right_authority_can_be_wrong_in_its_own_way(
    tmp_path: Path, valid_until: datetime | None, name: str, words: str
) -> None:
    authority, file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=valid_until).configure_cert(context)

    def serve(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secure:
            secure.recv(4096)

    with listening(serve) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={file}"
        client = connect(url)
        with pytest.raises(StoreRefused) as met_later:
            async with in_time():
                await client.get("x")
        await client.aclose()
        said = await explanation(url)

    assert words in said
    assert "ssl_ca_certs" not in said
    assert str(met_later.value) == said


async def test_a_sentinels_certificate_that_is_not_trusted_is_named(
    tls_server: Serve,
) -> None:
    with listening(tls_server) as port:
        said = await explanation(f"sentinels://127.0.0.1:{port}/main/0")

    assert "a sentinel has a certificate that is not trusted" in said


async def test_a_running_process_names_a_certificate_that_is_not_trusted(
    tls_server: Serve,
) -> None:
    with listening(tls_server) as port:
        client = connect(f"rediss://127.0.0.1:{port}/0")
        with pytest.raises(StoreRefused, match="not trusted"):
            async with in_time():
                await client.get("x")
        await client.aclose()


async def test_who_never_answers_is_away_after_some_seconds() -> None:
    with listening(nobody) as port:
        client = connect(f"redis://127.0.0.1:{port}/0")
        began = monotonic()

        with pytest.raises(StoreUnavailable):
            await greet(client)
        await client.aclose()

    assert monotonic() - began < 15


async def test_who_never_answers_is_looked_at_in_all_ways_at_once() -> None:
    """Whoever runs a command waits for it, and is promised to wait for three seconds."""
    there: set[socket.socket] = set()
    most = 0

    def nobody_counted(client: socket.socket) -> None:
        nonlocal most
        there.add(client)
        most = max(most, len(there))
        try:
            nobody(client)
        finally:
            there.discard(client)

    with listening(nobody_counted) as port:
        client = connect(f"redis://127.0.0.1:{port}/0")
        with pytest.raises(StoreUnavailable):
            await greet(client)
        await client.aclose()

    assert most >= 2


async def test_a_store_where_a_sentinel_should_be_is_recognized(tmp_path: Path) -> None:
    with server(tmp_path / "store", "") as port:
        said = await explanation(f"sentinel://127.0.0.1:{port}/main/0")

    assert "confuse a store and a sentinel" in said


async def test_a_sentinel_where_a_store_should_be_is_recognized(tmp_path: Path) -> None:
    config = "sentinel monitor main 127.0.0.1 1 1"
    with server(tmp_path / "sentinel", config, "--sentinel") as port:
        client = connect(f"redis://127.0.0.1:{port}/0")

        with pytest.raises(StoreRefused, match="confuse a store and a sentinel"):
            await inspect(client, "mjb")
        await client.aclose()


@pytest.mark.parametrize(
    ("scheme", "words"),
    [("sentinels", "a sentinel speaks no TLS"), ("sentinel", "master speaks TLS")],
)
async def test_tls_on_one_side_of_a_sentinel_is_recognized(
    tmp_path: Path, tls_server: Serve, scheme: str, words: str
) -> None:
    with listening(tls_server) as store:
        config = f"sentinel monitor main 127.0.0.1 {store} 1"
        with server(tmp_path / "sentinel", config, "--sentinel") as watcher:
            said = await explanation(f"{scheme}://127.0.0.1:{watcher}/main/0")

    assert words in said
    assert "sentinels:// means TLS to the store and to its sentinels" in said


async def test_a_url_without_a_port_means_the_usual_one() -> None:
    client = connect("redis://127.0.0.250/0")  # nobody listens there
    try:
        with pytest.raises(StoreUnavailable):
            await greet(client)
    finally:
        await client.aclose()
