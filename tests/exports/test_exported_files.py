"""Exported files, read without this package, predict what the network predicts."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from exports_support import digits, logits_of, read_by_a_stranger, saved

import gpt_nas_jax as gnj
from gpt_nas_jax.config import Config
from gpt_nas_jax.config.using import ExportConfig
from gpt_nas_jax.inference.saved import SavedNetwork
from gpt_nas_jax.stages import export

pytestmark = pytest.mark.slow

PACKAGES = {
    "flax": "safetensors",
    "torch": "torch",
    "stablehlo": "flatbuffers",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "litert": "litert_converter",
}
"""The optional package that each program needs."""


def exported(network: SavedNetwork, formats: tuple[str, ...], **flags: str) -> Path:
    """Exports a network in these formats; returns the folder of the files."""
    settings = ExportConfig(formats=",".join(formats), **flags)
    config = dataclasses.replace(Config(), export=settings)
    export.run(config, Config(), network)
    return network.home / "export"


def programs() -> list[str]:
    return [
        program
        for program, package in PACKAGES.items()
        if importlib.util.find_spec(package)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "all blocks",
        pytest.param("digits", marks=pytest.mark.long),
        pytest.param("inverted bottlenecks", marks=pytest.mark.long),
        pytest.param("mobile", marks=pytest.mark.long),
        pytest.param("ResNet-18", marks=pytest.mark.long),
        pytest.param("ShuffleNetV2-x0.5", marks=pytest.mark.long),
    ],
)
def test_a_process_without_this_package_has_the_same_answers(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there = programs()
    formats = [one for one in PACKAGES if one in there and one != "onnxruntime"]
    if not formats:
        pytest.skip("needs the packages of the extra named export")
    network = saved(tmp_path, name)
    folder = exported(network, tuple(formats))
    assert capsys.readouterr().out.count("256 of 256 answers equal") == len(formats)
    expected = logits_of(network, digits().test.images)
    assert len({*expected.argmax(-1)}) > 4
    for program in there:
        # Slow, so used only where onnxruntime is missing.
        if program == "onnx" and "onnxruntime" in there:
            continue
        names, logits = read_by_a_stranger(folder, program, digits().test.images)
        difference = float(abs(logits - expected).max())
        print(f"{name}, {program}: {difference:.1e}")
        assert difference <= 2e-5, program
        np.testing.assert_array_equal(logits.argmax(-1), expected.argmax(-1))
        if names is not None:
            assert names == [str(label) for label in expected.argmax(-1)]


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("small", 2e-5),
        ("plain", 2e-5),
        pytest.param("an unused node", 5e-4, marks=pytest.mark.long),
        # Many cells with random weights amplify rounding: the network's own logits
        # differ by 1.2e-4 between float32 and float64.
        pytest.param("nasbench201", 5e-4, marks=pytest.mark.long),
    ],
)
def test_graphs_may_take_normalised_images(
    tmp_path: Path, name: str, most: float
) -> None:
    pytest.importorskip("flatbuffers", reason="needs the extra named export")
    pytest.importorskip("onnx", reason="needs the extra named export")
    formats = ("stablehlo", "onnx")
    network = saved(tmp_path, name)
    folder = exported(network, formats, input="normalised")
    mean, std = digits().train.moments()
    images = digits().test.images[:20]
    x = ((images / np.float32(255) - mean) / std).astype(np.float32)
    expected = logits_of(network, images)
    for program in formats:
        _, logits = read_by_a_stranger(folder, program, x)
        assert float(abs(logits - expected).max()) <= most
        # `load` normalises, so this takes pixels.
        file = folder / f"network.{program}"
        names, _ = gnj.load(file).predict(images)
        assert names == tuple(str(label) for label in expected.argmax(-1))
