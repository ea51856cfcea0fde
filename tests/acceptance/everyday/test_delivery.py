"""What receivers see of a deployment when they fail, refuse, dawdle or are many."""

from __future__ import annotations

from bridge.sandbox.responses import CannedResponse
from tests.acceptance.checks import in_order, same_on_every_attempt
from tests.acceptance.everyday.scenery import Everyday
from tests.acceptance.stage import row, sequences
from tests.waiting import until

#: Seconds until an event is out, most often: less than a tick of beat and a look at what is due.
SOON_S = 1.5


def test_a_receiver_that_fails_a_few_times_gets_the_same_event_until_it_takes_it(
    everyday: Everyday,
) -> None:
    everyday.hooks.answer(
        "/failing", 500, 503, CannedResponse(status=302, headers={"location": "/"})
    )
    everyday.gateway.put(row("persistent", "SUCCESS"))

    everyday.deployment.track("persistent", upstream="failing")

    everyday.hooks.wait_for("/failing", "task.succeeded")
    attempts = everyday.hooks.received("/failing")
    assert [one.status for one in attempts] == [500, 503, 302, 204]
    same_on_every_attempt(attempts)
    # 0.3 s apart, counted from the first, and up to a tenth of that later; on a busy machine
    # the first may have been noticed late.
    offsets = [one.at - attempts[0].at for one in attempts]
    for planned, offset in zip((0.0, 0.3, 0.6, 0.9), offsets, strict=True):
        assert planned - 0.25 <= offset < planned + 10.0


def test_events_of_a_task_stay_in_order_at_a_receiver_that_fails_now_and_then(
    everyday: Everyday,
) -> None:
    hooks, gateway = everyday.hooks, everyday.gateway
    tasks = [f"ordered-{number}" for number in range(4)]
    hooks.answer("/flaky", *[204, 500, 429, 204, 500, 204, 502] * 4)
    steps = [
        ("NOT_START", ""),
        ("IN_PROGRESS", "0%"),
        ("IN_PROGRESS", "46%"),
        ("SUCCESS", ""),
    ]

    for number, (status, progress) in enumerate(steps, 1):
        gateway.put(*(row(task, status, progress) for task in tasks))
        everyday.deployment.track(*tasks, upstream="flaky")
        for task in tasks:
            _until_told(everyday, task, number)

    for task in tasks:
        hooks.wait_for("/flaky", "task.succeeded", task=task)
        told = hooks.events("/flaky", task=task)
        assert sequences(told) == sorted(sequences(told))
        # Progress may be overtaken while the receiver fails; nothing else is left out.
        without = [one.type for one in told if one.type != "task.progress"]
        assert without == ["task.submitted", "task.started", "task.succeeded"]
    in_order(hooks.received("/flaky"))
    same_on_every_attempt(hooks.received("/flaky"))


def test_an_event_that_is_refused_for_good_lets_the_next_one_of_its_task_pass(
    everyday: Everyday,
) -> None:
    hooks = everyday.hooks
    hooks.answer("/refusing", 422, 422, 422)
    everyday.gateway.put(row("malformed", "IN_PROGRESS", "0%"))
    everyday.deployment.track("malformed", upstream="refusing")
    until(lambda: hooks.received("/refusing"))

    everyday.gateway.put(row("malformed", "SUCCESS"))

    hooks.wait_for("/refusing", "task.succeeded")
    assert [(one.sequence, one.status) for one in hooks.received("/refusing")] == [
        (1, 422),
        (1, 422),
        (1, 422),
        (2, 204),
    ]
    states = [one.state for one in everyday.deployment.deliveries("refusing")]
    assert states == ["dead", "delivered"]


def test_retry_after_holds_the_whole_endpoint_and_costs_no_attempt(
    everyday: Everyday,
) -> None:
    """The schedule has one retry; three refusals with Retry-After leave it untouched."""
    hooks = everyday.hooks
    wait = CannedResponse(status=429, headers={"retry-after": "1"})
    hooks.answer(
        "/throttled",
        wait,
        wait,
        CannedResponse(status=503, headers={"retry-after": "1"}),
    )
    tasks = ("patient-1", "patient-2", "patient-3")
    everyday.gateway.put(*(row(task, "SUCCESS") for task in tasks))

    for task in tasks:
        everyday.deployment.track(task, upstream="throttled")
        until(lambda: hooks.received("/throttled"))

    for task in tasks:
        hooks.wait_for("/throttled", "task.succeeded", task=task)
    requests = hooks.received("/throttled")
    held_until = 0.0
    for one in requests:
        assert one.at >= held_until
        if one.status in {429, 503}:
            held_until = max(held_until, one.at + 1)
    assert requests[-1].at - requests[0].at > 1


def test_a_receiver_that_is_gone_gets_everything_after_it_was_resumed(
    everyday: Everyday,
) -> None:
    hooks, gateway, deployment = everyday.hooks, everyday.gateway, everyday.deployment
    hooks.answer("/gone", 410)
    gateway.put(row("moving", "NOT_START"))
    deployment.track("moving", upstream="gone")
    until(lambda: hooks.received("/gone"))
    for status in ("IN_PROGRESS", "SUCCESS"):
        gateway.put(row("moving", status))
        kind = "task.started" if status == "IN_PROGRESS" else "task.succeeded"
        hooks.wait_for("/operators", kind, task="moving")
    until(lambda: [one.state for one in deployment.deliveries("gone")] == ["held"] * 3)
    assert len(hooks.received("/gone")) == 1

    deployment.resume("gone")

    hooks.wait_for("/gone", "task.succeeded")
    types = ["task.submitted", "task.started", "task.succeeded"]
    assert hooks.types("/gone") == types
    in_order(hooks.received("/gone"))


