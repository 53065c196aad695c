"""What the tests of the strategies share."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def compiles_quickly() -> Iterator[None]:
    """These programs take milliseconds to run and, optimised, seconds to compile."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
