"""
Celery's configuration, where a Celery user looks for it: it is the package's own.

`bridge.celery` reads it from the package, so a ``celeryconfig.py`` in the working directory,
this one or another application's, changes nothing.
"""

from bridge.runtime.celery_settings import *  # noqa: F403 - the names are Celery's
