"""Training on several devices equals training on one."""

import itertools
import json
import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest

from gpt_nas_jax.training.placement import compute_type

pytestmark = pytest.mark.slow

DEVICES = 4
# Takes the same twenty steps in every way, in float32 and float64, with whole batches
# and with two microbatches. Prints the distance of each way from one device after the
# first and the last step, relative to the distance that the parameters have moved.
STEPS = """
import dataclasses
import itertools
import json
import jax
import jax.numpy as jnp
import numpy as np
from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import pmapped, whole
from gpt_nas_jax.training.placement import Placement, mesh_of
from gpt_nas_jax.training.recipe import update_of

jax.config.update("jax_disable_most_optimizations", True)
chain = candidate(("Stem", "InvertedResidual", "SqueezeExcitation"), 16, 1, 10)
recipe = RetrainRecipe(
    epochs=2, batch=16, learning_rate=0.05, warmup_epochs=0, label_smoothing=0.1,
    ema=0.9,
)
key = jax.random.key(3)
start = whole.start(chain, recipe, 10, (8, 8, 1), key)
updates = {
    parts: update_of(dataclasses.replace(recipe, accumulate=parts), 10)
    for parts in (1, 2)
}
mesh = Placement("float32", mesh_of(jax.local_devices()))
generator = np.random.default_rng(0)
images = generator.normal(size=(20, 16, 8, 8, 1)).astype(np.float32)
labels = generator.integers(0, 10, (20, 16)).astype(np.int32)

def vector(state):
    leaves = jax.tree.leaves((state.params, state.stats, state.average))
    return np.concatenate([np.ravel(leaf) for leaf in leaves])

def trained(update, step, dtype, share_out, everywhere):
    def cast(a):
        return jnp.array(a, dtype if a.dtype == jnp.float32 else a.dtype)

    keyless = start.replace(key=None)
    state = jax.tree.map(cast, keyless).replace(key=jnp.copy(start.key))
    state, found = everywhere(state), []
    for x, y in zip(images, labels):
        x, y = share_out((jnp.asarray(x, dtype), jnp.asarray(y)))
        state, _ = step(chain, update, state, x, y)
        found.append(vector(state))
    return found[0], found[-1]

begun = vector(start)

def same(tree):
    return tree

ways = {
    "one": (whole.step, same, same),
    "mesh": (whole.step, jax.jit(mesh.sharded), mesh.everywhere),
    "pmap": (pmapped.step, same, same),
}
found = {}
for dtype, parts in itertools.product(("float32", "float64"), updates):
    with jax.enable_x64(dtype == "float64"):
        of = {
            name: trained(updates[parts], way[0], dtype, *way[1:])
            for name, way in ways.items()
        }
    for name in ("mesh", "pmap"):
        found[f"{name} {dtype} {parts}"] = [
            float(np.linalg.norm(other - one) / np.linalg.norm(one - begun))
            for one, other in zip(of["one"], of[name])
        ]
print(json.dumps(found))
"""
# Trains the same network for two epochs in every way. Prints its variables, the number
# of its devices and its accuracy.
PROGRAM = """
import dataclasses, json, sys
import jax
import numpy as np
from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.datasets import images, registry
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import chain as by_block, pmapped, whole
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.placement import SINGLE, Placement, mesh_of
from gpt_nas_jax.training.rules import Rule

# Not MaxPool: where a digit's background is all alike, rounding says which is largest.
chain = candidate(("Stem", "InvertedResidual", "AvgPool"), 16, 2, 10)
dataset = registry.load("digits", "")
splits = images.split(dataset, jax.random.key(0), 0.15, 200)
plain = RetrainRecipe(epochs=2, batch=64, learning_rate=0.05, warmup_epochs=0, pad=1)
full = dataclasses.replace(
    plain, label_smoothing=0.1, ema=0.9, randaugment_ops=1, erasing=0.5, mixup=0.2,
    cutmix=1.0,
)
mesh = Placement("float32", mesh_of(jax.local_devices()))
key = jax.random.key(3)

def numbers(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]).tolist()

def placed(placement):
    moments = splits.mean, splits.std
    return to_device(splits.train, *moments, False, placement, "loss")

def by_whole(placement, step, recipe=full):
    data = placed(placement)
    state = whole.fit(chain, recipe, data, key, None, lambda *after: None, step)
    shared = len(next(iter(jax.tree.leaves(state.params))).devices())
    right = whole.accuracy(chain, state, data, 64)
    return {"numbers": numbers(state.variables()), "devices": shared, "right": right}

def by_blocks(placement):
    data = placed(placement)
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

# Trains a network by block programs on one device and prints a hash of its variables.
BITS = """
import hashlib, json
import jax
import numpy as np
from gpt_nas_jax.config import Recipe
from gpt_nas_jax.spaces.blocks.network import candidate
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training.recipe import optimizer
from gpt_nas_jax.training.rules import Rule

