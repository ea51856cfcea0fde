"""Traces: from the poll that saw a change, over its event, to each receiver."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Stage, row
from tests.collector import collector
from tests.waiting import until

SECRET_PATH = "n0where-path"
PROMPT = "n0where-prompt"


def test_one_trace_leads_from_the_upstream_to_the_receiver_and_tells_no_secret(
    tmp_path: Path, stage: Stage
) -> None:
    gateway, hooks = stage.gateway(), stage.hooks()
    path = f"/{SECRET_PATH}"
    hooks.answer(path, 500, then=204)
    gateway.put(row("t-1", "SUCCESS") | {"prompt": PROMPT})
    with (
        collector() as collected,
        Installation(
            tmp_path,
            upstreams={"default": {**QUICK_UPSTREAM, "base_url": gateway.url}},
            endpoints={"app": {"url": hooks.url + path, "retry": [0.2]}},
            also={
                "OTEL_EXPORTER_OTLP_ENDPOINT": collected.url,
                # What is not exported when a worker ends does not come in time.
                "OTEL_BSP_SCHEDULE_DELAY": "60000",
            },
        ) as deployment,
    ):
        worker = deployment.start_worker()
        deployment.start_beat()
        deployment.track("t-1")
        until(lambda: len(hooks.received(path)) == 2, what="the second attempt")
        until(
            lambda: deployment.story("t-1")[0].deliveries[0].state == "delivered",
            what="the delivery is settled",
        )
        worker.terminate()

        [recorded] = collected.named("record task.succeeded")
        attempts = collected.named("deliver app")
        [fetched] = [
            span
            for span in collected.named("upstream.fetch")
            if span.trace == recorded.trace
        ]
        assert (recorded.parent, fetched.parent) == (fetched.id, "")
        assert [one.parent for one in attempts] == [recorded.id] * 2
        assert sorted(
            (one.failed, one.facts["http.response.status_code"]) for one in attempts
        ) == [(False, 204), (True, 500)]
        # What comes after that are flags: sampled, and whether the trace's id is random.
        assert {one.headers["traceparent"][:53] for one in hooks.received(path)} == {
            f"00-{one.trace}-{one.id}-" for one in attempts
        }
        assert {one.trace for one in attempts} == {fetched.trace}
        assert {span.service for span in collected.spans} == {"mjbridge"}
        for secret in (SECRET_PATH, PROMPT, QUICK_UPSTREAM["api_key"]):
            assert str(secret).encode() not in collected.received
        assert not worker.says("opentelemetry")
