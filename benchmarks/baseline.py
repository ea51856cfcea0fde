"""
What mjbridge is measured against: the obvious design, one Celery task per delivery.

The task signs and POSTs with a pooled httpx client and would retry with ``countdown``.
It keeps no log, no order and no limits, so it does less than a delivery of ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time

import httpx
from celery import Celery

app = Celery("baseline", broker=os.environ.get("BASELINE_BROKER", "memory://"))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    broker_transport_options={"global_keyprefix": "baseline:"},
    broker_connection_retry_on_startup=True,
)
KEY = b"0123456789abcdef0123456789abcdef"
client = httpx.Client(timeout=15, limits=httpx.Limits(max_connections=100))


@app.task(name="baseline.deliver", bind=True, max_retries=9)
def deliver(self, url: str, event_id: str, body: str) -> None:  # type: ignore[no-untyped-def]
    at = str(int(time.time()))
    signed = hmac.digest(KEY, f"{event_id}.{at}.{body}".encode(), hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(signed).decode(),
    }
    try:
        client.post(url, content=body.encode(), headers=headers).raise_for_status()
    except httpx.HTTPError as error:
        raise self.retry(countdown=5) from error
