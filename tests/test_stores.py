"""`tests.stores`: tests that share a store do not see each other."""

from __future__ import annotations

from redis import Redis

from tests.stores import fresh_namespace


def test_a_namespace_leaves_nothing_behind_and_touches_nothing_else(
    redis_url: str, namespace: str
) -> None:
    with Redis.from_url(redis_url) as client:
        client.set(f"{{{namespace}}}:kept", "x")
        with fresh_namespace(redis_url) as other:
            client.set(f"{{{other}}}:gone", "x")
            client.set(f"celery:{{{other}}}:gone", "x")

        assert client.get(f"{{{namespace}}}:kept") == b"x"
        assert list(client.scan_iter(match=f"*{other}*")) == []
