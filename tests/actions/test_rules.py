"""Rules at work: each event presses once, within its limit, and not while rules are paused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.app.interpreter import Interpreter
from bridge.app.ports import DueTask, PollClaim, PollResult
from bridge.core.action import ActionState
from bridge.core.cadence import PollPolicy
from bridge.core.endpoint import Endpoint
from bridge.core.rule import Limit, Rule
from bridge.core.rule_book import RuleBook
from bridge.core.task import TaskSnapshot, TaskStatus
from tests.actions.shop import shop
from tests.actions.stand import BUTTONS, UPSTREAM, Stand, stand
from tests.contract.anatomy import examine
from tests.contract.bench import LIMITS, Bench

RULE = Rule(name="upscale", press=("U1", "U2"))
#: Drops what is beyond forty.
LIMITED = Rule(
    name="few", press=("U1",), limit=Limit(most=40, seconds=100), waits=False
)


def interpreter(*rules: Rule) -> Interpreter:
    async def kept(_key: object) -> TaskSnapshot | None:
        return None

    return Interpreter(
        endpoints=(),
        progress_step=10,
        now=lambda: 1_730_621_826.0,
        roll=lambda: 0.0,
        kept=kept,
        rules=RuleBook(rules),
    )


async def result(
    due: DueTask, claim: PollClaim, status: TaskStatus, *rules: Rule
) -> PollResult:
    buttons = BUTTONS if status is TaskStatus.SUCCESS else ()
    seen = TaskSnapshot(id=due.key.id, status=status, buttons=buttons)
    policy = PollPolicy(poll_interval=5, missing_after=300, max_age=86400)
    return await interpreter(*rules).result(
        due, seen, claim=claim, duration=0.1, policy=policy
    )


async def test_that_a_rule_drops_presses_is_told_once(bench: Bench) -> None:
    ops = Endpoint(name="ops", url="http://ops.test/", events=("rule.*",))
    limited = Rule(
        name="slow", press=("U1",), limit=Limit(most=1, seconds=100), waits=False
    )
    async with shop() as upstream, stand(bench, upstream.url, subscribers=[ops]):
        await bench.track("7", "8", "9", upstream=UPSTREAM)
        await see(bench, TaskStatus.IN_PROGRESS)
        await bench.let_pass(10)
        claim = await bench.claim_tasks(UPSTREAM)
        policy = PollPolicy(poll_interval=5, missing_after=300, max_age=86400)
        at_work = replace(interpreter(limited), endpoints=[ops])
        results = [
            await at_work.result(
                due,
                TaskSnapshot(id=due.key.id, status=TaskStatus.SUCCESS, buttons=BUTTONS),
                claim=claim,
                duration=0.1,
                policy=policy,
            )
            for due in claim.tasks
        ]
        for one in results:
            await bench.tasks.record([one])
        waiting = await bench.admin.open_at("ops", 10)

    assert [one.event.type for one in waiting] == ["rule.limited"]
    assert '"rule":"slow"' in waiting[0].event.body


async def see(
    bench: Bench, status: TaskStatus, *rules: Rule, most: int = 500
) -> list[PollResult]:
    """Have a poll see tasks that are due, with some rules; returns what was recorded."""
    limits = replace(LIMITS, batch_size=most)
    claim = await bench.claim_tasks(UPSTREAM, limits)
    results = [await result(due, claim, status, *rules) for due in claim.tasks]
    await bench.tasks.record(results)
    await bench.tasks.poll_succeeded(claim)
    return results


async def succeed(bench: Bench, *rules: Rule, ids: Sequence[str] = ("7",)) -> None:
    """Have tasks run, and succeed."""
    await bench.track(*ids, upstream=UPSTREAM)
    await see(bench, TaskStatus.IN_PROGRESS, *rules)
    await bench.let_pass(10)
    await see(bench, TaskStatus.SUCCESS, *rules)


async def asked(at: Stand, state: ActionState | None = None) -> list[str]:
    page = await at.actions.list(state=state, limit=500)
    return [f"{one.task_id} {one.label} {one.by}" for one in page.items]


async def test_a_rule_presses_what_it_names_when_a_task_succeeds(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await succeed(bench, RULE)
        await examine(bench.client, bench.namespace)
        await at.run()

        assert sorted(await asked(at)) == ["7 U1 rule:upscale", "7 U2 rule:upscale"]
        assert len(upstream.sold) == 2
        # What came of it is acted on by no rule.
        await bench.let_pass(10)
        await see(bench, TaskStatus.IN_PROGRESS, RULE)
        await bench.let_pass(10)
        await see(bench, TaskStatus.SUCCESS, RULE)
        await at.run()
        assert len(upstream.sold) == 2


async def test_a_rule_that_acts_on_what_it_made_is_stopped_at_its_depth_and_says_so(
    bench: Bench,
) -> None:
    again = replace(RULE, press=("V1",), depth=2)
    other = replace(RULE, name="other", press=("V1",), depth=2, on=("task.failed",))
    async with shop() as upstream, stand(bench, upstream.url) as at:
        with capture_logs() as logs:
            await go_on(bench, at, again, other)

        children = [row["parentId"] for row in upstream.sold]
        assert children == ["7", upstream.sold[0]["id"], upstream.sold[1]["id"]]
        stopped = [one for one in logs if one["event"] == "rule.stopped"]
        assert [(one["rule"], one["task"], one["depth"]) for one in stopped] == [
            ("upscale", f"{UPSTREAM}:{upstream.sold[2]['id']}", 2)
        ]


async def go_on(bench: Bench, at: Stand, *rules: Rule) -> None:
    """Have a task succeed, and what comes of it, five times."""
    await succeed(bench, *rules)
    for _ in range(5):
        await at.run()
        for status in (TaskStatus.IN_PROGRESS, TaskStatus.SUCCESS):
            await bench.let_pass(10)
            await see(bench, status, *rules)
    await at.run()


async def test_a_task_that_was_finished_when_first_seen_presses_nothing(
    bench: Bench,
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await bench.track("7", upstream=UPSTREAM)
        await see(bench, TaskStatus.SUCCESS, RULE)

        assert await asked(at) == []


async def test_one_poll_of_several_wins_with_its_presses(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await bench.track("7", upstream=UPSTREAM)
        await see(bench, TaskStatus.IN_PROGRESS)
        await bench.let_pass(10)
        claim = await bench.claim_tasks(UPSTREAM)
        [due] = claim.tasks
        other = Rule(name="other", press=("V1",))
        seen = [
            await result(due, claim, TaskStatus.SUCCESS, rule) for rule in (RULE, other)
        ]
        for one in (seen[0], seen[1], seen[0]):
            await bench.tasks.record([one])
        await at.run()

        assert sorted(await asked(at)) == ["7 U1 rule:upscale", "7 U2 rule:upscale"]
        assert len(upstream.submissions) == 2


async def test_a_dry_run_presses_nothing(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await succeed(bench, replace(RULE, dry_run=True))

        assert await asked(at) == []


async def test_the_kill_switch_holds_for_every_worker(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await bench.admin.pause_rules(paused=True)
        assert await bench.admin.rules_paused()
        await succeed(bench, RULE)
        assert await asked(at) == []

        await bench.admin.pause_rules(paused=False)
        await succeed(bench, RULE, ids=["8"])
        assert len(await asked(at)) == 2


@pytest.mark.parametrize("waits", [True, False])
async def test_a_limit_holds_over_all_workers(bench: Bench, *, waits: bool) -> None:
    limited = Rule(
        name="slow", press=("U1",), limit=Limit(most=10, seconds=100), waits=waits
    )
    async with shop() as upstream, stand(bench, upstream.url) as at:
        ids = [f"{number}" for number in range(100, 125)]
        await bench.track(*ids, upstream=UPSTREAM)
        await see(bench, TaskStatus.IN_PROGRESS)
        await bench.let_pass(10)
        claim = await bench.claim_tasks(UPSTREAM, replace(LIMITS, batch_size=500))
        results = [
            await result(due, claim, TaskStatus.SUCCESS, limited) for due in claim.tasks
        ]
        # As four workers would, a few at a time and at once.
        await asyncio.gather(*(bench.tasks.record(results[n::4]) for n in range(4)))
        made = []
        for _ in range(3):
            for _ in range(5):
                await at.run()
                made.append(len(upstream.sold))
                await bench.let_pass(20)

    assert made[:5] == [10] * 5
    assert made[5:] == ([20] * 5 + [25] * 5 if waits else [10] * 10)
