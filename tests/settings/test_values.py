"""`bridge.settings`: what each setting accepts, and what it says when it does not."""

from __future__ import annotations

import json

import certifi
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.core.endpoint import Rate
from bridge.settings import Settings, UpstreamSettings, endpoint_settings
from tests.settings.loading import Workplace

ME = {"BRIDGE_ENDPOINTS__ME__URL": "https://x.example"}
WORK = {"BRIDGE_UPSTREAMS__WORK__BASE_URL": "https://gw.example"}


def refused_value(place: Workplace, name: str, value: str) -> str:
    """Return what is said about a variable's value, without the value's place."""
    said = place.refused(ME | WORK | {name: value})
    assert said.startswith("configuration: ")
    assert len(said.splitlines()) == 1
    return said.removeprefix("configuration: ").partition(" (from ")[0]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("example.com/hook", "must begin with http:// or https://"),
        ("localhost:8080", "must begin with http:// or https://"),
        ("//example.com", "must begin with http:// or https://"),
        ("https:/example.com", "must begin with http:// or https://"),
        ("https:example.com", "must begin with http:// or https://"),
        ("ftp://example.com", "must begin with http:// or https://"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("javascript:alert(1)", "must begin with http:// or https://"),
        ("https://", "has no host after ://"),
        ("https:///path", "has no host after ://"),
        ("https://:80/", "has no host after ://"),
        ("https://?x", "has no host after ://"),
        ("https://h:0/", "has no valid host and port"),
        ("https://h:65536/", "has no valid host and port"),
        ("https://h:port/", "has no valid host and port"),
        ("https://a..b/", "has no valid host and port"),
        ("https://h%41/", "has no valid host and port"),
        ("https://[::1/", "is not a URL"),
        ("https://[::1]:x/", "has no valid host and port"),
        ("https://u:p@h.example/", "must not contain a user or password"),
        ("https://u@h.example/", "must not contain a user or password"),
        ("https://@h.example/", "must not contain a user or password"),
        ("https://a@b@h.example/", "must not contain a user or password"),
        ("https://good.example\\@evil.example/", "holds a space, a backslash"),
        ("https://h.example/a b", "holds a space"),
        ("https://h.example/\u2028x", "holds a space"),
        ("https://h.exam\tple/", "holds a space"),
    ],
)
def test_a_url_that_could_be_misread_is_refused(
    place: Workplace, url: str, reason: str
) -> None:
    said = refused_value(place, "BRIDGE_ENDPOINTS__ME__URL", url)

    assert said.startswith(f"endpoints.me.url: {reason}")
    assert url not in said


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("ENDPOINTS__ME__URL", "; a header can carry them instead"),
        (
            "UPSTREAMS__DEFAULT__BASE_URL",
            "; an upstream is shown api_key, in the way of auth",
        ),
        ("PUBLIC_URL", ""),
    ],
)
def test_who_may_not_put_a_password_into_a_url_is_told_where_it_belongs(
    place: Workplace, name: str, instead: str
) -> None:
    said = refused_value(place, f"BRIDGE_{name}", "https://u:p@h.example/")

    assert said.endswith(f": must not contain a user or password{instead}")


def test_what_follows_an_address_in_brackets_is_a_port_or_nothing(
    place: Workplace,
) -> None:
    # Whether the parser or the check complains depends on the version of Python.
    said = refused_value(place, "BRIDGE_ENDPOINTS__ME__URL", "https://[::1]x:1/")

    assert said.startswith("endpoints.me.url: ")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "HTTPS://Example.com:8443/Path?x=1#y",
        "http://localhost:8080/hook",
        "http://127.0.0.1/",
        "http://[::1]:9000/",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/",
        "https://under_score.example/",
        "https://example.com./",
        "https://example.com/webhook/张三",
        " https://example.com/trimmed ",
    ],
)
def test_a_url_that_is_one_is_kept(place: Workplace, url: str) -> None:
    settings = place.load({"BRIDGE_ENDPOINTS__ME__URL": url})

    assert settings.endpoints["me"].url.get_secret_value() == url.strip()


