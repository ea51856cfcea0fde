"""`bridge.adapters.local.supervisor`: what should run runs, and when it is over nothing is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bridge.adapters.local.child import Child
from bridge.adapters.local.embedded import EmbeddedStore
from tests.waiting import last_for, runs, until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: What all tests run: the children come as JSON; a file says whether one is ready.
PROGRAM = """
import json, sys
from pathlib import Path
from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.local.child import Child
from bridge.adapters.local.supervisor import Supervisor

def child(*, ready_file=None, store_in=None, **given):
    if store_in:
        store = EmbeddedStore(Path(store_in))
        store.start()
        given |= {"launch": store.launch, "ready": store.is_ready}
    if why := given.pop("why", None):
        given["why_ended"] = lambda: why
    if trouble := given.pop("trouble", None):
        given["trouble"] = lambda: trouble
    if ready_file:
        given["ready"] = Path(ready_file).exists
    return Child(**given)

children, options = json.loads(sys.argv[1]), json.loads(sys.argv[2])
sys.exit(Supervisor([child(**c) for c in children], **options).run())
"""

#: In front of it, as the tests themselves may run under nohup.
HEARS_HANG_UPS = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)"

#: A child of a few lines of shell, which writes what happens to it to ``$LOG``, its
#: process id first, and the one of a child of its own.
OBEDIENT = """
trap 'echo $NAME ended >> $LOG; kill $!; exit 0' TERM
trap 'echo $NAME interrupted >> $LOG' INT HUP
sleep 1000 & echo $NAME pid $$ >> $LOG; echo $NAME pid $! >> $LOG
while true; do wait $!; done
"""
STUBBORN = """
trap '' TERM INT HUP
sleep 1000 & echo $NAME pid $$ >> $LOG; echo $NAME pid $! >> $LOG
while true; do wait $!; done
"""


class Supervised:
    """A supervisor in a process of its own, and what its children wrote."""

    def __init__(
        self, folder: Path, children: list[dict[str, Any]], options: dict[str, Any]
    ):
        self.log = folder / "log"
        self.log.touch()
        self.stderr = folder / "stderr"
        for child in children:
            child["env"] = {"LOG": str(self.log), "NAME": child["name"]}
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    HEARS_HANG_UPS + PROGRAM,
                    json.dumps(children),
                    json.dumps(options),
                ],
                stderr=stderr,
                start_new_session=True,
            )

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def told(self) -> str:
        return self.stderr.read_text()

    def pids(self, name: str = "") -> list[int]:
        return [
            int(n) for n in re.findall(rf"{name}.* pid (\d+)\n", self.log.read_text())
        ]

    def until_started(self, *names: str, times: int = 1) -> None:
        until(lambda: all(len(self.pids(name)) >= 2 * times for name in names))

    def end(self, signum: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(30)


Supervise = Callable[..., Supervised]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Starts a supervisor of the given children; ends what a failed test leaves."""
    started: list[Supervised] = []

    def start(*children: dict[str, Any], **options: Any) -> Supervised:
        options.setdefault("restart_delays_s", [0.05, 0.1])
        started.append(Supervised(tmp_path, list(children), options))
        return started[-1]

    yield start
    for supervised in started:
        supervised.process.kill()
        supervised.process.wait()
        for pid in supervised.pids():
            if runs(pid):
                os.kill(pid, signal.SIGKILL)


def shell(name: str, script: str = OBEDIENT, **given: Any) -> dict[str, Any]:
    return {"name": name, "argv": ["sh", "-c", script], **given}


# --- ending -------------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(supervise: Supervise, signum: signal.Signals) -> None:
    supervised = supervise(shell("worker"), shell("beat"))
    supervised.until_started("worker", "beat")

    code = supervised.end(signum)

    assert code == 0
    assert not [pid for pid in supervised.pids() if runs(pid)]
    assert {"worker ended", "beat ended"} <= set(supervised.lines())


def test_ctrl_c_reaches_the_supervisor_alone(supervise: Supervise) -> None:
    supervised = supervise(shell("worker"))
    supervised.until_started("worker")

    os.killpg(supervised.process.pid, signal.SIGINT)
    supervised.process.wait(10)

    assert "worker ended" in supervised.lines()
    assert "worker interrupted" not in supervised.lines()


