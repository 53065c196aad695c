"""Exports the network of a run; each file is checked before it is kept."""

import shutil
from pathlib import Path

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.datasets import registry as datasets
from gpt_nas_jax.exports import opened
from gpt_nas_jax.exports.check import agreement
from gpt_nas_jax.exports.format import Format, Logits, Order
from gpt_nas_jax.exports.registry import FORMATS
from gpt_nas_jax.inference.owner import owner
from gpt_nas_jax.inference.saved import SavedNetwork
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.types import UsageError

FOLDER = "export"
_UNCHECKED = ".unchecked"
_IMAGES = 256
"""Maximum number of test images that a file is checked on."""

_BATCH = 64


def run(config: Config, trained: Config, network: SavedNetwork) -> None:
    """Writes ``--export_formats`` to ``best/export/``.

    Args:
      config: says what is written.
      trained: the config of the run that trained the network.
      network: what is written.

    Raises:
      UsageError: a package or the data set is missing, a format cannot hold the
        network, or the outputs of a file differ from the network's.
    """
    asked, folder = config.export, network.home / FOLDER
    workdir.require_writable("--workdir", network.home)
    for name in asked.chosen_formats():
        FORMATS[name].require(name)
    order = Order(
        network,
        _title(trained, network),
        asked.chosen_platforms(),
        asked.input == "pixels",
    )
    images = _images(asked.data_dir, trained, network)
    # By default, accelerators multiply float32 in lower precision.
    with jax.default_matmul_precision("highest"):
        expected = _asked(network.logits, images)
        for name in asked.chosen_formats():
            written = _exported(FORMATS[name], order, folder, images, expected)
            opened.describe(folder, network.description, fields.to_text(trained))
            print(f"{name}: {written}")


def _exported(
    form: Format, order: Order, folder: Path, images: np.ndarray, expected: np.ndarray
) -> str:
    """Writes the files of a format if their outputs match the network's.

    Returns:
      How close they are, and their paths.
    """
    apart = folder / _UNCHECKED
    contents = form.write(order)
    try:
        for name, content in contents.items():
            workdir.write_bytes(apart / name, content)
        file = form.read(apart / form.files[0])
        logits = file.of_pixels(order.network.preparation)
        found = _asked(logits, images[: file.images])
    finally:
        shutil.rmtree(apart, ignore_errors=True)
    near = agreement(expected[: len(found)], found)
    if not near.holds():
        raise UsageError(f"{form.files[0]} was discarded: {near}")
    for name, content in contents.items():
        workdir.write_bytes(folder / name, content)
    files = ", ".join(workdir.shown(folder / name) for name in contents)
    return f"{near}; written: {files}"


def _asked(logits: Logits, images: np.ndarray) -> np.ndarray:
    parts = range(0, len(images), _BATCH)
    return np.concatenate([logits(images[at : at + _BATCH]) for at in parts])


def _images(data_dir: str, trained: Config, network: SavedNetwork) -> np.ndarray:
    """Some test images of the run's data set, ``uint8[N, H, W, C]``."""
    data = trained.data
    # It was chosen if pictures have several sizes.
    chosen = network.preparation.resize if data.name == "folder" else 0
    test = datasets.load(
        data.name,
        data_dir or data.dir,
        side=data.side or chosen,
        workers=0,
        progress=progress,
        skip_unreadable=data.unreadable == "skip",
        stream=data.stream,
    ).test
    if test.size != network.preparation.image:
        raise UsageError(
            f"the images that exports are checked on are {_size(test.size)}, the "
            f"network was trained on {_size(network.preparation.image)}; name the data "
            "of the training by --export_data_dir"
        )
    # Spread over all, since test images may be sorted by class.
    chosen = np.linspace(0, len(test) - 1, min(len(test), _IMAGES)).astype(int)
    return test.take(chosen).pixels()


def _size(image: tuple[int, int, int]) -> str:
    return "x".join(map(str, image))


def _title(trained: Config, network: SavedNetwork) -> str:
    """One line on the network, for its files."""
    found = network.description
    name = found.get("name", "A network")
    text = f"{name} for {trained.data.name}: {found['params']:,} parameters"
    result = network.home.parent / "result.json"
    if owner(network.home) is not None and result.exists():
        # The results of `best-2` are under `retrain-2`.
        part = f"retrain{network.home.name.removeprefix('best')}"
        tested = workdir.read_json(result).get(part, {}).get("test_accuracy")
        text += f", test accuracy {tested:.4f}" if tested is not None else ""
    return f"{text}."
