"""NAS-Bench-201 as a space."""

import itertools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from gpt_nas_jax.datasets.benchmarks.nasbench201 import EDGES, OPERATIONS
from gpt_nas_jax.spaces.nasbench201.network import network
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space

SPACE = NasBench201Space()
ALL = np.array([*itertools.product(range(5), repeat=6)], np.int32)
GENOMES = st.lists(st.integers(0, 4), min_size=6, max_size=6)

features, neighbours = map(
    jax.jit, (SPACE.features, jax.vmap(SPACE.neighbour, (None, 0)))
)


def test_every_genome_is_valid_and_a_network_of_its_own():
    assert SPACE.valid(ALL).all()
    assert len(np.unique(SPACE.identity(ALL))) == 15_625
    assert not SPACE.valid(jnp.array([0, 0, 0, 0, 0, 5]))


@hypothesis.given(genome=GENOMES)
def test_neighbours_are_all_genomes_with_one_other_operation(genome: list[int]):
    found, exist = neighbours(jnp.array(genome), jnp.arange(SPACE.num_neighbours))
    expected = {tuple(g) for g in ALL[(genome != ALL).sum(-1) == 1].tolist()}
    assert exist.all()
    assert {tuple(g) for g in found.tolist()} == expected
    assert len(found) == len(expected)


@hypothesis.given(genome=GENOMES)
def test_features_are_operations_paths_and_size(genome: list[int]):
    values = np.asarray(features(jnp.array(genome)))
    np.testing.assert_array_equal(values[:30], np.eye(5)[genome].ravel())
    layers = ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    edges = {edge: OPERATIONS[gene] for edge, gene in zip(EDGES, genome, strict=True)}
    expected: dict[tuple[int, ...], int] = {}
    for inner in ([], [1], [2], [1, 2]):
        nodes = [0, *inner, 3]
        names = [edges[pair] for pair in itertools.pairwise(nodes)]
        if "none" not in names:
            path = tuple(layers.index(n) for n in names if n != "skip_connect")
            expected[path] = expected.get(path, 0) + 1
    counts = (values[30:70] / 2) ** 2
    np.testing.assert_allclose(values[70], 2 * np.log1p(SPACE.size(jnp.array(genome))))
    for path, count in expected.items():
        start = (3 ** len(path) - 1) // 2
        place = sum(layer * 3**k for k, layer in enumerate(reversed(path)))
        np.testing.assert_allclose(counts[start + place], count, rtol=1e-5)
    np.testing.assert_allclose(counts.sum(), sum(expected.values()), rtol=1e-5)


def test_size_orders_by_weights():
    convolutions = (ALL == 3).sum(-1) * 9 + (ALL == 2).sum(-1)
    np.testing.assert_array_equal(SPACE.size(ALL), convolutions)


def test_children_take_the_front_of_one_and_the_back_of_the_other():
    keys = jax.random.split(jax.random.key(0), 200)
    first, second = jnp.zeros(6, jnp.int32), jnp.full(6, 4)
    children = jax.vmap(SPACE.crossover, (0, None, None))(keys, first, second)
    fronts = (np.asarray(children) == 0).sum(-1)
    assert (np.diff(np.asarray(children), axis=-1) >= 0).all()
    assert set(fronts.tolist()) == set(range(7))


def test_a_decoded_network_is_that_of_its_operations():
    space = NasBench201Space(num_classes=120)
    assert space.decode(ALL[777]) == network(tuple(ALL[777].tolist()), 120)
