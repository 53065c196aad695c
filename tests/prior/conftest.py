"""Fixtures for the tests of the prior."""

import jax
import pytest
from prior_support import learn_from

from gpt_nas_jax.config import PriorConfig
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.prior.corpora import Corpora, build_corpora
from gpt_nas_jax.prior.prior import Prior
from gpt_nas_jax.prior.report import PriorReport
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench101.cells import enumerate_cells, to_columns


@pytest.fixture(scope="session")
def space() -> BlockSpace:
    """Short chains for small grey images."""
    return BlockSpace(
        (8, 8, 1), num_classes=10, min_depth=4, max_depth=8, width=16, num_stages=2
    )


@pytest.fixture(scope="session")
def config() -> PriorConfig:
    """Settings that train a prior in seconds."""
    # Both phases take ten steps, so they share one compiled program. The context is
    # not the paper's, which is the default in many places.
    return PriorConfig(
        context=12,
        width=16,
        batch=256,
        learning_rate=1e-2,
        pretrain_epochs=2,
        finetune_epochs=5,
        fcn_steps=50,
    )


@pytest.fixture(scope="session")
def corpora(zoo_traces: dict[str, Trace]) -> Corpora:
    """The zoo and the cells with at most four vertices."""
    columns = to_columns(enumerate_cells(4))
    return build_corpora(columns, list(zoo_traces.values()), jax.random.key(0), 0.15)


@pytest.fixture(scope="session")
def learned(
    config: PriorConfig, space: BlockSpace, corpora: Corpora
) -> tuple[Prior, PriorReport]:
    """A small prior, barely trained, and its report."""
    return learn_from(config, space, corpora, lambda count: None)
