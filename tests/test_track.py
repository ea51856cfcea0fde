"""`bridge.track`: what a program may ask for, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import pytest

import bridge
from bridge.app.lookup import check_ids
from bridge.errors import Misconfigured


@pytest.mark.parametrize("ids", ["1730621826053455", b"17306"], ids=["text", "bytes"])
def test_a_single_id_is_not_taken_for_a_list_of_characters(ids: Any) -> None:
    with pytest.raises(Misconfigured, match="as a list"):
        check_ids(ids)


@pytest.mark.parametrize("ids", [None, 7, {"1": 2}, {"1"}])
def test_what_is_no_list_of_ids_is_refused(ids: Any) -> None:
    with pytest.raises(Misconfigured, match="as a list"):
        check_ids(ids)


def test_importing_the_bridge_imports_neither_celery_nor_a_client() -> None:
    assert callable(bridge.track)
