"""A run whose ``--data_dir`` has moved, or holds other images."""

from pathlib import Path

import numpy as np
import pytest

from gpt_nas_jax.main import main

FLAGS = (
    "--stage=search",
    "--data_name=npz",
    "--space_min_depth=2",
    "--space_max_depth=2",
    "--space_num_stages=1",
    "--search_strategy=random",
    "--search_batch=2",
    "--search_population=2",
    "--search_generations=1",
    "--eval_method=zero_cost",
    "--eval_proxies=params",
    "--eval_proxy_batch=10",
    "--eval_batch=16",
)


def images(path: Path, count: int = 90, first: int = 0) -> Path:
    """Writes noise of three classes and returns the file."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
    np.savez(path, x_train=pixels, y_train=(np.arange(count) + first) % 3)
    return path


@pytest.mark.parametrize("other", [{"count": 93}, {"first": 1}])
def test_a_search_goes_on_with_the_same_images_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, int]
):
    flags = ("gpt_nas_jax", *FLAGS, f"--workdir={tmp_path / 'run'}")
    file = images(tmp_path / "images.npz")
    assert main([*flags, f"--data_dir={file}"]) == 0
    ledger = (tmp_path / "run" / "ledger.jsonl").read_bytes()
    moved = file.rename(tmp_path / "moved.npz")
    assert main([*flags, f"--data_dir={moved}"]) == 0
    capsys.readouterr()
    assert main([*flags, f"--data_dir={images(tmp_path / 'other.npz', **other)}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "holds ledger.jsonl of another data set" in line
    assert "--data_dir" in line
    assert (tmp_path / "run" / "ledger.jsonl").read_bytes() == ledger