def outcome(url: str) -> str:
    try:
        return repr(endpoint_settings(url=url))
    except ValidationError as error:
        return str(error)


@given(text=st.text(max_size=60))
def test_no_text_breaks_the_check_of_urls_or_is_repeated_by_it(text: str) -> None:
    assert "input_value" not in outcome(text)


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("UPSTREAMS__WORK__BASE_URL", "gw.example", "must begin with http://"),
        ("UPSTREAMS__WORK__BASE_URL", "https://g/?a=b", "must end with its path"),
        ("UPSTREAMS__WORK__API_KEY", "Bearer sk-1", 'without "Bearer"'),
        ("UPSTREAMS__WORK__API_KEY", "sk 1", "cannot be part of a key"),
        ("UPSTREAMS__WORK__API_KEY", "sk\n1", "cannot be part of a key"),
        ("UPSTREAMS__WORK__API_KEY", "ключ", "cannot be part of a key"),
        ("UPSTREAMS__WORK__AUTH", "basic", "must be bearer, raw, mj-api-secret, both"),
        ("UPSTREAMS__WORK__AUTH", "header", "must be bearer, raw, mj-api-secret, both"),
        ("UPSTREAMS__WORK__AUTH", "header:", "is not a header's name"),
        ("UPSTREAMS__WORK__AUTH", "header:X Y", "is not a header's name"),
        ("UPSTREAMS__WORK__AUTH", "header:Host", "is a header that the bridge sets"),
        ("UPSTREAMS__WORK__BATCH_SIZE", "0", "must be at least 1"),
        ("UPSTREAMS__WORK__BATCH_SIZE", "501", "must be at most 500"),
        ("UPSTREAMS__WORK__BATCH_SIZE", "many", "must be a whole number"),
        ("UPSTREAMS__WORK__BATCH_SIZE", "1.5", "must be a whole number"),
        ("UPSTREAMS__WORK__POLL_INTERVAL", "0", "must be more than 0"),
        ("UPSTREAMS__WORK__POLL_INTERVAL", "nan", "must be a finite number"),
        ("UPSTREAMS__WORK__POLL_INTERVAL", "5s", "must be a number"),
        ("UPSTREAMS__WORK__RATE_LIMIT", "5", "must be a number of requests per"),
        ("UPSTREAMS__WORK__RATE_LIMIT", "0/s", "must be a number of requests per"),
        ("UPSTREAMS__WORK__RATE_LIMIT", "-1/s", "must be a number of requests per"),
        ("UPSTREAMS__WORK__RATE_LIMIT", "5/h", "must be a number of requests per"),
        ("UPSTREAMS__WORK__RATE_LIMIT", "999999/s", "must be a number of requests"),
        ("UPSTREAMS__WORK__CONCURRENCY", "0", "must be at least 1"),
        ("UPSTREAMS__WORK__MISSING_AFTER", "-1", "must be more than 0"),
        ("UPSTREAMS__WORK__MAX_AGE", "inf", "must be a finite number"),
        ("UPSTREAMS__WORK__MAX_AGE", "1e12", "must be at most"),
        ("UPSTREAMS__WORK__TIMEOUT", "0", "must be more than 0"),
        ("UPSTREAMS__WORK__PROXY", "socks5://h:1", "must begin with http://"),
        ("WEB__HOST", "not a host", "must be a host"),
        ("WEB__HOST", "[::1]", "must be a host: an address such as 127.0.0.1 or ::1"),
        ("UPSTREAMS__WORK__TLS_CA", "none.pem", "cannot be read: no such file"),
        ("UPSTREAMS__WORK__TLS_CA", "x" * 300, "cannot be read: file name too long"),
        ("UPSTREAMS__WORK__TLS_CA", ".", "cannot be read: is a directory"),
        ("ENDPOINTS__ME__TIMEOUT", "61", "must be at most 60"),
        ("ENDPOINTS__ME__TIMEOUT", "0", "must be more than 0"),
        ("ENDPOINTS__ME__CONCURRENCY", "1001", "must be at most 1000"),
        ("ENDPOINTS__ME__RETRY", "[]", "must not be empty"),
        ("ENDPOINTS__ME__RETRY", json.dumps([1] * 51), "must have at most 50 entries"),
        ("ENDPOINTS__ME__RETRY", "[86400, 2592000]", "the waits add up to more"),
        ("ENDPOINTS__ME__EVENTS", "[]", "must not be empty"),
        ("ENDPOINTS__ME__UPSTREAMS", "[]", "must not be empty"),
        ("ENDPOINTS__ME__KIND", "slak", "must be 'webhook', 'slack', "),
        ("NAMESPACE", "My App", "must be made of lower-case letters"),
        ("NAMESPACE", "a{b}", "must be made of lower-case letters"),
        ("PROGRESS_STEP", "101", "must be at most 100"),
        ("RETENTION", "0", "must be more than 0"),
        ("LOG_FORMAT", "xml", "must be 'auto', 'text' or 'json'"),
        ("PUBLIC_URL", "mj.example.com", "must begin with http://"),
        ("REDIS_URL", '"redis://h/0', "a quotation mark at one end only"),
        ("ENDPOINTS__ME__URL", "https://x.example'", "a quotation mark at one end"),
        ("UPSTREAMS__DEFAULT__API_KEY", '"sk-1', "a quotation mark at one end only"),
        ("REDIS_URL", "localhost:6379", "must begin with redis://, rediss://, "),
        ("REDIS_URL", "amqp://h//", "must begin with redis://"),
        ("REDIS_URL", "redis://", "names no server after ://"),
        ("REDIS_URL", "redis://h:port/0", "has no valid host and port"),
        ("REDIS_URL", "unix://run/x.sock", "must name its socket by an absolute path"),
        ("REDIS_URL", "sentinel://a:1,b:2", "must name the service after the hosts"),
        ("REDIS_URL", "sentinel://a:1,b:x/m", "has no valid host and port"),
        ("BROKER_URL", "kafka://h", "must begin with redis://"),
        ("REDIS_URL", "redis://h/art", "must name its database by a number"),
        ("REDIS_URL", "redis://h/0/1", "must name its database by a number"),
        ("REDIS_URL", "sentinel://a:1/m/x", "must name its database by a number"),
        ("REDIS_URL", "sentinel://a:1/m/0?db=1", "must name its database after"),
        ("REDIS_URL", "redis://h/0?ssl=True", "must begin with rediss:// for TLS"),
        ("REDIS_URL", "redis://h/0?ssl_cert_reqs=none", "only rediss:// can have"),
        ("REDIS_URL", "rediss://h/0?ssl_cert_reqs=maybe", "that makes no sense"),
        ("REDIS_URL", "redis://h/0?db=one", "has a value of db in its query"),
        ("REDIS_URL", "redis://h/0?socket_timeout=soon", "a value of socket_timeout"),
        ("REDIS_URL", "redis://h/0?hunter2", "has an unknown part in its query"),
        ("REDIS_URL", "redis://:pw?d@h/0", "has an unknown part in its query"),
        ("REDIS_URL", "redis://h/0?decode_responses=False", "has an unknown part"),
        ("BROKER_URL", "redis+socket:///x?virtual_host=a", "a value of virtual_host"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    place: Workplace, setting: str, value: str, reason: str
) -> None:
    said = refused_value(place, f"BRIDGE_{setting}", value)

    path = setting.lower().replace("__", ".")
    assert said.startswith(f"{path}: ")
    assert reason in said


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Host", "x", "headers.Host: is a header that the bridge sets itself"),
        ("content-length", "1", "headers.content-length: is a header that the bridge"),
        ("Content-Type", "x", "headers.Content-Type: is a header that the bridge"),
        ("transfer-encoding", "x", "is a header that the bridge sets itself"),
        ("Connection", "x", "is a header that the bridge sets itself"),
        ("User-Agent", "x", "is a header that the bridge sets itself"),
        ("Webhook-Id", "x", "is a header that the bridge sets itself"),
        ("webhook-anything", "x", "is a header that the bridge sets itself"),
        ("X Team", "x", "is not a header's name"),
        ("X:Y", "x", "is not a header's name"),
        ("X\r\nY", "x", "is not a header's name"),
        ("", "x", "is not a header's name"),
        ("X-Team", "a\r\nHost: b", "headers.X-Team: is not a header's value"),
        ("X-Team", "张三", "headers.X-Team: is not a header's value"),
    ],
)
def test_a_header_that_would_change_the_request_is_refused(
    place: Workplace, name: str, value: str, reason: str
) -> None:
    headers = json.dumps({name: value})

    assert reason in refused_value(place, "BRIDGE_ENDPOINTS__ME__HEADERS", headers)


