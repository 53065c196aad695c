"""Networks cut into segments, compared with the whole networks."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from proxies_support import CLASSES, CONV1, CONV3, NONE, POOL, SKIP, of_cells, tree_of

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES
from gpt_nas_jax.evaluation.proxies import loss, weights
from gpt_nas_jax.evaluation.proxies.segments import Segment, is_connected, segments
from gpt_nas_jax.evaluation.proxies.walk import Walk
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.platform import native_forms
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.training.loss import cross_entropy, loss_and_gradient

SIZE = (4, 4, 3)
IMAGES = np.random.default_rng(0).normal(size=(2, 4, *SIZE)).astype(np.float32)
LABELS = np.array([[0, 1, 2, 1], [2, 2, 0, 1]], np.int32)

# The edges are 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
CELLS = {
    "random": (CONV3, POOL, SKIP, CONV1, SKIP, CONV3),
    "skips": (NONE, SKIP, NONE, SKIP, NONE, NONE),
    "a skip path twice": (SKIP, SKIP, SKIP, CONV1, SKIP, SKIP),
    "convolutions of zero": (NONE, CONV1, CONV3, POOL, CONV1, SKIP),
    "convolutions not reached": (CONV3, CONV1, NONE, SKIP, NONE, NONE),
}

SLOW = ("random", "convolutions of zero")


def drawn(parts: tuple[Segment, ...]) -> weights.Weights:
    """Weights that differ from node to node, none of them 0 or 1."""
    generator = np.random.default_rng(0)
    return jax.tree.map(
        lambda w: w + generator.normal(size=w.shape, scale=0.1).astype(np.float32),
        weights.uniform(parts, jax.random.key(0)),
    )


def of_whole(chain: Chain, params: Any, x: jax.Array, labels: jax.Array) -> Any:
    """Logits, both gradients of the loss and GraSP, computed on the whole network."""
    state = trace(chain, x.shape[1:]).variables.get("batch_stats", {})
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), state)

    def logits(params: Any, x: jax.Array) -> jax.Array:
        variables = {"params": params, "batch_stats": state}
        return chain.apply(variables, x, train=True, mutable=["batch_stats"])[0]

    def total(params: Any, x: jax.Array) -> jax.Array:
        return cross_entropy(logits(params, x), labels)

    def along_kernels(params: Any, values: Any) -> Any:
        return jax.tree_util.tree_map_with_path(
            lambda path, _, value: value * (path[-1].key == "kernel"), params, values
        )

    d_params, dx = jax.grad(total, (0, 1))(params, x)
    direction = along_kernels(params, d_params)
    of_params = functools.partial(jax.grad(total), x=x)
    _, product = jax.jvp(of_params, (params,), (direction,))
    terms = jax.tree.map(lambda w, h: (w * h).sum(), params, product)
    grasp = -sum(jax.tree.leaves(along_kernels(params, terms)))
    return logits(params, x), d_params, dx, grasp


def check_walk(chain: Chain) -> None:
    parts = segments(chain, SIZE)
    vectors = drawn(parts)
    walk, x = Walk(parts, vectors, train=True), IMAGES[0]
    for number in range(len(parts)):
        x = walk.forward(number, x)
    _, dy = loss_and_gradient(x, LABELS[0])
    for number in reversed(range(len(parts))):
        dy = walk.backward(number, dy)
    assert np.any(dy)
    grasp = loss.read(parts, vectors, IMAGES, LABELS, ("grasp",))["grasp"]
    params = tree_of(
        chain,
        parts,
        {(n, i): v for n, row in enumerate(vectors) for i, v in enumerate(row)},
    )
    with native_forms():
        whole = jax.jit(of_whole, static_argnums=0)(chain, params, IMAGES[0], LABELS[0])
    found = {place: gradients.params for place, gradients in walk.gradients.items()}
    ours = x, tree_of(chain, parts, found), dy, grasp
    assert jax.tree.structure(ours) == jax.tree.structure(whole)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in CELLS
    ],
)
def test_a_cell_in_pieces_is_the_cell(name: str):
    check_walk(of_cells(CELLS[name]))


def test_a_chain_of_blocks_is_itself():
    names = ("Conv", "SqueezeExcitation", "MaxPool")
    space = BlockSpace(SIZE, CLASSES, 2, len(names), width=16, num_stages=1)
    check_walk(space.decode(space.genome(names)))


def test_the_pieces_of_all_cells_are_few():
    pieces = {
        (node.block, node.in_size)
        for cell in CELLS.values()
        for part in segments(of_cells(cell, cell), SIZE)
        for node in part.nodes
    }
    # The stem, three operations, and the last three blocks.
    assert len(pieces) == 7


def test_what_has_no_path_is_not_connected():
    generator = np.random.default_rng(0)
    cells = generator.choice(5, (80, 6), p=[0.6, 0.1, 0.1, 0.1, 0.1])
    outcomes = []
    for cell in cells:
        steps = np.zeros((4, 4), int)
        for (source, target), operation in zip(EDGES, cell, strict=True):
            steps[source, target] = operation != NONE
        # Paths of one, two and three edges.
        reaches = (steps + steps @ steps + steps @ steps @ steps)[0, 3] > 0
        parts = segments(of_cells(tuple(cell.tolist())), SIZE)
        assert is_connected(parts) == reaches
        outcomes.append(reaches)
    assert 20 < sum(outcomes) < 60
