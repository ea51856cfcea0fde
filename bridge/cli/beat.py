"""``beat``: Celery's own, for this deployment."""

from __future__ import annotations

from bridge.cli.service import begin_process


def beat() -> None:
    """
    Run Celery's beat: it gives the ticks.

    One is enough; two do no harm.
    """
    begin_process()
    from bridge.celery import app

    app.Beat(quiet=True).run()
