"""The recipe of a retraining, which may change until it begins."""

import dataclasses
from pathlib import Path

import pytest

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.stages import claim
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import Ledger


def settings(path: Path, stage: str, batch: int) -> Config:
    """Those of a run with this batch of its retraining."""
    plain = Config(workdir=str(path), stage=stage)
    recipe = dataclasses.replace(plain.retrain.recipe, batch=batch)
    retrain = dataclasses.replace(plain.retrain, recipe=recipe)
    return dataclasses.replace(plain, retrain=retrain)


def test_a_batch_that_is_too_large_does_not_bar_the_retraining(tmp_path: Path):
    """It is noticed only when the search is over."""
    with claim.opened(settings(tmp_path, "search", 5000)):
        Ledger(tmp_path / workdir.LEDGER).append({"fitness": 0.5})
    before = (tmp_path / workdir.LEDGER).read_bytes()
    smaller = settings(tmp_path, "retrain", 64)
    claim.check(smaller)
    with claim.opened(smaller):
        assert (tmp_path / workdir.LEDGER).read_bytes() == before
        assert workdir.read_flags(tmp_path)["retrain_batch"] == "64"
        # It is not taken for a longer search.
        assert not workdir.extended(tmp_path)
    with pytest.raises(UsageError, match="--seed is '1', was '0'"):
        claim.check(dataclasses.replace(smaller, seed=1))


@pytest.mark.parametrize("result", ["retrain", "best", "result.json", "baseline"])
def test_the_recipe_of_a_network_in_training_stays(tmp_path: Path, result: str):
    with claim.opened(settings(tmp_path, "all", 64)):
        Ledger(tmp_path / workdir.LEDGER).append({"fitness": 0.5})
        (tmp_path / result).mkdir()
    for stage in ("all", "retrain"):
        with pytest.raises(UsageError, match="--retrain_batch is '32', was '64'"):
            claim.check(settings(tmp_path, stage, 32))
