"""Initial weights of the proxies."""

import math
from collections.abc import Callable, Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from proxies_support import CONV1, CONV3, POOL, SKIP, of_cells

from gpt_nas_jax.evaluation import zero_cost
from gpt_nas_jax.evaluation.proxies import weights
from gpt_nas_jax.evaluation.proxies.segments import Segment, segments
from gpt_nas_jax.evaluation.proxies.weights import Weights
from gpt_nas_jax.evaluation.zero_cost import Batches
from gpt_nas_jax.networks.blocks import InvertedResidual
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.units import SqueezeExcitation, conv_norm, conv_norm_relu
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, Projected, candidate
from gpt_nas_jax.training.vectors import unflatten

Draw = Callable[[tuple[Segment, ...], jax.Array], Weights]

SIZE = (8, 8, 3)
CHAIN = Chain(
    (
        conv_norm(64, 3),
        InvertedResidual(128, stride=2),
        SqueezeExcitation(32),
        Head(100),
    )
)
PARTS = segments(CHAIN, SIZE)


def leaves(
    drawn: Weights, parts: tuple[Segment, ...] = PARTS
) -> Iterator[tuple[str, np.ndarray]]:
    """The kind and values of every parameter."""
    for part, vectors in zip(parts, drawn, strict=True):
        for node, vector in zip(part.nodes, vectors, strict=True):
            shapes = trace(node.block, node.in_size).collections()["params"]
            tree = unflatten(shapes, vector)
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
                yield path[-1].key, leaf


@pytest.mark.parametrize("draw", [weights.uniform, weights.normal])
@pytest.mark.parametrize(
    "parts", [PARTS, segments(candidate(BLOCK_NAMES, 16, 2, 10), SIZE)]
)
def test_only_kernels_of_built_in_blocks_are_drawn(
    draw: Draw, parts: tuple[Segment, ...]
):
    kinds = set()
    for kind, leaf in leaves(draw(parts, jax.random.key(0)), parts):
        kinds.add(kind)
        if kind == "kernel":
            assert len(np.unique(leaf)) > 0.9 * leaf.size
        else:
            np.testing.assert_array_equal(leaf, float(kind == "scale"))
    assert kinds == {"kernel", "scale", "bias"}


class Gain(nn.Module):
    """A learned factor of each channel, a factor and a shift of all."""

    kind: str = "gain"

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        factors = self.param(self.kind, nn.initializers.ones, x.shape[-1:])
        factor = self.param("factor", nn.initializers.constant(3), ())
        shift = self.param("shift", nn.initializers.normal(0.01), (1,))
        return x * factors * factor + shift


@pytest.mark.parametrize("draw", [weights.uniform, weights.normal])
def test_own_blocks_are_initialised_by_themselves_but_for_kernels(draw: Draw):
    half = nn.initializers.constant(0.5)

    class Several(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array, train: bool) -> jax.Array:
            x = nn.Conv(2, (3, 3), bias_init=half)(Gain()(x, train))
            return nn.PReLU()(nn.LayerNorm(scale_init=half)(x))

    # The first block of a stage is held by one of the package.
    parts = segments(Chain((Projected(2, 1, Several()), Gain(), Head(3))), SIZE)
    found: dict[str, list[np.ndarray]] = {}
    for kind, leaf in leaves(draw(parts, jax.random.key(0)), parts):
        found.setdefault(kind, []).append(leaf)
    for kernel in found.pop("kernel"):
        assert len(np.unique(kernel)) > 0.9 * kernel.size
    assert all(0 < abs(shift) < 0.1 for shift in found.pop("shift"))
    assert {kind: [v.tolist() for v in values] for kind, values in found.items()} == {
        "gain": [[1, 1], [1, 1]],
        "factor": [3, 3],
        "negative_slope": [pytest.approx(0.01)],
        # Of the package's BatchNorm and the user's LayerNorm.
        "scale": [[1, 1], [0.5, 0.5]],
        "bias": [[0, 0], [0.5, 0.5], [0, 0], [0, 0, 0]],
    }


def test_names_of_parameters_do_not_decide_scores():
    batches = Batches(
        jax.random.normal(jax.random.key(1), (2, 4, *SIZE)),
        jnp.arange(8).reshape(2, 4) % 3,
    )
    by_norm, by_own = (
        zero_cost.score(
            Chain((conv_norm_relu(4, 3), Gain(kind), Head(3))),
            ("grad_norm", "synflow"),
            batches,
            jax.random.key(0)[None],
        )
        for kind in ("scale", "gain")
    )
    assert by_own == pytest.approx(by_norm)
    assert all(map(math.isfinite, by_own.values()))
    assert by_own["grad_norm"] > 0


def test_uniform_kernels_lie_within_one_over_the_root_of_their_fan_in():
    for kind, leaf in leaves(weights.uniform(PARTS, jax.random.key(0))):
        if kind == "kernel":
            # All axes but the last make up the fan-in, even of grouped convolutions.
            bound = 1 / math.sqrt(math.prod(leaf.shape[:-1]))
            assert abs(leaf).max() <= bound
            assert abs(leaf).max() == pytest.approx(bound, rel=0.02)
            error = 4 * bound / math.sqrt(3 * leaf.size)
            assert leaf.mean() == pytest.approx(0, abs=error)
            assert leaf.std() == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_normal_kernels_have_variance_2_over_their_fan_in():
    for kind, leaf in leaves(weights.normal(PARTS, jax.random.key(0))):
        if kind == "kernel":
            variance = 2 / math.prod(leaf.shape[:-1])
            # Five standard errors of a variance estimated from this many numbers.
            error = 5 * math.sqrt(2 / leaf.size)
            assert (leaf**2).mean() == pytest.approx(variance, rel=error)


@pytest.mark.parametrize("draw", [weights.uniform, weights.normal])
def test_the_key_decides(draw: Draw):
    first, again, other = (draw(PARTS, jax.random.key(seed)) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    kernels = zip(leaves(first), leaves(other), strict=True)
    assert not any(
        np.array_equal(a, b) for (kind, a), (_, b) in kernels if kind == "kernel"
    )


def test_no_two_layers_share_their_numbers():
    drawn = leaves(weights.uniform(PARTS, jax.random.key(0)))
    kernels = [leaf.ravel() for kind, leaf in drawn if kind == "kernel"]
    signs = {tuple(np.sign(kernel)[:64]) for kernel in kernels}
    assert len(signs) == len(kernels)


def test_networks_of_any_size_share_the_programs_that_draw(compiled: list[str]):
    key = jax.random.key(0)
    small = segments(of_cells((CONV1, CONV3, POOL, SKIP, SKIP, POOL)), SIZE)
    weights.uniform(small, key)
    weights.normal(small, key)
    assert compiled
    compiled.clear()
    large = segments(Chain((*CHAIN.blocks[:-1], conv_norm(512, 3), Head(10))), SIZE)
    vectors = [v for part in weights.normal(large, key) for v in part]
    # The numbers of a large network do not repeat either.
    largest = max(vectors, key=len)
    assert len(largest) > 500_000
    assert len(np.unique(largest)) > 0.9 * len(largest)
    weights.uniform(large, key)
    assert not compiled
    magnitudes = jax.tree.leaves(weights.magnitudes((tuple(vectors),)))
    for found, given in zip(magnitudes, vectors, strict=True):
        np.testing.assert_array_equal(found, abs(given))
