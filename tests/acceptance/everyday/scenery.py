"""
The everyday deployment: one worker and one beat for every test in which nothing is killed.

Tests do not disturb one another because each has a corner of its own: an upstream (on the
gateway that all share, or on one with faults) and the endpoints that hear about that
upstream alone. What the corners are is written down here, because a worker reads its
configuration once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Gateway, Hooks, Stage

#: Signing secrets, as `standardwebhooks` and `svix` take them.
OLD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW_SECRET = "whsec_" + "bmV3IHNlY3JldCBmb3IgYSByb3RhdGlvbg=="

#: Many retries, each soon: a machine that is busy may skip a few.
SOON = [0.3] * 20

#: Each corner's endpoints, and what is particular about them.
CORNERS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "story": {"story": {"events": ["task.*"], "secrets": [NEW_SECRET, OLD_SECRET]}},
    "defaults": {"defaults": {}},
    "failing": {"failing": {}},
    "flaky": {"flaky": {"events": ["task.*"]}},
    "throttled": {"throttled": {"retry": [0.3], "concurrency": 1}},
    "gone": {"gone": {}},
    "overtaken": {"overtaken": {"events": ["task.*"]}},
    "refusing": {"refusing": {}},
    "hopeless": {"hopeless": {"retry": [0.4, 0.4]}},
    "rated": {"rated": {"rate_limit": "5/s"}},
    "capped": {"capped": {"concurrency": 2}},
    "silence": {"silent": {"timeout": 40}, "beside": {}},
    "again": {"again": {}},
    "program": {"program": {}},
    "producer": {"producer": {}},
    "acting": {"acting": {}},
    "quick": {"quick": {"events": ["task.*"], "secrets": [NEW_SECRET]}},
    "operated": {"operated": {}},
    "hooked": {},
}

#: Receivers of single tasks' events may be on this machine, as all others here are.
HOOKS = {"secrets": [NEW_SECRET], "allow_networks": ["127.0.0.0/8"], "retry": SOON}

#: Upstreams with something particular about how they are polled, on the shared gateway.
IMPATIENT: Mapping[str, Mapping[str, Any]] = {
    "impatient": {"missing_after": 1},
    "aging": {"max_age": 2},
}

#: Faults: each has a gateway of its own, so that it disturbs no other test.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "rand": {"rand": True},
    "empty_status": {"empty_status": 1.5},
    "duplicates": {"duplicates": True},
    "omitting": {"omit": 0.4},
    "wrapping": {"wrapped": True},
    "refusing_the_key": {"error": {"status": 401, "times": 2}},
    "throttling": {"error": {"status": 429, "retry_after": 2, "times": 2}},
    "broken": {"error": {"status": 500, "times": 3}},
    "cut_off": {"truncated": "wire"},
    "web_page": {"html": True},
    "envelope": {"envelope": True},
    "poison": {},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyday:
    """The everyday deployment and the stage around it."""

    deployment: Installation
    gateway: Gateway  #: The one that all corners share.
    faulty: Mapping[str, Gateway]  #: Those with faults, by the fault's name.
    hooks: Hooks  #: Each endpoint has its name for a path.


@contextmanager
def everyday_deployment(stage: Stage, folder: Path) -> Iterator[Everyday]:
    """Have the everyday deployment run for as long as the context lasts."""
    gateway, hooks = stage.gateway(), stage.hooks()
    faulty = {name: stage.gateway(speed=15.0) for name in FAULTS}
    upstreams: dict[str, Mapping[str, Any]] = {
        **{name: {"base_url": gateway.url} for name in CORNERS},
        **{name: {"base_url": gateway.url, **told} for name, told in IMPATIENT.items()},
        **{name: {"base_url": one.url} for name, one in faulty.items()},
    }
    endpoints: dict[str, Mapping[str, Any]] = {
        name: {"url": f"{hooks.url}/{name}", "upstreams": [corner], **told}
        for corner, several in CORNERS.items()
        for name, told in several.items()
    }
    everything = {"events": ["task.*"], "upstreams": [*IMPATIENT, *FAULTS]}
    endpoints["watcher"] = {"url": f"{hooks.url}/watcher", **everything}
    endpoints["operators"] = {"url": f"{hooks.url}/operators", "events": ["*"]}
    with Installation(
        folder,
        upstreams={
            name: {**QUICK_UPSTREAM, **told} for name, told in upstreams.items()
        },
        endpoints={name: {"retry": SOON, **told} for name, told in endpoints.items()},
        hooks=json.dumps(HOOKS),
        celery=True,
    ) as deployment:
        worker = deployment.start_worker(wait=False)
        deployment.start_beat()
        deployment.is_up(worker)
        yield Everyday(
            deployment=deployment, gateway=gateway, faulty=faulty, hooks=hooks
        )
