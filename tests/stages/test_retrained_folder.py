"""The folder of a trained network never mixes two networks."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.stages import problem, retrain

FIRST, SECOND = (np.array(genes, np.int32) for genes in ([0, 1, 2], [0, 2, 1]))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The settings of a run whose retraining fails before its first step."""
    config = gnj.configure(
        workdir=tmp_path,
        search_strategy="genetic",
        space_min_depth=3,
        space_max_depth=3,
        space_num_stages=1,
        retrain_batch=64,
    )
    workdir.write_text(tmp_path / workdir.FLAGS, fields.to_text(config))
    recipe = dataclasses.replace(config.retrain.recipe, accumulate=3)
    return dataclasses.replace(
        config, retrain=dataclasses.replace(config.retrain, recipe=recipe)
    )


def test_a_folder_has_no_network_until_its_own_weights_are_there(config: Config):
    loaded = problem.load(config)
    run = gnj.load(config.workdir)

    def begins(genome: np.ndarray) -> None:
        with pytest.raises(gnj.UsageError, match="--retrain_accumulate=3"):
            retrain.run(config, loaded, genome, "--seed=0\n")
        assert run.architecture is not None
        assert run.architecture["genome"] == genome.tolist()

    begins(FIRST)
    with pytest.raises(gnj.UsageError, match=r"no network is trained in .*best yet"):
        run.predict(loaded.dataset.test.pixels()[:1])
    shapes = trace(loaded.space.decode(FIRST), loaded.space.image).collections()
    weights = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    workdir.save_tree(run.best / "weights", weights)
    workdir.write_sealed(run.path / "result.json", {"retrain": {}})
    # The same network resumes; those of before are still its weights.
    begins(FIRST)
    assert run.network[0] == loaded.space.decode(FIRST)
    assert run.result is not None
    begins(SECOND)
    with pytest.raises(gnj.UsageError, match=r"no network is trained in .*best yet"):
        gnj.load(config.workdir).predict(loaded.dataset.test.pixels()[:1])
    assert run.result is None
