"""Requests by their names: who may work on one, what it did, and what it was answered with."""

from __future__ import annotations

import pytest

from bridge.adapters.store.idempotency import StoredRequests
from bridge.app.ports import CLAIMED_FOR, KeptAnswer
from tests.contract.bench import Bench

ANSWER = KeptAnswer(status=202, media_type="application/json", body='{"count": 1}')
OTHER = KeptAnswer(status=200, media_type="text/plain", body="late")


@pytest.fixture
def requests(bench: Bench) -> StoredRequests:
    return StoredRequests(bench.keys)


async def test_a_request_is_worked_on_by_one_at_a_time(
    requests: StoredRequests,
) -> None:
    states = [
        await requests.claim("r", fingerprint=fingerprint, holder=holder)
        for holder, fingerprint in [
            ("one", "f"),
            ("two", "f"),
            ("one", "f"),
            ("two", "g"),
        ]
    ]

    assert states == ["claimed", "in work", "claimed", "other"]


async def test_a_claim_that_ran_out_may_be_taken(
    requests: StoredRequests, bench: Bench
) -> None:
    await requests.claim("r", fingerprint="f", holder="one")
    key = f"{{{bench.namespace}}}:request:r"
    until = float(await bench.client.hget(key, "until") or 0)
    await bench.client.hset(key, "until", until - CLAIMED_FOR)

    assert await requests.claim("r", fingerprint="f", holder="two") == "claimed"


async def test_a_claim_that_is_given_back_may_be_taken(
    requests: StoredRequests,
) -> None:
    await requests.claim("r", fingerprint="f", holder="one")
    await requests.release("r", holder="somebody else")
    kept = await requests.claim("r", fingerprint="f", holder="two")
    await requests.release("r", holder="one")

    assert kept == "in work"
    assert await requests.claim("r", fingerprint="g", holder="two") == "claimed"


async def test_the_first_answer_stays(requests: StoredRequests) -> None:
    await requests.claim("r", fingerprint="f", holder="one")
    await requests.keep_answer("r", ANSWER)
    await requests.keep_answer("r", OTHER)
    await requests.release("r", holder="one")

    assert await requests.claim("r", fingerprint="f", holder="two") == ANSWER
    assert await requests.claim("r", fingerprint="g", holder="two") == "other"


async def test_what_has_begun_may_be_completed_by_anyone(
    requests: StoredRequests, bench: Bench
) -> None:
    await requests.claim("r", fingerprint="f", holder="one")
    await bench.tasks.track("u", ["1"], {}, request="r")

    assert await requests.claim("r", fingerprint="f", holder="two") == "claimed"


async def test_what_has_begun_is_known_though_its_claim_is_given_back(
    requests: StoredRequests, bench: Bench
) -> None:
    await requests.claim("r", fingerprint="f", holder="one")
    replied = await bench.tasks.track("u", ["1"], {}, request="r")
    await requests.release("r", holder="one")

    assert await requests.claim("r", fingerprint="g", holder="two") == "other"
    assert await bench.tasks.track("u", ["1"], {}, request="r") == replied


async def test_an_effect_takes_place_once_and_replies_as_it_did(bench: Bench) -> None:
    event = await bench.tell("u")
    await bench.kill(await bench.claim_one())
    pairs = [(event.id, "a")]

    tracked = [await bench.tasks.track("u", ["7"], {}, request="r") for _ in "ab"]
    paused = [await bench.admin.switch("a", "pause", request="p") for _ in "ab"]
    queued = [await bench.admin.redeliver(pairs, request="q") for _ in "ab"]

    assert tracked[0] == tracked[1]
    assert paused == [True, True]
    assert queued[0] == queued[1]
    assert queued[0] == ["queued"]
    assert await StoredRequests(bench.keys).queued("q") == 1


async def test_a_claim_from_before_the_clock_was_set_back_may_be_taken(
    requests: StoredRequests, bench: Bench
) -> None:
    await requests.claim("r", fingerprint="f", holder="one")
    key = f"{{{bench.namespace}}}:request:r"
    await bench.client.hincrbyfloat(key, "until", 10_000.0)

    assert await requests.claim("r", fingerprint="f", holder="two") == "claimed"


async def test_a_request_is_forgotten_after_a_day(
    requests: StoredRequests, bench: Bench
) -> None:
    await requests.claim("r", fingerprint="f", holder="one")
    await bench.tasks.track("u", ["1"], {}, request="other")

    for name in ("r", "other"):
        left = await bench.client.ttl(f"{{{bench.namespace}}}:request:{name}")
        assert 86_000 < left <= 86_400
