"""The front of a search with several objectives, and the networks picked from it."""

from typing import Any

import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config

FILE = "front.json"
_KEPT = ("generation", "index", "genome", "blocks", "fitness", "params", "flops")

Record = dict[str, Any]
"""An evaluation as a line of the ledger."""


def write(config: Config, found: list[Record]) -> None:
    """Writes a front, from `of`, to ``front.json``."""
    names = (*_KEPT, *config.search.noted())
    networks = [{name: record[name] for name in names} for record in found]
    content = {"objectives": config.search.objectives.split(","), "networks": networks}
    workdir.write_sealed(workdir.folder(config.workdir) / FILE, content)


def of(config: Config, records: list[Record]) -> list[Record]:
    """The evaluations that no other one dominates, the most accurate first.

    Of networks that are equal in all objectives, only the first is kept.

    Args:
      config: names the objectives.
      records: of a finished search, not all of them failures.
    """
    scored = [record for record in records if record["fitness"] is not None]
    values = _values(config, scored)
    # Ascending by the first objective, then the next; the first of equal networks.
    distinct, first = np.unique(values, axis=0, return_index=True)
    rows: list[int] = []
    # In descending order, a network is dominated only by those before it.
    for value, row in zip(distinct[::-1], first[::-1], strict=True):
        if not (values[rows] >= value).all(-1).any():
            rows.append(int(row))
    rows.sort()
    return sorted((scored[row] for row in rows), key=lambda record: -record["fitness"])


def picked(config: Config, found: list[Record]) -> list[Record]:
    """The networks of a front that ``--retrain_pick`` names, in their order."""
    match config.retrain.pick:
        case "accuracy":
            return found[:1]
        case "all":
            return found
        case "knee":
            values = _values(config, found)
            ideal, spread = values.max(0), np.ptp(values, axis=0)
            lack = (ideal - values) / np.where(spread > 0, spread, 1)
            return [found[int(np.argmin((lack**2).sum(-1)))]]
        case number:
            return found[: int(number)]


def _values(config: Config, records: list[Record]) -> np.ndarray:
    """``float64[N, M]``: the objectives, all to be maximised."""
    return np.array(
        [
            [record["fitness"], *(-record[name] for name in config.search.costs())]
            for record in records
        ]
    )
