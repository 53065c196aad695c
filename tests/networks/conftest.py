"""What the tests of networks share."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import pytest

from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace


@pytest.fixture(scope="session")
def random_variables() -> Callable[[nn.Module, Size], Any]:
    """Makes positive parameters and statistics without compiling anything."""

    def make(module: nn.Module, in_size: Size) -> Any:
        generator = np.random.default_rng(0)
        return jax.tree.map(
            lambda leaf: generator.uniform(0.1, 1.0, leaf.shape).astype(np.float32),
            trace(module, in_size).variables,
        )

    return make
