"""Streamed images with batches shared by two processes."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from hosts_support import Processes
from imagenet_support import prepare_imagenet

from gpt_nas_jax.config import RetrainRecipe
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.training.streamed import placed

pytestmark = pytest.mark.long

RECIPE = RetrainRecipe(
    epochs=2, batch=32, cutout=8, randaugment_ops=1, erasing=0.5, mixup=0.2, cutmix=1.0
)
PLAIN = 48
FIRST = 4
SIDE = 32

MODULE = """
import dataclasses, sys
import jax
import numpy as np
from jax.experimental import multihost_utils
from test_shared_streams import FIRST, PLAIN, RECIPE, SIDE
from gpt_nas_jax.config import HostsConfig
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.executors import hosts
from gpt_nas_jax.training.placement import Placement, mesh_of
from gpt_nas_jax.training.streamed import placed

class Counted:
    def __init__(self, records):
        self.records, self.read = records, 0
    def __getitem__(self, row):
        self.read += 1
        return self.records[row]

def gathered(home):
    images = registry.load("imagenet2012", home, side=SIDE, workers=0).train
    counted = Counted(images.records)
    images = dataclasses.replace(images, records=counted)
    placement = Placement("float32", mesh_of(jax.devices()))
    data = placed(images, *images.moments(), True, placement, "loss")
    found = [*data.batches(RECIPE, jax.random.key(3), FIRST), *data.plain(PLAIN)]
    assert placement.spans_processes
    reads = multihost_utils.process_allgather(np.int32(counted.read))
    arrays = [
        multihost_utils.process_allgather(array, tiled=True)
        for array in jax.tree.leaves(found)
    ]
    return arrays, reads

def program(home, report):
    arrays, reads = hosts.together(gathered, home)
    np.savez(report, *arrays, reads=reads)

home, report, _, *where = sys.argv[1:]
where, count, index = (part.partition("=")[2] for part in where)
hosts.lead(HostsConfig(where, int(count), int(index)), lambda: program(home, report))
"""


def test_each_process_decodes_its_share_of_the_very_same_batches(
    tmp_path: Path,
) -> None:
    home, module = tmp_path / "tfds", tmp_path / "shares.py"
    report = tmp_path / "report.npz"
    home.mkdir()
    prepare_imagenet(home)
    module.write_text(MODULE, encoding="utf-8")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, *{sys.path!r}]; import shares"
    )
    command = [sys.executable, "-c", code, str(home), str(report)]
    ended = Processes(lambda _: command, 2, tmp_path).end()
    assert [code for code, _, _ in ended] == [0, 0], ended

    images = registry.load("imagenet2012", home, side=SIDE, workers=0).train
    data = placed(images, *images.moments(), True, balance="loss")
    alone = [*data.batches(RECIPE, jax.random.key(3), FIRST), *data.plain(PLAIN)]
    expected = [*map(np.asarray, jax.tree.leaves(alone))]
    found = np.load(report)
    assert len(found.files) == len(expected) + 1
    for place, array in enumerate(expected):
        # Mixed images differ by rounding between programs.
        close = (
            {"rtol": 1e-5, "atol": 1e-6} if array.dtype == np.float32 else {"rtol": 0}
        )
        np.testing.assert_allclose(found[f"arr_{place}"], array, **close)
    decoded = sum(len(x) for x, _ in alone)
    # Nothing is decoded ahead beyond the end.
    assert found["reads"].tolist() == [decoded // 2] * 2
