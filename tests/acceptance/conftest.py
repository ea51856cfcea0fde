"""What every acceptance test can ask for."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.acceptance.everyday.scenery import Everyday
from tests.acceptance.harness import Installation
from tests.acceptance.stage import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Servers around the deployments."""
    with Stage() as servers:
        yield servers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes of a failed test's deployment wrote."""
    report = yield
    if report.failed:
        for given in getattr(item, "funcargs", {}).values():
            deployment = given.deployment if isinstance(given, Everyday) else given
            if isinstance(deployment, Installation):
                report.sections.extend(deployment.logs())
    return report
