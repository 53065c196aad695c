"""Several devices give what one gives."""

import json
import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest

from gpt_nas_jax.training.placement import compute_type

DEVICES = 4
# Trains the same network for two epochs in every way; prints its parameters and loss.
PROGRAM = """
import dataclasses, json, sys
import jax
import numpy as np
from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.data import images
from gpt_nas_jax.networks.candidate import candidate
from gpt_nas_jax.training import chain as by_block, pmapped, whole
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.placement import SINGLE, Placement, mesh_of
from gpt_nas_jax.training.rules import Rule

chain = candidate(("Stem", "InvertedResidual", "MaxPool"), 16, 2, 10)
dataset = images.load("digits", "")
splits = images.split(dataset, jax.random.key(0), 0.15, 200)
plain = RetrainRecipe(epochs=2, batch=64, learning_rate=0.05, warmup_epochs=0, pad=1)
full = dataclasses.replace(plain, label_smoothing=0.1, ema=0.9)
mesh = Placement("float32", mesh_of(jax.local_devices()))
key = jax.random.key(3)

def numbers(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]).tolist()

def by_whole(placement, step, recipe=full):
    data = to_device(splits.train, splits.mean, splits.std, False, placement)
    losses = []
    state = whole.fit(
        chain, recipe, data, key, None, lambda *after: losses.append(after), step
    )
    shared = len(next(iter(jax.tree.leaves(state.params))).devices())
    right = whole.accuracy(chain, state, data, 64)
    return {"numbers": numbers(state.variables()), "devices": shared, "right": right}

def by_blocks(placement):
    data = to_device(splits.train, splits.mean, splits.std, False, placement)
    rules = (Rule.ALL,) * len(chain.blocks)
    states, _ = by_block.fit(chain, rules, plain, data, key, lambda: None)
    params = [state.variables() for state in states]
    merged = {
        name: {f"blocks_{i}": p[name] for i, p in enumerate(params) if p[name]}
        for name in ("params", "batch_stats")
    }
    right = by_block.accuracy(states, data, 64)
    shared = len(states[0].trained.devices())
    return {"numbers": numbers(merged), "devices": shared, "right": right}

print(json.dumps({
    "one": by_whole(SINGLE, whole.step),
    "mesh": by_whole(mesh, whole.step),
    "pmap": by_whole(SINGLE, pmapped.step),
    "plain": by_whole(SINGLE, whole.step, plain),
    "blocks on a mesh": by_blocks(mesh),
}))
"""


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What each way came to, in a process that has four devices."""
    flag = f"--xla_force_host_platform_device_count={DEVICES}"
    environment = os.environ | {"XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("way", "same"),
    [("mesh", "one"), ("pmap", "one"), ("blocks on a mesh", "plain")],
)
def test_devices_that_share_a_batch_train_as_one(
    results: dict[str, Any], way: str, same: str
) -> None:
    one, other = results[same], results[way]
    assert (one["devices"], other["devices"]) == (1, DEVICES)
    np.testing.assert_allclose(other["numbers"], one["numbers"], rtol=1e-3, atol=2e-5)
    assert other["right"] == one["right"]


def test_precision_follows_the_platform_unless_told() -> None:
    assert compute_type("bfloat16") == "bfloat16"
    assert compute_type("float32") == "float32"
    on_cpu = jax.default_backend() == "cpu"
    assert compute_type("auto") == ("float32" if on_cpu else "bfloat16")
