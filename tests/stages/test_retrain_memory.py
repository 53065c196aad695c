"""Retraining a network that does not fit into memory."""

import os
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from gpt_nas_jax.config import Config, RetrainConfig, RetrainRecipe
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.stages import long_training
from gpt_nas_jax.types import UsageError


class Huge(nn.Module):
    """A layer that needs at least 64 TiB of temporary memory."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        row = jnp.linspace(0.0, 1.0, 2**23) * x.sum()
        table = jnp.sort(row[:, None] * row[None, : 2**22], 0)
        return x + (table**2).sum()


def test_too_little_memory_is_one_line_that_names_the_flag_that_helps(
    tmp_path: Path,
) -> None:
    recipe = RetrainRecipe(epochs=1, batch=64, warmup_epochs=0, accumulate=2)
    config = Config(workdir=str(tmp_path), retrain=RetrainConfig(recipe))
    chain, dataset = Chain((Huge(), Head(10))), registry.load("digits", "")
    with pytest.raises(UsageError) as found:
        long_training.run(config, tmp_path / "retrain", chain, dataset)
    line = str(found.value)
    assert "\n" not in line
    assert "ran out of memory" in line
    assert "--retrain_accumulate=2" in line


@pytest.mark.slow
def test_parts_that_devices_cannot_share_are_refused(tmp_path: Path) -> None:
    flags = (
        "--stage=baseline",
        "--retrain_batch=32",
        "--retrain_accumulate=16",
        f"--workdir={tmp_path / 'run'}",
        f"--train_cache_dir={tmp_path / 'programs'}",
    )
    done = subprocess.run(
        [sys.executable, "-m", "gpt_nas_jax.main", *flags],
        env=os.environ
        | {
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "make it a multiple of 64" in done.stderr
    assert not (tmp_path / "run").exists()
