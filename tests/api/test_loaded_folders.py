"""``gpt_nas_jax.load`` of networks: in their run, copied elsewhere, and exported."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import gpt_nas_jax as gnj
from gpt_nas_jax import workdir
from gpt_nas_jax.config import fields
from gpt_nas_jax.exports import opened
from gpt_nas_jax.main import main
from gpt_nas_jax.stages import retrain

GENOME = np.array([0, 1, 2], np.int32)
PLACES = ("best", "best-2", "baselines/ResNet-18", "before-30/best", "before-30/best-2")


def finished(path: Path, seed: int) -> Path:
    """The folder of a run that has trained networks, without their weights."""
    config = gnj.configure(workdir=path, seed=seed, search_strategy="genetic")
    again = fields.to_text(retrain.config_again(config, GENOME))
    for place in PLACES:
        home = path / place
        workdir.write_text(home / "retrain.flags", again)
        workdir.write_json(home / "architecture.json", {"name": f"{place} of {seed}"})
    # It was extended after its first networks were trained.
    search = dataclasses.replace(config.search, generations=40)
    longer = dataclasses.replace(config, search=search)
    workdir.write_text(path / workdir.FLAGS, fields.to_text(longer))
    workdir.write_sealed(path / "result.json", {"evaluations": 40})
    workdir.write_sealed(path / "before-30" / "result.json", {"evaluations": 30})
    return path


@pytest.mark.parametrize("place", PLACES)
def test_a_network_in_the_folder_of_its_run_belongs_to_it(
    place: str, tmp_path: Path
) -> None:
    run = finished(tmp_path, seed=1)
    found = gnj.load(run / place)
    assert (found.path, found.best) == (run, run / place)
    assert found.config == gnj.load(run).config
    assert found.architecture == {"name": f"{place} of 1"}


@pytest.mark.parametrize("place", PLACES)
def test_the_result_is_that_of_the_search_that_found_the_network(
    place: str, tmp_path: Path
) -> None:
    found = gnj.load(finished(tmp_path, seed=1) / place)
    assert found.result == {"evaluations": 30 if "before-30" in place else 40}
    (tmp_path / "before-30" / "result.json").unlink()
    assert (found.result is None) == ("before-30" in place)


@pytest.mark.parametrize("there", ["best", "kept", "kept/best", "before-30/best"])
@pytest.mark.parametrize("neighbour", ["another run", "another program", "no text"])
def test_a_copy_of_a_network_is_its_own_whatever_lies_beside_it(
    there: str, neighbour: str, tmp_path: Path
) -> None:
    source, beside = finished(tmp_path / "run", seed=1), tmp_path / "beside"
    if neighbour == "another run":
        finished(beside, seed=2)
    else:
        beside.mkdir()
        content = b"--verbose=1\n" if neighbour == "another program" else b"\xff"
        (beside / workdir.FLAGS).write_bytes(content)
    shutil.rmtree(beside / there, ignore_errors=True)
    shutil.copytree(source / "best", beside / there)
    found = gnj.load(beside / there)
    assert found.config.seed == 1
    assert found.best == beside / there
    assert found.architecture == {"name": "best of 1"}
    assert found.result is None


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """An exported file with its description."""
    opened.describe(tmp_path, {"name": "best"}, fields.to_text(gnj.Config()))
    file = tmp_path / "network.onnx"
    file.touch()
    return file


@pytest.mark.parametrize(
    "flags", [("--stage=predict", "--predict_files=a.png"), ("--stage=export",)]
)
def test_stages_that_need_a_run_say_that_they_are_given_an_exported_file(
    flags: tuple[str, ...], exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["main", f"--workdir={exported}", *flags]) == 2
    line = f"{exported} is an exported file; name the folder of the run, or call"
    assert line in capsys.readouterr().err


@pytest.mark.parametrize("wanted", ["search", "best", "network"])
def test_an_exported_file_has_only_predictions(wanted: str, exported: Path) -> None:
    line = f"{exported} is an exported file, which can only predict; load the run's"
    with pytest.raises(gnj.UsageError, match=re.escape(line)):
        getattr(gnj.load(exported), wanted)


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ({"network.safetensors"}, "network.py"),
        ({"network.py"}, "network.safetensors"),
        ({"network_torch.py"}, "network.safetensors"),
    ],
)
def test_a_file_without_those_that_it_needs_is_refused(
    there: set[str], missing: str, exported: Path
) -> None:
    for name in there:
        exported.with_name(name).touch()
        line = f"{exported.with_name(name)} needs {missing} beside it"
        with pytest.raises(gnj.UsageError, match=re.escape(line)):
            gnj.load(exported.with_name(name)).predict(np.zeros((8, 8, 1), np.uint8))


@pytest.mark.parametrize(
    "text", ["{}", "[]", '"a"', "1", '{"architecture": {}}', '{"flags": ""}', "{"]
)
def test_a_description_of_other_contents_is_refused(text: str, exported: Path) -> None:
    (exported.parent / "network.json").write_text(text, encoding="utf-8")
    with pytest.raises(gnj.UsageError, match=r"network\.json is damaged \("):
        gnj.load(exported)


def test_a_path_without_anything_is_told_from_a_folder_without_a_run(
    tmp_path: Path,
) -> None:
    for name in ("network.onnx", "run"):
        with pytest.raises(gnj.UsageError, match=f"there is no .*{name}; give the"):
            gnj.load(tmp_path / name)
    with pytest.raises(gnj.UsageError, match=r"not a run's folder: it has no flags"):
        gnj.load(tmp_path)
