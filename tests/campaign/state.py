"""The state of a workdir: its results, and whether all its files are intact."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LEDGERS = ("ledger.jsonl", "trainings.jsonl")
_CLOCK = (
    *("seconds", "device_seconds", "start", "worker", "waited", "input_wait"),
    *("checksum", "peak_memory_gib"),
)
_TEXTS = ("best/retrain.flags", "best/architecture.json")
# Settings that name folders, which differ from trial to trial.
_FOLDERS = ("--workdir=", "--prior_dir=", "--train_cache_dir=")


def results(path: Path) -> dict[str, Any]:
    """The files of a finished run, without what depends on the clock."""
    found: dict[str, Any] = {}
    for name in _LEDGERS:
        if (path / name).exists():
            lines = (path / name).read_text(encoding="utf-8").splitlines()
            found[name] = [_timeless(strict(line)) for line in lines]
    for name in ("result.json", "prior.json", "reference.json"):
        if (path / name).exists():
            found[name] = _timeless(strict((path / name).read_text(encoding="utf-8")))
    for file in [path / name for name in _TEXTS] + sorted(path.glob("tables/*.csv")):
        if file.exists():
            lines = file.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if not line.startswith(_FOLDERS)]
            found[file.relative_to(path).as_posix()] = kept
    for folder in _trees(path):
        found[folder.relative_to(path).as_posix()] = _arrays(folder)
    return found


def problems(path: Path) -> Iterator[str]:
    """The damaged files of a workdir after a fault."""
    for file in sorted(path.rglob("*.json")):
        if not any(part.startswith(".") or "tmp" in part for part in file.parts):
            try:
                strict(file.read_text(encoding="utf-8"))
            except ValueError as error:
                yield f"{file}: {error}"
    weights = path / "best" / "weights"
    if weights.exists():
        if not (path / "best" / "architecture.json").exists():
            yield f"{weights} without the architecture"
        kept = strict((weights / "checksums.json").read_text(encoding="utf-8"))
        for name, digest in kept["files"].items():
            if hashlib.sha256((weights / name).read_bytes()).hexdigest() != digest:
                yield f"{weights / name} is damaged"


def strict(text: str) -> Any:
    """Parses JSON without NaN and Infinity."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in _CLOCK}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def _trees(path: Path) -> list[Path]:
    found = [path / "best" / "weights", *path.glob("prior/*/gpt")]
    return [folder for folder in found if folder.exists()]


def _arrays(path: Path) -> str:
    """A digest of the arrays in an Orbax folder, whose files have random names."""
    import jax
    import numpy as np
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        tree = checkpointer.restore(path.absolute())
    sha = hashlib.sha256()
    for name, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(leaf)
        sha.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return sha.hexdigest()
