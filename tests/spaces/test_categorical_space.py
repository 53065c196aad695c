"""Spaces of named choices, as strategies and the prior use them."""

import functools

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.spaces.neighbours import neighbours
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.vocabulary import word
from gpt_nas_jax.types import UsageError

SPACES = st.lists(st.integers(2, 4), min_size=1, max_size=4).map(
    lambda counts: CategoricalSpace(
        tuple(
            tuple(f"{place}{gene}" for gene in range(n))
            for place, n in enumerate(counts)
        )
    )
)


def every(space: CategoricalSpace) -> np.ndarray:
    """All genomes, ``int32[N, L]``."""
    counts = [len(names) for names in space.options]
    return np.indices(counts).reshape(len(counts), -1).T.astype(np.int32)


@functools.partial(jax.jit, static_argnums=0)
def varied(space: CategoricalSpace, key: jax.Array) -> tuple[jax.Array, ...]:
    """Genomes; a child of the first two; a mutant and all neighbours of the first."""
    genomes = space.sample(key, 8)
    child = space.crossover(key, genomes[0], genomes[1])
    return genomes, child, space.mutate(key, genomes[0]), *neighbours(space, genomes[0])


@hypothesis.settings(max_examples=5)
@hypothesis.given(space=SPACES, seed=st.integers(0, 9))
def test_variation_stays_within_the_choices(space: CategoricalSpace, seed: int):
    genomes, child, mutant, changed, exists = varied(space, jax.random.key(seed))
    every_genome = {tuple(genome) for genome in every(space).tolist()}
    for genome in (*genomes, child, mutant):
        assert tuple(genome.tolist()) in every_genome
    assert (mutant != genomes[0]).sum() == 1
    found = {
        tuple(genome) for genome in np.asarray(changed)[np.asarray(exists)].tolist()
    }
    expected = {
        tuple(genome)
        for genome in every(space).tolist()
        if (np.array(genome) != np.asarray(genomes[0])).sum() == 1
    }
    assert found == expected
    assert exists.sum() == len(expected)


@hypothesis.settings(max_examples=5)
@hypothesis.given(space=SPACES)
def test_names_and_genomes_are_inverse(space: CategoricalSpace):
    genomes = every(space)
    assert space.valid(genomes).all()
    assert not space.valid(genomes + space.num_genes).any()
    for genome in genomes[:20]:
        assert space.genome(space.names(genome)).tolist() == genome.tolist()
    allowed = np.asarray(space.choices())
    assert [row.sum() for row in allowed] == [len(names) for names in space.options]
    assert not allowed[:, -1].any()


def test_an_estimate_below_zero_orders_networks_as_any_other():
    class Light(CategoricalSpace):
        def size(self, genomes):
            return -10.0 * genomes.sum(-1).astype("float32")

    space = Light([("a", "b", "c")] * 4)
    genomes = space.sample(jax.random.key(0), 50)
    size, trend = space.size(genomes), space.trends(genomes)[:, 0]
    assert np.isfinite(trend).all()
    order = np.argsort(size, kind="stable")
    assert (np.diff(trend[order]) >= 0).all()
    assert trend.min() < trend.max()


@pytest.mark.parametrize(
    "options", [(), (("a",),), (("a", "b"), ()), (("a", "a"),), ("ab", "cd")]
)
def test_places_need_different_choices(options: tuple[tuple[str, ...], ...]):
    with pytest.raises(UsageError, match="choices"):
        CategoricalSpace(options)


class Layered(CategoricalSpace):
    """Only the choice ``pool`` has a layer."""

    def layers(self, name: str) -> tuple:
        return layers_of(blocks.MaxPool(), (8, 8, 16)) if name == "pool" else ()


def test_choices_read_as_their_layers():
    space = Layered((("pool", "skip"),) * 3)
    words = vocabulary.build([[word(layer) for layer in space.layers("pool")]])
    table = space.reading(words)
    genome = np.array([0, 1, 0], np.int32)
    lengths = [int(table.words(genome, place).lengths) for place in table.positions]
    assert lengths == [1, 0, 1]


def test_the_prior_needs_layers_and_equal_choices():
    words = vocabulary.build([["x"]])
    with pytest.raises(UsageError, match="define layers"):
        CategoricalSpace((("a", "b"),) * 2).reading(words)
    with pytest.raises(UsageError, match="same choices"):
        Layered((("pool", "skip"), ("pool", "other"))).reading(words)


@pytest.mark.parametrize("wrong", [None, "pool", 3, ["pool"]])
def test_layers_of_another_type_are_refused(wrong: object):
    kind = type("Own", (CategoricalSpace,), {"layers": lambda self, name: wrong})
    message = r"^Own: layers\('pool'\) returned .*; return a sequence of layers"
    with pytest.raises(UsageError, match=message):
        kind((("pool", "skip"),) * 3).definition()


def test_a_definition_lists_choices_and_their_layers():
    plain, layered = (
        kind((("pool", "skip"),) * 3).definition()
        for kind in (CategoricalSpace, Layered)
    )
    assert plain != layered
    assert plain != CategoricalSpace((("pool", "skip"),) * 2).definition()
