"""A prior learned from one benchmark fills gaps in cells of the other."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior import learn
from gpt_nas_jax.prior.benchmarks import NASBENCH201
from gpt_nas_jax.prior.learn import Corpora, PriorReport
from gpt_nas_jax.prior.reading import read
from gpt_nas_jax.prior.reconstruct import Prior, reconstruct
from gpt_nas_jax.prior.tables import Space
from gpt_nas_jax.prior.vocabulary import NUM_SPECIAL
from gpt_nas_jax.spaces.nasbench101 import NasBench101Space
from gpt_nas_jax.spaces.nasbench201 import NasBench201Space

POPULATION = 64
SPACES: dict[str, Space] = {
    "nasbench101": NasBench101Space(),
    "nasbench201": NasBench201Space(),
}

program = jax.jit(reconstruct)
context_of = jax.jit(read)


@functools.partial(jax.jit, static_argnums=0)
def apply(model: nn.Module, params: Any, *inputs: jax.Array) -> jax.Array:
    return model.apply({"params": params}, *inputs)


@pytest.fixture(scope="module")
def corpora_201(zoo_traces: dict[str, Trace]) -> Corpora:
    """The zoo and 200 cells of NAS-Bench-201."""
    random = np.random.default_rng(0)
    cells = random.integers(0, 5, (200, 6)).astype(np.uint8)
    traces = list(zoo_traces.values())
    return learn.corpora((cells,), traces, jax.random.key(0), 0.15, NASBENCH201)


@pytest.fixture(scope="module")
def learned(
    config: PriorConfig, corpora: Corpora, corpora_201: Corpora
) -> dict[str, tuple[Prior, PriorReport]]:
    """For each space a prior learned from the other benchmark, barely fitted."""
    return {
        name: learn.learn(config, space, known, jax.random.key(1), lambda count: None)
        for (name, space), known in zip(
            SPACES.items(), (corpora_201, corpora), strict=True
        )
    }


@pytest.fixture(params=SPACES)
def case(
    request: pytest.FixtureRequest, learned: dict[str, tuple[Prior, PriorReport]]
) -> tuple[Space, Prior, np.ndarray]:
    """A space, its prior and a population."""
    space = SPACES[request.param]
    genomes = np.asarray(space.sample(jax.random.key(5), POPULATION))
    return space, learned[request.param][0], genomes


def arrays(
    prior: Prior, seed: int, genomes: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    result = program(prior, jax.random.key(seed), genomes, rate)
    return np.asarray(result[0]), np.asarray(result[1])


Case = tuple[Space, Prior, np.ndarray]


def test_the_report_tells_the_corpus_and_beats_guessing(
    learned: dict[str, tuple[Prior, PriorReport]], corpora_201: Corpora
):
    report = learned["nasbench101"][1]
    assert report.pretrain.networks == 200
    assert report.finetune.networks == 36
    assert report.vocabulary_size == len(corpora_201.vocabulary.words)
    for prior, told in learned.values():
        assert told.fcn_accuracy == told.fcn_layer_accuracy
        assert told.fcn_accuracy > 1.5 / prior.table.num_genes


def test_rate_0_leaves_every_cell(case: Case):
    _, prior, genomes = case
    result, proposed = arrays(prior, 0, genomes, 0.0)
    np.testing.assert_array_equal(result, genomes)
    assert not proposed.any()


@pytest.mark.parametrize("rate", [0.4, 1.0])
def test_only_proposed_operations_change_and_all_stay_valid(case: Case, rate: float):
    space, prior, genomes = case
    result, proposed = arrays(prior, 1, genomes, rate)
    assert result.dtype == genomes.dtype and result.shape == genomes.shape
    np.testing.assert_array_equal(result[~proposed], genomes[~proposed])
    assert (result != genomes).any()
    assert np.asarray(space.valid(result)).all()
    allowed = np.asarray(jax.vmap(prior.table.eliminable)(genomes))
    np.testing.assert_array_equal(proposed & allowed, proposed)
    assert set(np.flatnonzero(proposed.any(0))) == set(prior.table.positions)
    if rate == 1:
        np.testing.assert_array_equal(proposed, allowed)


def test_operations_without_a_layer_are_proposed_too(
    learned: dict[str, tuple[Prior, PriorReport]],
):
    prior = learned["nasbench201"][0]
    genomes = np.zeros((512, 6), np.int32)
    counts = np.bincount(arrays(prior, 0, genomes, 1.0)[0].ravel(), minlength=5)
    assert (counts[:4] > 0).all()


def test_searches_side_by_side_are_as_alone(case: Case):
    _, prior, genomes = case
    keys = jax.random.split(jax.random.key(3), 4)
    many = jax.jit(jax.vmap(reconstruct, (None, 0, None, None)))
    together, proposed = many(prior, keys, genomes[:8], 0.5)
    for index, key in enumerate(keys):
        alone = program(prior, key, genomes[:8], 0.5)
        np.testing.assert_array_equal(together[index], alone[0])
        np.testing.assert_array_equal(proposed[index], alone[1])


def test_the_program_is_algorithm_1_with_operations_drawn(case: Case):
    _, prior, genomes = case
    rate, table = 0.6, prior.table
    result, _ = arrays(prior, 6, genomes, rate)
    keys = jax.random.split(jax.random.key(6), POPULATION)
    allowed = np.asarray(jax.vmap(table.eliminable)(genomes))
    for genome, expected, can, key in zip(
        genomes[:6], result, allowed, keys, strict=False
    ):
        eliminate_key, propose_key = jax.random.split(key)
        gone = np.asarray(jax.random.bernoulli(eliminate_key, rate, genome.shape))
        propose_keys = jax.random.split(propose_key, len(genome))
        cell = genome.copy()
        context = jax.jit(type(table).start)(table, cell)
        for position in table.positions:
            if gone[position] and can[position]:
                before = jnp.asarray(context)[None]
                logits = apply(prior.gpt, prior.gpt_params, before)[0, -1]
                layers = logits.at[:NUM_SPECIAL].set(-np.inf)
                layer = jax.random.categorical(propose_keys[position], layers)
                genes = apply(prior.fcn, prior.fcn_params, before, layer[None])[0]
                draw = jax.random.fold_in(propose_keys[position], 1)
                cell[position] = jax.random.categorical(draw, genes)
            context = context_of(table, context, cell, position)
        assert cell.tolist() == expected.tolist()
