"""Exporting networks: names of weights, refusals and the check of the files."""

import dataclasses
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from exports_support import saved

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, DataConfig, fields
from gpt_nas_jax.config.using import ExportConfig
from gpt_nas_jax.exports import flax_file, plan, torch_file
from gpt_nas_jax.exports.check import agreement
from gpt_nas_jax.exports.format import Format, Opened, Order
from gpt_nas_jax.exports.registry import FORMATS
from gpt_nas_jax.exports.source import Facts
from gpt_nas_jax.main import main
from gpt_nas_jax.stages import export
from gpt_nas_jax.types import UsageError


@pytest.mark.parametrize("name", ["all blocks", "EfficientNet-B0", "ShuffleNetV2-x0.5"])
def test_every_weight_has_a_name_of_its_own(name: str) -> None:
    network = saved(Path("best"), name, varied=False)
    steps = plan.steps(network.chain, network.description)
    weights = plan.weights(steps, network.variables)
    leaves = jax.tree.leaves(network.variables)
    assert sorted(a.tobytes() for a in weights.values()) == sorted(
        np.asarray(leaf).tobytes() for leaf in leaves
    )
    stages = {re.split(r"[_.]", name)[0] for name in weights}
    assert {"stage1", "stage2", "classifier"} <= stages


@pytest.mark.parametrize("name", ["all blocks", "EfficientNet-B0"])
def test_source_is_laid_out_as_ruff_would(tmp_path: Path, name: str) -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("needs ruff, which the extra named test installs")
    network = saved(Path("best"), name, varied=False)
    steps = plan.steps(network.chain, network.description)
    facts = Facts("A network.", (8, 8, 1), (0.5,), (0.2,), ('a"b', *"cdefghijk"))
    sources = {
        "network.py": flax_file.write(steps, facts, "network.safetensors"),
        "network_torch.py": torch_file.write(steps, facts, "network.safetensors", 1024),
    }
    for file, text in sources.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache"]
        done = subprocess.run(
            [*command, "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_what_has_no_source_is_refused() -> None:
    network = saved(Path("best"), "nasbench201", varied=False)
    with pytest.raises(UsageError, match="CellModule cannot be written as source"):
        plan.steps(network.chain, network.description)


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        ([[0.0, 2.0], [1.0, 0.5]], True),
        ([[0.0, 2.00015], [1.0, 0.5]], True),
        ([[0.0, 2.1], [1.0, 0.5]], False),
        ([[0.0, 2.0], [0.5, 0.50001]], False),
        ([[0.0, np.nan], [1.0, 0.5]], False),
    ],
)
def test_a_file_is_kept_where_answers_are_equal(
    found: list[list[float]], holds: bool
) -> None:
    expected = np.array([[0.0, 2.0], [1.0, 0.5]], np.float32)
    assert agreement(expected, np.array(found, np.float32)).holds() is holds


def test_a_file_with_other_answers_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(order: Order) -> dict[str, bytes]:
        return {"zeros.txt": b"10"}

    def read(path: Path) -> Opened:
        classes = int(path.read_text(encoding="utf-8"))
        return Opened(lambda images: np.zeros((len(images), classes), np.float32))

    zeros = Format(("zeros.txt",), {}, write, read)
    monkeypatch.setitem(FORMATS, "zeros", zeros)
    asked = dataclasses.replace(Config(), export=ExportConfig(formats="zeros"))
    with pytest.raises(UsageError, match=r"zeros\.txt was discarded"):
        export.run(asked, Config(), saved(tmp_path, "small"))
    assert not list((tmp_path / "export").iterdir())


@pytest.mark.parametrize("seed", [0, 1])
def test_an_export_gives_the_accuracy_of_its_own_run_only(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of ``best/`` may lie beside the result of another run."""
    trained = dataclasses.replace(Config(), seed=0)
    beside = dataclasses.replace(trained, seed=seed)
    workdir.write_text(tmp_path / "best/retrain.flags", fields.to_text(trained))
    workdir.write_text(tmp_path / workdir.FLAGS, fields.to_text(beside))
    result = {"retrain": {"test_accuracy": 0.5}}
    workdir.write_sealed(tmp_path / "result.json", result)
    titles = []

    def write(order: Order) -> dict[str, bytes]:
        titles.append(order.title)
        raise UsageError("enough")

    monkeypatch.setitem(FORMATS, "titled", Format(("a.txt",), {}, write, Opened))
    asked = dataclasses.replace(Config(), export=ExportConfig(formats="titled"))
    with pytest.raises(UsageError, match="enough"):
        export.run(asked, trained, saved(tmp_path / "best", "small"))
    assert ["test accuracy 0.5000" in title for title in titles] == [seed == 0]


@pytest.mark.parametrize("shape", [(9, 8), (8, 8, 3)])
def test_images_of_another_size_are_refused_in_one_line(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    file = tmp_path / "others.npz"
    arrays = {"x_train": np.zeros((10, *shape), np.uint8), "y_train": np.arange(10) % 2}
    np.savez(file, **arrays)
    trained = dataclasses.replace(Config(), data=DataConfig(name="npz"))
    asked = ExportConfig(formats="flax", data_dir=str(file))
    found = "9x8x1" if shape == (9, 8) else "8x8x3"
    with pytest.raises(UsageError, match=f"are {found}, .* 8x8x1; .*--export_data_dir"):
        export.run(
            dataclasses.replace(Config(), export=asked),
            trained,
            saved(tmp_path, "small", varied=False),
        )
    assert not (tmp_path / "export").exists()


def test_a_missing_package_is_named() -> None:
    form = Format((), {"no_such_package": "no-such-package==1.0"}, dict, Opened)
    with pytest.raises(UsageError, match="no-such-package==1"):
        form.require("zeros")


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (("--export_formats=flax,flax",), "give some of flax, torch"),
        (("--export_formats=pickle",), "give some of flax, torch"),
        (("--export_platforms=rocm",), "give some of cpu, cuda, tpu"),
        ((), "is not a run's folder"),
        (("--predict_files=a.png",), "needs --stage=predict"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    line: str,
) -> None:
    assert main(["main", "--stage=export", f"--workdir={tmp_path}", *flags]) == 2
    assert line in capsys.readouterr().err


def test_a_file_for_another_platform_is_refused_with_the_remedy(tmp_path: Path) -> None:
    images = jax.ShapeDtypeStruct((1, 8, 8, 1), np.uint8)
    exported = jax.export.export(jax.jit(lambda x: x + 1), platforms=("cuda",))(images)
    path = tmp_path / "network.stablehlo"
    path.write_bytes(exported.serialize())
    with pytest.raises(UsageError, match=r"is for cuda, not for cpu; .*with cpu in --"):
        FORMATS["stablehlo"].read(path)
