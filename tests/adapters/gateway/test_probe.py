"""`bridge.adapters.gateway.probe`: whether a gateway takes the key, and if not, how it would."""

from __future__ import annotations

import pytest
from aiohttp import web

from bridge.adapters.gateway.client import UpstreamOptions
from bridge.adapters.gateway.probe import Probed, probe
from bridge.app.ports import PollError
from tests.adapters.gateway.polling import KEY
from tests.gateways import Asked, Script, lists, says, scripted


async def probed(script: Script, *, auth: str = "bearer") -> tuple[Probed, list[Asked]]:
    async with scripted(script) as gateway:
        options = UpstreamOptions(
            name="default", base_url=gateway.url, api_key=KEY, auth=auth, timeout=10
        )
        return await probe(options), gateway.asked


def wants(**headers: str) -> Script:
    """A gateway that lists tasks for one header, and refuses anything else without a word."""
    needed = {name.replace("_", "-"): value for name, value in headers.items()}

    def script(asked: Asked) -> web.Response:
        shown = {name: asked.headers.get(name) for name in needed}
        return says([]) if shown == needed else says(b"", 401)

    return script


@pytest.mark.parametrize(
    ("script", "auth", "other"),
    [
        (wants(mj_api_secret=KEY), "bearer", "mj-api-secret"),
        (wants(authorization=KEY), "both", "raw"),
        (wants(authorization=f"Bearer {KEY}"), "mj-api-secret", "bearer"),
        (wants(x_api_key=KEY), "bearer", None),
    ],
    ids=["a proxy's own server", "raw", "new-api", "none of them"],
)
async def test_where_the_key_is_refused_the_other_ways_are_tried(
    script: Script, auth: str, other: str | None
) -> None:
    found, asked = await probed(script, auth=auth)

    assert (found.result.error, found.other_auth) == (PollError.REFUSED, other)
    assert len(asked) <= 4


async def test_a_key_that_is_taken_is_known_to_matter() -> None:
    found, asked = await probed(wants(authorization=f"Bearer {KEY}"))

    assert (found.result.error, found.checks_key, len(asked)) == (None, True, 2)


async def test_a_server_without_a_secret_takes_any_key() -> None:
    found, _ = await probed(lists([]))

    assert (found.result.error, found.checks_key) == (None, False)


async def test_where_the_answer_says_what_is_wrong_nothing_else_is_tried() -> None:
    found, asked = await probed(lambda _: says({"message": "该令牌已过期"}, 401))

    assert (found.other_auth, len(asked)) == (None, 1)
    assert "expired" in found.result.detail
    assert "make a new one" in found.result.mend
