"""Small priors, trained and untrained."""

import functools
import itertools
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.prior import learning
from gpt_nas_jax.prior.corpora import Corpora, Phase, build_phases
from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.fit import Progress
from gpt_nas_jax.prior.gpt import GPT
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.report import PriorReport
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101 import corpus as nasbench101_corpus
from gpt_nas_jax.spaces.nasbench101.space import NasBench101Space
from gpt_nas_jax.spaces.nasbench201 import corpus as nasbench201_corpus
from gpt_nas_jax.spaces.nasbench201.space import NasBench201Space
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.corpus import CONTEXT, Windows
from gpt_nas_jax.tokens.reading import empty_context
from gpt_nas_jax.tokens.vocabulary import Vocabulary, word
from gpt_nas_jax.types import Genome, Key, Space, Tokens

WORDS = vocabulary.build([nasbench101_corpus.words(), nasbench201_corpus.words()])
GENES = {name: gene for gene, name in enumerate(BLOCK_NAMES)}
"""Genes of the space of block chains."""

SPACES: dict[str, Space] = {
    "nasbench101": NasBench101Space(),
    "nasbench201": NasBench201Space(),
}
CHAINS = BlockSpace((8, 8, 1), 10, min_depth=4, max_depth=8, width=16, num_stages=2)


@functools.partial(jax.jit, static_argnums=(0, 2))
def sample(space: Space, key: Key, count: int) -> Genome:
    """Random genomes."""
    return space.sample(key, count)


def drawn(random: np.random.Generator, model: nn.Module, *inputs: Tokens) -> Any:
    """Parameters of a model, without compiling its initialisers."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)["params"]
    return jax.tree.map(
        lambda leaf: random.normal(scale=0.6, size=leaf.shape).astype(np.float32),
        shapes,
    )


@functools.cache
def words_of_chains() -> Vocabulary:
    """The words of all blocks at all places of the chains."""
    layers = itertools.chain(*(layers_of(*place) for place in CHAINS.places()))
    return vocabulary.build([map(word, layers)])


@functools.cache
def small_prior(name: str, words: Vocabulary = WORDS, length: int = CONTEXT) -> Prior:
    """An untrained prior whose probabilities are far from uniform."""
    table = (SPACES | {"chains": CHAINS})[name].reading(words, length)
    gpt = GPT(words.size, width=8, num_layers=1, num_heads=2, context=length)
    fcn = FCN(words.size, table.num_genes, embedding=4, hidden=8)
    context = empty_context(length)[None]
    random = np.random.default_rng(0)
    params = drawn(random, gpt, context)
    fcn_params = drawn(random, fcn, context, context[:, 0])
    tokens = random.integers(2, words.size, (40, length + 1)).astype(np.int32)
    seen = Windows(tokens, np.ones(40))
    blocks = np.zeros(table.num_genes, np.float32)
    return Prior(fcn, fcn_params, table, gpt, params, seen, blocks)


def learn_from(
    config: PriorConfig, space: Space, corpora: Corpora, progress: Progress
) -> tuple[Prior, PriorReport]:
    """Trains a prior; returns it with its report."""
    phases = build_phases(config, corpora, jax.random.key(2))
    key = jax.random.key(1)
    state = learning.begin(config, corpora, phases, key)
    return learning.learn(config, space, corpora, phases, key, state, progress)


def phase_of(train: Windows, validation: Windows, steps: int, interval: int) -> Phase:
    """A phase on these windows, with placeholders for the corpus sizes."""
    return Phase(
        networks=0,
        sizes=(0, 0, 0),
        train=train,
        validation=validation,
        test=validation,
        known=train,
        parts=(train, validation),
        pass_steps=1,
        steps=steps,
        interval=interval,
    )
