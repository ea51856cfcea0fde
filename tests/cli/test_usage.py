"""What is wrong with a command is one clear line on stderr, and exit code 2."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from importlib import import_module
from itertools import chain
from pathlib import Path
from time import monotonic

import pytest
import typer

from bridge import __version__
from bridge.cli.commands import COMMANDS, app, load
from tests.cli.commands import COMMAND, Ran, Shell

KEY = {"BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-never-shown"}


def refusal(ran: Ran) -> str:
    """The one line that a refused command says."""
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("mjbridge: ")
    return ran.err


def test_the_version_is_shown(shell: Shell) -> None:
    assert shell.run("--version") == Ran(0, f"mjbridge {__version__}\n", "")


def test_help_names_every_command(shell: Shell) -> None:
    ran = shell.run("--help")

    assert ran.code == 0
    commands = (
        "up worker beat track untrack tasks show watch endpoints deliveries redeliver "
        "preview check sandbox listen web"
    )
    shown = re.findall(r"^│ ([a-z]+) ", ran.out, re.MULTILINE)
    assert set(commands.split()) <= set(shown)


@pytest.mark.parametrize("group", ["endpoints", "deliveries"])
def test_help_of_a_group_shows_its_own_options_alone(shell: Shell, group: str) -> None:
    ran = shell.run(group, "--help")

    assert ran.code == 0
    assert "--json" in ran.out
    assert "completion" not in ran.out


WRONG = [
    (["bogus"], "bogus"),
    (["track"], "no task id"),
    (["track", "--wat", "1"], "--wat"),
    (["track", ""], "blank"),
    (["imagine", " "], "blank"),
    (["track", "1", "x" * 129], "at most 128"),
    (["track", "1 2"], "white space"),
    (["track", "--meta", "order", "1"], "K=V"),
    (["track", "--file", "missing.txt"], "missing.txt"),
    (["tasks", "--status", "DONE"], "IN_PROGRESS"),
    (["deliveries", "--state", "gone"], "superseded"),
    (["preview", "task.done", "--endpoint", "me"], "task.succeeded"),
    (["preview", "task.succeeded"], "--endpoint"),
    (["redeliver"], "EVENT_ID"),
    (["redeliver", "--since", "2h"], "--endpoint"),
    (["worker", "--concurrency", "0"], "--concurrency"),
    (["worker", "-Q", "poll,bogus"], "'bogus'; there are poll, deliver, celery"),
    (["redeliver", "--endpoint", "me", "--since", "99999999999d"], "before 1970"),
    (["listen", "--secret", "whsec_!"], "malformed"),
    (["listen", "--secret", "x"], "at least 8 characters"),
    (["sandbox", "--speed", "0"], "speed"),
    (["sandbox", "--port", "0", "--host", ""], "'--host': it is blank"),
    (["web", "--port", "0", "--host", " "], "'--host': it is blank"),
    (["web", "--port", "0", "--host", "not a host"], "'--host': it is no host"),
    (["up"], "mjbridge up --sandbox"),
    (["endpoints", "pause"], "NAME"),
]


@pytest.mark.parametrize(
    ("args", "words"), WRONG, ids=[" ".join(args)[:30] for args, _ in WRONG]
)
def test_wrong_usage_is_one_line_and_exit_2(
    shell: Shell, args: list[str], words: str
) -> None:
    ran = shell.run(*args)

    assert words in refusal(ran)
    assert ran.code == 2


def test_ids_that_are_not_text_are_refused(shell: Shell) -> None:
    ran = shell.run("track", "-", stdin=b"1730621826053455\n\xff\xfe\n")

    assert "UTF-8" in refusal(ran)
    assert ran.code == 2


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"BRIDGE_ENDPOINTS__ME__URL": "example.com/x"}, "endpoints.me.url"),
        (
            {
                "BRIDGE_ENDPOINTS__ME__URL": "https://example.com/x",
                "BRIDGE_ENDPOINTS__ME__SECRETS": '["whsec_never-shown!"]',
            },
            "malformed",
        ),
        ({"BRIDGE_LOG_LEVLE": "info"}, "log_level"),
    ],
    ids=["a URL without a scheme", "a malformed secret", "an unknown setting"],
)
def test_wrong_settings_are_one_line_that_says_where(
    shell: Shell, variables: dict[str, str], words: str
) -> None:
    ran = shell.run("check", **KEY, **variables)

    assert words in refusal(ran)
    assert "never-shown" not in ran.err
    assert ran.code == 2


@pytest.mark.parametrize(
    "command",
    [
        ["worker"],
        ["beat"],
        ["up"],
        ["worker", "-Q", "bogus"],
        ["sandbox", "--host", "192.0.2.1"],
    ],
    ids=" ".join,
)
def test_where_logs_are_json_so_is_what_a_process_ends_for(
    shell: Shell, command: list[str]
) -> None:
    variables = {"BRIDGE_LOG_FORMAT": "json", "BRIDGE_REDIS_URL": "nonsense"}
    if command[0] == "sandbox":
        del variables["BRIDGE_REDIS_URL"]

    ran = shell.run(*command, **variables)

    [event] = [json.loads(line) for line in ran.err.splitlines()]
    assert event["level"] == "error"
    assert event.keys() == {"timestamp", "level", "event"}
    assert ran.code in {1, 2}
    assert ran.out == ""


def test_celerys_own_command_refuses_wrong_settings_in_json_too(shell: Shell) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("celery"), "-A", "bridge", "worker"],
        cwd=shell.folder,
        env=shell.env | {"BRIDGE_LOG_FORMAT": "json", "BRIDGE_REDIS_URL": "nonsense"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    [event] = [json.loads(line) for line in done.stderr.splitlines()]
    assert "redis_url" in event["event"]
    assert done.returncode == 2


def test_a_working_directory_that_was_removed_is_what_is_wrong(shell: Shell) -> None:
    removed = shell.folder / "removed"
    removed.mkdir()
    mjbridge = Path(sys.executable).with_name("mjbridge")

    done = subprocess.run(
        ["sh", "-c", f'rmdir "$PWD" && exec {mjbridge} check'],
        cwd=removed,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    said = "the working directory cannot be used: no such file or directory"
    assert said in refusal(Ran(done.returncode, done.stdout, done.stderr))
    assert done.returncode == 2


def test_only_a_port_that_is_in_use_is_to_be_exchanged(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = shell.run("listen", "--port", str(port))
    elsewhere = shell.run("listen", "--host", "192.0.2.1")

    assert "already in use; --port takes another one" in refusal(taken)
    assert "--port" not in refusal(elsewhere)
    assert (taken.code, elsewhere.code) == (1, 1)


def test_a_mistake_in_toml_is_reported_with_its_line(shell: Shell) -> None:
    (shell.folder / "bridge.toml").write_text('progress_step = 10\nlog_level = "info\n')

    ran = shell.run("tasks")

    assert "bridge.toml, line 2" in refusal(ran)
    assert ran.code == 2


def test_several_wrong_settings_are_reported_at_once(shell: Shell) -> None:
    ran = shell.run("worker", BRIDGE_LOG_LEVEL="loud", BRIDGE_PROGRESS_STEP="0")

    assert ran.code == 2
    assert len(ran.err.splitlines()) == 3
    assert "log_level" in ran.err
    assert "progress_step" in ran.err


def test_an_unknown_upstream_is_refused_with_those_that_are_known(
    deployment: Shell,
) -> None:
    ran = deployment.run("track", "1", "--upstream", "nowhere")

    assert "default" in refusal(ran)
    assert ran.code == 2


def test_without_a_store_a_command_waits_a_little_and_says_how_to_start_one(
    shell: Shell,
) -> None:
    began = monotonic()
    ran = shell.run("tasks", **KEY)

    assert 3 <= monotonic() - began < 20
    assert "mjbridge up" in refusal(ran)
    assert ran.code == 1


def test_a_worker_waits_for_its_store_and_says_so(shell: Shell) -> None:
    variables = {**KEY, "BRIDGE_REDIS_URL": "redis://127.0.0.1:1/0"}
    with shell.running("worker", **variables) as worker:
        worker.says("store.away")
        assert worker.interrupt() == 130
    assert "Traceback" not in worker.err
    assert worker.out == ""


def test_what_was_never_configured_or_tracked_is_not_found(deployment: Shell) -> None:
    for args in (
        ["show", "404"],
        ["redeliver", "evt_404"],
    ):
        ran = deployment.run(*args)
        assert args[-1] in refusal(ran)
        assert ran.code == 1


@pytest.mark.parametrize(
    "args",
    [
        ["endpoints", "pause", "nobody"],
        ["endpoints", "test", "nobody"],
        ["preview", "task.succeeded", "--endpoint", "nobody"],
        ["deliveries", "--endpoint", "nobody"],
        ["deliveries", "drop", "--endpoint", "nobody", "--yes"],
        ["redeliver", "--since", "2h", "--endpoint", "nobody"],
        ["tasks", "--upstream", "nobody"],
        ["show", "404", "--upstream", "nobody"],
        ["untrack", "404", "--upstream", "nobody"],
        ["track", "404", "--upstream", "nobody"],
    ],
    ids=" ".join,
)
def test_a_name_that_was_given_to_nothing_is_wrong_usage(
    deployment: Shell, args: list[str]
) -> None:
    ran = deployment.run(*args)

    assert "'nobody'" in refusal(ran)
    assert ran.code == 2


def test_a_worker_does_not_start_as_many_processes_as_a_slip_asks_for(
    shell: Shell,
) -> None:
    ran = shell.run("worker", "-c", "20000")

    assert "less than or equal to 256" in refusal(ran)
    assert ran.code == 2


def test_ids_may_have_white_space_around_them(deployment: Shell) -> None:
    assert deployment.run("track", " 77 ").out == "tracked 77\n"
    assert deployment.run("show", "77 ", "--json").rows[0]["id"] == "77"


def test_check_says_what_is_wrong_and_how_to_mend_it(shell: Shell) -> None:
    ran = shell.run("check", "--json")

    assert ran.code == 2
    assert all(chain.from_iterable((row["check"], row["detail"]) for row in ran.rows))
    [upstream] = [row for row in ran.rows if row["check"] == "upstream"]
    assert upstream["level"] == "error"
    assert "BRIDGE_UPSTREAMS__DEFAULT__API_KEY" in upstream["mend"]


def test_check_of_a_store_that_is_away_is_exit_1(shell: Shell) -> None:
    ran = shell.run("check", **KEY, BRIDGE_REDIS_URL="redis://127.0.0.1:1/0")

    assert ran.code == 1
    assert "✗ store" in ran.out


def test_preview_shows_the_exact_request_and_no_secret(shell: Shell) -> None:
    variables = {
        **KEY,
        "BRIDGE_ENDPOINTS__ME__URL": "https://example.com/hooks/T0/never-shown",
        "BRIDGE_ENDPOINTS__ME__SECRETS": '["never-shown-either"]',
        "BRIDGE_ENDPOINTS__ME__HEADERS": '{"X-Team": "art", "Authorization": "never-shown"}',
    }
    shown = shell.run("preview", "task.succeeded", "--endpoint", "me", **variables)
    as_json = shell.run(
        "preview", "task.succeeded", "--endpoint", "me", "--json", **variables
    )

    assert shown.code == as_json.code == 0
    assert "never-shown" not in shown.out + as_json.out
    assert shown.out.startswith("POST https://example.com/hooks/…\n")
    assert "webhook-signature: v1," in shown.out
    assert "x-team: …" in shown.out
    [row] = as_json.rows
    assert row["headers"]["webhook-id"].startswith("evt_")
    assert '"type":"task.succeeded"' in row["body"]


@pytest.mark.parametrize(
    ("url", "own", "offered"),
    [
        pytest.param(
            "https://open.feishu.cn/open-apis/bot/v2/hook/x",
            {},
            "https://bridge.example.com/a/",
            id="a link",
        ),
        pytest.param(
            "https://api.telegram.org/bot1:x",
            {"chat_id": "-100", "buttons": "native"},
            '"callback_data"',
            id="buttons of the platform's own",
        ),
    ],
)
def test_preview_shows_what_people_would_press(
    shell: Shell, url: str, own: dict[str, object], offered: str
) -> None:
    settings = {"url": url, **own}
    variables = {**KEY, "BRIDGE_PUBLIC_URL": "https://bridge.example.com"}

    def preview(event_type: str, **more: object) -> str:
        endpoint = {"BRIDGE_ENDPOINTS__ME": json.dumps(settings | more)}
        shown = shell.run("preview", event_type, "-e", "me", **variables, **endpoint)
        assert shown.code == 0
        return shown.out

    assert offered in preview("task.succeeded")
    assert offered not in preview("task.succeeded", buttons="off")
    assert offered not in preview("task.failed")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            {
                "kind": "template",
                "url": "https://example.com/",
                "token": "never-shown",
                "body": "{}",
                "headers": {"X-Api": "{{ token }}", "X-Team": "never-shown-either"},
            },
            id="a token in a header of an innocent name",
        ),
        pytest.param(
            {
                "kind": "template",
                "url": "https://example.com/",
                "token": "me:never-shown",
                "preset": "n8n",
            },
            id="a preset",
        ),
        pytest.param(
            {"url": "https://ntfy.sh/never-shown", "token": "tk_never-shown"},
            id="ntfy's topic",
        ),
        pytest.param(
            {
                "url": "https://oapi.dingtalk.com/robot/send?access_token=never-shown",
                "secret": "SECnever-shown",
            },
            id="a robot's secret",
        ),
    ],
)
def test_preview_shows_no_secret_wherever_the_request_holds_it(
    shell: Shell, settings: dict[str, object]
) -> None:
    variables = {**KEY, "BRIDGE_ENDPOINTS__ME": json.dumps(settings)}

    shown = shell.run("preview", "task.succeeded", "--endpoint", "me", **variables)
    as_json = shell.run(
        "preview", "task.succeeded", "--endpoint", "me", "--json", **variables
    )

    assert shown.code == as_json.code == 0
    assert "content-type: application/json" in shown.out
    assert "never-shown" not in shown.out + as_json.out


def test_a_reader_that_has_gone_is_no_reason_to_complain(deployment: Shell) -> None:
    deployment.run("track", "-", stdin="\n".join(str(n) for n in range(1000, 4000)))
    with subprocess.Popen(
        [*COMMAND, "tasks", "--json"],
        cwd=deployment.folder,
        env=deployment.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 1


@pytest.mark.parametrize(
    ("name", "summary"),
    [listed for commands in COMMANDS.values() for listed in commands.items()],
)
def test_the_list_of_commands_says_of_each_what_its_own_help_begins_with(
    name: str, summary: str
) -> None:
    command = load(name, typer.Context(typer.main.get_command(app)))

    first = " ".join(command.help.partition("\n\n")[0].split())
    assert first == summary


def test_a_value_of_the_wrong_kind_is_refused_in_plain_words(shell: Shell) -> None:
    ran = shell.run("tasks", "--limit", "few")

    assert "'--limit' / '-n': it should be a valid integer" in refusal(ran)


def test_a_command_runs_with_the_garbage_collector_on() -> None:
    program = (
        "import gc; from bridge.cli.commands import run; gc.disable(); "
        "run(['check', '--help']); print(gc.isenabled())"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ran.stdout.endswith("True\n")


#: Libraries that take long to import, and that only workers, servers and `check` need.
SLOW = {"aiohttp", "celery", "httpx", "jinja2", "kombu", "starlette", "structlog"}


@pytest.mark.parametrize(
    ("modules", "unneeded"),
    [
        pytest.param(
            ["commands"],
            SLOW | {"asyncio", "pydantic", "redis"},
            id="the list of commands",
        ),
        pytest.param(
            ["deliveries", "redeliver", "show", "tasks", "track", "watch"],
            SLOW,
            id="commands that are over soon",
        ),
    ],
)
def test_a_command_that_is_over_soon_imports_nothing_slow(
    modules: list[str], unneeded: set[str]
) -> None:
    named = ", ".join(f"bridge.cli.{module}" for module in modules)
    program = f"import sys, {named}; print(*sys.modules)"

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert all(map(import_module, unneeded))
    assert not unneeded & set(ran.stdout.split())


def test_a_beat_imports_no_client_of_gateways_and_receivers(shell: Shell) -> None:
    program = (
        "import sys, bridge.cli.beat, bridge.tasks, bridge.runtime.celery_settings; "
        "print(*sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=shell.env | KEY | {"BRIDGE_REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert all(map(import_module, ("aiohttp", "httpx", "uvloop")))
    assert not {"aiohttp", "httpx", "uvloop"} & set(ran.stdout.split())


def test_a_command_that_is_not_on_the_path_is_named_as_it_can_be_called(
    tmp_path: Path,
) -> None:
    venv = Path(sys.prefix)
    asks = [sys.executable, "-c", "from bridge.cli.output import program; print(program())"]  # fmt: skip

    def named(path: str, folder: Path) -> str:
        env = {**os.environ, "PATH": path}
        ran = subprocess.run(asks, cwd=folder, env=env, capture_output=True, check=True)
        return ran.stdout.decode().strip()

    assert named("/usr/bin", venv.parent) == f"{venv.name}/bin/mjbridge"
    assert named(f"{venv}/bin", venv.parent) == "mjbridge"
    assert named("/usr/bin", tmp_path) == "mjbridge"


def test_a_store_that_hangs_is_not_waited_for_again(shell: Shell) -> None:
    """A single attempt takes most of the three seconds that a command waits."""
    path = shell.folder / "hangs.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.setblocking(False)
        ran = Shell(shell.folder, {**KEY, "BRIDGE_REDIS_URL": f"unix://{path}"}).run(
            "tasks"
        )
        listening.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listening.accept()

    assert (ran.code, "does not answer" in refusal(ran)) == (1, True)
