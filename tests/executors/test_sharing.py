"""Programs shared by several devices: compiled once, cached once, same results."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Four devices reach each of three programs at the same time, and pass a pullback from
# one program to the next.
PROGRAMS = """
import collections, json, sys, threading
import jax, numpy as np
from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.executors import local
from gpt_nas_jax.stages import compile_cache

counts = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counts.update([event]))
compile_cache.keep(TrainConfig(cache_dir=sys.argv[1], cache_size=float(sys.argv[2])))
exec(sys.argv[3])
forward = jax.jit(lambda w, x: jax.vjp(lambda w, x: jax.numpy.tanh(x @ w), w, x))
backward = jax.jit(lambda pullback, y: pullback(y))
loss = jax.jit(lambda y: (y ** 2).mean())
numbers = np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)
workers = int(sys.argv[4])
count = len(jax.local_devices()) * workers
barrier = threading.Barrier(count)

def work(item):
    barrier.wait(60)
    y, pullback = forward(*numbers)
    barrier.wait(60)
    found = [loss(y), *backward(pullback, y)]
    (device,) = found[-1].devices()
    return device.id, [np.asarray(part).tobytes().hex() for part in found]

results = sorted(local.run(work, range(count), workers))
name = "/jax/compilation_cache/"
print(json.dumps({
    "devices": [device for device, _ in results],
    "results": [numbers for _, numbers in results],
    "asked": counts[name + "compile_requests_use_cache"],
    "kept": counts[name + "cache_misses"],
    "found": counts[name + "cache_hits"],
}))
"""


def run(
    path: Path, devices: int, gib: float = 1, also: str = "", workers: int = 1
) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS, str(path), str(gib), also, str(workers)],
        env=os.environ
        | {
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of one device, where nothing is shared."""
    return run(tmp_path_factory.mktemp("one"), 1)


def test_each_program_is_compiled_once_and_kept_once(
    one: dict[str, Any], tmp_path: Path
) -> None:
    four = run(tmp_path, 4)
    assert four["devices"] == [0, 1, 2, 3]
    assert four["results"] == 4 * one["results"]
    assert four["kept"] == one["kept"] == 3
    assert len([*tmp_path.glob("*-cache")]) == 3
    again = run(tmp_path, 4)
    assert again["results"] == 4 * one["results"]
    assert again["kept"] == 0
    assert again["found"] >= 3


@pytest.mark.slow
def test_without_a_directory_each_program_is_compiled_once(
    one: dict[str, Any], tmp_path: Path
) -> None:
    four = run(tmp_path / "none", 4, gib=0)
    assert four["results"] == 4 * one["results"]
    assert four["asked"] == 3
    assert not (tmp_path / "none").exists()


# JAX lets only the first process write to the directory.
FOLLOWER = "from jax._src import distributed; distributed.global_state.process_id = 1"


@pytest.mark.slow
def test_a_follower_compiles_each_program_once(
    one: dict[str, Any], tmp_path: Path
) -> None:
    four = run(tmp_path, 4, also=FOLLOWER)
    assert four["results"] == 4 * one["results"]
    assert four["asked"] == 3
    assert not [*tmp_path.glob("*-cache")]


@pytest.mark.slow
def test_threads_of_one_device_compile_each_program_once(
    one: dict[str, Any], tmp_path: Path
) -> None:
    two = run(tmp_path, 1, workers=2, also=FOLLOWER)
    assert two["results"] == 2 * one["results"]
    assert two["asked"] == 3


# A JAX version that expects one more argument than we pass.
CHANGED = """
from jax._src import compilation_cache
get = compilation_cache.get_cache_key
compilation_cache.get_cache_key = lambda a, b, c, d, e: get(a, b, c, d, e)
"""


@pytest.mark.slow
def test_where_jax_has_changed_each_device_compiles_for_itself(
    one: dict[str, Any], tmp_path: Path
) -> None:
    four = run(tmp_path, 4, also=CHANGED)
    assert four["results"] == 4 * one["results"]
    assert four["kept"] == 12
