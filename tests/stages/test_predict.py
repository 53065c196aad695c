"""Predictions of a run's network, from Python and from the command line."""

import csv
import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stages_support import Runs, result

import gpt_nas_jax as gnj
from gpt_nas_jax.datasets.images import Dataset
from gpt_nas_jax.main import main

pytestmark = pytest.mark.slow


@functools.cache
def digits() -> Dataset:
    return gnj.datasets.load("digits")


def accuracy(path: Path) -> float:
    found = gnj.load(path).predict(digits().test.images)
    return float((found.labels == digits().test.labels).mean())


def test_a_reloaded_network_has_the_accuracy_of_the_run(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    path, _ = finished
    tested = result(path)["retrain"]["test_accuracy"]
    assert accuracy(path) == accuracy(path / "best") == tested
    # The folder best/ is all that is needed.
    shutil.copytree(path / "best", tmp_path / "sent")
    assert accuracy(tmp_path / "sent") == tested
    assert gnj.load(tmp_path / "sent").result is None


def test_runs_of_earlier_versions_are_loaded(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    """Their architecture.json does not say how to prepare pictures."""
    path = tmp_path / "earlier"
    shutil.copytree(finished[0] / "best", path)
    described = json.loads((path / "architecture.json").read_text(encoding="utf-8"))
    del described["prepare"]
    (path / "architecture.json").write_text(json.dumps(described), encoding="utf-8")
    assert accuracy(path) == result(finished[0])["retrain"]["test_accuracy"]


def test_the_command_line_writes_a_row_for_each_picture(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, image in enumerate(digits().test.images[:9]):
        Image.fromarray(image[..., 0]).save(pictures / f"{number}.png")
    (pictures / "4.png").write_bytes(b"no picture")
    out = tmp_path / "new" / "p.csv"
    flags = ["--stage=predict", f"--workdir={finished[0]}", f"--predict_out={out}"]
    asked = f"--predict_files={pictures / '8.png'},{pictures}"
    assert main(["main", *flags, asked]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["8.png", *(f"{number}.png" for number in range(9))]
    assert [Path(row["file"]).name for row in rows] == names
    broken = rows.pop(5)
    assert broken["reason"] and not broken["class_1"]
    kept = np.delete(np.arange(9), 4)
    found = gnj.load(finished[0]).predict(digits().test.images[kept])
    assert tuple(row["class_1"] for row in rows[1:]) == found.names
    for row, probabilities in zip(rows[1:], found.probabilities, strict=True):
        shown = [float(row[f"probability_{rank}"]) for rank in range(1, 6)]
        best = np.sort(probabilities)[::-1][:5]
        np.testing.assert_allclose(shown, best, atol=1e-6)
        assert not row["reason"]


def test_without_a_file_a_table_is_printed(
    finished: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(digits().test.images[0, ..., 0]).save(tmp_path / "a.png")
    flags = [f"--workdir={finished[0]}", f"--predict_files={tmp_path}"]
    assert main(["main", "--stage=predict", *flags]) == 0
    assert "a.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ((), "--stage=predict needs --predict_files"),
        (("--predict_files=nowhere.png",), "nowhere.png is neither a picture"),
        (("--predict_files=a.png", "--predict_out=p.txt"), "must end with .csv"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    finished: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    line: str,
) -> None:
    assert main(["main", "--stage=predict", f"--workdir={finished[0]}", *flags]) == 2
    assert line in capsys.readouterr().err


def test_a_folder_without_a_network_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--workdir={tmp_path}", "--predict_files=a.png"]
    assert main(["main", "--stage=predict", *flags]) == 2
    assert "is not a run's folder" in capsys.readouterr().err
