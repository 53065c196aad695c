"""Whole searches on tables, traced and lowered for every platform."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from platforms_support import PLATFORMS, lower
from prior_support import CHAINS, SPACES, small_prior

from gpt_nas_jax.config import SearchConfig
from gpt_nas_jax.evaluation import chain_model, tabular
from gpt_nas_jax.evaluation.predicted import PredictedTable
from gpt_nas_jax.spaces.blocks.timed import Timed, Times
from gpt_nas_jax.spaces.limits import Limit, limited
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.strategies.registry import STRATEGIES, Setup
from gpt_nas_jax.types import Space

_CONFIG = SearchConfig(population=4)
_QUERIES = 8
CONTROLS = ("uniform_refill", "unigram_refill")


def _marks(name: str) -> list[pytest.MarkDecorator]:
    # The controls are gpt_nas with another prior.
    if name in CONTROLS:
        return [pytest.mark.long]
    return [pytest.mark.slow]


@functools.cache
def table(name: str) -> tuple[Space, tabular.Table]:
    """A space and its table; spaces of chains are limited to a band of FLOPs."""
    if name == "nasbench201":
        space = SPACES[name]
        genomes = np.unique(np.asarray(space.sample(jax.random.key(0), 64)), axis=0)
        return space, tabular.build(space, genomes, np.linspace(0, 1, len(genomes)))
    space = _timed() if name == "timed" else CHAINS
    genomes = np.unique(np.asarray(space.sample(jax.random.key(0), 16)), axis=0)
    accuracies = np.linspace(0.3, 0.6, len(genomes))
    model = chain_model.fit(space, genomes, accuracies, np.ones(len(genomes)))
    operations = np.asarray(space.flops(genomes))
    limit = Limit("flops", float(operations.min()), float(operations.max()))
    band = limited(space, [limit])
    return band, PredictedTable(model, np.float32(0.01))


def _timed() -> Timed:
    """The chains, with a latency for each of their parts."""
    *blocks, head = range(1, len([*CHAINS.places()]) + 1)
    times = Times(tuple(map(float, blocks)), float(head), 1.0)
    return Timed(CHAINS, times)


@pytest.mark.parametrize(
    "strategy",
    [pytest.param(name, marks=_marks(name)) for name in STRATEGIES],
)
@pytest.mark.parametrize(
    "name", ["chains", pytest.param("nasbench201", marks=pytest.mark.long)]
)
def test_a_search_lowers_for_every_platform(name: str, strategy: str):
    lower_search(name, strategy, _CONFIG)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["genetic", "surrogate"])
def test_searches_for_a_front_lower_for_every_platform(strategy: str):
    config = dataclasses.replace(_CONFIG, objectives="accuracy,params,flops")
    lower_search("chains", strategy, config)


@pytest.mark.slow
def test_drafts_lower_for_every_platform():
    config = dataclasses.replace(_CONFIG, settings="drafts=2")
    lower_search("chains", "gpt_nas", config)


@pytest.mark.slow
def test_searches_by_memory_and_latency_lower_for_every_platform():
    config = dataclasses.replace(_CONFIG, objectives="accuracy,memory,latency")
    lower_search("timed", "genetic", config)


def lower_search(name: str, strategy: str, config: SearchConfig) -> None:
    """Lowers whole searches on a table for all platforms."""
    space, known = table(name)
    # A table of cells covers the whole space, so proposals are computed in advance.
    prior = small_prior("nasbench201" if name == "nasbench201" else "chains")
    proposers = Proposers(space, prior, name == "nasbench201")
    setup = Setup(
        config=config,
        space=space,
        queries=_QUERIES,
        batch=2,
        ageing=4,
        key=jax.random.key(0),
        proposers=proposers,
    )
    built, rounds = setup.build(strategy), _QUERIES // setup.asked(strategy)
    keys = jax.random.split(jax.random.key(1), 2)

    def search(built: object, known: object, keys: jax.Array) -> jax.Array:
        return tabular.searches.__wrapped__(built, space, known, keys, rounds)

    kept = lower(search, built, known, keys, platforms=PLATFORMS)
    assert kept.shape[:2] == (2, _QUERIES)
