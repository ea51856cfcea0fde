"""Many processes, and those that are killed: one task a press, whatever happens when."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from bridge.adapters.local.process import tied
from bridge.core.action import ActionState
from bridge.core.task import TaskKey, TaskStatus
from tests.actions.shop import Shop, is_silent, shop, takes
from tests.actions.stand import ENDLESS, KEY, UPSTREAM, stand
from tests.actions.test_rules import LIMITED, RULE, see
from tests.actions.worker import PRESSES
from tests.contract.anatomy import examine
from tests.contract.bench import Bench

ROOT = Path(__file__).parents[2]
#: Longer than the lease of a delivery.
LEASE_OVER = 60.0
PROCESSES = 4
#: Presses that a worker is killed with, and how many of them it has sent at least.
PRESSED, UNDER_WAY = 20, 5
#: Workers that are killed while rules press; a hundred take six minutes on two busy cores.
KILLS = int(os.environ.get("MJBRIDGE_KILLS", "3"))


async def worker(
    what: str, bench: Bench, redis_url: str, upstream: Shop
) -> asyncio.subprocess.Process:
    script = [sys.executable, "-m", "tests.actions.worker"]
    return await asyncio.create_subprocess_exec(
        *tied([*script, what, redis_url, bench.namespace, upstream.url]),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def test_two_hundred_presses_of_four_processes_are_one(
    bench: Bench, redis_url: str
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        pressers = [
            await worker("press", bench, redis_url, upstream) for _ in range(PROCESSES)
        ]
        ids: list[str] = []
        for process in pressers:
            printed, _ = await asyncio.wait_for(process.communicate(), 60)
            ids += printed.decode().split()
        action = await at.settle(ids[0])

    assert len(ids) == PROCESSES * PRESSES
    assert len(set(ids)) == 1
    assert len(upstream.submissions) == 1
    assert [row["id"] for row in upstream.sold] == [action.child_id]


@pytest.mark.parametrize("sells", [True, False], ids=["sold", "unsold"])
async def test_what_was_being_sent_by_a_worker_that_was_killed_is_looked_for(
    bench: Bench, redis_url: str, *, sells: bool
) -> None:
    async with (
        shop() as upstream,
        # What the killed worker had not come to meets the same silence, and is given up soon.
        stand(bench, upstream.url, timeout_s=2) as at,
    ):
        # An upstream that never answered is sent a few at first.
        await at.settle((await at.press("U2")).id)
        upstream.first = is_silent(sells=sells)
        ids = await at.press_often(PRESSED)
        process = await worker("pump", bench, redis_url, upstream)
        async with asyncio.timeout(30):
            while len(upstream.submissions) <= UNDER_WAY:
                await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
        states = Counter([await at.state(one) for one in ids])
        assert states[ActionState.SENDING] >= UNDER_WAY
        assert states.keys() <= {ActionState.SENDING, ActionState.PENDING}

        await bench.let_pass(LEASE_OVER)
        actions = await at.settle_all()
        await examine(bench.client, bench.namespace)

    assert {one.state for one in actions} == {ActionState.ACCEPTED}
    markers = [row["state"] for row in upstream.sold]
    assert len(markers) == len(set(markers)) == 1 + PRESSED
    assert {row["id"] for row in upstream.sold} == {one.child_id for one in actions}
    assert len(upstream.submissions) == 1 + PRESSED * (1 if sells else 2)


async def test_workers_that_are_killed_at_any_moment_buy_nothing_twice(
    bench: Bench, redis_url: str
) -> None:
    async def takes_a_while(visit, sell) -> None:  # type: ignore[no-untyped-def]
        await asyncio.sleep(random.uniform(0, 0.1))
        await takes(visit, sell)

    async with (
        shop(manners=[takes_a_while] * 1000) as upstream,
        stand(bench, upstream.url) as at,
    ):
        ids = []
        for number in range(KILLS):
            for key in range(6):
                pressed, _ = await at.actions.press(
                    KEY, "U1", by="api", key=f"{number} {key}"
                )
                ids.append(pressed.id)
            process = await worker("pump", bench, redis_url, upstream)
            assert process.stdout is not None
            await asyncio.wait_for(process.stdout.readline(), 30)
            await asyncio.sleep(random.uniform(0.01, 0.25))
            process.kill()
            await process.wait()
            # Time is about to pass at once, and no upstream takes a minute to sell.
            await upstream.dealt_with_all()
            await bench.let_pass(LEASE_OVER)
        actions = [await at.settle(one) for one in ids]
        await examine(bench.client, bench.namespace)

    markers = [row["state"] for row in upstream.sold]
    assert [action.state for action in actions] == [ActionState.ACCEPTED] * len(ids)
    assert len(markers) == len(set(markers)) == len(ids)
    assert sorted(str(one.child_id) for one in actions) == sorted(
        row["id"] for row in upstream.sold
    )


async def test_workers_that_are_killed_press_once_for_each_event_of_a_rule(
    bench: Bench, redis_url: str
) -> None:
    async with (
        shop() as upstream,
        stand(bench, upstream.url, patience_s=ENDLESS) as at,
    ):
        ids = []
        for number in range(KILLS):
            born = [f"{number}-{n}" for n in range(10)]
            ids += born
            await bench.track(*born, upstream=UPSTREAM)
            await see(bench, TaskStatus.IN_PROGRESS)
            await bench.let_pass(10)
            process = await worker("rule", bench, redis_url, upstream)
            assert process.stdout is not None
            await asyncio.wait_for(process.stdout.readline(), 30)
            await asyncio.sleep(random.uniform(0, 0.12))
            process.kill()
            await process.wait()
            await upstream.dealt_with_all()
            await bench.let_pass(LEASE_OVER)
            # What it had not come to is seen by the next one, whose rules are the same.
            await see(bench, TaskStatus.SUCCESS, RULE)
        actions = await at.settle_all()
        pressed = Counter(
            [
                (one.task_id, one.label)
                for task in ids
                for one in (await at.actions.list(task=TaskKey(UPSTREAM, task))).items
            ]
        )
        await examine(bench.client, bench.namespace)

    assert pressed == dict.fromkeys(product(ids, RULE.press), 1)
    states = Counter(one.state for one in actions)
    sold = Counter(row["state"] for row in upstream.sold)
    # The shop's list does not show their parents, so that it proves no absence.
    assert states.keys() <= {ActionState.ACCEPTED, ActionState.UNKNOWN}
    assert sorted(sold.values()) == [1] * states[ActionState.ACCEPTED]


async def test_a_limit_of_a_rule_holds_over_four_processes(
    bench: Bench, redis_url: str
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        ids = [f"{number}" for number in range(80)]
        await bench.track(*ids, upstream=UPSTREAM)
        await see(bench, TaskStatus.IN_PROGRESS)
        await bench.let_pass(10)
        processes = [
            await worker("limit", bench, redis_url, upstream) for _ in range(PROCESSES)
        ]
        for process in processes:
            await asyncio.wait_for(process.communicate(), 60)
        pressed = (await at.actions.list(limit=500)).items

    assert LIMITED.limit is not None
    assert len(pressed) == LIMITED.limit.most
