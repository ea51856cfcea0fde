"""A hangup (SIGHUP) ends a process of ours as SIGTERM does."""

from __future__ import annotations

import signal


def end_at_hangup() -> None:
    """Have SIGHUP end this process as SIGTERM does, unless it was started to outlive one."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
