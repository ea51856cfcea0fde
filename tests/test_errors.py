"""`bridge.errors`: every error is a sentence that a person can act on."""

from __future__ import annotations

import pytest

from bridge.errors import (
    Ambiguous,
    BridgeError,
    InvalidCursor,
    Misconfigured,
    NotFound,
    StoreRefused,
    StoreUnavailable,
)

EVERY_ERROR = [
    Misconfigured,
    StoreUnavailable,
    StoreRefused,
    NotFound,
    Ambiguous,
    InvalidCursor,
]


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_an_error_without_words_of_its_own_says_what_its_kind_means(
    kind: type[BridgeError],
) -> None:
    said = str(kind())

    assert said.endswith(".")
    assert "\n" not in said
    assert "  " not in said


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_an_error_says_what_it_was_raised_with(kind: type[BridgeError]) -> None:
    assert str(kind("the key is blank")) == "the key is blank"


def test_a_command_fails_with_2_only_when_it_would_fail_again() -> None:
    codes = {kind: kind.exit_code for kind in EVERY_ERROR}

    assert codes == {
        Misconfigured: 2,
        StoreUnavailable: 1,
        StoreRefused: 2,
        NotFound: 1,
        Ambiguous: 2,
        InvalidCursor: 2,
    }
