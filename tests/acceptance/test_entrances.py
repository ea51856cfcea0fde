"""The ways into a deployment for programs."""

from __future__ import annotations

import subprocess
import sys

from celery import Celery

from bridge.adapters.broker.transport import broker_url_for
from tests.acceptance.harness import NAMESPACE
from tests.acceptance.scenery import Everyday
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

        kept = queue.get(timeout=5)
        assert kept.headers["task"] == "shop.sell"
        kept.ack()
