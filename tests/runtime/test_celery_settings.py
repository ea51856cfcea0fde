"""`bridge.celery`: the bridge's Celery application beside other people's."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(program: str, cwd: Path, **env: str) -> str:
    """Run a program against a store that is never connected to; return what it prints."""
    inherited = {k: v for k, v in os.environ.items() if k[:7].upper() != "BRIDGE_"}
    ours = {"BRIDGE_REDIS_URL": "redis://ours.example:6379/0"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env=inherited | ours | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_celeryconfig_in_the_working_directory_is_ignored(tmp_path: Path) -> None:
    """It is the name that Celery's documentation teaches, so others use it as well."""
    foreign = 'broker_url = "redis://theirs.example:6379/0"\nbeat_schedule = {}\n'
    (tmp_path / "celeryconfig.py").write_text(foreign)
    program = (
        "import sys; sys.path.insert(0, '')\n"
        "from bridge.celery import app\n"
        "print(app.conf.broker_url, sorted(app.conf.beat_schedule))"
    )

    printed = run(program, tmp_path)

    assert printed == "redis://ours.example:6379/0 ['deliver', 'poll', 'sweep']\n"


@pytest.mark.parametrize("first", ["host = Celery('host')", "import bridge.celery"])
def test_importing_the_application_leaves_the_hosts_own_alone(
    tmp_path: Path, first: str
) -> None:
    program = f"""
from celery import Celery, current_app, shared_task
{first}
host = Celery("host")
import bridge.celery

@shared_task
def sell():
    pass

assert current_app.main == "host", current_app.main
assert sell.app is host, sell.app
"""

    run(program, tmp_path)


def test_a_django_project_around_it_is_not_loaded(tmp_path: Path) -> None:
    program = "import bridge.celery; print(bridge.celery.app.fixups)"

    printed = run(program, tmp_path, DJANGO_SETTINGS_MODULE="shop.settings")

    assert printed == "[]\n"


def test_the_file_at_the_root_is_the_packages_configuration(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import celeryconfig
from bridge.runtime import celery_settings
names = [name for name in dir(celery_settings) if name[0] != "_"]
assert "broker_url" in names
assert all(getattr(celeryconfig, n) is getattr(celery_settings, n) for n in names)
"""

    run(program, tmp_path)


def test_beat_sleeps_until_a_tick_is_due(tmp_path: Path) -> None:
    """Celery's own scheduler wakes 10 ms before, and looks at the clock thousands of times."""
    program = """
from celery.beat import Service
from bridge.celery import TickScheduler, app

class Deaf(TickScheduler):
    sent = looks = 0

    def tick(self):
        self.looks += 1
        return super().tick()

    def apply_async(self, *args, **options):
        self.sent += 1
        if self.sent == 5:
            beat.stop(wait=False)

app.conf.beat_schedule = {"often": {"task": "mjbridge.sweep", "schedule": 0.1}}
beat = Service(app, scheduler_cls=Deaf)
beat.start()
print(beat.scheduler.looks)
"""

    assert int(run(program, tmp_path)) < 30


@pytest.mark.sources
def test_the_wheel_holds_the_package_and_nothing_beside_it(tmp_path: Path) -> None:
    build = (
        "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    )
    subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    top = {name.partition("/")[0] for name in names}
    assert {one for one in top if not one.endswith(".dist-info")} == {"bridge"}
    assert "bridge/sandbox/png/grid.png" in names
