"""Presses: written down once, made once, undone in time, listed, and followed by their children."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path

import pytest

from bridge.app.endpoint_control import EndpointControl
from bridge.app.housekeeping import sweep
from bridge.app.ports import PollResult
from bridge.core.action import ActionState
from bridge.core.change import TaskState
from bridge.core.endpoint import Endpoint
from bridge.core.hook import Hook
from bridge.core.task import TaskKey, TaskStatus
from bridge.errors import Misconfigured, NotFound, Refused
from tests.actions.shop import PARENT, Manner, says, shop, takes
from tests.actions.stand import KEY, UPSTREAM, stand
from tests.contract.anatomy import contents, examine
from tests.contract.bench import RETENTION, Bench

WINDOW = {"code": 21, "description": "Waiting for window confirm"}


def refuses(code: int, words: str, status: str = "200 OK") -> Manner:
    return says({"code": code, "description": words, "result": None}, status)


async def test_a_press_is_sent_as_the_protocol_has_it(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("upsample:1")).id)

    [(path, body)] = upstream.submissions
    marker = body.pop("state")
    assert path == "/mj/submit/action"
    assert marker.startswith("mjb-")
    assert body == {
        "chooseSameChannel": True,
        "customId": "MJ::JOB::upsample::1::3f",
        "taskId": PARENT,
    }
    assert (action.state, action.label, action.by) == (
        ActionState.ACCEPTED,
        "U1",
        "api",
    )
    assert (action.task_id, action.upstream, action.kind) == (PARENT, UPSTREAM, "press")
    assert action.sent_at is not None


async def test_a_thousand_presses_at_once_are_one(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        connections = asyncio.Semaphore(80)

        async def press() -> str:
            async with connections:
                return (await at.press("U1")).id

        ids = await asyncio.gather(*(press() for _ in range(1000)))
        actions = [await at.settle(one) for one in set(ids)]

    assert len(upstream.submissions) == len(upstream.sold) == 1
    assert [one.child_id for one in actions] == [upstream.sold[0]["id"]]


async def test_what_is_pressed_once_is_the_same_press_for_ever(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        first = await at.settle((await at.press("U1")).id)
        await bench.let_pass(86400)
        again, is_new = await at.actions.press(KEY, "U1", by="slack:U1")

    assert not is_new
    assert (again.id, again.child_id, again.by) == (first.id, first.child_id, "api")


async def test_what_may_be_pressed_again_is_another_press_a_while_after_it_was_taken(
    bench: Bench,
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        first = await at.settle((await at.press("V1")).id)
        at_once = await at.press("V1")
        await bench.let_pass(31)
        later = await at.settle((await at.press("V1")).id)

    assert at_once.id == first.id
    assert later.id != first.id
    assert len(upstream.sold) == 2


async def test_a_key_tells_presses_apart_that_are_meant_to_be_several(
    bench: Bench,
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        ids = {(await at.press("U1", key=key)).id for key in ("a", "b", "a")}
        for one in ids:
            await at.settle(one)

    assert len(ids) == len(upstream.sold) == 2


@pytest.mark.parametrize(
    ("button", "options", "why"),
    [
        ("U9", {}, "no button 'U9'; it has: U1, U2, V1"),
        ("MJ::JOB::upsample::9::3f", {}, "the task has no button"),
        ("Custom Zoom", {}, "Custom Zoom needs a prompt"),
        ("Custom Zoom", {"prompt": "  "}, "Custom Zoom needs a prompt"),
        ("Custom Zoom", {"prompt": "a \ud83d"}, "no half of an emoji"),
    ],
)
async def test_a_press_that_cannot_work_says_why_and_is_not_written_down(
    bench: Bench, button: str, options: dict[str, object], why: str
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        with pytest.raises((Refused, Misconfigured), match=why):
            await at.press(button, **options)
        assert (await at.actions.list()).items == []


async def test_a_task_that_nobody_knows_cannot_be_pressed(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        with pytest.raises(NotFound):
            await at.actions.press(TaskKey(UPSTREAM, "404"), "U1", by="api")


# --- undo -----------------------------------------------------------------------------


async def test_what_is_undone_in_time_is_never_sent(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        pressed = await at.press("U1", delay_s=5.0)
        await at.run()
        undone = await at.actions.cancel(pressed.id)
        await bench.let_pass(10)
        await at.run()
        await examine(bench.client, bench.namespace)

        assert undone.state is ActionState.CANCELLED
        assert (await at.actions.cancel(pressed.id)).state is ActionState.CANCELLED
        assert upstream.submissions == []

        # Undone is not for ever.
        again, is_new = await at.actions.press(KEY, "U1", by="api")
        assert is_new
        assert (await at.settle(again.id)).state is ActionState.ACCEPTED


async def test_a_delay_is_waited_for(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        pressed = await at.press("U1", delay_s=5.0)
        await at.run()
        assert upstream.submissions == []

        await bench.let_pass(5)
        assert (await at.settle(pressed.id)).state is ActionState.ACCEPTED


async def test_what_was_sent_cannot_be_undone(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        done = await at.settle((await at.press("U1")).id)
        with pytest.raises(Refused, match="it is accepted"):
            await at.actions.cancel(done.id)
        with pytest.raises(NotFound):
            await at.actions.cancel("act_0")


# --- answers --------------------------------------------------------------------------


async def test_not_yet_is_tried_again_until_it_is_taken(bench: Bench) -> None:
    early = refuses(4, "task_status_not_success ", "400 Bad Request")
    full = refuses(23, "队列已满")
    async with (
        shop(manners=[early, full]) as upstream,
        stand(bench, upstream.url) as at,
    ):
        pressed = await at.press("U1")
        await at.run()
        row = await at.store.find(pressed.id)
        assert row is not None
        assert (row.state, row.code, row.sent_at) == (ActionState.PENDING, 4, None)
        action = await at.settle(pressed.id)

    assert (action.state, len(upstream.sold)) == (ActionState.ACCEPTED, 1)
    assert len(upstream.submissions) == 3


async def test_not_yet_is_refused_when_patience_ends(bench: Bench) -> None:
    full = [refuses(23, "queue full")] * 200
    async with shop(manners=full) as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("U1")).id)

    assert action.state is ActionState.REFUSED
    assert action.reason == "not taken in time: queue full"


async def test_a_refusal_has_its_own_code_and_reason_and_may_be_asked_for_again(
    bench: Bench,
) -> None:
    async with (
        shop(manners=[refuses(24, "banned prompt")]) as upstream,
        stand(bench, upstream.url) as at,
    ):
        action = await at.settle((await at.press("U1")).id)
        assert (action.state, action.code) == (ActionState.REFUSED, 24)
        assert action.reason == "banned prompt"
        endpoints = await bench.queries.endpoints(0.0)
        assert [(one.state, one.dead) for one in endpoints] == [("up", 0)]

        again, is_new = await at.actions.press(KEY, "U1", by="api")
        assert (again.id, is_new) == (action.id, True)
        assert (await at.settle(again.id)).state is ActionState.ACCEPTED
        await examine(bench.client, bench.namespace)


async def test_a_task_that_exists_is_adopted(bench: Bench) -> None:
    exists = says({"code": 21, "description": "任务已存在", "result": "77"})
    async with shop(manners=[exists]) as upstream, stand(bench, upstream.url) as at:
        upstream.old.append({"id": "77", "status": "IN_PROGRESS", "progress": "3%"})
        action = await at.settle((await at.press("U1")).id)

        assert (action.state, action.child_id) == (ActionState.ACCEPTED, "77")
        assert await at.children() == ["77"]


async def test_a_window_gets_the_prompt(bench: Bench) -> None:
    async def confirms(visit: object, _sell: object) -> None:
        await visit.tell({"code": 1, "description": "ok", "result": "78"})  # type: ignore[attr-defined]

    window = says({**WINDOW, "result": "78"})
    async with (
        shop(manners=[window, confirms]) as upstream,
        stand(bench, upstream.url) as at,
    ):
        action = await at.settle((await at.press("Custom Zoom", prompt="a pig")).id)

    assert (action.state, action.child_id) == (ActionState.ACCEPTED, "78")
    assert [path for path, _ in upstream.submissions] == [
        "/mj/submit/action",
        "/mj/submit/modal",
    ]
    assert upstream.submissions[1][1] == {"taskId": "78", "prompt": "a pig"}


async def test_a_window_that_was_known_to_wait_is_looked_at_once_it_has_its_prompt(
    bench: Bench,
) -> None:
    window = says({**WINDOW, "result": "78"})
    confirms = says({"code": 1, "description": "ok", "result": "78"})
    async with (
        shop(manners=[window, confirms]) as upstream,
        stand(bench, upstream.url) as at,
    ):
        await bench.track("78", upstream=UPSTREAM)
        (due,) = (await bench.claim_tasks(UPSTREAM)).tasks
        waits = TaskState(status=TaskStatus.MODAL)
        await bench.tasks.record(
            [PollResult(due=due, task_state=waits, poll_again_in=1e6)]
        )
        await at.settle((await at.press("Custom Zoom", prompt="a pig")).id)

        assert await bench.due(UPSTREAM) == ["78"]


MASK = b"\x89PNG a mask that nobody else sees"


async def test_a_window_gets_the_mask_which_is_in_no_store_and_is_gone_afterwards(
    bench: Bench, tmp_path: Path
) -> None:
    window = says({**WINDOW, "result": "78"})
    confirms = says({"code": 1, "description": "ok", "result": "78"})
    async with (
        shop(manners=[window, confirms]) as upstream,
        stand(bench, upstream.url, folder=tmp_path) as at,
    ):
        pressed = await at.press("Vary (Region)", mask=MASK, prompt="a hat")
        [kept] = (tmp_path / "masks").iterdir()
        assert (kept.stat().st_mode & 0o777, kept.read_bytes()) == (0o600, MASK)
        keys = await contents(bench.client, bench.namespace)
        assert "nobody else sees" not in str(keys)
        assert b64encode(MASK).decode() not in str(keys)
        action = await at.settle(pressed.id)

    assert (action.state, action.child_id) == (ActionState.ACCEPTED, "78")
    sent = upstream.submissions[1][1]["maskBase64"]
    assert sent == f"data:image/png;base64,{b64encode(MASK).decode()}"
    assert list((tmp_path / "masks").iterdir()) == []


async def test_a_second_press_leaves_the_mask_of_the_first_as_it_is(
    bench: Bench, tmp_path: Path
) -> None:
    window = says({**WINDOW, "result": "78"})
    confirms = says({"code": 1, "description": "ok", "result": "78"})
    async with (
        shop(manners=[window, confirms]) as upstream,
        stand(bench, upstream.url, folder=tmp_path) as at,
    ):
        pressed = await at.press("Vary (Region)", mask=MASK, prompt="a hat")
        again, is_new = await at.actions.press(
            KEY, "Vary (Region)", by="api", mask=b"another", prompt="a hat"
        )
        assert (again.id, is_new) == (pressed.id, False)
        [kept] = (tmp_path / "masks").iterdir()
        assert kept.read_bytes() == MASK
        await at.settle(pressed.id)

    sent = upstream.submissions[1][1]["maskBase64"]
    assert sent == f"data:image/png;base64,{b64encode(MASK).decode()}"


async def test_a_mask_that_is_on_another_machine_is_not_left_out(
    bench: Bench, tmp_path: Path
) -> None:
    window = says({**WINDOW, "result": "78"})
    async with (
        shop(manners=[window]) as upstream,
        stand(bench, upstream.url, folder=tmp_path) as at,
    ):
        pressed = await at.press("Vary (Region)", mask=MASK)
        for kept in (tmp_path / "masks").iterdir():
            kept.unlink()
        action = await at.settle(pressed.id)

    assert action.state is ActionState.REFUSED
    assert str(action.reason).startswith("its mask is not on the machine")
    assert len(upstream.submissions) == 1


async def test_a_mask_that_cannot_be_kept_is_refused(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "masks").touch()
    async with (
        shop() as upstream,
        stand(bench, upstream.url, folder=tmp_path) as at,
    ):
        with pytest.raises(Refused, match="cannot be kept"):
            await at.press("Vary (Region)", mask=MASK)
        assert (await at.actions.list()).items == []


async def test_a_window_that_nobody_foresaw_is_refused_without_a_prompt(
    bench: Bench,
) -> None:
    window = says({**WINDOW, "result": "78"})
    async with shop(manners=[window]) as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("V1")).id)

        assert (action.state, action.reason) == (ActionState.REFUSED, "needs a prompt")
        assert await at.children() == []


async def test_a_bookmark_is_taken_and_tracks_nothing(bench: Bench) -> None:
    taken = says({"code": 1, "description": "ok", "result": PARENT})
    async with shop(manners=[taken]) as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("MJ::BOOKMARK::3f")).id)

        assert (action.state, action.child_id) == (ActionState.ACCEPTED, None)
        assert await at.children() == []


# --- children -------------------------------------------------------------------------


async def test_a_child_knows_its_parent_its_root_its_action_and_who_asked(
    bench: Bench,
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        first = await at.settle((await at.press("U1")).id)
        child = TaskKey(UPSTREAM, str(first.child_id))
        [row] = await bench.queries.rows([child])
        assert row.lineage.parent_id == row.lineage.root_id == PARENT
        assert (row.lineage.action_id, row.lineage.by) == (first.id, "api")
        assert row.lineage.depth == 1

        claim = await bench.claim_tasks(UPSTREAM)
        assert [due.lineage.action_id for due in claim.tasks] == [first.id]


async def test_several_tasks_of_one_press_are_all_followed(bench: Bench) -> None:
    four = says({"code": 1, "description": "ok", "result": "1,2,3,4"})
    async with shop(manners=[four]) as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("V1")).id)

        assert action.child_id == "1"
        assert sorted(await at.children()) == ["1", "2", "3", "4"]


async def test_metadata_is_inherited_unless_the_press_has_its_own(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await bench.client.hset(
            f"{{{bench.namespace}}}:task:{KEY}", "metadata", '{"order":"77"}'
        )
        ids = [
            (await at.settle((await at.press("U1")).id)).child_id,
            (await at.settle((await at.press("U2", metadata={"a": 1})).id)).child_id,
        ]
        rows = await bench.queries.rows([TaskKey(UPSTREAM, str(one)) for one in ids])

    assert [row.metadata for row in rows] == [{"order": "77"}, {"a": 1}]


async def test_a_child_has_the_hook_of_its_parent_unless_the_press_has_one(
    bench: Bench,
) -> None:
    theirs, own = "https://hooks.example/a", "https://other.example/b"
    async with shop() as upstream, stand(bench, upstream.url) as at:
        hook = Hook(url=theirs)
        await bench.tasks.track(UPSTREAM, [PARENT], {}, hook=hook, max_origins=9)
        for button, given in (("U1", None), ("U2", own)):
            pressed = await at.press(button, hook=given)
            await at.settle(pressed.id)
        keys = await contents(bench.client, bench.namespace)
        await examine(bench.client, bench.namespace)

    hooks = [
        json.loads(keys[f"task:{UPSTREAM}:{row['id']}"]["hook"])[0]
        for row in upstream.sold
    ]
    assert hooks == [theirs, own]


# --- reports --------------------------------------------------------------------------


async def test_operators_hear_of_what_was_refused_and_of_what_nobody_knows(
    bench: Bench,
) -> None:
    ops = Endpoint(name="ops", url="http://ops.test/", events=("action.*",))
    manners = [refuses(24, "banned"), says(b"", "502 Bad Gateway")]
    async with (
        shop(manners=manners, lists=False) as upstream,
        stand(bench, upstream.url, subscribers=[ops]) as at,
    ):
        await bench.admin.switch("ops", "pause")
        for button in ("U1", "U2"):
            await at.settle((await at.press(button)).id)
        waiting = await bench.admin.open_at("ops", 10)

    told = {one.event.type: json.loads(one.event.body)["data"] for one in waiting}
    assert set(told) == {"action.refused", "action.unknown"}
    assert told["action.refused"]["reason"] == "banned"
    assert (told["action.refused"]["code"], told["action.refused"]["label"]) == (
        24,
        "U1",
    )
    assert (
        told["action.unknown"]["reason"] == "it may or may not have started: HTTP 502"
    )
    assert told["action.unknown"]["taskId"] == PARENT


async def test_lists_are_by_task_and_by_state_and_go_on(bench: Bench) -> None:
    async with (
        shop(manners=[refuses(24, "banned"), takes]) as upstream,
        stand(bench, upstream.url) as at,
    ):
        refused = await at.settle((await at.press("U1")).id)
        accepted = await at.settle((await at.press("U2")).id)
        other, _ = await at.actions.submit("imagine", {"prompt": "a pig"}, by="api")
        await at.settle(other.id)
        newest, older = [], []
        page = await at.actions.list(limit=2)
        newest = [one.id for one in page.items]
        page = await at.actions.list(limit=2, after=page.next)
        older = [one.id for one in page.items]

        assert (newest, older) == ([other.id, accepted.id], [refused.id])
        by_task = (await at.actions.list(task=KEY)).items
        assert [one.id for one in by_task] == [accepted.id, refused.id]
        by_state = (await at.actions.list(state="refused")).items
        assert [one.id for one in by_state] == [refused.id]
        assert (await at.actions.list(task=KEY, state="unknown")).items == []


async def test_an_action_is_never_sent_again_as_an_event_would_be(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("U1")).id)
        asked = await bench.admin.redeliver([(action.id, "upstream:u")])

        assert asked == ["unknown"]
        assert (await bench.queries.event_page()).items == []


async def tidied(bench: Bench, seconds: float) -> None:
    """Let some time pass, and have forgotten what was kept long enough then."""
    await bench.let_pass(seconds)
    while await bench.housekeeping.tidy(200):
        pass


async def test_what_is_pressed_once_is_known_for_as_long_as_its_task_is(
    bench: Bench,
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        first = await at.settle((await at.press("U1")).id)
        await bench.track(
            PARENT, upstream=UPSTREAM
        )  # it is kept for longer than the press
        await tidied(bench, RETENTION + 1)
        again, is_new = await at.actions.press(KEY, "U1", by="api")
        await at.run()

    assert (again.id, again.child_id, is_new) == (first.id, first.child_id, False)
    assert len(upstream.sold) == 1


async def test_actions_are_forgotten_and_their_keys_with_them(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("V1")).id)
        await bench.admin.untrack(TaskKey(UPSTREAM, str(action.child_id)))
        await tidied(bench, RETENTION + 1)  # the task
        await tidied(bench, 3601)  # and what was pressed of it
        keys = await contents(bench.client, bench.namespace)

    left = [name for name in keys if "act_" in str(name) or "press" in name]
    assert (
        left
        == [name for name in keys if name.startswith(("rounds", "actions:u"))]
        == []
    )


async def test_what_a_paused_upstream_holds_is_kept_for_as_long_as_events_are(
    bench: Bench,
) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        await bench.admin.switch("upstream:u", "pause")
        pressed = await at.press("U1")
        await at.run()
        assert await at.state(pressed.id) is ActionState.PENDING
        await sweep(
            bench.housekeeping,
            (),
            actions=[at.endpoint],
            upstreams=[UPSTREAM],
            retention=RETENTION,
        )
        assert await at.state(pressed.id) is ActionState.PENDING

        await bench.admin.switch("upstream:u", "resume")
        assert (await at.settle(pressed.id)).state is ActionState.ACCEPTED


async def test_dropping_what_waits_ends_it(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        pressed = await at.press("U1", delay_s=60.0)
        control = EndpointControl(
            admin=bench.admin, queries=bench.queries, lookup=at.lookup, endpoints=[]
        )
        await control.drop("upstream:u")
        row = await at.store.find(pressed.id)

    assert row is not None
    assert (row.state, row.reason) == (ActionState.REFUSED, "dropped by hand")
    assert upstream.submissions == []


# --- submissions ----------------------------------------------------------------------


async def test_a_submission_is_sent_as_it_was_given_and_its_task_followed(
    bench: Bench,
) -> None:
    body = {"prompt": "a pig", "botType": "MID_JOURNEY", "notifyHook": "http://a/"}
    async with shop() as upstream, stand(bench, upstream.url) as at:
        asked, is_new = await at.actions.submit("imagine", body, by="cli", key="k")
        again, is_new_again = await at.actions.submit(
            "imagine", body, by="api", key="k"
        )
        done = await at.settle(asked.id)
        assert await at.children() == [done.child_id]

    assert (is_new, is_new_again, again.id) == (True, False, asked.id)
    [(path, sent)] = upstream.submissions
    assert path == "/mj/submit/imagine"
    assert sent == {"prompt": "a pig", "botType": "MID_JOURNEY", "state": sent["state"]}
    assert (done.kind, done.label, done.task_id) == ("submit", "imagine", None)


async def test_a_callers_state_is_left_alone(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        asked, _ = await at.actions.submit(
            "imagine", {"prompt": "a", "state": "mine"}, by="api"
        )
        await at.settle(asked.id)

    assert upstream.submissions[0][1]["state"] == "mine"


async def test_the_marker_never_leaves(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        action = await at.settle((await at.press("U1")).id)
        task = await at.client.task(str(action.child_id))

    assert upstream.sold[0]["state"].startswith("mjb-")
    assert task is not None
    assert task.state is None


async def test_each_action_has_a_connection_of_its_own(bench: Bench) -> None:
    async with shop() as upstream, stand(bench, upstream.url) as at:
        for button in ("U1", "U2"):
            await at.settle((await at.press(button)).id)

    assert upstream.connections == 2