chain = candidate(("Stem", "Bottleneck", "Conv"), 16, 1, 10)
update = optimizer(Recipe(epochs=1, batch=64), 10)
key = jax.random.key(3)
states = by_block.start(chain, (Rule.ALL,) * len(chain.blocks), update, (8, 8, 1), key)
generator = np.random.default_rng(0)
images = generator.normal(size=(64, 8, 8, 1)).astype(np.float32)
for _ in range(3):
    states, _ = by_block.step(update, states, images, np.arange(64) % 10)
arrays = [np.asarray(array) for s in states for array in (s.trained, s.stats)]
found = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
print(json.dumps({"bits": found, "devices": jax.local_device_count()}))
"""


# Prepares batches of which each device holds a part, as streams of several hosts are.
# Prints which programs move images from device to device.
PARTS = """
import json
import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from gpt_nas_jax.config import Recipe
from gpt_nas_jax.training import batches
from gpt_nas_jax.training.balance import Balance
from gpt_nas_jax.training.placement import Placement, mesh_of

mesh = Placement("float32", mesh_of(jax.local_devices()))
arrays = np.zeros((16, 8, 8, 3), np.uint8), np.zeros(16, np.int32)
parts = jax.device_put(arrays, NamedSharding(mesh.mesh, PartitionSpec("batch")))
moments = mesh.everywhere((np.zeros(3, np.float32), np.ones(3, np.float32), Balance()))
data = batches.DeviceImages(*parts, *moments, True, mesh)
programs = {
    "augmented": batches.augmented_batch.lower(Recipe(), data, jax.random.key(0), 0),
    "normalised": batches.normalised_batch.lower(data),
}
texts = {name: one.compile().as_text() for name, one in programs.items()}
moving = ("all-gather", "all-to-all", "collective-permute", "all-reduce")
print(json.dumps({n: [m for m in moving if m in text] for n, text in texts.items()}))
"""


def test_images_stay_on_the_device_that_holds_their_part_of_a_batch() -> None:
    assert printed(PARTS) == {"augmented": [], "normalised": []}


def printed(program: str, devices: int = DEVICES) -> dict[str, Any]:
    """The last line that a program prints in a process with ``devices`` devices."""
    flag = f"--xla_force_host_platform_device_count={devices}"
    # NPROC fixes the number of cores, which decides how many threads XLA has.
    settings = {"XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu", "NPROC": "2"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """The results of each way."""
    return printed(PROGRAM)


@pytest.mark.parametrize(
    ("way", "same"),
    [("mesh", "one"), ("pmap", "one"), ("blocks on a mesh", "plain")],
)
def test_devices_that_share_a_batch_train_as_one(
    results: dict[str, Any], way: str, same: str
) -> None:
    one, other = results[same], results[way]
    assert (one["devices"], other["devices"]) == (1, DEVICES)
    np.testing.assert_allclose(other["numbers"], one["numbers"], rtol=1e-4, atol=5e-6)
    assert other["right"] == one["right"]


@pytest.mark.long
def test_ways_to_share_a_batch_differ_by_rounding_alone() -> None:
    found = printed(STEPS)
    assert len(found) == 8
    for way, parts in itertools.product(("mesh", "pmap"), (1, 2)):
        first, last = found[f"{way} float32 {parts}"]
        assert first < 1e-6
        assert last < 1e-3
        # A defect would be as large in float64, but rounding is 2**29 times smaller.
        first, last = found[f"{way} float64 {parts}"]
        assert first < 1e-14
        assert last < 1e-11


def test_idle_devices_change_no_bit() -> None:
    alone, among = printed(BITS, 1), printed(BITS)
    assert (alone["devices"], among["devices"]) == (1, DEVICES)
    assert alone["bits"] == among["bits"]


def test_precision_follows_the_platform_unless_told() -> None:
    assert compute_type("bfloat16") == "bfloat16"
    assert compute_type("float32") == "float32"
    on_cpu = jax.default_backend() == "cpu"
    assert compute_type("auto") == ("float32" if on_cpu else "bfloat16")