def test_a_header_in_two_spellings_is_refused(place: Workplace) -> None:
    said = refused_value(place, "BRIDGE_ENDPOINTS__ME__HEADERS", '{"A": "1", "a": "2"}')

    assert (
        said == "endpoints.me.headers: names the same header twice, in different case"
    )


@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("task.sucess", "task.succeeded"),
        ("tasks.*", "task.*"),
        ("task", "task.*"),
        ("Task.lost", "task.lost"),
        ("endpoint.off", "endpoint.*"),
    ],
)
def test_a_pattern_that_matches_no_event_is_refused(
    place: Workplace, pattern: str, near: str
) -> None:
    said = refused_value(place, "BRIDGE_ENDPOINTS__ME__EVENTS", f'["*", "{pattern}"]')

    assert said == (
        "endpoints.me.events[1]: no type of event matches this pattern; "
        f"did you mean {near}?"
    )


@pytest.mark.parametrize(
    ("limit", "rate"),
    [
        ("5/s", Rate(per_second=5, burst=1)),
        ("20/m", Rate(per_second=20 / 60, burst=1)),
        (" 200 / s ", Rate(per_second=200, burst=20)),
        ("0.5/s", Rate(per_second=0.5, burst=1)),
    ],
)
def test_a_rate_is_per_second_or_minute_and_lets_little_through_at_once(
    limit: str, rate: Rate
) -> None:
    upstream = UpstreamSettings.model_validate({"rate_limit": limit})

    assert upstream.rate_limit == rate
    assert UpstreamSettings(rate_limit=rate).rate_limit == rate


