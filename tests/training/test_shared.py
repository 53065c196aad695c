"""Images are placed on each device once, for many trainings."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from gpt_nas_jax.datasets.images import Images, Splits
from gpt_nas_jax.training.batches import DeviceImages
from gpt_nas_jax.training.placement import SINGLE
from gpt_nas_jax.training.shared import SharedImages
from gpt_nas_jax.training.streamed import StreamedImages


def splits_of(part: object) -> Splits:
    moments = np.zeros(1, np.float32), np.ones(1, np.float32)
    return Splits(part, part, part, 2, False, *moments)


@pytest.fixture
def shared() -> SharedImages:
    pixels = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
    part = Images(pixels, np.array([0, 1] * 3, np.int32))
    return SharedImages(part, splits_of(part), SINGLE)


def test_all_threads_get_the_same_arrays(shared: SharedImages):
    found, barrier = [], threading.Barrier(8)

    def ask() -> None:
        barrier.wait(60)
        found.append(shared.here())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert isinstance(found[0], DeviceImages)
    assert all(data is found[0] for data in found)


def test_images_that_are_streamed_are_not_placed():
    class Elsewhere:
        """Images that are not arrays."""

    part = Elsewhere()
    shared = SharedImages(part, splits_of(part), SINGLE)
    data = shared.here()
    assert isinstance(data, StreamedImages)
    assert data is shared.here()
    assert data.images is part


PROGRAM = """
import json
import threading
import jax
import numpy as np
from gpt_nas_jax.datasets.images import Images, Splits
from gpt_nas_jax.executors import local
from gpt_nas_jax.training.placement import SINGLE
from gpt_nas_jax.training.shared import SharedImages

part = Images(np.zeros((6, 4, 4, 1), np.uint8), np.array([0, 1] * 3, np.int32))
moments = np.zeros(1, np.float32), np.ones(1, np.float32)
shared = SharedImages(part, Splits(part, part, part, 2, False, *moments), SINGLE)
kept = []
# Each round takes both threads of both devices.
barrier = threading.Barrier(4)

def ask(item):
    barrier.wait(60)
    data = shared.here()
    kept.append(data)
    (here,), (there,) = jax.device_put(0).devices(), data.images.devices()
    return here.id, there.id, id(data)

print(json.dumps([*local.run(ask, range(40), 2)]))
"""


def test_each_device_has_one_copy():
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    env["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(here == there for here, there, _ in found)
    assert {here for here, *_ in found} == {0, 1}
    assert len({copy for *_, copy in found}) == 2