def test_the_store_ends_when_all_others_have(supervise: Supervise) -> None:
    supervised = supervise(
        shell("store", stop_order=1), shell("worker"), shell("beat"), shell("web")
    )
    supervised.until_started("store", "worker", "beat", "web")

    supervised.end()

    ended = [line for line in supervised.lines() if line.endswith("ended")]
    assert len(ended) == 4
    assert ended[-1] == "store ended"


def test_what_does_not_end_is_killed_within_the_promised_time(
    supervise: Supervise,
) -> None:
    supervised = supervise(
        shell("store", STUBBORN, stop_order=1),
        shell("worker", STUBBORN),
        shell("beat"),
        end_within_s=2,
    )
    supervised.until_started("store", "worker", "beat")

    began = monotonic()
    code = supervised.end()
    took = monotonic() - began

    assert code == 0
    assert 2 <= took < 20
    assert not [pid for pid in supervised.pids() if runs(pid)]
    assert "did not end in time, ended by force: worker\n" in supervised.told()


def test_whoever_waits_is_told_for_what_and_how_to_hurry(supervise: Supervise) -> None:
    """A busy machine takes its time, and nothing is ended by force on that account."""
    supervised = supervise(shell("worker", STUBBORN), shell("beat"))
    supervised.until_started("worker", "beat")
    supervised.process.send_signal(signal.SIGINT)

    told = until(supervised.told, within_s=30)

    assert told == "still ending: worker; Ctrl-C ends them at once\n"
    assert [pid for pid in supervised.pids("worker") if runs(pid)]


def test_a_second_ctrl_c_ends_all_at_once(supervise: Supervise) -> None:
    supervised = supervise(
        shell("store", STUBBORN, stop_order=1), shell("worker", STUBBORN)
    )
    supervised.until_started("store", "worker")
    began = monotonic()

    def ended_by_another_one() -> bool:
        supervised.process.send_signal(signal.SIGINT)
        return supervised.process.poll() is not None

    until(ended_by_another_one)

    assert monotonic() - began < 20
    assert not [pid for pid in supervised.pids() if runs(pid)]


def test_the_echo_of_a_ctrl_c_is_not_a_second_one(supervise: Supervise) -> None:
    supervised = supervise(shell("worker"))
    supervised.until_started("worker")

    supervised.process.send_signal(signal.SIGINT)
    supervised.end(signal.SIGTERM)

    assert "worker ended" in supervised.lines()


def test_a_signal_before_all_have_started_ends_those_that_have(
    supervise: Supervise,
) -> None:
    supervised = supervise(
        shell("store", stop_order=1, ready_file="/nonexistent"), shell("worker")
    )
    supervised.until_started("store")

    supervised.end()

    assert "store ended" in supervised.lines()
    assert not supervised.pids("worker")


@linux_only
def test_children_end_with_a_supervisor_that_is_killed(supervise: Supervise) -> None:
    supervised = supervise(shell("worker", "echo w pid $$ >> $LOG; exec sleep 1000"))
    [pid] = until(supervised.pids)

    supervised.end(signal.SIGKILL)

    until(lambda: not runs(pid))


def test_what_was_started_by_nohup_outlives_the_terminal(tmp_path: Path) -> None:
    script = f"""
        trap '' HUP
        exec "$0" -c '{PROGRAM}' "$1" '{{}}'
    """
    log = tmp_path / "log"
    child = shell("worker") | {"env": {"LOG": str(log), "NAME": "worker"}}
    nohup = subprocess.Popen(["sh", "-c", script, sys.executable, json.dumps([child])])
    try:
        until(lambda: log.exists() and log.read_text().count("pid") == 2)

        nohup.send_signal(signal.SIGHUP)
        worker = int(log.read_text().split()[2])
        os.kill(worker, signal.SIGKILL)
        until(lambda: log.read_text().count("pid") == 4, what="it still supervises")
    finally:
        nohup.terminate()

    assert nohup.wait(30) == 0


# --- running ------------------------------------------------------------------------------


def test_what_dies_is_started_again_and_told(supervise: Supervise) -> None:
    supervised = supervise(shell("worker"))
    supervised.until_started("worker")
    worker, its_child = supervised.pids()

    os.kill(worker, signal.SIGKILL)
    supervised.until_started("worker", times=2)

    expected = "worker was killed by SIGKILL; starting it again in 0.05 s\n"
    assert supervised.told() == expected
    assert not runs(its_child)