@pytest.mark.parametrize(
    ("auth", "kept"),
    [
        ("bearer", "bearer"),
        ("RAW", "raw"),
        ("mj-api-secret", "mj-api-secret"),
        ("Both", "both"),
        ("header: X-Api-Key", "header:X-Api-Key"),
        ("Header:Authorization", "header:Authorization"),
    ],
)
def test_every_way_to_send_a_key_is_accepted(auth: str, kept: str) -> None:
    assert UpstreamSettings(auth=auth).auth == kept


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://:p%40ss@h.example:6380/3",
        "rediss://user:pw@h.example/0?ssl_cert_reqs=none",
        "unix:///run/valkey.sock?db=1",
        "unix://user:p%40ss@/run/valkey.sock?db=1",
        "unix:///run/valkey.sock?db=1&password=pw",
        "redis://h.example?db=3",
        "sentinel://u:pw@a:26379,b:26379,[::1]:26379/mymaster/0",
        "sentinel://:pw@a/mymaster?sentinel_username=u&sentinel_password=p%40ss",
        f"sentinels://:pw@a/mymaster?sentinel_password=pw&ssl_ca_certs={certifi.where()}",
    ],
)
def test_a_store_can_be_anywhere(place: Workplace, url: str) -> None:
    settings = place.load({"BRIDGE_REDIS_URL": url, "BRIDGE_BROKER_URL": url})

    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url
    assert settings.broker_url == settings.redis_url


@pytest.mark.parametrize("written", ["CERT_NONE", "none", "None"])
def test_certificates_are_left_unchecked_in_celerys_words_and_in_redis_pys(
    place: Workplace, written: str
) -> None:
    url = "rediss://h.example/0?ssl_cert_reqs="

    settings = place.load({"BRIDGE_REDIS_URL": url + written})

    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url + "none"


