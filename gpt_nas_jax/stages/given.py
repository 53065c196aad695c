"""The user's initial networks of a search."""

import os
from pathlib import Path

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.types import Candidates, UsageError

_ARCHITECTURE = "architecture.json"


def read(name: str, space: NetworkSpace) -> np.ndarray:
    """The networks of ``--search_seeds_from``, ``int32[N, L]``.

    Args:
      name: a folder of a trained network, such as ``runs/digits/best``, or a text file:
        one network per line, the names of its blocks separated by commas. Lines that
        begin with ``#`` are skipped. Empty for no networks.
      space: with its limits.

    Raises:
      UsageError: it cannot be read, or holds something other than networks of the
        space.
    """
    if not name:
        return np.zeros((0, space.length), np.int32)
    rows = [_genome(where, names, space) for where, names in _named(Path(name))]
    if not rows:
        raise UsageError(f"--search_seeds_from={name} names no network")
    return np.stack(rows)


def placed(given: np.ndarray, candidates: Candidates, number: int) -> Candidates:
    """Replaces the first candidates of generation ``number`` by given networks.

    They take up as many generations as needed.
    """
    size = len(candidates.genomes)
    rows = given[number * size : (number + 1) * size]
    if not len(rows):
        return candidates

    def put(part: np.ndarray, value: np.ndarray | int) -> np.ndarray:
        changed = np.array(part)
        changed[: len(rows)] = value
        return changed

    parents = candidates.parents
    return candidates.replace(
        genomes=put(candidates.genomes, rows),
        proposed=put(candidates.proposed, True),
        parents=None if parents is None else put(parents, -1),
    )


def _named(path: Path) -> list[tuple[str, list[str]]]:
    """Where each network stands, and the names of its blocks."""
    folder = path / _ARCHITECTURE
    if folder.exists():
        found = workdir.read_json(folder)
        return [(str(folder), found.get("blocks", []))]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(
            f"--search_seeds_from={os.fspath(path)} cannot be read: {reason}"
        ) from error
    return [
        (f"{path}:{number}", [name.strip() for name in line.split(",")])
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _genome(where: str, names: list[str], space: NetworkSpace) -> np.ndarray:
    try:
        genome = space.genome(names)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    if not space.valid(genome):
        raise UsageError(
            f"{where} is not a network of this space and its limits: {', '.join(names)}"
        )
    return genome
