"""A folder of exported files: its description, and predictions by a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets import preparation
from gpt_nas_jax.exports.registry import FORMATS
from gpt_nas_jax.inference import saved
from gpt_nas_jax.inference.predictor import Predictor
from gpt_nas_jax.types import UsageError

DESCRIPTION = "network.json"
_BATCH = 64


def describe(folder: Path, description: Mapping[str, Any], flags: str) -> None:
    """Writes the description that files in a folder need to classify pictures.

    Args:
      folder: of the files.
      description: ``architecture.json``.
      flags: of the run, as a flagfile.
    """
    value = {"architecture": description, "flags": flags}
    workdir.write_json(folder / DESCRIPTION, value)


def description(file: Path) -> dict[str, Any]:
    """Reads ``architecture`` and ``flags`` from the description next to a file.

    Raises:
      UsageError: it is missing or damaged.
    """
    path = file.with_name(DESCRIPTION)
    if not path.exists():
        raise UsageError(
            f"{file} needs {DESCRIPTION} beside it, which --stage=export leaves there"
        )
    found: dict[str, Any] = workdir.read_json(path)
    return found


def predictor(file: Path, config: Config) -> Predictor:
    """A predictor that runs an exported file.

    Raises:
      UsageError: it has no known format, or a package that reads it is missing.
    """
    for name, one in FORMATS.items():
        if file.name in one.files:
            one.require(name)
            break
    else:
        known = [file for one in FORMATS.values() for file in one.files]
        names = ", ".join(dict.fromkeys(known))
        raise UsageError(f"{file} is not an exported network; give one of {names}")
    described = description(file)["architecture"]
    prepare = preparation.from_architecture(described, config.data)
    logits = one.read(file).of_pixels(prepare)
    return Predictor(logits, prepare, saved.classes(described), _BATCH)
