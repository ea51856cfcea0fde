"""`bridge.settings`: what is said when a configuration is wrong."""

from __future__ import annotations

import os
from textwrap import dedent

import pytest

from bridge.errors import Misconfigured
from bridge.settings import load_settings
from tests.settings.loading import Workplace


def test_every_problem_is_told_at_once_with_its_place(place: Workplace) -> None:
    said = place.refused(
        {"BRIDGE_NAMESPCE": "x", "BRIDGE_ENDPOINTS__ME__EVENTS": '["task.*"'},
        dotenv="BRIDGE_LOG_LEVEL=loud\nnot a variable",
        toml="""
        retention = -1
        [upstreams.default]
        api_key = "sk-1"
        batch_size = 501
        pol_interval = 5
        [upstreams.work]
        [endpoints.me]
        url = "example.com/hook"
        upstreams = ["wrok"]
        chat_id = "1"
        [endpoints.Loud]
        url = "https://loud.example"
        """,
    )

    assert said == dedent(
        """\
        12 problems in the configuration:
          .env, line 2: is not NAME=value
          namespce: unknown setting; did you mean namespace? (from BRIDGE_NAMESPCE)
          retention: must be more than 0 (from bridge.toml, line 2)
          log_level: must be 'debug', 'info', 'warning', 'error' or 'critical' (from BRIDGE_LOG_LEVEL in .env, line 1)
          upstreams.default.batch_size: must be at most 500 (from bridge.toml, line 5)
          upstreams.default.pol_interval: unknown setting; did you mean poll_interval? (from bridge.toml, line 6)
          upstreams.work.base_url: is required (only the upstream called "default" has one of its own) (from bridge.toml, line 7)
          endpoints.Loud: a name is a lower-case letter, then lower-case letters, digits or _, up to 64 in all (from bridge.toml, line 13)
          endpoints.me.chat_id: is a setting of telegram, and this endpoint is of kind webhook, as its URL says; kind = ... says otherwise (from bridge.toml, line 11)
          endpoints.me.events: must be a list in JSON, like ["a", "b"] (from BRIDGE_ENDPOINTS__ME__EVENTS)
          endpoints.me.upstreams[0]: there is no upstream called wrok; did you mean work? (from bridge.toml, line 10)
          endpoints.me.url: must begin with http:// or https:// (from bridge.toml, line 9)"""
    )


@pytest.mark.parametrize("line", ["BRIDGE_NAMESPACE", "export BRIDGE_NAMESPACE", "=x"])
def test_a_line_of_dotenv_that_sets_nothing_is_told(
    place: Workplace, line: str
) -> None:
    place.write(".env", f"# ours\n{line}\n")

    assert ".env, line 2: is not NAME=value" in place.refused()


def test_a_quotation_mark_of_dotenv_that_is_not_closed_is_called_that(
    place: Workplace,
) -> None:
    place.write(".env", 'BRIDGE_NAMESPACE="shop\n')

    assert "line 1: has a quotation mark that is not closed" in place.refused()


def test_a_single_problem_is_a_single_line(place: Workplace) -> None:
    said = place.refused({"BRIDGE_PROGRESS_STEP": "0"})

    assert said == (
        "configuration: progress_step: must be at least 1 (from BRIDGE_PROGRESS_STEP)"
    )


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        pytest.param(
            'redis_urk = "x"',
            "redis_urk: unknown setting; did you mean redis_url? (from bridge.toml, line 1)",
            id="a slip",
        ),
        pytest.param(
            "zzz = 1",
            "zzz: unknown setting; the nearest known one is",
            id="far from everything",
        ),
        pytest.param(
            "[upstreams.default]\napi_key='k'\nnamespace='x'",
            "upstreams.default.namespace: unknown setting; did you mean the top-level "
            "namespace? In TOML it stands above the first [table]",
            id="below a table's head",
        ),
        pytest.param(
            "[endpoints.me]\nurl='https://x.example'\nurlfile='x'",
            "endpoints.me.urlfile: unknown setting; did you mean url_file?",
            id="nearly a secret's file",
        ),
        pytest.param(
            "[endpoint.me]\nurl='https://x.example'",
            "endpoint: unknown setting; did you mean endpoints?",
            id="a table",
        ),
        pytest.param("_env_file = 'x'", "_env_file: unknown setting", id="inner name"),
        pytest.param("Namespace = 'x'", "did you mean namespace?", id="case"),
        pytest.param(
            "[endpoints.me]\nurl = 'https://x.example'\nsecret = 'whsec_x'",
            "endpoints.me.secret: did you mean secrets? secret is a setting of feishu, ",
            id="the same in other kinds",
        ),
        pytest.param("namespace_file = 'x'", "unknown setting", id="no secret"),
    ],
)
def test_an_unknown_setting_is_told_with_the_nearest(
    place: Workplace, toml: str, said: str
) -> None:
    assert said in place.refused(toml=toml)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BRIDGE_ENDPOINTS_ME_URL", "BRIDGE_ENDPOINTS__ME__URL"),
        ("BRIDGE_ENDPOINT_ME_URL", "BRIDGE_ENDPOINTS__ME__URL"),
        (
            "BRIDGE_UPSTREAMS_DEFAULT_API_KEY_FILE",
            "BRIDGE_UPSTREAMS__DEFAULT__API_KEY_FILE",
        ),
        (
            "BRIDGE_ENDPOINTS_ART_CHANNEL_RATE_LIMIT",
            "BRIDGE_ENDPOINTS__ART_CHANNEL__RATE_LIMIT",
        ),
    ],
)
def test_single_underscores_between_levels_are_recognized(
    place: Workplace, name: str, meant: str
) -> None:
    said = place.refused({name: "https://x.example/hidden"})

    assert f"did you mean {meant}, with two underscores for each level?" in said
    assert "hidden" not in said


