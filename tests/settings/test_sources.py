"""`bridge.settings`: where settings come from, and which source counts."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.template.options import TemplateOptions
from bridge.channels.webhook import WebhookOptions
from bridge.settings import DEFAULT_BASE_URL, load_settings
from tests.settings.loading import Workplace

ME = {"BRIDGE_ENDPOINTS__ME__URL": "https://example.com/hook"}


def test_nothing_configured_is_a_configuration(place: Workplace) -> None:
    settings = place.load()

    assert settings.upstreams == {}
    assert settings.endpoints == {}
    assert settings.redis_url is None
    assert settings.broker_url is None
    assert settings.namespace == "mjb"
    assert settings.data_dir == place.path / ".mjbridge"
    assert settings.retention == 604800
    assert settings.progress_step == 10
    assert (settings.log_level, settings.log_format) == ("info", "auto")
    assert not settings.has_api_key


def test_two_variables_are_enough(place: Workplace) -> None:
    settings = place.load({"BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-1", **ME})

    upstream = settings.upstreams["default"]
    assert upstream.base_url == DEFAULT_BASE_URL
    assert upstream.api_key is not None
    assert upstream.api_key.get_secret_value() == "sk-1"
    assert settings.has_api_key
    assert settings.endpoints["me"].url.get_secret_value() == "https://example.com/hook"


def test_the_environment_is_stronger_than_dotenv_and_dotenv_than_toml(
    place: Workplace,
) -> None:
    settings = place.load(
        {"BRIDGE_NAMESPACE": "env"},
        dotenv="BRIDGE_NAMESPACE=dotenv\nBRIDGE_LOG_LEVEL=error",
        toml='namespace = "toml"\nlog_level = "debug"\nprogress_step = 7',
    )

    assert settings.namespace == "env"
    assert settings.log_level == "error"
    assert settings.progress_step == 7


def test_the_environment_adds_a_key_to_an_upstream_of_the_toml_file(
    place: Workplace,
) -> None:
    settings = place.load(
        {"BRIDGE_UPSTREAMS__WORK__API_KEY": "sk-2"},
        toml='[upstreams.work]\nbase_url = "https://gw.example.com"\nbatch_size = 9',
    )

    work = settings.upstreams["work"]
    assert work.base_url == "https://gw.example.com"
    assert work.batch_size == 9
    assert work.api_key is not None
    assert work.api_key.get_secret_value() == "sk-2"


def test_names_of_variables_become_lower_case(place: Workplace) -> None:
    settings = place.load(
        {"BRIDGE_ENDPOINTS__ART_CHANNEL__URL": "https://a.example"}
        | {"bridge_Endpoints__art_channel__Timeout": "3.5"}
    )

    assert list(settings.endpoints) == ["art_channel"]
    assert settings.endpoints["art_channel"].timeout == 3.5


def test_of_two_spellings_of_a_variable_the_one_in_capitals_counts(
    place: Workplace,
) -> None:
    settings = place.load({"bridge_namespace": "small", "BRIDGE_NAMESPACE": "capital"})

    assert settings.namespace == "capital"


def test_lists_and_tables_are_json_in_the_environment(place: Workplace) -> None:
    settings = place.load(
        ME
        | {"BRIDGE_ENDPOINTS__ME__EVENTS": '["task.*", "*.dead"]'}
        | {"BRIDGE_ENDPOINTS__ME__HEADERS": '{"X-Team": "art"}'}
        | {"BRIDGE_ENDPOINTS__ME__RETRY": "[1, 2.5]"}
    )

    me = settings.endpoints["me"]
    assert me.events == ("task.*", "*.dead")
    assert me.headers["X-Team"].get_secret_value() == "art"
    assert me.retry == (1.0, 2.5)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("task.succeeded", ("task.succeeded",)),
        ("task.succeeded,task.failed", ("task.succeeded", "task.failed")),
        (" 'task.succeeded' , \"task.failed\", ", ("task.succeeded", "task.failed")),
        ("'[\"task.succeeded\"]'", ("task.succeeded",)),
    ],
)
def test_a_list_may_be_texts_with_commas_between(
    place: Workplace, text: str, events: tuple[str, ...]
) -> None:
    settings = place.load(ME | {"BRIDGE_ENDPOINTS__ME__EVENTS": text})

    assert settings.endpoints["me"].events == events


def test_lists_of_other_things_may_be_written_so_as_well(place: Workplace) -> None:
    settings = place.load(
        ME
        | {"BRIDGE_ENDPOINTS__ME__SECRETS": "first-secret,second-secret"}
        | {"BRIDGE_ENDPOINTS__ME__RETRY": "5,60"}
        | {"BRIDGE_ENDPOINTS__ME__UPSTREAMS": "default"}
        | {"BRIDGE_ALLOW_NETWORKS": "10.0.0.0/8,fd00::/8"}
        | {"BRIDGE_ENDPOINTS__T__URL": "https://x.example"}
        | {"BRIDGE_ENDPOINTS__T__KIND": "template"}
        | {"BRIDGE_ENDPOINTS__T__BODY": "{}"}
        | {"BRIDGE_ENDPOINTS__T__SUCCESS": "200"}
    )

    me = settings.endpoints["me"]
    assert me.options() == WebhookOptions(secrets=("first-secret", "second-secret"))
    assert (me.retry, me.upstreams) == ((5.0, 60.0), ("default",))
    assert settings.allow_networks == ("10.0.0.0/8", "fd00::/8")
    assert settings.endpoints["t"].options() == TemplateOptions(
        body="{}", success=("200",)
    )


#: A right value of settings of every type.
PLAIN = {
    "BRIDGE_REDIS_URL": "redis://h/0",
    "BRIDGE_NAMESPACE": "art",
    "BRIDGE_RETENTION": "60",
    "BRIDGE_LOG_LEVEL": "debug",
    "BRIDGE_API_TOKEN": "t0ken-t0ken",
    "BRIDGE_DATA_DIR": "data",
    "BRIDGE_PUBLIC_URL": "https://mj.example",
    "BRIDGE_ALLOW_NETWORKS": "10.0.0.0/8",
    "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-1",
    "BRIDGE_UPSTREAMS__DEFAULT__AUTH": "header:X-Key",
    "BRIDGE_UPSTREAMS__DEFAULT__RATE_LIMIT": "5/s",
    "BRIDGE_ENDPOINTS__ME__URL": "https://discord.com/api/webhooks/1/x",
    "BRIDGE_ENDPOINTS__ME__KIND": "discord",
    "BRIDGE_ENDPOINTS__ME__USERNAME": "Art",
    "BRIDGE_ENDPOINTS__ME__SILENT": "true",
    "BRIDGE_ENDPOINTS__ME__PROMPT_MAX": "7",
    "BRIDGE_ENDPOINTS__ME__HEADERS": '{"X-Team": "art"}',
    "BRIDGE_ENDPOINTS__ME__RETRY": "[5, 60]",
}


@pytest.mark.parametrize("around", ['"{}"', "'{}'", " {}\r\n", "\t' {} '\n"])
def test_white_space_and_quotes_around_any_value_mean_nothing(
    place: Workplace, around: str
) -> None:
    written = {name: around.format(value) for name, value in PLAIN.items()}

    assert place.load(written) == place.load(PLAIN)


def test_a_whole_table_as_json_gives_way_to_single_settings(place: Workplace) -> None:
    settings = place.load(
        {
            "BRIDGE_ENDPOINTS": '{"a": {"url": "https://a.example", "timeout": 1}}',
            "BRIDGE_ENDPOINTS__A": '{"timeout": 2, "concurrency": 3}',
            "BRIDGE_ENDPOINTS__A__CONCURRENCY": "4",
        }
    )

    assert settings.endpoints["a"].timeout == 2
    assert settings.endpoints["a"].concurrency == 4


def test_an_empty_variable_is_as_good_as_none(place: Workplace) -> None:
    settings = place.load(
        {"BRIDGE_NAMESPACE": "", "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": " "},
        toml='namespace = "toml"',
    )

    assert settings.namespace == "toml"
    assert settings.upstreams == {}


def test_an_empty_text_in_toml_is_as_good_as_none(place: Workplace) -> None:
    settings = place.load(
        ME,
        toml='broker_url = ""\n[upstreams.default]\napi_key = "sk-1"\nproxy = ""\n',
    )

    assert settings.broker_url is None
    assert settings.upstreams["default"].proxy is None


def test_dotenv_takes_quotes_exports_and_comments_and_leaves_dollars_alone(
    place: Workplace,
) -> None:
    settings = place.load(
        dotenv="\ufeff# mine\nexport BRIDGE_API_TOKEN='a${HOME}b'\n"
        'BRIDGE_NAMESPACE="x_1" # why\nOTHER=1\n'
    )

    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "a${HOME}b"
    assert settings.namespace == "x_1"


def test_a_config_file_is_named_by_argument_or_variable_or_dotenv(
    place: Workplace,
) -> None:
    place.write("bridge.toml", 'namespace = "default"')
    one = place.write("one.toml", 'namespace = "one"')
    place.write("two.toml", 'namespace = "two"')
    place.write("three.toml", 'namespace = "three"')

    assert place.load().namespace == "default"
    place.write(".env", "BRIDGE_CONFIG=three.toml")
    assert place.load().namespace == "three"
    assert place.load({"BRIDGE_CONFIG": "two.toml"}).namespace == "two"
    by_argument = place.load({"BRIDGE_CONFIG": "two.toml"}, config=one)
    assert by_argument.namespace == "one"


def test_a_config_file_that_is_named_but_missing_is_refused(place: Workplace) -> None:
    said = place.refused({"BRIDGE_CONFIG": "nowhere.toml"})

    assert (
        said
        == "configuration: there is no file nowhere.toml, named as the configuration"
    )


def test_relative_paths_start_from_the_toml_file(place: Workplace) -> None:
    place.write("etc/ca.pem", Path(certifi.where()).read_bytes())
    place.write(
        "etc/bridge.toml",
        'data_dir = "data"\n[upstreams.default]\napi_key = "k"\ntls_ca = "ca.pem"',
    )

    settings = place.load({"BRIDGE_CONFIG": "etc/bridge.toml"})

    assert settings.data_dir == place.path / "etc" / "data"
    assert settings.upstreams["default"].tls_ca == place.path / "etc" / "ca.pem"


def test_the_default_data_directory_is_beside_the_toml_file(place: Workplace) -> None:
    place.write("etc/bridge.toml", "")

    settings = place.load({"BRIDGE_CONFIG": "etc/bridge.toml"})

    assert settings.data_dir == place.path / "etc" / ".mjbridge"


def test_an_absolute_path_stays(place: Workplace, tmp_path: Path) -> None:
    settings = place.load({"BRIDGE_DATA_DIR": str(tmp_path / "x")})

    assert settings.data_dir == tmp_path / "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BRIDGE_SERVICE_HOST", "10.0.0.1"),
        ("BRIDGE_SERVICE_PORT", "80"),
        ("BRIDGE_SERVICE_PORT_HTTP", "80"),
        ("BRIDGE_WEB_SERVICE_HOST", "10.0.0.1"),
        ("BRIDGE_PORT", "tcp://10.0.0.1:80"),
        ("BRIDGE_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("BRIDGE_REDIS_PORT", "tcp://10.0.0.1:6379"),
        ("BRIDGE_REDIS_PORT_6379_TCP", "tcp://10.0.0.1:6379"),
        ("BRIDGE_REDIS_PORT_6379_TCP_PROTO", "tcp"),
        ("BRIDGE_REDIS_SERVICE_PORT_REDIS", "6379"),
        ("BRIDGE_DNS_PORT", "udp://10.0.0.1:53"),
        ("BRIDGE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("BRIDGEHEAD", "1"),
        ("PATH", "/bin"),
    ],
)
def test_variables_that_are_not_meant_for_it_are_ignored(
    place: Workplace, name: str, value: str
) -> None:
    assert place.load({name: value}) == place.load()


# --- precedence, as a property --------------------------------------------------------

VALUES = st.fixed_dictionaries(
    {},
    optional={
        ("namespace",): st.sampled_from(["one", "two", "three"]),
        ("progress_step",): st.integers(1, 100),
        ("upstreams", "default", "batch_size"): st.integers(1, 500),
        ("upstreams", "default", "api_key"): st.sampled_from(["sk-a", "sk-b"]),
        ("endpoints", "me", "timeout"): st.integers(1, 60),
        ("endpoints", "me", "events"): st.lists(
            st.sampled_from(["task.*", "*", "task.lost"]), min_size=1
        ),
    },
)
ALWAYS = {
    ("upstreams", "default", "base_url"): "https://gw.example",
    ("endpoints", "me", "url"): "https://me.example",
}


def as_variables(said: dict[tuple[str, ...], object]) -> dict[str, str]:
    return {
        "BRIDGE_" + "__".join(path).upper(): value
        if isinstance(value, str)
        else json.dumps(value)
        for path, value in said.items()
    }


def as_toml(said: dict[tuple[str, ...], object]) -> str:
    # Dotted keys; JSON's texts, numbers and lists are TOML's.
    return "\n".join(
        f"{'.'.join(path)} = {json.dumps(value)}" for path, value in said.items()
    )


@given(environ=VALUES, dotenv=VALUES, toml=VALUES)
def test_every_setting_comes_from_the_strongest_source_that_has_it(
    environ: dict[tuple[str, ...], object],
    dotenv: dict[tuple[str, ...], object],
    toml: dict[tuple[str, ...], object],
) -> None:
    toml = ALWAYS | toml
    strongest = toml | dotenv | environ
    with TemporaryDirectory() as directory:
        cwd = Path(directory)
        (cwd / "bridge.toml").write_text(as_toml(toml))
        lines = (f"{name}='{value}'" for name, value in as_variables(dotenv).items())
        (cwd / ".env").write_text("\n".join(lines))

        layered = load_settings(environ=as_variables(environ), cwd=cwd)

        (cwd / ".env").unlink()
        (cwd / "bridge.toml").write_text(as_toml(strongest))
        assert layered == load_settings(environ={}, cwd=cwd)


def test_without_arguments_it_reads_the_process_environment() -> None:
    assert load_settings(cwd=Path("/")).namespace
