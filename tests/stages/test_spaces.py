"""Spaces other than chains of blocks, from the command line."""

import importlib
import sys
from pathlib import Path

import pytest

from gpt_nas_jax.config import SpaceConfig
from gpt_nas_jax.datasets.benchmarks.nasbench201 import OPERATIONS
from gpt_nas_jax.main import main
from gpt_nas_jax.spaces import registry
from gpt_nas_jax.workdir import Ledger, read_json

FLAGS = (
    "--data_train_limit=100",
    "--data_valid_limit=50",
    "--search_strategy=random",
    "--search_batch=2",
    "--search_population=2",
    "--search_generations=1",
    "--eval_epochs=1",
    "--eval_batch=50",
    "--eval_trained_blocks=all",
    "--retrain_epochs=1",
    "--retrain_batch=64",
)


@pytest.mark.slow
def test_a_cell_of_nasbench201_is_searched_and_trained(tmp_path: Path):
    flags = (*FLAGS, f"--workdir={tmp_path}", "--space_name=nasbench201")
    assert main(["gpt_nas_jax", *flags]) == 0
    records = Ledger(tmp_path / "ledger.jsonl").read()
    assert [record["reason"] for record in records] == [None, None]
    for record in records:
        assert record["blocks"] == [OPERATIONS[gene] for gene in record["genome"]]
    architecture = read_json(tmp_path / "best" / "architecture.json")
    assert architecture["blocks"] in [record["blocks"] for record in records]
    assert 0 <= read_json(tmp_path / "result.json")["retrain"]["test_accuracy"] <= 1


SPACE = """
import flax.linen as nn
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.spaces import CategoricalSpace, NasBench201Space

class Cells(NasBench201Space):
    pass

class Partly:
    def __init__(self, image, num_classes):
        self.length = self.num_genes = 3

class Other:
    pass

def undecodable(image, num_classes):
    return CategoricalSpace((("a", "b"), ("c", "d")))

class Undecoded(NasBench201Space):
    def decode(self, genome):
        return None

class OtherHead(NasBench201Space):
    def decode(self, genome):
        return Chain((*super().decode(genome).blocks[:-1], Head(7)))

class ForOthers(NasBench201Space):
    def decode(self, genome):
        return Chain((InHalves(), *super().decode(genome).blocks))

class InHalves(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        return x.reshape(*x.shape[:3], 2, -1)[..., 0]

class SomeFail(NasBench201Space):
    def decode(self, genome):
        if genome.sum() % 2:
            return super().decode(genome)
        return Chain((InHalves(), *super().decode(genome).blocks))

def other_images(image, num_classes):
    return NasBench201Space((32, 32, 3), num_classes)

def other_classes(image, num_classes):
    return NasBench201Space(image, 20)

def forgets(image, num_classes):
    NasBench201Space(image, num_classes)

def raises(image, num_classes):
    raise KeyError("absent")
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Partly", "lacks num_neighbours, sample, valid, crossover, mutate"),
        ("Other", "must take the keywords image and num_classes"),
        ("Absent", "has no Absent"),
        ("undecodable", "lacks image, num_classes, settings, decode"),
        ("Undecoded", "decode must return a Chain, not NoneType"),
        (
            "OtherHead",
            "the output of a network is 1x1x7, not one number for each of 10",
        ),
        ("ForOthers", "a network raised TypeError: cannot reshape"),
        ("other_images", "is for images of 32x32x3 in 10 classes, but the data has"),
        ("other_classes", "has images of 8x8x1 in 10 classes; pass on the keywords"),
        ("forgets", "is None; give an instance of a space"),
        ("raises", "raised KeyError: 'absent' ("),
    ],
)
def test_a_space_that_lacks_a_part_is_refused(
    given: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    (tmp_path / "spaces_of_a_user.py").write_text(SPACE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    workdir = tmp_path / "run"
    flags = (f"--workdir={workdir}", f"--space_name=spaces_of_a_user:{given}")
    assert main(["gpt_nas_jax", *FLAGS, *flags]) == 2
    assert message in capsys.readouterr().err
    assert not workdir.exists()


def test_a_space_of_which_some_networks_fail_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "spaces_of_which_some_fail.py").write_text(SPACE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    space = SpaceConfig(name="spaces_of_which_some_fail:SomeFail")
    assert registry.build(space, (8, 8, 1), 10).num_classes == 10


BLOCK = """
import flax.linen as nn

class Mine(nn.Module):
    features: int
    stride: int

    @nn.compact
    def __call__(self, x, train):
        return nn.Conv(self.features, ({size}, {size}), self.stride)(x)
"""


def test_results_of_a_block_whose_code_has_changed_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    module = tmp_path / "block_of_a_user.py"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    flags = (
        *FLAGS,
        "--stage=search",
        "--space_min_depth=2",
        "--space_max_depth=2",
        "--space_num_stages=1",
        "--eval_method=zero_cost",
        "--eval_proxies=params",
        "--eval_proxy_batch=10",
        f"--workdir={tmp_path / 'run'}",
        "--space_blocks=block_of_a_user:Mine",
    )
    ends = []
    for size in (3, 5, 3):
        module.write_text(BLOCK.format(size=size), encoding="utf-8")
        sys.modules.pop(module.stem, None)
        importlib.invalidate_caches()
        ends.append(main(["gpt_nas_jax", *flags]))
    assert ends == [0, 2, 0]
    message = capsys.readouterr().err
    assert "holds ledger.jsonl of another space: its code has changed" in message
