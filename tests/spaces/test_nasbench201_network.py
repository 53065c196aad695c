"""NAS-Bench-201 networks against published figures and sums computed by hand."""

from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.config import Recipe
from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.cost import cost, depth
from gpt_nas_jax.networks.trace import layers_of, trace
from gpt_nas_jax.spaces.nasbench201.network import IMAGE, CellModule, Reduction, network
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule

NONE, SKIP, CONV_1, CONV_3, POOL = range(len(OPERATIONS))
CELLS = st.tuples(*[st.integers(0, len(OPERATIONS) - 1)] * len(EDGES))
# The cell with the highest validation accuracy on CIFAR-10.
BEST = (CONV_3, CONV_3, CONV_3, SKIP, CONV_3, CONV_3)


def test_operations_are_in_the_order_of_the_genes():
    assert [OPERATIONS[gene] for gene in (NONE, SKIP, CONV_1, CONV_3, POOL)] == [
        *("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    ]


@pytest.mark.parametrize(
    ("operation", "num_classes", "millions"),
    # The minimum and maximum over all 15,625 cells on CIFAR-10, CIFAR-100 and
    # ImageNet16-120, from the benchmark's files.
    [
        *((NONE, 10, 0.073306), (SKIP, 10, 0.073306), (POOL, 10, 0.073306)),
        *((CONV_3, 10, 1.531546), (NONE, 100, 0.079156), (CONV_3, 100, 1.537396)),
        *((NONE, 120, 0.080456), (CONV_3, 120, 1.538696)),
    ],
)
def test_parameters_are_the_published_ones(
    operation: int, num_classes: int, millions: float
):
    traced = trace(network((operation,) * 6, num_classes), IMAGE)
    assert traced.params == round(millions * 1e6)


@pytest.mark.parametrize(
    ("operation", "size", "num_classes", "millions"),
    [
        *((NONE, 32, 10, 7.78305), (CONV_3, 32, 10, 220.11969)),
        *((NONE, 32, 100, 7.7889), (CONV_3, 32, 100, 220.12554)),
        *((NONE, 16, 120, 1.9534), (CONV_3, 16, 120, 55.03756)),
    ],
)
def test_arithmetic_is_the_published_one(
    operation: int, size: int, num_classes: int, millions: float
):
    measured = cost(network((operation,) * 6, num_classes), (size, size, 3))
    # The benchmark counts the classifier's bias, too.
    assert measured.macs + num_classes == round(millions * 1e6)


def counted(operations: tuple[int, ...]) -> int:
    """The number of parameters by hand; a BatchNorm has two per channel."""
    stem = 27 * 16 + 2 * 16
    cells = 0
    for width in (16, 32, 64):
        weights = {CONV_1: width * width, CONV_3: 9 * width * width}
        cells += 5 * sum(weights[o] + 2 * width for o in operations if o in weights)
    reductions = sum(
        9 * width * 2 * width + 9 * (2 * width) ** 2 + 8 * width + width * 2 * width
        for width in (16, 32)
    )
    return stem + cells + reductions + 2 * 64 + (64 * 10 + 10)


@hypothesis.settings(max_examples=20)
@hypothesis.given(operations=CELLS)
def test_parameters_are_those_counted_by_hand(operations: tuple[int, ...]):
    assert trace(network(operations), IMAGE).params == counted(operations)


def test_the_best_cell_has_the_published_size():
    assert round(counted(BEST) / 1e6, 2) == 1.29


@hypothesis.settings(max_examples=20)
@hypothesis.given(operations=CELLS)
def test_a_cell_is_the_sum_over_all_nodes_before(operations: tuple[int, ...]):
    """Every convolution multiplies by a constant, so the output is easy to compute."""
    cell = CellModule(operations)
    size = (4, 5, 2)
    x = np.random.default_rng(0).normal(size=(2, *size)).astype(np.float32)
    factors = iter(np.linspace(0.5, 2, 6).tolist())
    used = []

    def constant(path: Any, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        name = path[-1].key
        if name != "kernel":
            # BatchNorm is the identity, except for its epsilon.
            return np.full(leaf.shape, float(name in ("scale", "var")), np.float32)
        used.append(next(factors))
        kernel = np.zeros(leaf.shape, np.float32)
        middle = leaf.shape[0] // 2
        kernel[middle, middle] = used[-1] * np.eye(leaf.shape[-1])
        return kernel

    variables = jax.tree_util.tree_map_with_path(constant, trace(cell, size).variables)
    padded = np.pad(np.ones((4, 5)), 1)
    inside = sum(padded[i : i + 4, j : j + 5] for i in range(3) for j in range(3))

    def pooled(value: np.ndarray) -> np.ndarray:
        value = np.pad(value, ((0, 0), (1, 1), (1, 1), (0, 0)))
        total = sum(value[:, i : i + 4, j : j + 5] for i in range(3) for j in range(3))
        return total / inside[..., None]

    scales = iter(used)
    nodes = [x, *[np.zeros_like(x)] * 3]
    for (source, target), operation in zip(EDGES, operations, strict=True):
        value = nodes[source]
        match operation:
            case 0:
                continue
            case 2 | 3:
                value = next(scales) * np.maximum(value, 0) / np.sqrt(1 + 1e-5)
            case 4:
                value = pooled(value)
        nodes[target] = nodes[target] + value
    out = cell.apply(variables, x, False)
    np.testing.assert_allclose(out, nodes[3], rtol=1e-4, atol=1e-5)


def test_a_reduction_halves_the_image_and_keeps_a_shortcut():
    layers = layers_of(Reduction(8), (6, 4, 4))
    assert layers[-1].out_size == (3, 2, 8)
    kinds = [getattr(layer, "name", layer.kind) for layer in layers]
    main = ["relu", "conv", "batch_norm"] * 2
    assert kinds == [*main, "pool", "conv", "add"]


def test_fifteen_cells_stand_between_the_stem_and_the_classifier():
    # A reduction has two convolutions in a row; a cell with one edge has one.
    assert depth(network((NONE,) * 3 + (CONV_1,) + (NONE,) * 2), IMAGE) == (
        1 + 15 + 2 * 2 + 1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "operations",
    [
        *((NONE,) * 6, (CONV_3, NONE, NONE, NONE, NONE, NONE)),
        pytest.param(BEST, marks=pytest.mark.long),
    ],
)
def test_every_cell_trains_even_one_that_passes_nothing(operations: tuple[int, ...]):
    cells = (CellModule(operations), CellModule(operations))
    chain = Chain((cells[0], Reduction(4), cells[1], Head(3)))
    size, update = (4, 4, 2), optimizer(Recipe(epochs=1, batch=2), 1)
    rules = (Rule.ALL,) * len(chain.blocks)
    states = by_block.start(chain, rules, update, size, jax.random.key(0))
    x = jnp.ones((2, *size))
    states, loss = by_block.step(update, states, x, jnp.array([0, 2]))
    assert np.isfinite(loss)
    assert sum(s.trained.size for s in states) == trace(chain, size).params
