"""A folder of exported files: its description, and predictions by a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets import preparation
from gpt_nas_jax.exports.format import Format
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
        raise _lacks(file, DESCRIPTION)
    found = workdir.read_json(path)
    match found:
        case {"architecture": dict(), "flags": str()}:
            return dict(found)
    raise workdir.damaged(
        path, "--stage=export did not write it", "export the network again"
    )


def predictor(file: Path, config: Config) -> Predictor:
    """A predictor that runs an exported file.

    Raises:
      UsageError: it has no known format, or a package that reads it is missing.
    """
    name, one = _format(file)
    one.require(name)
    described = description(file)["architecture"]
    prepare = preparation.from_architecture(described, config.data)
    logits = one.read(file).of_pixels(prepare)
    return Predictor(logits, prepare, saved.classes(described), _BATCH)


def _format(file: Path) -> tuple[str, Format]:
    """The format of a file, with its name: the first one whose files are all there."""
    fitting = {name: one for name, one in FORMATS.items() if file.name in one.files}
    if not fitting:
        known = [file for one in FORMATS.values() for file in one.files]
        names = ", ".join(dict.fromkeys(known))
        raise UsageError(f"{file} is not an exported network; give one of {names}")
    for name, one in fitting.items():
        if all(file.with_name(part).exists() for part in one.files):
            return name, one
    needed = next(iter(fitting.values())).files
    raise _lacks(file, next(n for n in needed if not file.with_name(n).exists()))


def _lacks(file: Path, name: str) -> UsageError:
    """The error for an exported file without another one that it needs."""
    return UsageError(
        f"{file} needs {name} beside it, which --stage=export leaves there"
    )
