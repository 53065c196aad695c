"""What the tests of the prior share."""

import itertools
from collections.abc import Callable

import jax
import numpy as np
import pytest
from prior_support import learn_from

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import Trace, trace
from gpt_nas_jax.prior import cells, learn, vocabulary
from gpt_nas_jax.prior.learn import Corpora, PriorReport
from gpt_nas_jax.prior.reconstruct import Prior
from gpt_nas_jax.prior.vocabulary import Vocabulary, word
from gpt_nas_jax.spaces.blocks import BlockSpace
from gpt_nas_jax.spaces.nasbench101_cells import enumerate_cells, to_columns
from gpt_nas_jax.types import PAD, Genome

Spell = Callable[[BlockSpace, Genome, Vocabulary], list[np.ndarray]]


@pytest.fixture(scope="session")
def zoo_vocabulary(zoo_traces: dict[str, Trace]) -> Vocabulary:
    """The words of the zoo and of NAS-Bench-101."""
    networks = [[word(p.layer) for p in t.layers] for t in zoo_traces.values()]
    return vocabulary.build([*networks, cells.words()])


@pytest.fixture(scope="session")
def spell() -> Spell:
    """Tokens of each block of a genome, read off the whole decoded network."""

    def tokens(space: BlockSpace, genome: Genome, words: Vocabulary) -> list:
        depth = int((np.asarray(genome) != PAD).sum())
        blocks = space.decode(genome).blocks
        # How many layers a block has shows in how far the chain up to it reaches.
        ends = [
            len(trace(Chain(blocks[:count]), space.image).layers)
            for count in range(depth + 1)
        ]
        layers = trace(space.decode(genome), space.image).layers
        return [
            words.encode(word(part.layer) for part in layers[start:end])
            for start, end in itertools.pairwise(ends)
        ]

    return tokens


@pytest.fixture(scope="session")
def space() -> BlockSpace:
    """Short chains for small grey images."""
    return BlockSpace(
        (8, 8, 1), num_classes=10, min_depth=4, max_depth=8, width=16, num_stages=2
    )


@pytest.fixture(scope="session")
def config() -> PriorConfig:
    """Settings by which a prior is learned in seconds."""
    # Both phases take ten steps and so share one compiled program.
    return PriorConfig(
        width=16,
        batch=256,
        learning_rate=1e-2,
        pretrain_epochs=2,
        finetune_epochs=5,
        fcn_steps=50,
    )


@pytest.fixture(scope="session")
def corpora(zoo_traces: dict[str, Trace]) -> Corpora:
    """The zoo and the cells of at most four vertices."""
    columns = to_columns(enumerate_cells(4))
    return learn.corpora(columns, list(zoo_traces.values()), jax.random.key(0), 0.15)


@pytest.fixture(scope="session")
def learned(
    config: PriorConfig, space: BlockSpace, corpora: Corpora
) -> tuple[Prior, PriorReport]:
    """A small prior, barely fitted, and its report."""
    return learn_from(config, space, corpora, lambda count: None)
