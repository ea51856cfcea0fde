"""The deployment that all tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.everyday.scenery import Everyday, everyday_deployment
from tests.acceptance.stage import Stage


@pytest.fixture(scope="package")
def everyday(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Everyday]:
    """
    One worker and one beat for all tests in which nothing is killed.

    They end with the folder's last test: they poll five times a second for as long as they
    run.
    """
    with everyday_deployment(stage, tmp_path_factory.mktemp("everyday")) as running:
        yield running
