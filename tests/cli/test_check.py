"""``check``: what it looks at besides the settings themselves."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter

import pytest

from tests.cli.commands import Shell


def test_a_broker_of_its_own_that_does_not_answer_is_an_error(
    deployment: Shell,
) -> None:
    away = "redis://127.0.0.1:1/0"

    checked = deployment.run("check", "--json", BRIDGE_BROKER_URL=away)

    [found] = [row for row in checked.rows if row["check"] == "broker"]
    assert (found["level"], checked.code) == ("error", 1)
    assert "BRIDGE_BROKER_URL" in found["mend"]


@pytest.mark.parametrize(
    ("scheme", "detail", "mend"),
    [
        ("amqp", "it closed the connection", "amqps://"),
        ("amqps", "it does not speak TLS there", "amqp://"),
    ],
)
async def test_a_broker_that_is_something_else_is_not_called_silent(
    deployment: Shell, scheme: str, detail: str, mend: str
) -> None:
    async def answer(asked: StreamReader, told: StreamWriter) -> None:
        await asked.read(100)
        told.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        told.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as web:
        port = web.sockets[0].getsockname()[1]
        url = f"{scheme}://u:p@127.0.0.1:{port}"
        checked = await asyncio.to_thread(
            deployment.run, "check", "--json", BRIDGE_BROKER_URL=url
        )

    [found] = [row for row in checked.rows if row["check"] == "broker"]
    assert (found["detail"], mend in found["mend"], checked.code) == (detail, True, 1)


@pytest.mark.parametrize("folder", ["/proc/nope", "a file/below"])
@pytest.mark.parametrize(
    ("store", "level", "code"), [("configured", "warning", 0), ("built in", "error", 2)]
)
def test_a_data_directory_that_cannot_be_used_is_found(
    deployment: Shell, folder: str, store: str, level: str, code: int
) -> None:
    (deployment.folder / "a file").touch()
    variables = dict(deployment.variables)
    if store == "built in":
        del variables["BRIDGE_REDIS_URL"]
    shell = Shell(deployment.folder, variables)

    checked = shell.run("check", "--json", BRIDGE_DATA_DIR=folder)

    [found] = [row for row in checked.rows if "cannot write to" in row["detail"]]
    assert (found["check"], found["level"], checked.code) == (
        "configuration",
        level,
        code,
    )
    assert folder in found["detail"]


def test_a_store_of_somebody_else_is_not_said_to_be_stopped(shell: Shell) -> None:
    folder = shell.folder / "data"
    folder.mkdir()
    (folder / "run.json").symlink_to(folder / "run.json")  # root sees all but that

    checked = shell.run("check", "--json", BRIDGE_DATA_DIR=str(folder))

    [found] = [row for row in checked.rows if row["check"] == "store"]
    assert (found["level"], "be the user" in found["detail"]) == ("error", True)


def test_a_data_directory_that_could_be_used_is_not_made(deployment: Shell) -> None:
    folder = deployment.folder / "not" / "yet"

    checked = deployment.run("check", BRIDGE_DATA_DIR=str(folder))

    assert "cannot write to" not in checked.out
    assert not folder.parent.exists()


def test_a_web_that_would_refuse_to_start_is_an_error(deployment: Shell) -> None:
    web = {"BRIDGE_WEB__HOST": "0.0.0.0", "BRIDGE_WEB__PORT": "1"}

    checked = deployment.run("check", "--json", **web)

    [found] = [row for row in checked.rows if row["check"] == "web"]
    assert (found["level"], checked.code) == ("error", 2)
    assert "BRIDGE_API_TOKEN" in found["detail"]


def test_several_endpoints_that_are_not_signed_are_one_warning(
    deployment: Shell,
) -> None:
    other = "https://example.com/other"

    checked = deployment.run("check", "--json", BRIDGE_ENDPOINTS__TOO__URL=other)

    found = [row for row in checked.rows if row["check"] == "endpoint"]
    assert [(row["name"], row["level"]) for row in found] == [
        ("me", "ok"),
        ("too", "ok"),
        (None, "warning"),
    ]
    assert found[-1]["detail"] == "not signed: me, too"


@pytest.mark.parametrize("folder", ["gateway", "gateway-sent"])
def test_a_folder_that_submissions_cannot_be_kept_in_is_a_warning(
    deployment: Shell, folder: str
) -> None:
    data_dir = deployment.folder / "data"
    data_dir.mkdir()
    (data_dir / folder).touch()

    checked = deployment.run("check", "--json", BRIDGE_DATA_DIR=str(data_dir))

    [found] = [row for row in checked.rows if row["check"] == "gateway"]
    assert (found["level"], checked.code) == ("warning", 0)
    assert found["detail"] == f"{data_dir / folder} cannot be used: not a directory"


def test_a_proxy_that_is_down_is_what_is_to_be_checked(deployment: Shell) -> None:
    variables = {
        "BRIDGE_UPSTREAMS__DEFAULT__BASE_URL": "http://gateway.invalid",
        "BRIDGE_UPSTREAMS__DEFAULT__PROXY": "http://127.0.0.1:1",
    }

    checked = deployment.run("check", "--online", "--json", **variables)

    [found] = [row for row in checked.rows if row["check"] == "upstream"]
    assert "no connection to the proxy" in found["detail"]
    assert found["mend"].startswith("check upstreams.default.proxy")
