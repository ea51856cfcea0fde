"""
Another process at the stand: ``python -m tests.actions.worker WHAT STORE NAMESPACE SHOP``.

``press`` presses U1 50 times at once and writes the ids that it is told. ``pump`` makes
actions until it is killed. ``rule`` sees tasks succeed, with a rule that presses, and makes
actions; ``limit`` sees them succeed once, with a rule that has a limit.
"""

from __future__ import annotations

import asyncio
import sys

from bridge.adapters.gateway.actions import ActionClient
from bridge.adapters.gateway.client import UpstreamOptions
from bridge.adapters.store.connection import connect
from bridge.core.task import TaskStatus
from tests.actions.stand import CONCURRENCY, ENDLESS, PATIENCE, UPSTREAM, Stand
from tests.actions.test_rules import LIMITED, RULE, see
from tests.contract.bench import Bench

PRESSES = 50


async def main(what: str, store: str, namespace: str, shop: str) -> None:
    options = UpstreamOptions(
        name=UPSTREAM, base_url=shop, api_key="sk-secret", concurrency=CONCURRENCY
    )
    client = connect(store)
    at = Stand(
        bench=Bench(client, namespace),
        client=ActionClient(options),
        timeout=30,
        patience=ENDLESS if what == "rule" else PATIENCE,
    )
    if what == "press":
        connections = asyncio.Semaphore(60)

        async def press() -> str:
            async with connections:
                return (await at.press("U1")).id

        ids = await asyncio.gather(*(press() for _ in range(PRESSES)))
        sys.stdout.write("\n".join(ids))
    elif what == "limit":
        while await see(at.bench, TaskStatus.SUCCESS, LIMITED, most=5):
            pass
    else:
        sys.stdout.write("pumping\n")
        sys.stdout.flush()
        while True:
            if what == "rule":
                await see(at.bench, TaskStatus.SUCCESS, RULE, most=3)
            await at.run()
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
