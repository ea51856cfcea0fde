"""`bridge.adapters.store.sentinel`: one reading of an address, for the store and for Celery."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from bridge.adapters.broker.transport import broker_of
from bridge.adapters.store.connection import connect
from bridge.adapters.store.readiness import inspect
from bridge.adapters.store.sentinel import SentinelAddress
from bridge.errors import StoreRefused, StoreUnavailable
from tests.adapters.store.servers import server, speaking_tls
from tests.cli.commands import Shell
from tests.waiting import until


@pytest.mark.parametrize(
    ("url", "address", "for_celery"),
    [
        pytest.param(
            "sentinel://a:1,b/main/2",
            SentinelAddress(watchers=(("a", 1), ("b", 26379)), service="main", db=2),
            "sentinel://a:1/2;sentinel://b:26379/2",
            id="two, one with a port",
        ),
        pytest.param(
            "sentinel://user:p%40s%2Fs@[::1]:7,s2/m/0",
            SentinelAddress(
                watchers=(("::1", 7), ("s2", 26379)),
                service="m",
                username="user",
                password="p@s/s",
            ),
            "sentinel://user:p%40s%2Fs@[::1]:7/0;sentinel://user:p%40s%2Fs@s2:26379/0",
            id="a password that is encoded, IPv6",
        ),
        pytest.param(
            "sentinel://:pw@a",
            SentinelAddress(watchers=(("a", 26379),), password="pw"),
            "sentinel://:pw@a:26379/0",
            id="a password alone",
        ),
    ],
)
def test_an_address_means_the_same_to_the_store_and_to_celery(
    url: str, address: SentinelAddress, for_celery: str
) -> None:
    broker = broker_of(url, "mjb")

    assert SentinelAddress.parse(url) == address
    assert (broker.url, broker.options["master_name"]) == (for_celery, address.service)


def test_a_password_is_in_no_repr() -> None:
    url = "sentinel://u:hunter2@a/m?sentinel_password=hunter3"

    assert "hunter" not in repr(SentinelAddress.parse(url)) + repr(
        broker_of(url, "mjb")
    )


# --- sentinels as they are ------------------------------------------------------------


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store and its sentinel, each with a password of its own."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with ExitStack() as running:
        secret = server(tmp_path / "store", "requirepass p@ss", password="p@ss")
        store = running.enter_context(secret)
        if request.param == "tls":
            store = running.enter_context(speaking_tls(store, context))
        config = (
            f"sentinel monitor main 127.0.0.1 {store} 1\n"
            "sentinel auth-pass main p@ss\n"
            "requirepass own/pw"
        )
        watcher = running.enter_context(
            server(tmp_path / "sentinel", config, "--sentinel", password="own/pw")
        )
        if request.param == "plain":
            yield f"sentinel://:p%40ss@127.0.0.1:{watcher}/main/1?sentinel_password=own%2Fpw"
            return
        watcher = running.enter_context(speaking_tls(watcher, context))
        ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        yield (
            f"sentinels://:p%40ss@127.0.0.1:{watcher}/main/1?sentinel_password=own%2Fpw"
            f"&ssl_ca_certs={tmp_path / 'ca.pem'}"
        )


@pytest.mark.parametrize("url", ["tls"], indirect=True)
def test_workers_run_where_sentinels_have_a_password_of_their_own(
    url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "shell"
    folder.mkdir()
    shell = Shell(folder, {"BRIDGE_REDIS_URL": url})
    with shell.running("worker") as worker, shell.running("beat") as beat:
        until(
            lambda: "beat and a worker are running" in shell.run("check").out,
            within_s=30.0,
            what=lambda: worker.err_file.read_text() + beat.err_file.read_text(),
        )


@pytest.mark.parametrize("url", ["plain"], indirect=True)
@pytest.mark.parametrize(
    ("right", "wrong", "error", "words"),
    [
        ("own%2Fpw", "wrong", StoreRefused, "the sentinels refuse the password"),
        ("?sentinel_password=own%2Fpw", "", StoreRefused, "the sentinels refuse"),
        (":p%40ss@", ":wrong@", StoreRefused, "the store refuses the password"),
        ("/main/", "/other/", StoreUnavailable, "name no master of the service"),
    ],
    ids=["wrong", "missing", "the store's", "another service"],
)
async def test_what_is_wrong_at_a_sentinel_is_said_in_a_sentence(
    url: str, right: str, wrong: str, error: type[Exception], words: str
) -> None:
    client = connect(url.replace(right, wrong))

    with pytest.raises(error, match=words):
        await inspect(client, "mjb")
    await client.aclose()


async def test_a_sentinel_whose_name_leads_nowhere_is_not_called_silent() -> None:
    """No resolver is asked for a name that no host can have."""
    client = connect("sentinel://no host,127.0.0.1:1/main")

    with pytest.raises(StoreUnavailable, match="a sentinel has a host name that"):
        await inspect(client, "mjb")
    await client.aclose()
