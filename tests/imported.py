"""What commands and processes of the bridge import; see `tests.forks`."""

from __future__ import annotations

# ruff: noqa: F401
import gc

import celery.apps.beat
import celery.apps.worker
import celery.concurrency.prefork
import kombu.transport.redis

import bridge.adapters.broker.redis_transport
import bridge.cli.beat
import bridge.cli.commands
import bridge.cli.event_printer
import bridge.cli.watch
import bridge.cli.web
import bridge.cli.worker
import bridge.runtime.checkup
import bridge.runtime.engine
import bridge.web.server

gc.freeze()