@pytest.mark.parametrize("content", ["", "no certificate"], ids=["empty", "text"])
@pytest.mark.parametrize(
    ("name", "prefix", "what"),
    [
        ("ENDPOINTS__ME__TLS_CA", "", "certificate"),
        ("UPSTREAMS__WORK__TLS_CA", "", "certificate"),
        ("REDIS_URL", "rediss://h.example/0?ssl_ca_certs=", "certificate"),
        ("BROKER_URL", "rediss://h.example/0?ssl_certfile=", "certificate"),
        ("REDIS_URL", "sentinels://h.example/x/0?ssl_keyfile=", "key"),
    ],
)
def test_what_tls_needs_and_is_no_pem_is_refused_with_the_files_name(
    place: Workplace, name: str, prefix: str, what: str, content: str
) -> None:
    file = place.write("some.pem", content)

    said = refused_value(place, f"BRIDGE_{name}", f"{prefix}{file}")

    assert str(file) in said
    assert said.endswith(f"is not a PEM {what}")


def test_a_certificate_and_its_key_are_taken(place: Workplace) -> None:
    own = trustme.CA().issue_cert("h.example")
    content = "# of Zoë\n".encode() + own.cert_chain_pems[0].bytes()
    certificate = place.write("own.pem", content)
    key = place.write("own.key", own.private_key_pem.bytes())
    url = f"rediss://h.example/0?ssl_certfile={certificate}&ssl_keyfile={key}"

    assert place.load({"BRIDGE_REDIS_URL": url}).redis_url is not None


@pytest.mark.parametrize(
    "name", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_ca_path"]
)
@pytest.mark.parametrize("setting", ["REDIS_URL", "BROKER_URL"])
def test_what_tls_needs_and_cannot_be_read_is_refused_by_its_name(
    place: Workplace, setting: str, name: str
) -> None:
    url = f"rediss://u:pw@h.example/0?{name}=/nonexistent/pw.pem"

    said = refused_value(place, f"BRIDGE_{setting}", url)

    assert f"named by {name} cannot be read: no such file" in said
    assert "pw" not in said


@pytest.mark.parametrize(
    "url",
    ["amqp://g:g@h:5672//", "amqps://h/v", "amqp://a;amqp://b", "redis+socket:///x"],
)
def test_a_broker_can_be_rabbitmq(place: Workplace, url: str) -> None:
    settings = place.load({"BRIDGE_BROKER_URL": url})

    assert settings.broker_url is not None
    assert settings.broker_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("everything", "must be a network such as 10.0.0.0/8"),
        ("10.0.0.1/8", "did you mean 10.0.0.0/8?"),
    ],
)
def test_a_network_that_is_none_is_refused(
    place: Workplace, text: str, reason: str
) -> None:
    said = refused_value(place, "BRIDGE_ALLOW_NETWORKS", f'["{text}"]')

    assert said.startswith("allow_networks[0]: ")
    assert reason in said


def test_networks_and_single_addresses_are_accepted() -> None:
    settings = Settings.model_validate(
        {"allow_networks": ["10.0.0.0/8", "192.168.1.5", "fd00::/8"]}
    )

    assert settings.allow_networks == ("10.0.0.0/8", "192.168.1.5/32", "fd00::/8")


@pytest.mark.parametrize("name", ["1a", "a-b", "Ä", "a.b", "x" * 65, "_a"])
def test_a_name_that_is_none_is_refused_for_an_endpoint(
    place: Workplace, name: str
) -> None:
    toml = f'[endpoints."{name}"]\nurl = "https://x.example"'

    assert "a name is a lower-case letter, then" in place.refused(toml=toml)


@pytest.mark.parametrize("name", ["a:b", "a b", "A", "", "-a"])
def test_a_name_that_is_none_is_refused_for_an_upstream(
    place: Workplace, name: str
) -> None:
    toml = f'[upstreams."{name}"]\nbase_url = "https://x.example"'

    assert "a name is made of lower-case letters" in place.refused(toml=toml)


def test_words_are_accepted_in_any_case() -> None:
    settings = Settings.model_validate({"log_level": "WARNING", "log_format": "JSON"})

    assert (settings.log_level, settings.log_format) == ("warning", "json")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().namespace = "other"
