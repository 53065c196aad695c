"""Types of the benchmarks' cells on CPU, GPU and TPU, without compiling."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from platforms_support import UPDATE, images, lower, plain, training

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.platform import compiling_for
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.training import programs
from gpt_nas_jax.training.rules import Rule

IMAGE = (8, 8, 3)
# The first has every operation; the second has a skip and nodes without input.
CELLS_201 = ([4, 3, 2, 1, 0, 3], [1, 0, 0, 4, 2, 0])


NETWORKS = ("nasbench201-0", "nasbench201-1", "nasbench101-0", "nasbench101-1")


@pytest.fixture(scope="module")
def networks() -> dict[str, Chain]:
    """A few networks of both benchmarks on small images."""
    small, space = NasBench201Space(IMAGE), NasBench101Space(image=IMAGE)
    drawn = np.asarray(space.sample(jax.random.key(0), 2))
    found = [
        *(small.decode(np.array(cell, np.int32)) for cell in CELLS_201),
        *map(space.decode, drawn),
    ]
    return dict(zip(NETWORKS, found, strict=True))


def distinct(chain: Chain) -> list[tuple[nn.Module, Size]]:
    """The blocks of a network with programs of their own, and their input sizes."""
    found, size = {}, IMAGE
    for block in chain.blocks:
        found[block, size] = None
        size = trace(block, size).out_size
    return list(found)


def kinds(chain: Chain) -> list[tuple[nn.Module, Size]]:
    """The first block of each kind; wider ones have the same operations."""
    found = {}
    for block, size in distinct(chain):
        found.setdefault(type(block), (block, size))
    return list(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_cells_are_trained_on_every_platform(
    networks: dict[str, Chain], name: str
) -> None:
    check(kinds(networks[name]), "bfloat16")


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_cells_of_every_width_are_trained_on_every_platform(
    networks: dict[str, Chain], name: str, dtype: str
) -> None:
    check(distinct(networks[name]), dtype)


def check(blocks: list[tuple[nn.Module, Size]], dtype: str) -> None:
    """Checks the types of training and inference, lowered for every platform."""
    for block, size in blocks:
        is_first = size == IMAGE
        state = programs.shapes(block, Rule.ALL, UPDATE, size)

        def run(state: object, x: object, is_first: bool = is_first) -> object:
            return training(state, x, is_first)

        y, _, (trained, _, dx) = lower(run, state, images(size, dtype))
        expected = "float32" if len(y.shape) == 2 else dtype
        assert y.dtype == expected
        assert jax.tree.map(lambda leaf: leaf.dtype, trained) == jax.tree.map(
            lambda leaf: leaf.dtype, state.trained
        )
        assert all(part.dtype == dtype for part in dx)
        answer = lower(plain(programs.infer), state, images(size, dtype))
        assert answer.dtype == expected
        with compiling_for("tpu"):
            lower(
                lambda state, x, first=is_first: training(state, x, first),
                state,
                images(size, dtype),
                platforms=("tpu",),
            )
