"""Fixtures of the tests of strategies."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def all_compile_quickly(compiles_quickly: None) -> None:
    """They draw and sort small arrays only."""
