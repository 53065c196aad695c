"""The FCN's examples against networks that are split into blocks by hand."""

from collections.abc import Callable

import jax
import numpy as np
import pytest
from prior_support import CHAINS, GENES

from gpt_nas_jax.networks.trace import Trace, TracedLayer
from gpt_nas_jax.prior import examples, lessons
from gpt_nas_jax.prior.examples import Examples
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.vocabulary import START, Vocabulary, word
from gpt_nas_jax.types import PAD

RESNET_18 = ["Conv", "BatchNorm", "ReLU", "MaxPool", *["BasicBlock"] * 8, "AvgPool"]


def names(labels: np.ndarray) -> list[str]:
    return [BLOCK_NAMES[label] for label in labels]


@pytest.fixture(scope="module")
def resnet(zoo_traces: dict[str, Trace], zoo_vocabulary: Vocabulary) -> Examples:
    return examples.of_networks([zoo_traces["ResNet-18"]], zoo_vocabulary, GENES)


def test_blocks_of_resnet_18_begin_in_this_order(resnet: Examples):
    assert names(resnet.labels[resnet.starts]) == RESNET_18


def test_layers_of_resnet_18_lie_in_these_blocks(resnet: Examples):
    # Two convolutions, two BatchNorms, two ReLUs and the sum; where the width changes,
    # also a projection with its BatchNorm. The classifier is in no block.
    sizes = [1] * 4 + [7, 7, 9, 7, 9, 7, 9, 7] + [1]
    assert names(resnet.labels) == [
        name for name, size in zip(RESNET_18, sizes, strict=True) for _ in range(size)
    ]
    begins = np.cumsum([0, *sizes[:-1]])
    assert np.flatnonzero(resnet.starts).tolist() == begins.tolist()


def test_contexts_of_resnet_18_are_the_layers_before(
    resnet: Examples, zoo_vocabulary: Vocabulary, zoo_traces: dict[str, Trace]
):
    layers = [part.layer for part in zoo_traces["ResNet-18"].layers]
    tokens = zoo_vocabulary.encode(map(word, layers)).tolist()
    assert len(resnet) == len(tokens) - 1
    np.testing.assert_array_equal(resnet.tokens, tokens[:-1])
    assert resnet.contexts[0].tolist() == [START] * 10
    assert resnet.contexts[4].tolist() == [START] * 6 + tokens[:4]
    assert resnet.contexts[-1].tolist() == tokens[-12:-2]


def test_layers_in_no_block_are_read_but_not_learned(
    resnet: Examples, zoo_traces: dict[str, Trace], zoo_vocabulary: Vocabulary
):
    whole = zoo_traces["ResNet-18"]
    # The layers of the first BasicBlock stay in place, but are in no block.
    hidden = tuple(
        TracedLayer(part.layer, None, -1) if 4 <= index < 11 else part
        for index, part in enumerate(whole.layers)
    )
    trace = Trace(hidden, whole.out_size, whole.params, whole.state, 0, {})
    rest = examples.of_networks([trace], zoo_vocabulary, GENES)
    kept = np.r_[0:4, 11 : len(resnet)]
    np.testing.assert_array_equal(rest.contexts, resnet.contexts[kept])
    np.testing.assert_array_equal(rest.starts, resnet.starts[kept])


def test_without_human_networks_of_its_blocks_a_space_is_learned_from_others(
    zoo_vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
):
    # Fewer genomes, since writing takes long.
    monkeypatch.setattr(lessons, "_RANDOM", 20)
    table = CHAINS.reading(zoo_vocabulary)
    arguments = (
        *(CHAINS, table, zoo_vocabulary, []),
        lambda windows: np.zeros(len(windows)),
        jax.random.key(0),
    )
    learned, weights = lessons.to_learn(*arguments)
    np.testing.assert_array_equal(weights, np.ones(len(learned)))
    for written in (learned, lessons.to_measure(*arguments)):
        assert len(written)
        assert set(written.labels) <= set(GENES.values())


def test_networks_do_not_read_each_other(
    zoo_traces: dict[str, Trace], zoo_vocabulary: Vocabulary
):
    both = [zoo_traces[name] for name in ("ResNet-18", "GoogLeNet")]
    together = examples.of_networks(both, zoo_vocabulary, GENES)
    apart = [examples.of_networks([trace], zoo_vocabulary, GENES) for trace in both]
    joined = examples.joined(apart)
    for field in ("contexts", "tokens", "labels", "starts"):
        values = getattr(together, field)
        np.testing.assert_array_equal(values, getattr(joined, field))
        assert len(values) == sum(map(len, apart))


def test_chains_are_labelled_by_their_genes_and_read_as_traced(
    space: BlockSpace,
    zoo_vocabulary: Vocabulary,
    spell: Callable[..., list[np.ndarray]],
):
    blocks = space.reading(zoo_vocabulary)
    genomes = np.asarray(space.sample(jax.random.key(3), 20))
    drawn = examples.of_genomes(genomes, blocks)
    np.testing.assert_array_equal(drawn.labels, genomes[genomes != PAD])
    assert drawn.starts.all()
    contexts, tokens = [], []
    for genome in genomes:
        before = np.full(CONTEXT, START)
        for part in spell(space, genome, zoo_vocabulary):
            contexts.append(before[-CONTEXT:])
            tokens.append(part[0])
            before = np.concatenate([before, part])
    np.testing.assert_array_equal(drawn.contexts, contexts)
    np.testing.assert_array_equal(drawn.tokens, tokens)
