"""Genomes resampled from a model of layers."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
import pytest
from prior_support import SPACES, WORDS, sample

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Layer, Other
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.prior.written import rewritten
from gpt_nas_jax.spaces.blocks import reading as block_reading
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.spaces.nasbench201 import network
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.reading import ReadingTable
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word

SPACE = SPACES["nasbench201"]
TABLE = SPACE.reading(WORDS)
COSTS = np.random.default_rng(0).exponential(size=(WORDS.size, WORDS.size))


def bigram(tokens: np.ndarray) -> np.ndarray:
    """A model whose context is a single layer."""
    return COSTS[tokens[:, -2], tokens[:, -1]]


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_genes_are_drawn_at_the_given_rate(name: str, rate: float):
    space = SPACES[name]
    table = space.reading(WORDS)
    genomes = np.asarray(sample(space, jax.random.key(0), 200))
    key = jax.random.key(1)
    made, drawn = rewritten(bigram, table, genomes, rate, key)
    can = np.asarray(jax.vmap(table.eliminable)(genomes))
    assert not (drawn & ~can).any()
    assert drawn[can].mean() == pytest.approx(rate, abs=0.06)
    np.testing.assert_array_equal(made[~drawn], genomes[~drawn])
    assert np.asarray(space.valid(made)).all()


@pytest.mark.slow
def test_a_gene_is_as_likely_as_the_ten_layers_from_it_on():
    """The last edge, against traced networks."""
    genome, costs = (3, 1, 2, 0, 4), []
    start = len(traced(network.network((*genome, network.NONE)), 2))
    for operation in range(5):
        tokens = traced(network.network((*genome, operation)))
        pairs = [tokens[place - 1 : place + 1] for place in range(start, start + 10)]
        costs.append(bigram(np.array(pairs)).sum())
    expected = np.exp(-np.array(costs))
    many = np.tile(np.array([*genome, 0]), (4_500, 1))
    # This rate maximises the chance that the last of six edges is drawn alone.
    made, drawn = rewritten(bigram, TABLE, many, 1 / 6, jax.random.key(2))
    alone = drawn[:, -1] & ~drawn[:, :-1].any(1)
    shares = np.bincount(made[alone, -1], minlength=5) / alone.sum()
    error = 2 / np.sqrt(alone.sum())
    np.testing.assert_allclose(shares, expected / expected.sum(), atol=error)


def traced(whole: Chain, blocks: int | None = None) -> np.ndarray:
    """Tokens of a network, or of its first blocks."""
    layers = trace(Chain(whole.blocks[:blocks]), network.IMAGE).layers
    return WORDS.encode(word(part.layer) for part in layers)


def test_operations_that_begin_alike_are_told_apart():
    """Convolutions of both sizes begin with ReLU; the model penalises the 1x1."""
    narrow = [
        token
        for token, text in enumerate(WORDS.decode(range(WORDS.size)))
        if text.startswith("conv kernel=1x1")
    ]

    def surprise(tokens: np.ndarray) -> np.ndarray:
        return 9.0 * np.isin(tokens[:, -1], narrow)

    genomes = np.asarray(sample(SPACE, jax.random.key(3), 300))
    made, _ = rewritten(surprise, TABLE, genomes, 1.0, jax.random.key(4))
    counts = np.bincount(made.ravel(), minlength=5)
    assert counts[3] > 20 * counts[2]


def choices(layers: Sequence[Sequence[Layer]], words: Vocabulary) -> ReadingTable:
    """Three places in a space of choices with these layers."""
    names = tuple(map(str, range(len(layers))))

    class Own(CategoricalSpace):
        def layers(self, name: str) -> Sequence[Layer]:
            return layers[int(name)]

    return Own((names,) * 3).reading(words)


def chain(layers: Sequence[Sequence[Layer]], words: Vocabulary) -> ReadingTable:
    """Chains of three blocks with these layers, all in one stage."""
    places = np.zeros((4, 3), np.int32)
    return block_reading.build(words, [*layers] * 2, places, places, context=4)


@pytest.mark.parametrize("of", [choices, chain])
def test_the_end_of_a_genome_is_no_layer(of: Callable[..., ReadingTable]):
    """A model to which all known layers are equal writes genes of any length alike."""
    relu, own = (Other(0, (8, 8, 16), (8, 8, 16), kind, ()) for kind in ("relu", "own"))
    table = of([[], [relu], [relu] * 12, [own]], vocabulary.build([[word(relu)]]))

    def surprise(tokens: np.ndarray) -> np.ndarray:
        return 50.0 * (tokens[:, -1] == vocabulary.UNKNOWN)

    genomes = np.zeros((600, 3), np.int32)
    made, _ = rewritten(surprise, table, genomes, 1.0, jax.random.key(5))
    shares = [np.bincount(genes, minlength=4) / len(made) for genes in made.T]
    # Four standard errors; a layer that the corpora lack is not written.
    np.testing.assert_allclose(shares, [[1 / 3] * 3 + [0]] * 3, atol=0.077)
