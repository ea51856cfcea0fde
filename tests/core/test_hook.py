"""`bridge.core.hook`: which URLs may be named as a hook, as far as they tell by themselves."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.hook import BLOCKED_PORTS, Hook, HookFormat, HookPolicy, is_hook

ANY = Endpoint(name="hook", url="")


def policy(*allow: str, own: frozenset[str] = frozenset()) -> HookPolicy:
    networks = tuple(ip_network(network) for network in allow)
    return HookPolicy(endpoint=ANY, allow=networks, own=own)


@pytest.mark.parametrize(
    ("url", "kept", "name"),
    [
        (
            "https://example.com/hooks?id=1&x=%2F",
            "https://example.com/hooks?id=1&x=%2F",
            "hook:https://example.com",
        ),
        ("HTTPS://Example.COM", "https://example.com/", "hook:https://example.com"),
        ("https://example.com:443/a", "https://example.com/a", "hook:https://example.com"),
        ("http://example.com:/a", "http://example.com/a", "hook:http://example.com"),
        ("http://example.com.:8080", "http://example.com:8080/", "hook:http://example.com:8080"),
        ("https://example.com?a=b", "https://example.com/?a=b", "hook:https://example.com"),
        ("https://example.com:80/", "https://example.com:80/", "hook:https://example.com:80"),
        ("http://münchen.example/ü", "http://xn--mnchen-3ya.example/ü", "hook:http://xn--mnchen-3ya.example"),
        ("http://ⓔxample。com/", "http://example.com/", "hook:http://example.com"),
        ("http://receiver:9000/x", "http://receiver:9000/x", "hook:http://receiver:9000"),
        ("http://8.8.8.8/x", "http://8.8.8.8/x", "hook:http://8.8.8.8"),
        ("http://[2606:4700:0:0::1111]:8080/x", "http://[2606:4700::1111]:8080/x", "hook:http://[2606:4700::1111]:8080"),
    ],
)  # fmt: skip
def test_a_hook_is_kept_as_every_client_reads_it(
    url: str, kept: str, name: str
) -> None:
    hook = policy().read(url)

    assert hook.url == kept
    assert hook.endpoint == name
    assert is_hook(name)


#: Hosts that stand for addresses where nobody from outside is to be led.
HOSTS = """
127.0.0.1 127.0.0.1. 127.1 127.0.1 2130706433 017700000001 0x7f000001 0x7f.1 0x7F.0.0.1 0177.0.0.1
0177.0.0.01 127.0.0.0x1 0x 1. 0 0.0.0.0 ①②⑦.⓪.⓪.① １２７.0.0.1 １２７．０．０．１ 127。0。0。1 127｡0｡0｡1
①②⑦。⓪。⓪。①。 10.0.0.1 167772161 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 169.254.169.254.
0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 ①⑥⑨。②⑤④。①⑥⑨。②⑤④ 168.63.129.16 224.0.0.1
255.255.255.255 999.1.1.1 1.2.3.4.5 08.8.8.8 8.8.8.08 134744072 8.8 localhost LOCALHOST localhost.
ⓛocalhost a.localhost a.b.localhost.
[::] [::1] [0:0:0:0:0:0:0:1] [::1%25lo] [fe80::1%25eth0] [fe80::1%1] [::127.0.0.1] [::ffff:127.0.0.1]
[::ffff:7f00:1] [::ffff:169.254.169.254] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1]
[64:ff9b::a9fe:a9fe] [64:ff9b:1::1] [2002:7f00:1::] [2002:a9fe:a9fe::] [2001:0:4136:e378:8000:63bf:80ff:fffe]
[fc00::1] [fd00:ec2::254] [fe80::1] [fec0::1] [ff02::1] [4000::1] [v1.x] [127.0.0.1]
""".split()  # noqa: SIM905 - a corpus is read as text


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_an_address_leads_inside(scheme: str, host: str) -> None:
    for port in ("", ":8080"):
        with pytest.raises(ValueError, match="a hook"):
            policy().read(f"{scheme}://{host}{port}/latest/meta-data")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "begins with http"),
        (7, "begins with http"),
        ("", "begins with http"),
        ("example.com/hook", "begins with http"),
        ("//example.com", "begins with http"),
        ("http:/example.com", "begins with http"),
        ("ftp://example.com", "begins with http"),
        ("file:///etc/passwd", "begins with http"),
        ("gopher://example.com", "begins with http"),
        (" https://example.com", "begins with http"),
        ("https://example.com/" + "a" * 2048, "at most 2048"),
        ("https://example.com/a b", "no spaces"),
        ("https://exa\tmple.com", "no spaces"),
        ("https://example.com/\r\nHost: a", "no spaces"),
        ("https://example.com\\@127.0.0.1", "no spaces"),
        ("https://example.com/\x00", "no spaces"),
        ("https://example.com/\ud800", "no spaces"),
        ("https://example.com/#", "no fragment"),
        ("https://example.com#@127.0.0.1", "no fragment"),
        ("https://user@example.com", "no user"),
        ("https://:secret@example.com", "no user"),
        ("https://@example.com", "no user"),
        ("https://example.com:0", "port is"),
        ("https://example.com:25", "port is"),
        ("https://example.com:22", "port is"),
        ("https://example.com:6379", "port is"),
        ("https://example.com:26379", "port is"),
        ("https://example.com:65536", "valid host and port"),
        ("https://example.com:http", "valid host and port"),
        ("https://example.com:８０", "valid host and port"),
        ("https://", "valid host and port"),
        ("https:///path", "valid host and port"),
        ("https://:8080", "valid host and port"),
        ("https://a..b", "usual spelling"),
        ("https://-a.example", "valid host and port"),
        ("https://a%2eexample", "valid host and port"),
        ("https://a,b.example", "valid host and port"),
        ("https://a|b.example", "valid host and port"),
        ("https://[::1", "valid host and port"),
        ("https://127.0.0.1", "lead to a loopback address"),
        ("https://169.254.169.254", "lead to a cloud platform's own address"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_url_is_said_in_plain_words(
    url: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        policy().read(url)


@given(st.text())
def test_the_reason_repeats_nothing_of_the_url(secret: str) -> None:
    url = f"https://user:x{secret}-s3cr3t@example.com/{secret}-s3cr3t"

    with pytest.raises(ValueError, match="a hook") as refused:
        policy().read(url)

    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("port", sorted(BLOCKED_PORTS))
def test_what_listens_for_other_protocols_is_not_sent_requests(port: int) -> None:
    with pytest.raises(ValueError, match="port is"):
        policy().read(f"http://example.com:{port}/")


def test_an_allowed_network_may_be_named_by_its_addresses() -> None:
    allowing = policy("127.0.0.0/8", "10.1.0.0/16")

    assert (
        allowing.read("http://127.0.0.1:8702/hook").url == "http://127.0.0.1:8702/hook"
    )
    assert (
        allowing.read("http://localhost:8702/hook").endpoint
        == "hook:http://localhost:8702"
    )
    assert allowing.read("http://10.1.2.3/").endpoint == "hook:http://10.1.2.3"
    for url in ("http://10.2.0.1/", "http://[::1]/", "http://2130706433/"):
        with pytest.raises(ValueError, match="a hook"):
            allowing.read(url)


def test_a_hook_to_the_bridge_itself_is_refused() -> None:
    own = frozenset({"https://bridge.example.com", "http://127.0.0.1:8300"})
    ours = policy("127.0.0.0/8", own=own)

    for url in (
        "https://bridge.example.com/api/v1/tasks",
        "https://BRIDGE.example.com.:443/",
        "http://127.0.0.1:8300/",
    ):
        with pytest.raises(ValueError, match="the bridge itself"):
            ours.read(url)
    assert ours.read("https://bridge.example.com:8443/").endpoint


def test_hooks_of_one_origin_are_one_endpoint_with_a_url_each() -> None:
    one, two = (policy().read(f"https://example.com/{n}") for n in (1, 2))

    assert one.endpoint == two.endpoint
    assert policy().endpoint_at(one.endpoint).name == one.endpoint


def test_a_format_is_one_of_two() -> None:
    assert (
        policy().read("https://example.com", "midjourney").format
        is HookFormat.MIDJOURNEY
    )
    with pytest.raises(ValueError, match="event or midjourney"):
        policy().read("https://example.com", "xml")


def test_a_hooks_url_is_not_in_its_repr() -> None:
    assert "s3cr3t" not in repr(Hook(url="https://example.com/s3cr3t"))


def test_what_is_kept_of_a_task_is_no_change_that_the_protocol_calls_back_for() -> None:
    def told(kind: str) -> Event:
        return Event(
            id="evt_1",
            type=kind,
            subject="u:1",
            upstream="u",
            sequence=1,
            at=0.0,
            body="{}",
        )

    wants_all = HookPolicy(endpoint=replace(ANY, events=("task.*",)))
    wants_none = HookPolicy(endpoint=replace(ANY, events=()))

    assert wants_all.formats(told("task.archived")) == (HookFormat.EVENT,)
    assert wants_all.formats(told("task.progress")) == tuple(HookFormat)
    assert wants_none.formats(told("task.archived")) == ()
    assert wants_none.formats(told("task.succeeded")) == (HookFormat.MIDJOURNEY,)
