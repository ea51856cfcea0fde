"""What a whole request for a list costs the store, whatever it holds."""

from __future__ import annotations

from dataclasses import replace

from bridge.core.task import TaskStatus
from tests.contract.bench import Bench
from tests.contract.commands import commands
from tests.core.tasks import PIG
from tests.web.history import polled
from tests.web.site import Site

STATES = ("pending", "held", "delivered", "superseded", "dead")
#: Every list, with every value of its filters, and with ones that match nothing.
LISTS = [
    "tasks",
    *(f"tasks?status={one}" for one in (*TaskStatus, "LOST")),
    *(f"tasks?active={one}" for one in ("true", "false")),
    *(f"tasks?upstream={one}" for one in ("default", "nobody")),
    *(f"tasks?q={one}" for one in ("pig", "nothing")),
    "tasks?status=FAILURE&upstream=default&active=true&q=nothing",
    "events",
    *(f"events?type={one}" for one in ("task.succeeded", "task.lost", "*.unhealthy")),
    "events?task=nobody",
    "events?upstream=nobody",
    "events?since=2999-01-01T00:00:00Z",
    "deliveries",
    *(f"deliveries?state={one}" for one in STATES),
    *(f"deliveries?endpoint={one}" for one in ("a", "nobody")),
    *(f"deliveries?endpoint=a&state={one}" for one in STATES),
    "endpoints",
    "upstreams",
]


async def cost(site: Site, bench: Bench, path: str) -> int:
    """Count the commands of a list, the least of three times: the process has work of its own."""
    url = f"/api/v1/{path}"
    counted = [
        await commands(bench.client, bench.namespace, lambda: site.http.get(url))
        for _ in range(3)
    ]
    return min(counted)


async def test_a_list_is_a_few_commands_however_long_it_is(
    site: Site, bench: Bench
) -> None:
    await polled(bench, PIG)
    for path in LISTS:  # a store learns a script when it is first asked for
        answer = await site.http.get(f"/api/v1/{path}")
        assert answer.status_code == 200, path
    counts: list[dict[str, int]] = []
    for number in (100, 1_000):
        pigs = [replace(PIG, id=f"{number}-{place}") for place in range(number)]
        await polled(bench, *pigs)
        counts.append({path: await cost(site, bench, path) for path in LISTS})

    assert counts[0] == counts[1]
    assert max(counts[0].values()) <= 5
