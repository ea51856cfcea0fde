"""
Default rates against platforms that enforce their limits.

Nobody sets `rate_limit` here: what a platform allows is ours to know.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.adapters.http.sender import HttpSender
from bridge.channels import CHANNELS, channel_for, discord
from bridge.core.event import Event
from bridge.core.http import Request, Response
from tests.channels.cases import DONE, RUNNING, WAITING, endpoint, event_of
from tests.channels.pacing import Answering, Pace, busiest
from tests.contract.bench import Bench
from tests.platforms.dingtalk import DingTalk
from tests.platforms.discord import PNG, TOKEN, Discord
from tests.platforms.robots import Robot, running
from tests.platforms.wecom import WeCom

URL = f"https://discord.com/api/webhooks/1200000000000000777/{TOKEN}"


def ends(count: int, *, sequence: int = 1) -> list[Event]:
    """As many tasks that have ended."""
    return [
        event_of("task.succeeded", replace(DONE, id=str(number)), sequence=sequence)
        for number in range(count)
    ]


# --- Discord --------------------------------------------------------------------------


def unlimited() -> Discord:
    """A Discord whose other limit, which no header tells of, is far away."""
    server = Discord()
    server.hidden.most = 100_000
    return server


@pytest.mark.parametrize("heard", [True, False], ids=["headers", "without headers"])
async def test_200_tasks_at_once_keep_within_5_in_2_s_by_the_default_rate(
    bench: Bench, heard: bool
) -> None:
    """Also where a proxy drops the headers that say how much is left."""
    server = unlimited()

    def answers(request: Request) -> Response:
        if request.guarded:
            return Response(status=200, body=PNG)
        said = server.answers(request)
        return said if heard else replace(said, headers={})

    pace = Pace(bench, discord, endpoint("discord", URL), Answering(answers))
    server.clock = pace.now
    events = ends(200)

    await pace.publish(events)

    assert await pace.states(events) == {"delivered"}
    assert len(server.shown) == len(events)
    assert set(server.statuses()) == {200}
    assert busiest((call.at for call in server.calls), 2.0) <= 5
    # 200 at 2 a second, and no more: only a burst is quicker. How much longer it takes says how
    # busy this machine is, because the store's clock goes on while it works.
    assert 95 <= pace.duration <= 200


@pytest.mark.parametrize("final", ["replace", "edit", "reply"])
async def test_following_tasks_keeps_within_5_in_2_s_of_each_kind(
    bench: Bench, final: str
) -> None:
    """Each method has a bucket of its own, so that tidying up takes nothing from telling."""
    server = unlimited()
    to = endpoint("discord", URL, progress="edit", final=final, images="none")
    pace = Pace(bench, discord, to, Answering(server.answers))
    server.clock = pace.now
    tasks = [str(number) for number in range(40)]
    first = [event_of("task.submitted", replace(WAITING, id=id_)) for id_ in tasks]
    then = [
        event_of("task.progress", replace(RUNNING, id=id_, progress=50))
        for id_ in tasks
    ]
    last = ends(40, sequence=4)

    for events in (first, then, last):
        await pace.publish(events)

    assert await pace.states([*first, *then, *last]) == {"delivered"}
    assert 429 not in server.statuses()
    for method in set(server.methods()):
        moments = [call.at for call in server.calls if call.method == method]
        assert busiest(moments, 2.0) <= 5, method
    assert len(server.shown) == (80 if final == "reply" else 40)


# --- robots ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "requests"),
    [
        pytest.param(DingTalk(unsafe=("cdn.example",)), 2, id="DingTalk, a picture"),
        pytest.param(
            DingTalk(unsafe=("cdn.example",), spurned=frozenset({"markdown"})),
            3,
            id="DingTalk, a text",
        ),
        pytest.param(WeCom(spurned=frozenset({"news"})), 2, id="WeCom, a picture"),
        pytest.param(
            WeCom(spurned=frozenset({"news", "markdown"})), 3, id="WeCom, a text"
        ),
    ],
)
async def test_messages_in_a_simpler_form_never_exceed_20_in_a_minute(
    bench: Bench, group: Robot, requests: int
) -> None:
    """A delivery is then several requests. Who exceeds it is shut out for ten minutes."""
    kind = type(group).__name__.lower()
    events = ends(60)
    async with running(group):
        sender = HttpSender()
        pace = Pace(bench, channel_for(kind), endpoint(kind, group.url), sender)
        group.clock = pace.now

        await pace.publish(events)

        await sender.aclose()
    assert await pace.states(events) == {"delivered"}
    assert len(group.messages) == len(events)
    assert len(group.requests) == len(events) * requests
    assert group.too_fast not in group.refusals


def test_a_burst_and_what_flows_in_meanwhile_stay_below_what_is_counted() -> None:
    most = {"discord": (5, 2.0), "dingtalk": (20, 60.0), "wecom": (20, 60.0)}

    for kind, (count, seconds) in most.items():
        rate = CHANNELS[kind].INFO.rate
        assert rate is not None
        assert rate.burst + rate.per_second * seconds <= count, kind