def test_an_unknown_variable_is_an_error_in_dotenv_too(place: Workplace) -> None:
    assert "(from BRIDGE_APITOKEN in .env, line 1)" in place.refused(
        dotenv="BRIDGE_APITOKEN=1"
    )


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("a = ", "bridge.toml, "),
        ("\nnamespace = mjb", "bridge.toml, line 2, column 13: "),
        ("[a]\n[a]", "bridge.toml, line 2, column 3: cannot declare ('a',) twice"),
        pytest.param(f"a = {'[' * 5000}", "bridge.toml is nested", id="deep"),
    ],
)
def test_a_slip_in_the_toml_is_told_with_line_and_column(
    place: Workplace, toml: str, said: str
) -> None:
    message = place.refused(toml=toml)

    assert message.startswith(f"configuration: {said}")
    assert "\n" not in message


def test_a_broken_toml_file_does_not_make_its_settings_look_forgotten(
    place: Workplace,
) -> None:
    said = place.refused(
        {"BRIDGE_UPSTREAMS__WORK__API_KEY": "sk-1"},
        toml="[upstreams.work]\nbase_url = https://gw.example",
    )

    assert said.startswith("configuration: bridge.toml, line 2")


@pytest.mark.parametrize("name", ["bridge.toml", ".env"])
def test_a_file_that_is_not_text_is_refused(place: Workplace, name: str) -> None:
    place.write(name, b"\xff\xfe")

    assert place.refused() == f"configuration: {name} cannot be read: it is not UTF-8"


@pytest.mark.parametrize("name", ["bridge.toml", ".env"])
def test_a_file_that_is_none_is_refused(place: Workplace, name: str) -> None:
    (place.path / name).mkdir()

    assert f"{name} cannot be read: is a directory" in place.refused()


@pytest.mark.parametrize("device", [None, "/dev/zero"], ids=["pipe", "endless"])
@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("bridge.toml", {}),
        (".env", {}),
        ("token", {"BRIDGE_API_TOKEN_FILE": "token"}),
        ("ca.pem", {"BRIDGE_UPSTREAMS__DEFAULT__TLS_CA": "ca.pem"}),
        ("ca.pem", {"BRIDGE_REDIS_URL": "rediss://h/0?ssl_ca_certs=PLACE/ca.pem"}),
    ],
)
def test_a_pipe_or_a_device_is_refused_and_not_waited_for(
    place: Workplace,
    name: str,
    variables: dict[str, str],
    device: str | None,
) -> None:
    if device is None:
        os.mkfifo(place.path / name)
    else:
        (place.path / name).symlink_to(device)

    said = place.refused(
        {key: one.replace("PLACE", str(place.path)) for key, one in variables.items()}
    )

    assert "cannot be read: it is no regular file" in said


def test_a_file_without_measure_is_not_read_to_its_end(place: Workplace) -> None:
    with place.write("bridge.toml", "").open("wb") as file:
        file.truncate(10 * 1024**3)

    said = place.refused()

    assert said.startswith("configuration: bridge.toml cannot be read: it is larger")


@pytest.mark.parametrize("name", ["bridge.toml", ".env"])
def test_a_link_to_nothing_is_refused(place: Workplace, name: str) -> None:
    (place.path / name).symlink_to(place.path / "not-mounted")

    said = f"{name} cannot be read: it is a link to a file that does not exist"
    assert said in place.refused()