def test_progress_that_waits_gives_way_to_what_comes_after_it(
    everyday: Everyday,
) -> None:
    hooks, gateway, deployment = everyday.hooks, everyday.gateway, everyday.deployment
    deployment.pause("overtaken")
    steps = [
        ("started", "0%"),
        ("progress", "31%"),
        ("progress", "62%"),
        ("succeeded", ""),
    ]
    for number, (kind, progress) in enumerate(steps, 1):
        gateway.put(row("racer", "IN_PROGRESS" if progress else "SUCCESS", progress))
        deployment.track("racer", upstream="overtaken")
        _until_told(everyday, "racer", number)
        assert hooks.events("/operators", task="racer")[-1].type == f"task.{kind}"

    deployment.resume("overtaken")

    hooks.wait_for("/overtaken", "task.succeeded")
    told = hooks.events("/overtaken")
    assert [(one.type, one.sequence) for one in told] == [
        ("task.started", 1),
        ("task.succeeded", 4),
    ]
    states = [one.state for one in deployment.deliveries("overtaken")]
    assert states == ["delivered", "superseded", "superseded", "delivered"]


def test_a_rate_limit_is_kept(everyday: Everyday) -> None:
    tasks = [f"many-{number}" for number in range(15)]
    everyday.gateway.put(*(row(task, "SUCCESS") for task in tasks))

    everyday.deployment.track(*tasks, upstream="rated")

    until(lambda: len(everyday.hooks.events("/rated")) == len(tasks))
    times = [one.at for one in everyday.hooks.received("/rated")]
    # 5/s with a burst of one are 2.8 s for all of them; the first may be noticed late.
    assert times[-1] - times[0] > 2


def test_a_cap_of_requests_in_flight_is_kept(everyday: Everyday) -> None:
    """It counts over both children of the worker."""
    tasks = [f"crowd-{number}" for number in range(8)]
    everyday.hooks.answer("/capped", then=CannedResponse(delay=0.2))
    everyday.gateway.put(*(row(task, "SUCCESS") for task in tasks))

    everyday.deployment.track(*tasks, upstream="capped")

    until(lambda: len(everyday.hooks.events("/capped")) == len(tasks))
    assert everyday.hooks.busiest("/capped") == 2


def test_an_endpoint_that_never_answers_delays_no_other(everyday: Everyday) -> None:
    hooks = everyday.hooks
    hooks.hold("/silent")
    first, second = ([f"quiet-{batch}-{n}" for n in range(30)] for batch in (1, 2))
    everyday.gateway.put(*(row(task, "SUCCESS") for task in (*first, *second)))
    everyday.deployment.track(*first, upstream="silence")
    until(lambda: len(hooks.received("/silent")) >= 5, what="the silent one is full")

    everyday.deployment.track(*second, upstream="silence")

    until(lambda: len(hooks.events("/beside")) == 60, within_s=30)
    hooks.release("/silent")
    # Half of what an attempt at the silent one takes.
    assert max(one.latency or 0.0 for one in hooks.events("/beside")) < 20


def test_a_redelivery_is_marked_and_sent_once_however_often_it_is_asked_for(
    everyday: Everyday,
) -> None:
    hooks, deployment = everyday.hooks, everyday.deployment
    everyday.gateway.put(row("once-more", "SUCCESS"))
    deployment.track("once-more", upstream="again")
    first = hooks.wait_for("/again", "task.succeeded")
    assert "webhook-redelivery" not in first.headers
    until(lambda: deployment.deliveries("again")[0].state == "delivered")
    deployment.pause("again")

    asked = [deployment.redeliver(first.id, "again") for _ in range(2)]
    deployment.resume("again")

    assert asked == ["queued", "open"]
    until(lambda: len(hooks.received("/again")) == 2)
    until(lambda: deployment.deliveries("again")[0].state == "delivered")
    once, twice = hooks.received("/again")
    assert (twice.id, twice.body) == (once.id, once.body)
    assert twice.headers["webhook-redelivery"] == "true"


def _until_told(everyday: Everyday, task: str, events: int) -> None:
    """Wait until a task has made so many events: operators hear of each at once."""
    told = everyday.hooks
    until(lambda: len(told.events("/operators", task=task)) == events, what=task)


def test_nothing_that_was_delivered_is_sent_again(everyday: Everyday) -> None:
    """Whatever else the tests of this deployment did, no receiver got a success twice."""
    corners = {"impatient": "/watcher", "story": "/story", "defaults": "/defaults"}
    for upstream, path in corners.items():
        everyday.gateway.put(row(f"once-{upstream}", "SUCCESS"))
        everyday.deployment.track(f"once-{upstream}", upstream=upstream)
        for one in (path, "/operators"):
            everyday.hooks.wait_for(one, "task.succeeded", task=f"once-{upstream}")

    for path in ("/operators", *corners.values()):
        repeats = [one for one in everyday.hooks.received(path) if one.repeat]
        assert repeats == []
        in_order(everyday.hooks.received(path))
        same_on_every_attempt(everyday.hooks.received(path))


def test_events_go_out_at_once(everyday: Everyday) -> None:
    """A wake-up carries them; nobody waits for the next tick of beat."""
    hooks, deployment = everyday.hooks, everyday.deployment
    for batch in range(3):  # a busy machine may be late now and then
        tasks = [f"prompt-{batch}-{number}" for number in range(5)]
        for task in tasks:
            everyday.gateway.put(row(task, "SUCCESS"))
            deployment.track(task, upstream="defaults")
            hooks.wait_for("/defaults", "task.succeeded", task=task)
        told = [one for one in hooks.events("/defaults") if one.task in tasks]
        latencies = sorted(one.latency or 0.0 for one in told)
        if latencies[2] < SOON_S:
            break

    assert latencies[2] < SOON_S
