"""A whole deployment of commands: worker, beat, gateway and receiver, and who looks at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from rich.cells import cell_len

from tests.cli.commands import Running, Shell
from tests.stores import fresh_namespace
from tests.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


@dataclass
class Installation:
    shell: Shell
    gateway: str
    receiver: str
    heard: Running
    worker: Running
    beat: Running

    def submit(self, prompt: str) -> str:
        answer = httpx.post(
            f"{self.gateway}/mj/submit/imagine",
            json={"prompt": prompt},
            headers={"authorization": "Bearer sk-test"},
            trust_env=False,
        )
        return str(answer.json()["result"])

    def finished(self, prompt: str = "a red fox") -> str:
        """A task that was followed to its end."""
        task_id = self.submit(prompt)
        assert self.shell.run("track", task_id, "--wait").code in {0, 1}
        return task_id

    def event_of(self, task_id: str) -> str:
        """The id of a task's last event, delivered to the endpoint ``me``."""

        def find() -> str | None:
            [row] = self.shell.run("show", task_id, "--json").rows
            last = row["events"][0]
            states = {one["endpoint"]: one["state"] for one in last["deliveries"]}
            return str(last["eventId"]) if states.get("me") == "delivered" else None

        return str(until(find))


@pytest.fixture(scope="module")
def deployment(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Every long-running command, for all tests of this module."""
    shell = Shell(tmp_path_factory.mktemp("deployment"))
    with ExitStack() as stack:
        gateway = stack.enter_context(
            shell.running("sandbox", "--port", "0", "--speed", "20")
        )
        receiver = stack.enter_context(
            shell.running("listen", "--port", "0", "--secret", SECRET, "--json")
        )
        urls = [_url(gateway), _url(receiver)]
        shell.variables = {
            "BRIDGE_REDIS_URL": redis_url,
            "BRIDGE_NAMESPACE": stack.enter_context(fresh_namespace(redis_url)),
            "BRIDGE_UPSTREAMS__DEFAULT__BASE_URL": urls[0],
            "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-test",
            "BRIDGE_UPSTREAMS__DEFAULT__POLL_INTERVAL": "0.2",
            "BRIDGE_UPSTREAMS__DEFAULT__RATE_LIMIT": "100/s",
            "BRIDGE_ENDPOINTS__ME__URL": f"{urls[1]}/hooks/me",
            "BRIDGE_ENDPOINTS__ME__SECRETS": f'["{SECRET}"]',
            "BRIDGE_ENDPOINTS__SHY__URL": f"{urls[1]}/hooks/shy",
            "BRIDGE_ENDPOINTS__SHY__EVENTS": '["task.cancelled"]',
        }
        worker = stack.enter_context(shell.running("worker", "-c", "1"))
        beat = stack.enter_context(shell.running("beat"))
        worker.says("ready")
        yield Installation(shell, urls[0], urls[1], receiver, worker, beat)


def _url(server: Running) -> str:
    server.says("http://127.0.0.1:")
    found = re.search(r"http://127\.0\.0\.1:\d+", server.out + server.err)
    assert found is not None
    return found[0]


def test_waiting_for_a_task_that_succeeds_is_exit_0(deployment: Installation) -> None:
    task_id = deployment.submit("a red fox")

    ran = deployment.shell.run("track", task_id, "--wait")

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == f"tracked {task_id}"
    assert f"{task_id}  SUCCESS      100%  http" in lines[-1]
    deployment.heard.says(deployment.event_of(task_id))
    assert ran.err == ""


def test_waiting_for_a_task_that_fails_is_exit_1(deployment: Installation) -> None:
    task_id = deployment.submit("a word that is banned")

    ran = deployment.shell.run("track", task_id, "--wait", "--json")

    assert ran.code == 1
    assert ran.rows[-1]["type"] == "task.failed"
    assert ran.rows[-1]["data"]["failReason"]


def test_show_tells_the_whole_story_of_a_task(deployment: Installation) -> None:
    task_id = deployment.finished()
    event = deployment.event_of(task_id)

    shown = deployment.shell.run("show", task_id)
    [row] = deployment.shell.run("show", task_id, "--json").rows
    of_event = deployment.shell.run("show", event)

    assert shown.out.startswith(
        f"{task_id}  SUCCESS  100%  IMAGINE  upstream default\n"
    )
    assert "[U1] [U2] [U3] [U4]" in shown.out
    assert re.search(r"task\.succeeded .* me +delivered +1 +HTTP 204 in", shown.out)
    assert row["status"] == "SUCCESS"
    assert row["events"][0]["deliveries"][0]["attempts"][0]["status"] == 204
    assert '"type":"task.succeeded"' in of_event.out


def test_watch_ends_when_all_given_tasks_have(deployment: Installation) -> None:
    done = deployment.finished()
    other = deployment.submit("a blue fox")
    deployment.shell.run("track", other)

    ran = deployment.shell.run("watch", done, other)

    assert ran.code == 0
    ends = re.findall(r"(\d+)  SUCCESS", ran.out)
    assert set(ends) == {done, other}


def test_watch_without_ids_tells_of_all_that_happens(deployment: Installation) -> None:
    with deployment.shell.running("watch", "--json") as watching:
        # It is watching once it sees what is tracked from now on.
        seen = until(
            lambda: (task := deployment.finished()) in watching.out and task,
            within_s=30,
        )
        assert watching.interrupt() == 0

    assert f'"id": "{seen}"' in watching.out
    assert watching.err == ""


def test_endpoints_are_listed_paused_and_resumed(deployment: Installation) -> None:
    shell = deployment.shell

    def states() -> dict[str, str]:
        return {
            row["name"]: row["state"] for row in shell.run("endpoints", "--json").rows
        }

    assert shell.run("endpoints", "pause", "shy").out == "shy  paused\n"
    assert states()["shy"] == "paused"
    [seen] = [row for row in shell.run("check", "--json").rows if row["name"] == "shy"]
    assert seen["level"] == "warning"
    assert "paused" in seen["detail"]
    assert seen["mend"] == "mjbridge endpoints resume shy"
    assert shell.run("endpoints", "pause", "shy").out == "shy  already paused\n"
    assert shell.run("endpoints", "resume", "shy").out == "shy  resumed\n"
    assert states()["shy"] != "paused"
    listed = shell.run("endpoints").out
    assert deployment.receiver.removeprefix("http://") in listed
    assert "hooks/me" not in listed


def test_a_test_event_is_sent_at_once_and_its_answer_told(
    deployment: Installation,
) -> None:
    sent = deployment.shell.run("endpoints", "test", "me", "--type", "task.failed")
    refused = deployment.shell.run(
        "endpoints",
        "test",
        "me",
        "--json",
        BRIDGE_ENDPOINTS__ME__SECRETS='["another-secret"]',
    )

    assert sent.code == 0
    assert sent.out.startswith("✓ me  HTTP 204 in")
    assert refused.code == 1
    assert refused.rows[0]["status"] == 401
    deployment.heard.says('"upstream": "sample"')


def test_an_event_is_sent_again_when_asked_for(deployment: Installation) -> None:
    event = deployment.event_of(deployment.finished())

    ran = deployment.shell.run("redeliver", event)

    assert (ran.code, ran.out) == (0, "1 delivery queued again\n")
    until(lambda: deployment.heard.out.count(f'"id": "{event}"') == 2)
    assert '"redelivery": true' in deployment.heard.out
    since = deployment.shell.run("redeliver", "--endpoint", "shy", "--since", "1h")
    assert (since.code, since.out) == (0, "nothing to redeliver\n")


def test_what_waits_is_held_listed_and_dropped(deployment: Installation) -> None:
    shell = deployment.shell
    shell.run("endpoints", "pause", "me")
    try:
        task_id = deployment.finished()
        held = shell.run(
            "deliveries", "--endpoint", "me", "--state", "held", "--json"
        ).rows
        assert {row["task"] for row in held} == {task_id}
        why = "the endpoint has been paused since"
        assert all(row["reason"].startswith(why) for row in held)
        for listed in (["deliveries", "--state", "held"], ["show", task_id]):
            assert why in shell.run(*listed).out

        dropped = shell.run("deliveries", "drop", "--endpoint", "me")

        assert dropped.code == 0
        assert dropped.out.endswith("given up at me\n")
        dead = shell.run(
            "deliveries", "--endpoint", "me", "--state", "dead", "--json"
        ).rows
        assert {row["eventId"] for row in held} <= {row["eventId"] for row in dead}
        again = shell.run(
            "redeliver", "--endpoint", "me", "--since", "10m", "--dead", "--json"
        )
        assert {row["eventId"] for row in again.rows} == {
            row["eventId"] for row in dead
        }
        assert {row["result"] for row in again.rows} == {"queued"}
    finally:
        shell.run("endpoints", "resume", "me")
    until(lambda: not shell.run("deliveries", "--state", "pending").out, within_s=20)


def test_check_online_asks_the_gateway(deployment: Installation) -> None:
    fine = deployment.shell.run("check", "--online")
    elsewhere = deployment.shell.run(
        "check",
        "--online",
        "--json",
        BRIDGE_UPSTREAMS__DEFAULT__BASE_URL="http://127.0.0.1:1",
    )

    assert fine.code == 0, fine.out
    assert "accepts the key" in fine.out
    until(lambda: "✓ workers" in deployment.shell.run("check").out, within_s=30)
    assert elsewhere.code == 1
    levels = {row["check"]: row["level"] for row in elsewhere.rows}
    assert levels["upstream"] == "error"


def test_lists_fit_the_terminal(deployment: Installation) -> None:
    task_id = deployment.finished()
    deployment.event_of(task_id)

    for command in ("tasks", "endpoints", "deliveries"):
        shown = deployment.shell.on_terminal(command, width=80).splitlines()
        assert max(map(cell_len, shown)) <= 80
        assert len(shown) > 1


def test_nobody_says_a_secret(deployment: Installation) -> None:
    deployment.event_of(deployment.finished())

    assert "ready" in deployment.worker.err
    for process in (deployment.worker, deployment.beat):
        assert process.out == ""
        for secret in ("sk-test", SECRET, "/hooks/me"):
            assert secret not in process.err


def test_a_demonstration_ends_with_four_lines_on_what_to_try_next(
    deployment: Installation,
) -> None:
    shown = deployment.shell.on_terminal("demo", width=80).splitlines()

    at = next(n for n, line in enumerate(shown) if line.startswith("try next"))
    commands = [line[10:].split("  ")[0] for line in shown[at : at + 4]]
    assert [re.sub(r".*mjbridge | \d+|:\d+", "", one) for one in commands] == [
        "show",
        "tasks",
        "endpoints test receiver",
        "http://127.0.0.1",
    ]
    assert max(map(len, shown)) <= 80, max(shown, key=len)