def test_a_file_that_cannot_even_be_looked_for_is_refused(place: Workplace) -> None:
    name = "x" * 300

    said = place.refused({"BRIDGE_CONFIG": name})

    assert said == f"configuration: {name} cannot be read: file name too long"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param(
            {"BRIDGE_ENDPOINTS": "[]"}, "must be a table in JSON", id="a list"
        ),
        pytest.param(
            {"BRIDGE_ENDPOINTS": "{" * 100_000}, "must be a table in JSON", id="deep"
        ),
        pytest.param(
            {"BRIDGE_ENDPOINTS__ME": "https://x.example"},
            "endpoints.me: must be a table in JSON",
            id="a URL where an endpoint stands",
        ),
        pytest.param(
            {"BRIDGE_NAMESPACE": "a", "BRIDGE_NAMESPACE__B": "c"},
            "namespace: is set both as one value and as a table",
            id="a value and a table",
        ),
        pytest.param(
            {"BRIDGE_NAMESPACE__A__B": "c"},
            "namespace: must be text (from BRIDGE_NAMESPACE__A__B)",
            id="a table where a text stands",
        ),
        pytest.param(
            {"BRIDGE_UPSTREAM__A__API_KEY": "k", "BRIDGE_UPSTREAM__A__AUTH": "raw"},
            "configuration: upstream: unknown setting; did you mean upstreams? "
            "(from BRIDGE_UPSTREAM__A__A",
            id="settings of a table that does not exist",
        ),
        pytest.param(
            {"BRIDGE_ENDPOINTS__": "{}"}, 'endpoints."": a name is', id="no name"
        ),
        pytest.param(
            {"BRIDGE_ALLOW_NETWORKS": '["10.0.0.0/8"'},
            "must be a list in JSON",
            id="half a list",
        ),
    ],
)
def test_a_variable_that_does_not_fit_is_told(
    place: Workplace, variables: dict[str, str], said: str
) -> None:
    assert said in place.refused(variables)


@pytest.mark.parametrize(
    "toml", ['[[endpoints]]\nurl = "http://a"', "endpoints.me = 3", "web = 8300"]
)
def test_what_is_no_table_is_told_beside_a_table_of_a_stronger_source(
    place: Workplace, toml: str
) -> None:
    stronger = {
        "BRIDGE_ENDPOINTS__ME__URL": "http://b/",
        "BRIDGE_WEB__PORT": "1",
        "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-x",
    }

    said = place.refused(stronger, toml=toml)

    assert said.endswith("must be a table (from bridge.toml, line 1)")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("upstreams = 3", "upstreams: must be a table"),
        ('[[endpoints]]\nname = "me"', "endpoints: must be a table"),
        ("web = 8300", "web: must be a table"),
        ("[upstreams]\ndefault = 3", "upstreams.default: must be a table"),
        ("endpoints.me = [1]", "endpoints.me: must be a table"),
        ("endpoints.me.url = 3", "endpoints.me.url: must be text"),
        ("endpoints.me = {}", "endpoints.me.url: is required"),
        ("endpoints.me.kind = 3", "endpoints.me.kind: must be 'webhook', 'slack'"),
        ("namespace = [1]", "namespace: must be text"),
        ("allow_networks = 'x'", "allow_networks: must be a list"),
        ("retention = 1979-05-27", "retention: must be a number"),
        ("retention = inf", "retention: must be"),
        ("progress_step = true", "progress_step: must be a number"),
        ("progress_step = 1.5", "progress_step: must be a whole number"),
        ("data_dir = 3", "data_dir: must be the name of a file or directory"),
        ("namespace.a.b = 1", "namespace: must be text"),
        ("[upstreams.default.api_key]\na=1", "upstreams.default.api_key: must be text"),
        ("endpoints.me.events = 'task.*'", "endpoints.me.events: must be a list"),
    ],
)
def test_a_value_of_another_type_is_told(
    place: Workplace, toml: str, said: str
) -> None:
    assert said in place.refused(toml=toml)


def test_an_upstream_without_a_key_needs_a_server_without_keys(
    place: Workplace,
) -> None:
    said = place.refused({"BRIDGE_UPSTREAMS__DEFAULT__POLL_INTERVAL": "1"})
    keyless = place.load({"BRIDGE_UPSTREAMS__DEFAULT__BASE_URL": "http://localhost:8"})

    assert said == (
        "configuration: upstreams.default.api_key: is required, unless base_url names "
        "a server that wants none"
    )
    assert not keyless.has_api_key
    assert keyless.upstreams["default"].api_key is None


def test_who_is_about_to_use_the_sandbox_needs_no_key(place: Workplace) -> None:
    settings = place.load(
        {"BRIDGE_UPSTREAMS__DEFAULT__POLL_INTERVAL": "0.05"}, need_keys=False
    )

    assert settings.upstreams["default"].poll_interval == 0.05


def test_an_endpoint_may_name_the_upstream_that_the_sandbox_stands_for(
    place: Workplace,
) -> None:
    me = {"BRIDGE_ENDPOINTS__ME__URL": "https://x.example"}

    settings = place.load(me | {"BRIDGE_ENDPOINTS__ME__UPSTREAMS": '["default"]'})

    assert settings.endpoints["me"].upstreams == ("default",)


def test_a_problem_is_an_error_of_ours_with_exit_code_2(place: Workplace) -> None:
    with pytest.raises(Misconfigured) as caught:
        load_settings(environ={"BRIDGE_X": "1"}, cwd=place.path)

    assert caught.value.exit_code == 2
