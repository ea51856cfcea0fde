"""Hooks in the store: they go with their task, and share what their origin is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.app.ports import (
    ClaimLimits,
    Delivery,
    PollResult,
    Publication,
    Settlement,
    Tracked,
)
from bridge.core.change import TaskState
from bridge.core.delivery import Disposition, Verdict
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.hook import Hook, HookFormat
from tests.contract.anatomy import contents, examine
from tests.contract.bench import LIMITS, RETENTION, Bench, attempted, endpoint

ORIGIN = "hook:https://studio.example"
SECRET = "job-77-s3cr3t"


def hook(path: str = SECRET, *, host: str = "studio.example") -> Hook:
    return Hook(url=f"https://{host}/{path}")


async def track(
    bench: Bench, *ids: str, to: Hook | None = None, max_origins: int = 10
) -> Tracked:
    wanted = to or hook()
    tracked = await bench.tasks.track(
        "u", ids, {}, hook=wanted, max_origins=max_origins
    )
    if not tracked.rejected:
        await bench.admin.configure([endpoint(wanted.endpoint)])
    return tracked


async def change(
    bench: Bench,
    *ids: str,
    kind: str = "task.started",
    wanted: bool = True,
    recipients: Sequence[str] = (),
    ends: bool = False,
    body: str = "{}",
) -> dict[str, Event]:
    """Record a change of tasks that their hooks, if they are wanted, are to hear of."""
    claim = await bench.claim_tasks("u", replace(LIMITS, batch_size=500))
    await bench.tasks.poll_succeeded(claim)
    events: dict[str, Event] = {}
    results = []
    for due in claim.tasks:
        if due.key.id not in ids:
            results.append(PollResult(due=due, poll_again_in=0.0))
            continue
        event = replace(bench.event(kind, due, at=claim.now), body=body)
        events[due.key.id] = event
        results.append(
            PollResult(
                due=due,
                task_state=TaskState(digest=event.id),
                poll_again_in=None if ends else 0.0,
                publication=Publication(
                    event=event,
                    recipients=tuple(recipients),
                    hook=tuple(HookFormat) if wanted else (),
                ),
            )
        )
    recorded = await bench.tasks.record(results)
    assert all(recorded.applied)
    await examine(bench.client, bench.namespace)
    return events


async def end_hook(bench: Bench, delivery: Delivery) -> None:
    gone = Verdict(
        disposition=Disposition.DEAD, reason="the receiver answered 410 Gone"
    )
    settlement = Settlement(
        delivery=delivery,
        attempt=attempted(delivery, status=410),
        verdict=gone,
        ends_hook=True,
    )
    assert (await bench.deliveries.settle([settlement])).applied == [True]
    await examine(bench.client, bench.namespace)


async def origins(bench: Bench) -> Sequence[str]:
    return sorted(await bench.housekeeping.hook_endpoints())


# --- where events go ------------------------------------------------------------------


async def test_a_tasks_events_go_to_its_hook_as_well(bench: Bench) -> None:
    await track(bench, "1", to=replace(hook(), format=HookFormat.MIDJOURNEY))
    await track(bench, "2", to=hook("other"))
    event = (await change(bench, "1", recipients=("a",)))["1"]

    claimed = {one.endpoint: one for one in await bench.claim()}

    assert claimed.keys() == {"a", ORIGIN}
    assert claimed["a"].hook is None
    assert claimed[ORIGIN].hook == Hook(url=hook().url, format=HookFormat.MIDJOURNEY)
    assert claimed[ORIGIN].event.id == event.id


async def test_an_event_that_hooks_are_not_sent_goes_nowhere_else(
    bench: Bench,
) -> None:
    await track(bench, "1")
    await change(bench, "1", wanted=False)

    assert await bench.claim() == []


async def test_events_are_in_order_and_hooks_of_one_origin_do_not_wait_for_each_other(
    bench: Bench,
) -> None:
    await track(bench, "1")
    await track(bench, "2", to=hook("other"))
    first = await change(bench, "1", "2")
    second = await change(bench, "1")

    claimed = {one.event.subject: one for one in await bench.claim()}
    assert {name: one.event.id for name, one in claimed.items()} == {
        "u:1": first["1"].id,
        "u:2": first["2"].id,
    }
    await bench.succeed(claimed["u:1"])

    assert (await bench.claim_one()).event.id == second["1"].id


async def test_a_hook_that_comes_while_its_task_is_polled_misses_nothing(
    bench: Bench,
) -> None:
    await bench.track("1")
    claim = await bench.claim_tasks("u")
    (due,) = claim.tasks
    await track(bench, "1")
    event = bench.event("task.started", due, at=claim.now)
    published = Publication(event=event, recipients=(), hook=tuple(HookFormat))
    recorded = await bench.tasks.record(
        [PollResult(due=due, poll_again_in=5.0, publication=published)]
    )

    assert recorded.applied == [True]
    assert await bench.woken()
    assert (await bench.claim_one()).hook == hook()


async def test_a_hook_gets_what_its_format_is_sent(bench: Bench) -> None:
    await track(bench, "1")
    await track(bench, "2", to=replace(hook("other"), format=HookFormat.MIDJOURNEY))
    claim = await bench.claim_tasks("u")
    await bench.tasks.record(
        [
            PollResult(
                due=due,
                poll_again_in=5.0,
                publication=Publication(
                    event=bench.event("task.progress", due, at=claim.now),
                    recipients=(),
                    hook=(HookFormat.MIDJOURNEY,),
                ),
            )
            for due in claim.tasks
        ]
    )

    assert [one.event.subject for one in await bench.claim()] == ["u:2"]


async def test_a_task_keeps_why_it_has_no_hook_until_it_has_one(bench: Bench) -> None:
    await bench.tasks.track("u", ["1"], {}, hook_refused="not a public address")
    assert (await bench.task("1")).hook_refused == "not a public address"
    await track(bench, "1")
    assert (await bench.task("1")).hook_refused == ""


# --- one hook a task ------------------------------------------------------------------


async def test_a_task_takes_on_a_hook_once(bench: Bench) -> None:
    await bench.track("1")

    assert (await track(bench, "1")).known == ("1",)
    assert (await track(bench, "1")).known == ("1",)
    other = await track(bench, "1", "2", to=hook("other"))
    assert (other.tracked, other.known) == (("2",), ())
    assert other.rejected == {"1": "it is tracked with another hook"}
    assert (await bench.track("1")).known == ("1",)
    await change(bench, "1")
    assert (await bench.claim_one()).hook == hook()


async def test_a_task_that_ended_may_be_tracked_with_another_hook(
    bench: Bench,
) -> None:
    await track(bench, "1")
    await change(bench, "1", ends=True)
    elsewhere = hook("new", host="other.example")
    assert (await track(bench, "1", to=elsewhere)).tracked == ("1",)
    await change(bench, "1", ends=True)

    claimed = {one.endpoint: one.hook for one in await bench.claim()}

    assert claimed == {ORIGIN: None, elsewhere.endpoint: elsewhere}
    assert await origins(bench) == [elsewhere.endpoint]


async def test_a_task_that_is_tracked_again_keeps_its_hook(bench: Bench) -> None:
    await track(bench, "1")
    await change(bench, "1", ends=True)
    await bench.succeed(await bench.claim_one())

    assert (await bench.track("1")).tracked == ("1",)
    await change(bench, "1")

    assert (await bench.claim_one()).hook == hook()


# --- 410 ------------------------------------------------------------------------------


async def test_a_hook_that_ended_is_one_tasks_and_nobody_elses(bench: Bench) -> None:
    await track(bench, "1")
    await track(bench, "2", to=hook("other"))
    await change(bench, "1", "2")
    claimed = {one.event.subject: one for one in await bench.claim()}
    waiting = await change(bench, "1")
    await end_hook(bench, claimed["u:1"])
    await bench.succeed(claimed["u:2"])
    assert (await change(bench, "1", "2")).keys() == {"1", "2"}

    after = {one.event.subject: one for one in await bench.claim()}

    assert after["u:1"].event.id == waiting["1"].id
    assert after["u:1"].hook is None
    assert after["u:2"].hook == hook("other")
    assert (await bench.health(ORIGIN)).state != "disabled"
    assert (await bench.health(ORIGIN)).pending == 2


async def test_a_task_whose_hook_ended_may_have_another_one(bench: Bench) -> None:
    await track(bench, "1")
    await change(bench, "1")
    await end_hook(bench, await bench.claim_one())

    assert (await track(bench, "1", to=hook("other"))).known == ("1",)
    await change(bench, "1")

    assert (await bench.claim_one()).hook == hook("other")


async def test_what_is_sent_again_after_the_hook_ended_has_nowhere_to_go(
    bench: Bench,
) -> None:
    await track(bench, "1")
    event = (await change(bench, "1"))["1"]
    await end_hook(bench, await bench.claim_one())
    result = await bench.redeliver(event.id, ORIGIN)

    assert result == "queued"
    assert (await bench.claim_one()).hook is None


# --- limits ---------------------------------------------------------------------------


async def test_hooks_of_one_origin_share_its_limits(bench: Bench) -> None:
    for number in range(5):
        await track(bench, str(number), to=hook(str(number)))
    await change(bench, *map(str, range(5)))
    await bench.admin.configure([endpoint(ORIGIN, concurrency=2)])

    assert len(await bench.claim()) == 2


async def test_hooks_that_were_never_tried_or_are_slow_have_a_share_of_their_own(
    bench: Bench,
) -> None:
    await bench.admin.configure([endpoint("a")])
    await bench.prove("a")
    for number in range(5):
        await track(bench, str(number), to=hook(host=f"{number}.example"))
    await change(bench, *map(str, range(5)), recipients=("a",))

    claim = await bench.deliveries.claim_deliveries(
        ClaimLimits(limit=100, slow_limit=100, hook_limit=2)
    )

    names = [one.endpoint for one in claim.deliveries]
    assert names.count("a") == 5
    assert len(names) == 7


async def test_a_hook_at_one_origin_too_many_is_rejected_and_nothing_kept(
    bench: Bench,
) -> None:
    for number in range(3):
        await track(
            bench, str(number), to=hook(host=f"{number}.example"), max_origins=3
        )
    before = await contents(bench.client, bench.namespace)

    rejected = await track(bench, "7", to=hook(host="7.example"), max_origins=3)

    assert (rejected.tracked, rejected.known) == ((), ())
    assert rejected.rejected == {
        "7": "hooks have 3 origins already, and may not have more (hooks.max_origins)"
    }
    assert await contents(bench.client, bench.namespace) == before
    assert (await track(bench, "8", to=hook(host="2.example"), max_origins=3)).tracked


# --- kept, and forgotten --------------------------------------------------------------


async def forget(bench: Bench) -> None:
    while await bench.housekeeping.tidy(200):
        pass
    await examine(bench.client, bench.namespace)


async def test_a_hook_is_forgotten_with_its_task_and_its_origin_with_the_last(
    bench: Bench,
) -> None:
    await track(bench, "1")
    await track(bench, "2", to=hook("other"))
    await bench.admin.configure([endpoint(ORIGIN)])
    await change(bench, "1", ends=True)
    await bench.succeed(await bench.claim_one())
    await bench.let_pass(RETENTION + 1.0)
    await forget(bench)
    assert await origins(bench) == [ORIGIN]
    await change(bench, "2", ends=True)
    await bench.succeed(await bench.claim_one())
    await bench.let_pass(RETENTION + 1.0)
    await forget(bench)

    assert await origins(bench) == []
    kept = await contents(bench.client, bench.namespace)
    assert not [name for name in kept if "studio.example" in name]
    assert "studio.example" not in repr(kept.get("endpoints"))
    assert SECRET not in repr(kept)


async def test_a_hooks_url_is_kept_with_its_task_and_nowhere_else(
    bench: Bench,
) -> None:
    await track(bench, "1")
    await change(bench, "1")
    await bench.fail(await bench.claim_one())

    kept = await contents(bench.client, bench.namespace)

    assert [name for name, value in kept.items() if SECRET in repr(value)] == [
        "task:u:1"
    ]
    assert not [name for name in kept if SECRET in name]


async def test_any_number_of_origins_leaves_nothing_behind(bench: Bench) -> None:
    taken = 0
    for number in range(300):
        tracked = await track(
            bench, str(number), to=hook(host=f"{number}.example"), max_origins=100
        )
        taken += len(tracked.tracked)
    assert taken == len(await origins(bench)) == 100
    await change(bench, *map(str, range(300)), ends=True)
    while claimed := await bench.claim():
        for delivery in claimed:
            await bench.succeed(delivery)
    await bench.let_pass(RETENTION + 1.0)
    await forget(bench)

    kept = await contents(bench.client, bench.namespace)
    assert not [name for name in kept if ".example" in name]
    assert await origins(bench) == []
    assert "endpoints" not in kept


async def test_an_origin_that_nobody_delivers_to_any_more_is_given_up_like_an_endpoint(
    bench: Bench,
) -> None:
    await track(bench, "1")
    await change(bench, "1")
    await bench.admin.configure([Endpoint(name=ORIGIN, url=ORIGIN)])
    await bench.let_pass(3700.0)
    now = await bench.admin.clock()

    assert await bench.housekeeping.unconfigured(now - 3600.0) == [ORIGIN]
    await bench.admin.configure([Endpoint(name=ORIGIN, url=ORIGIN)])
    assert await bench.housekeeping.unconfigured(now - 3600.0) == []
