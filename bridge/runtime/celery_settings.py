"""
Celery's configuration: the names at module level are Celery's settings.

Nothing here is a promise about delivery: messages only have a worker look, and the truth is in
the store. `bridge.celery` reads it, so `celery -A bridge worker` and `celery -A bridge beat`
work from any directory, also from one with a ``celeryconfig.py`` of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kombu import Exchange, Queue

from bridge.adapters.broker.transport import Broker
from bridge.errors import BridgeError
from bridge.logs import complain
from bridge.runtime.factories import broker
from bridge.settings import load_settings


def _configured() -> Broker:
    """Read the settings; for the ``celery`` command, an error is one line and an exit."""
    try:
        return broker(load_settings())
    except BridgeError as error:
        if Path(sys.argv[0]).name != "celery":
            raise
        complain(str(error))
        sys.exit(error.exit_code)


_broker = _configured()

broker_url = _broker.url
broker_transport = _broker.transport
broker_transport_options = _broker.options
broker_use_ssl = _broker.tls
broker_connection_retry_on_startup = True  # the processes may be started in any order
broker_connection_max_retries = None  # by default a worker gives up after 100
broker_pool_limit = 10

imports = ("bridge.tasks",)
task_ignore_result = True
result_backend = None
task_acks_late = False  # what a message stands for is in the store, not in the message
task_publish_retry = False  # a tick that cannot be sent is replaced by the next
task_serializer = "json"
accept_content = ["json"]

# Two queues, so that a slow upstream never holds up a delivery. A producer that names no
# queue sends to "celery"; where every key is ours, so is that one, and it is listened to.
task_default_queue = "poll"
task_routes = {
    "mjbridge.deliver": {"queue": "deliver"},
    "mjbridge.*": {"queue": "poll"},
}
_queues = ("poll", "deliver", *(("celery",) if _broker.prefixed else ()))
# Exchange and key are said outright: without them all queues share the default queue's,
# and each message arrives in every one of them.
task_queues = [Queue(name, Exchange(name), routing_key=name) for name in _queues]

worker_prefetch_multiplier = 1
worker_concurrency = 2  # an engine each; it is the engines that work side by side
worker_max_tasks_per_child = None
worker_max_memory_per_child = 400_000  # KiB: a safety net, no leak is known
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_send_task_events = False  # costs a third of the throughput; flower asks for it
# Nothing is acknowledged late, so nothing is cancelled; but to leave it out is warned of.
worker_cancel_long_running_tasks_on_connection_loss = True
worker_enable_prefetch_count_reduction = False  # tasks last for milliseconds

timezone = "UTC"
beat_scheduler = "bridge.celery:TickScheduler"
beat_max_loop_interval = 5
# Ticks carry no expiry: it would be a time by beat's clock, and a worker whose clock is a few
# seconds ahead would discard every one. `TickScheduler` keeps them from piling up.
# Workers are woken by the store, and look every few seconds by themselves. The sweep proves that
# beat, broker and workers are there; the other two begin the work of a worker whose pool makes
# its engine with the first task.
beat_schedule = {
    "poll": {"task": "mjbridge.poll", "schedule": 15.0},
    "deliver": {"task": "mjbridge.deliver", "schedule": 15.0},
    "sweep": {"task": "mjbridge.sweep", "schedule": 5.0},
}
