"""The prior on cells of each benchmark, trained on the other one."""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from prior_support import SPACES, learn_from, sample, small_prior

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.networks.trace import Trace, trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.prior import examples
from gpt_nas_jax.prior.benchmarks import NASBENCH101, NASBENCH201, CellBenchmark
from gpt_nas_jax.prior.corpora import build_corpora
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.reconstruct import reconstruct
from gpt_nas_jax.prior.report import PriorReport
from gpt_nas_jax.spaces.nasbench101.cells import enumerate_cells, to_columns
from gpt_nas_jax.spaces.nasbench101.corpus import Columns
from gpt_nas_jax.tokens.reading import read
from gpt_nas_jax.tokens.vocabulary import NUM_SPECIAL
from gpt_nas_jax.types import Space

POPULATION = 64
Case = tuple[Space, Prior, np.ndarray]

program = jax.jit(reconstruct)
context_of = jax.jit(read)


@functools.partial(jax.jit, static_argnums=0)
def apply(model: nn.Module, params: Any, *inputs: jax.Array) -> jax.Array:
    return model.apply({"params": params}, *inputs)


@pytest.fixture(params=SPACES)
def case(request: pytest.FixtureRequest) -> Case:
    """A space, a small prior and a population."""
    space = SPACES[request.param]
    genomes = np.asarray(sample(space, jax.random.key(5), POPULATION))
    return space, small_prior(request.param), genomes


def arrays(
    prior: Prior, seed: int, genomes: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    result = program(prior, jax.random.key(seed), genomes, rate)
    return np.asarray(result[0]), np.asarray(result[1])


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


def test_vectorised_searches_equal_single_ones():
    prior = small_prior("nasbench201")
    genomes = np.asarray(sample(SPACES["nasbench201"], jax.random.key(5), POPULATION))
    keys = jax.random.split(jax.random.key(3), 4)
    many = jax.jit(jax.vmap(reconstruct, (None, 0, None, None)))
    together, proposed = many(prior, keys, genomes, 0.5)
    for index, key in enumerate(keys):
        alone = program(prior, key, genomes, 0.5)
        np.testing.assert_array_equal(together[index], alone[0])
        np.testing.assert_array_equal(proposed[index], alone[1])


def test_the_program_is_algorithm_1_with_operations_drawn(case: Case):
    space, prior, genomes = case
    rate, table = 0.6, prior.table
    result, _ = arrays(prior, 6, genomes, rate)
    keys = jax.random.split(jax.random.key(6), POPULATION)
    allowed = np.asarray(jax.vmap(table.eliminable)(genomes))
    # Layers that do not follow any place are not proposed.
    drawn = examples.of_genomes(sample(space, jax.random.key(8), 500), table)
    openers = np.unique(drawn.tokens[drawn.tokens >= NUM_SPECIAL])
    for genome, expected, can, key in zip(
        genomes[:4], result, allowed, keys, strict=False
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
                layers = jax.nn.softmax(logits[openers])
                each = np.repeat(before, len(openers), axis=0)
                genes = apply(prior.fcn, prior.fcn_params, each, openers)
                shares = jnp.log(layers @ jax.nn.softmax(genes))
                cell[position] = jax.random.categorical(propose_keys[position], shares)
            context = context_of(table, context, cell, position)
        assert cell.tolist() == expected.tolist()


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    """Three human networks of the zoo."""
    names = ("ResNet-18", "GoogLeNet", "ShuffleNetV2-x0.5")
    return [trace(ZOO[name].build(1000), ZOO[name].image) for name in names]


def learned(
    config: PriorConfig,
    name: str,
    columns: Columns,
    traces: list[Trace],
    benchmark: CellBenchmark,
) -> tuple[Prior, PriorReport]:
    known = build_corpora(columns, traces, jax.random.key(0), 0.15, benchmark)
    config = dataclasses.replace(config, pretrain_epochs=0, fcn_steps=100)
    return learn_from(config, SPACES[name], known, lambda count: None)


@pytest.mark.long
def test_nasbench101_and_human_networks_teach_the_operations_of_a_cell(
    config: PriorConfig, traces: list[Trace]
):
    graphs = to_columns(enumerate_cells(4))
    prior, report = learned(config, "nasbench201", graphs, traces, NASBENCH101)
    # Two of the five operations have no layers.
    assert report.fcn_accuracy == report.fcn_layer_accuracy > 0.3
    genomes = np.zeros((POPULATION, 6), np.int32)
    counts = np.bincount(arrays(prior, 0, genomes, 1.0)[0].ravel(), minlength=5)
    named = dict(zip(nasbench201.OPERATIONS, counts.tolist(), strict=True))
    # No network of the corpus has a 3x3 average pooling.
    assert named.pop("avg_pool_3x3") < min(named.values())


@pytest.mark.long
def test_nasbench201_and_human_networks_teach_the_operations_of_a_vertex(
    config: PriorConfig, traces: list[Trace]
):
    drawn = np.random.default_rng(0).integers(0, 5, (30, 6)).astype(np.uint8)
    config = dataclasses.replace(config, finetune_epochs=0)
    prior, report = learned(config, "nasbench101", (drawn,), traces, NASBENCH201)
    assert report.pretrain.networks == 30
    assert report.finetune.networks == 3
    # Every operation has a different first layer.
    assert report.fcn_accuracy > 0.95
    genomes = np.tile(sample(SPACES["nasbench101"], jax.random.key(0), 1), (256, 1))
    result = arrays(prior, 0, genomes, 1.0)[0]
    live = np.asarray(prior.table.eliminable(genomes[0]))
    assert set(result[:, live].ravel()) == {0, 1, 2}
