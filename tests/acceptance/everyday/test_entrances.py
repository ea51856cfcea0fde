"""The ways into a deployment for programs."""

from __future__ import annotations

import subprocess
import sys

from celery import Celery

from bridge.adapters.broker.transport import broker_url_for
from bridge.sandbox.received import Received
from tests.acceptance.everyday.scenery import Everyday
from tests.acceptance.harness import NAMESPACE
from tests.acceptance.stage import row
from tests.waiting import until

PROGRAM = """
import asyncio
import bridge

first = bridge.track(["from-a-program"], upstream="program", metadata={"order": "77"})
assert first.tracked == ("from-a-program",), first

async def asynchronous():
    return bridge.track(["from-a-program", "from-a-loop"], upstream="program")

again = asyncio.run(asynchronous())
assert (again.tracked, again.known) == (("from-a-loop",), ("from-a-program",)), again
"""


def test_a_program_tracks_with_or_without_a_loop_of_its_own(everyday: Everyday) -> None:
    tasks = ("from-a-program", "from-a-loop")
    everyday.gateway.put(*(row(task, "NOT_START") for task in tasks))

    subprocess.run(
        [sys.executable, "-c", PROGRAM], env=everyday.deployment.env, check=True
    )

    for task, metadata in zip(tasks, ({"order": "77"}, {}), strict=True):
        told = everyday.hooks.wait_for("/program", "task.submitted", task=task)
        assert told.data["metadata"] == metadata


ACTS = """
import bridge

once = [bridge.imagine("a pig --sandbox instant", upstream="acting", metadata={"order": "80"}, key="k") for _ in "12"]
assert once[0].id == once[1].id, once
assert (once[0].state, once[0].by, once[0].label) == ("pending", "program", "imagine"), once
print(once[0].id)
"""
PRESSES = """
import sys
import bridge
from bridge.errors import Refused

pressed = [bridge.press(sys.argv[1], button, upstream="acting") for button in ("U1", "upsample:1")]
assert pressed[0].id == pressed[1].id, pressed
try:
    bridge.press(sys.argv[1], "U9", upstream="acting")
except Refused as error:
    assert "it has: U1" in str(error), error
else:
    raise AssertionError
print(pressed[0].id)
"""


def printed(program: str, everyday: Everyday, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=everyday.deployment.env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def test_a_program_imagines_and_presses_and_what_comes_of_it_is_told(
    everyday: Everyday,
) -> None:
    imagined = printed(ACTS, everyday)
    grid = told_of(everyday, "actionId", imagined)
    pressed = printed(PRESSES, everyday, grid.task)
    picture = told_of(everyday, "actionId", pressed)

    assert (grid.data["action"], grid.data["by"]) == ("IMAGINE", "program")
    assert (picture.data["action"], picture.data["by"]) == ("UPSCALE", "program")
    assert picture.data["parentId"] == picture.data["rootId"] == grid.task
    assert grid.data["metadata"] == picture.data["metadata"] == {"order": "80"}


def test_any_celery_producer_imagines_and_presses_and_a_repeated_message_does_once(
    everyday: Everyday,
) -> None:
    producer = Celery(broker=broker_url_for(everyday.deployment.store.url))
    told = {"upstream": "acting", "metadata": {"order": "81"}}
    with producer:
        for _ in range(2):  # as a broker may hand a message out twice
            producer.send_task(
                "mjbridge.imagine", ["a cow --sandbox instant"], told, task_id="m-81"
            )
        grid = told_of(everyday, "metadata", {"order": "81"})
        producer.send_task("mjbridge.press", [grid.task, "U9", "acting"])  # logged
        for _ in range(2):
            producer.send_task(
                "mjbridge.press", [grid.task, "U2", "acting"], {"metadata": {"o": 82}}
            )
        picture = told_of(everyday, "metadata", {"o": 82})

    assert (picture.data["action"], picture.data["by"]) == ("UPSCALE", "program")
    ours = [
        one
        for one in everyday.hooks.events("/acting")
        if "order" in one.data["metadata"]
    ]
    assert [one.data["metadata"]["order"] for one in ours].count("81") == 1


def told_of(everyday: Everyday, field: str, value: object) -> Received:
    """Wait for the success of a task with a field of this value."""

    def found() -> Received | None:
        taken = everyday.hooks.events("/acting")
        return next((one for one in taken if one.data[field] == value), None)

    told = until(found, what=lambda: str(everyday.hooks.events("/acting")))
    assert told is not None
    return told


def test_any_celery_producer_tracks_without_importing_the_bridge(
    everyday: Everyday,
) -> None:
    """It knows the broker, the prefix of the deployment's keys, and a task's name."""
    everyday.gateway.put(row("by-message", "SUCCESS"), row("with-more", "SUCCESS"))
    producer = Celery(broker=broker_url_for(everyday.deployment.store.url))
    producer.conf.broker_transport_options = {
        "global_keyprefix": f"{{{NAMESPACE}}}:celery:"
    }

    with producer:
        producer.send_task("mjbridge.track", [["by-message"], "producer"])
        producer.send_task(
            "mjbridge.track",
            [["with-more", "with-more", " "]],  # refused as a whole: one is no id
            {"upstream": "producer"},
        )
        producer.send_task(
            "mjbridge.track",
            [["with-more"]],
            {"upstream": "producer", "metadata": {"order": "78"}},
        )

    everyday.hooks.wait_for("/producer", "task.succeeded", task="by-message")
    told = everyday.hooks.wait_for("/producer", "task.succeeded", task="with-more")
    assert told.data["metadata"] == {"order": "78"}


def test_a_producer_that_knows_nothing_but_the_broker_tracks_and_loses_nothing(
    everyday: Everyday,
) -> None:
    """Its own tasks wait in the same queue, and stay there for its own workers."""
    everyday.gateway.put(row("by-a-stranger", "SUCCESS"))
    producer = Celery(broker=broker_url_for(everyday.deployment.store.url))

    with producer, producer.connection_for_write() as connection:
        producer.send_task("shop.sell", ["a picture"])
        producer.send_task("mjbridge.track", [["by-a-stranger"], "producer"])
        producer.send_task("mjbridge.track", [7])  # no list of ids: logged, and gone
        everyday.hooks.wait_for("/producer", "task.succeeded", task="by-a-stranger")
        queue = connection.SimpleQueue("celery")
        until(lambda: queue.qsize() == 1)

        kept = queue.get(timeout=30)
        assert kept.headers["task"] == "shop.sell"
        kept.ack()