def test_why_something_has_ended_is_told_where_that_is_known(
    supervise: Supervise,
) -> None:
    supervised = supervise(shell("store", "exit 1", why="the disk is full"))

    told = until(supervised.told)

    assert told.startswith(
        "store ended with exit code 1: the disk is full; starting it again in"
    )


def test_what_is_wrong_with_something_that_runs_is_told(supervise: Supervise) -> None:
    supervised = supervise(shell("store", trouble="its directory is gone"))

    assert until(supervised.told) == "its directory is gone\n"
    assert supervised.end() == 0


def test_what_keeps_dying_is_started_less_and_less_often(supervise: Supervise) -> None:
    supervised = supervise(
        shell("worker", "exit 3"), restart_delays_s=[0.01, 0.02, 0.04]
    )

    told = until(
        lambda: supervised.told() if supervised.told().count("\n") >= 5 else ""
    )
    supervised.end()

    waits = re.findall(r"worker ended with exit code 3; .* again in (\S+) s\n", told)
    assert waits[:5] == ["0.01", "0.02", "0.04", "0.04", "0.04"]


def test_one_that_dies_harms_no_other(supervise: Supervise) -> None:
    supervised = supervise(shell("worker", "exit 1"), shell("beat"))
    supervised.until_started("beat")

    until(lambda: supervised.told().count("\n") >= 3)

    assert len(supervised.pids("beat")) == 2
    assert all(runs(pid) for pid in supervised.pids("beat"))


def test_the_others_wait_until_the_store_is_ready(
    supervise: Supervise, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    supervised = supervise(
        shell("worker"), shell("store", stop_order=1, ready_file=str(ready))
    )
    supervised.until_started("store")
    before = supervised.pids("worker")

    ready.touch()
    supervised.until_started("worker")

    assert before == []


def test_a_child_that_may_end_is_not_started_again(supervise: Supervise) -> None:
    once = shell("hello", "echo hello >> $LOG", restart=False, stop_order=1)
    supervised = supervise(once, shell("worker", "exit 1"))
    until(lambda: "hello" in supervised.lines())

    until(lambda: supervised.told().count("worker ended") >= 3)  # others are, meanwhile
    supervised.end()

    assert supervised.lines() == ["hello"]
    assert "hello" not in supervised.told()


def test_with_nothing_left_to_supervise_it_ends(supervise: Supervise) -> None:
    supervised = supervise(shell("hello", "true", restart=False))

    assert supervised.process.wait(10) == 1


def test_a_command_that_does_not_exist_is_told_at_once_and_nothing_is_left(
    supervise: Supervise,
) -> None:
    supervised = supervise(
        shell("store", stop_order=1), {"name": "worker", "argv": ["no-such-program"]}
    )

    assert supervised.process.wait(10) == 1
    assert "there is no program no-such-program" in supervised.told()
    assert not [pid for pid in supervised.pids() if runs(pid)]


@linux_only
def test_it_sleeps_while_nothing_happens(supervise: Supervise) -> None:
    supervised = supervise(shell("worker"), shell("beat"))
    supervised.until_started("worker", "beat")
    status = Path(f"/proc/{supervised.process.pid}/status")

    def switches() -> int:
        return int(
            re.findall(r"\nvoluntary_ctxt_switches:\s+(\d+)", status.read_text())[0]
        )

    def slept() -> bool:
        before = switches()
        last_for(1.0)
        return switches() - before <= 1

    until(slept, what="a second of sleep; one that looks around never sleeps so long")


def test_the_embedded_store_comes_back_with_its_data_and_goes_last(
    supervise: Supervise, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    supervised = supervise(
        {"name": "store", "store_in": str(data_dir), "stop_order": 1}, shell("worker")
    )
    supervised.until_started("worker")
    with Redis.from_url(f"unix://{data_dir}/store.sock") as client:
        client.set("kept", "x")
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    until(lambda: "starting it again" in supervised.told())

    def read() -> object:
        with (
            suppress(RedisConnectionError),
            Redis.from_url(f"unix://{data_dir}/store.sock") as client,
        ):
            return client.get("kept")
        return None

    kept = until(read)
    code = supervised.end()

    assert kept == b"x"
    assert code == 0
    with EmbeddedStore(data_dir) as store:  # nobody has the directory any more
        assert store.is_ready()


def test_a_childs_environment_is_in_no_repr() -> None:
    assert "sk-secret" not in repr(Child(name="worker", env={"KEY": "sk-secret"}))
