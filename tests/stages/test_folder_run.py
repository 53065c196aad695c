"""Whole runs on a folder of pictures: in memory, streamed, killed and resumed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stages_support import Runs, ledger, result

from gpt_nas_jax import workdir
from gpt_nas_jax.main import main

pytestmark = pytest.mark.slow

FLAGS = (
    "--data_name=folder",
    "--data_workers=0",
    "--search_strategy=genetic",
    "--search_population=2",
    "--search_generations=2",
    "--search_finalists=2",
    "--search_finalist_epochs=1",
    "--eval_batch=16",
    "--retrain_batch=16",
)


def pictures(home: Path, first: int, count: int, least: int, most: int) -> None:
    random = np.random.default_rng(first)
    for number in range(first, first + count):
        tint = 60 + 60 * np.eye(3)[number % 3]
        noise = random.normal(0, 40, (*random.integers(least, most, 2), 3))
        path = home / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(tint + noise, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of various sizes and one that cannot be read."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures(folder, 0, 75, 10, 24)
    (folder / "a" / "broken.jpg").write_bytes(b"noise")
    return folder


def run(runs: Runs, path: Path, home: Path, *flags: str) -> int:
    given = (f"--data_dir={home}", "--data_unreadable=skip", *FLAGS, *flags)
    return main(runs.command(path, *given)[2:])


@pytest.fixture(scope="module")
def streamed(runs: Runs, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streamed")
    assert run(runs, path, home, "--data_stream=yes") == 0
    return path


def test_it_ends_as_in_memory(
    runs: Runs,
    home: Path,
    streamed: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(runs, tmp_path, home, "--data_stream=no") == 0
    assert ledger(tmp_path) == ledger(streamed)
    assert result(tmp_path) == result(streamed)
    ours, theirs = (
        (path / "best" / "architecture.json").read_bytes()
        for path in (streamed, tmp_path)
    )
    assert ours == theirs
    asked = []
    for path in (streamed, tmp_path):
        capsys.readouterr()
        files = ("--stage=predict", f"--predict_files={home / 'b'}")
        out = path / "answers.csv"
        command = [f"--workdir={path}", *files, f"--predict_out={out}"]
        assert main(["gpt_nas_jax", *command]) == 0
        asked.append(out.read_bytes())
    assert asked[0] == asked[1]


def test_it_says_what_it_waited_for_pictures(streamed: Path) -> None:
    found = workdir.read_sealed(streamed / "result.json")
    for part in ("search", "retrain"):
        assert 0 < found[part]["input_wait"] < 1
    for line in workdir.Ledger(streamed / "ledger.jsonl").read():
        assert 0 <= line.get("waited", 0) <= line["seconds"]


def test_a_later_stage_resizes_to_the_side_of_the_first(
    runs: Runs, home: Path, streamed: Path, tmp_path: Path
) -> None:
    """Even if the folder would suggest another side by then."""
    more = tmp_path / "pictures"
    shutil.copytree(home, more)
    later = shutil.ignore_patterns("retrain", "best", "result.json")
    path = tmp_path / "run"
    shutil.copytree(streamed, path, ignore=later)
    pictures(more, 100, 120, 60, 90)
    assert run(runs, path, more, "--stage=retrain", "--data_stream=yes") == 0
    before, after = (
        workdir.read_json(one / "best" / "architecture.json")
        for one in (streamed, path)
    )
    assert after["image"] == before["image"]
    assert after["prepare"]["resize"] == before["prepare"]["resize"]
    flags = (path / "best" / "retrain.flags").read_text(encoding="utf-8")
    assert f"--data_side={before['prepare']['resize']}\n" in flags


def test_killed_in_the_search_it_ends_with_the_same_ledger(
    runs: Runs, home: Path, streamed: Path, tmp_path: Path
) -> None:
    """The resumed run holds all pictures in memory."""
    flags = (f"--data_dir={home}", "--data_unreadable=skip", "--data_stream=yes")
    runs.die(tmp_path, 1, *FLAGS, *flags, "--data_workers=1")
    assert len(ledger(tmp_path)) < len(ledger(streamed))
    assert run(runs, tmp_path, home, "--data_stream=no") == 0
    assert ledger(tmp_path) == ledger(streamed)
    assert result(tmp_path) == result(streamed)
