"""The block space: genomes and the networks that they decode to."""

import functools
import itertools

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from prior_support import sample

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, stage_starts
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.types import PAD, UsageError

SPACE = BlockSpace((7, 9, 2), 10, min_depth=3, max_depth=8, width=16, num_stages=3)
ANY_GENE = st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 17)
ANY_GENOME = arrays.arrays(np.int32, SPACE.max_depth, elements=ANY_GENE)
NAMES = st.lists(
    st.sampled_from(BLOCK_NAMES), min_size=SPACE.min_depth, max_size=SPACE.max_depth
).map(tuple)


def is_valid(genome: np.ndarray) -> bool:
    """The conditions of a valid genome, gene by gene."""
    genes = genome.tolist()
    while genes and genes[-1] == PAD:
        genes.pop()
    known = all(0 <= gene < len(BLOCK_NAMES) for gene in genes)
    return known and len(genes) >= SPACE.min_depth


@pytest.mark.parametrize(("min_depth", "max_depth"), [(3, 8), (6, 6)])
@hypothesis.given(seed=st.integers(0, 2**31 - 1))
def test_samples_are_valid(min_depth: int, max_depth: int, seed: int):
    space = BlockSpace((8, 8, 3), 10, min_depth, max_depth, width=16, num_stages=3)
    genomes = sample(space, jax.random.key(seed), 4)
    assert genomes.shape == (4, max_depth)
    assert genomes.dtype == np.int32
    assert space.valid(genomes).all()


def test_samples_are_uniform_in_depth_and_blocks():
    genomes = np.asarray(SPACE.sample(jax.random.key(0), 6000))
    depths = (genomes != PAD).sum(1)
    counts = np.bincount(depths, minlength=9)[3:]
    assert (abs(counts - 1000) < 150).all()
    genes = np.bincount(genomes[genomes != PAD])
    assert len(genes) == len(BLOCK_NAMES)
    assert (abs(genes / genes.mean() - 1) < 0.1).all()


@hypothesis.given(genome=ANY_GENOME | NAMES.map(SPACE.genome))
def test_valid_is_what_the_rules_say(genome: np.ndarray):
    assert bool(SPACE.valid(genome)) == is_valid(genome)


@pytest.mark.parametrize(
    "genome",
    [
        [1, 2] + [PAD] * 6,
        [1, 2, PAD, 3, 4, PAD, PAD, PAD],
        [PAD, 1, 2, 3, 4, 5, 6, 7],
        [1, 2, 15] + [PAD] * 5,
        [1, 2, -2] + [PAD] * 5,
        [PAD] * 8,
    ],
)
def test_broken_genomes_are_not_valid(genome: list[int]):
    fine = SPACE.genome(("ReLU", "Conv", "Stem"))
    population = np.array([[genome, fine.tolist()]], np.int32)
    assert SPACE.valid(population).tolist() == [[False, True]]


@hypothesis.given(names=NAMES)
def test_names_and_genome_are_inverse(names: tuple[str, ...]):
    genome = SPACE.genome(names)
    assert (genome.shape, genome.dtype) == ((SPACE.max_depth,), np.int32)
    assert SPACE.names(genome) == names


@pytest.mark.parametrize("image", [(7, 9, 2), (5, 1, 16)])
@hypothesis.given(names=NAMES)
@hypothesis.settings(max_examples=15)
def test_decoded_blocks_meet_the_sizes_that_the_space_names(
    image: tuple[int, int, int], names: tuple[str, ...]
):
    space = BlockSpace(image, 10, 3, 8, width=16, num_stages=3)
    *modules, head = space.decode(space.genome(names)).blocks
    starts = stage_starts(len(names), 3)
    size, stage = image, -1
    for position, (name, module) in enumerate(zip(names, modules, strict=True)):
        first = position in starts
        stage += first
        assert space.in_size(stage, first) == size
        assert space.block(name, stage, first) == module
        size = trace(module, size).out_size
    assert trace(head, size).out_size == (1, 1, 10)


def test_unknown_and_too_many_names_are_refused():
    with pytest.raises(UsageError, match="no block is called Attention, Mamba"):
        SPACE.genome(("Conv", "Mamba", "Attention"))
    with pytest.raises(UsageError, match="9 blocks: give at most 8"):
        SPACE.genome(("Conv",) * 9)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"min_depth": 2}, "num_stages 3, min_depth 2"),
        ({"max_depth": 2}, "max_depth 2"),
        ({"num_stages": 0}, "num_stages 0"),
        ({"width": 24}, "width 24: give a multiple of 16"),
        ({"width": 0}, "width 0"),
    ],
)
def test_a_space_that_contradicts_itself_is_refused(change: dict, named: str):
    build = functools.partial(
        BlockSpace, (8, 8, 3), 10, min_depth=3, max_depth=8, width=16, num_stages=3
    )
    with pytest.raises(UsageError, match=named):
        build(**change)


def test_places_are_those_of_every_chain() -> None:
    places = SPACE.places()
    assert len(set(places)) == len(places) == 2 * 3 * len(BLOCK_NAMES) + 1
    found = set()
    for genome in np.asarray(SPACE.sample(jax.random.key(1), 100)):
        size = SPACE.image
        for block in SPACE.decode(genome).blocks:
            found.add((block, size))
            size = trace(block, size).out_size
    # A hundred chains contain almost every place.
    assert found <= set(places)
    assert len(found) > 0.9 * len(places)


def test_size_is_the_parameters_of_the_blocks() -> None:
    genomes = np.asarray(SPACE.sample(jax.random.key(3), 4))
    for genome, size in zip(genomes, SPACE.size(genomes), strict=True):
        chain = SPACE.decode(genome)
        body = trace(Chain(chain.blocks[:-1]), SPACE.image)
        assert size == body.params


def test_features_count_blocks_and_pairs() -> None:
    genomes = np.asarray(SPACE.sample(jax.random.key(4), 20))
    for genome, features in zip(genomes, SPACE.features(genomes), strict=True):
        genes = [gene for gene in genome if gene != PAD]
        count = SPACE.num_genes
        blocks = np.bincount(genes, minlength=count)
        pairs = np.zeros((count, count))
        for pair in itertools.pairwise(genes):
            pairs[pair] += 1
        expected = [*blocks, *pairs.ravel(), len(genes)]
        np.testing.assert_array_equal(features, expected)
