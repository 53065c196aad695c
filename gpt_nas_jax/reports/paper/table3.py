"""Table III: human networks, the search without the GPT, and GPT-NAS."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gpt_nas_jax.config import CONTROLS, PAPER_ROWS, Config, DataConfig
from gpt_nas_jax.networks.zoo.seven import SEVEN
from gpt_nas_jax.reports.contrasts import holm
from gpt_nas_jax.reports.curves import p_values
from gpt_nas_jax.reports.formats import Entry, Table, p_value, spread
from gpt_nas_jax.reports.paper import published, writing
from gpt_nas_jax.reports.paper.measured import DAY
from gpt_nas_jax.reports.paper.published import PublishedResult
from gpt_nas_jax.reports.paper.writing import EMPTY

_TITLES = {"genetic": "without GPT (genetic)", "gpt_nas": "GPT-NAS (gpt_nas)"}


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """The numbers of one finished run.

    Attributes:
      accuracy: on the test images, %.
      params: of the network, millions.
      days: device-days of its search; None without a search.
    """

    accuracy: float
    params: float
    days: float | None


FinishedRuns: TypeAlias = Mapping[str, Mapping[int, FinishedRun]]
"""Row -> seed -> run, of those that are finished."""


def finished_run(result: Mapping[str, Any]) -> FinishedRun:
    """Reads the numbers of a run from its ``result.json``."""
    search = result.get("search")
    days = None
    if search is not None:
        # Results of earlier versions have only the seconds.
        days = search.get("device_seconds", search["seconds"]) / DAY
    params = result["best"]["params"] / 1e6
    return FinishedRun(100 * result["retrain"]["test_accuracy"], params, days)


def write(folder: Path, config: Config, found: FinishedRuns) -> list[Path]:
    """Writes the table and, if seeds have two searches, the paired tests.

    Args:
      folder: as of `output.write`.
      config: of the table.
      found: the runs that are finished.
    """
    tables = [_table(config, found)]
    if pairs := _pairs(found):
        tables.append(_paired(published.dataset(config.data), pairs))
    return writing.write(folder, "Table III", tables, _long(config.data, found))


def _reported(data: DataConfig) -> tuple[str, Mapping[str, PublishedResult]]:
    """The paper's rows for a data set, else for CIFAR-10, and the name of that set."""
    name = published.original(data)
    name = name if name in published.TABLE_3 else "cifar10"
    return name, published.TABLE_3[name]


def _names(data: DataConfig, found: FinishedRuns) -> list[str]:
    """Rows that can be run, controls that were, and those that are only published."""
    _, reported = _reported(data)
    others = (row for row in reported if row not in PAPER_ROWS)
    return [*PAPER_ROWS, *(row for row in CONTROLS if row in found), *others]


def _table(config: Config, found: FinishedRuns) -> Table:
    dataset = published.dataset(config.data)
    shown, reported = _reported(config.data)
    lines = []
    for row in _names(config.data, found):
        there, theirs = found.get(row, {}), reported.get(row)
        accuracies = [one.accuracy for one in there.values()]
        difference = EMPTY
        if there and theirs is not None and shown == dataset:
            difference = f"{np.mean(accuracies) - theirs.accuracy:+.2f}"
        days = [one.days for one in there.values() if one.days is not None]
        texts = [
            _title(row),
            EMPTY if theirs is None else theirs.family,
            str(len(there)) if there else EMPTY,
            spread(accuracies, ".2f") if there else EMPTY,
            spread([one.params for one in there.values()], ".3f") if there else EMPTY,
            spread(days, ".5f") if days else EMPTY,
            *_published(theirs),
            difference,
        ]
        lines.append(list(map(Entry, texts)))
    caption = (
        f"Table III: test accuracy in % on {dataset} after "
        f"{config.retrain.recipe.epochs} epochs on all training images, parameters in "
        "millions and the search's cost in device-days (time of its evaluations; the "
        "prior's training and the retraining are not included), mean +- standard "
        "deviation over the seeds. An empty cell was not run, or is not in the "
        f"paper. Published: the paper's on {shown}, cost in GPU days"
    )
    caption += "." if shown == dataset else ", for orientation: its images are others."
    columns = ["row", "kind", "seeds", f"here, {dataset}", "params", "days"]
    columns += [f"published, {shown}", "published params", "published days"]
    return Table(caption, [*columns, "here - published"], lines, names=2)


def _title(row: str) -> str:
    if row in CONTROLS:
        return f"control ({row})"
    name = SEVEN.get(row, row)
    return _TITLES.get(row, row if name == row else f"{row} ({name})")


def _published(theirs: PublishedResult | None) -> list[str]:
    if theirs is None:
        return [EMPTY] * 3
    numbers = (theirs.accuracy, theirs.params, theirs.days)
    forms = (".2f", "g", "g")
    return [
        EMPTY if value is None else format(value, form)
        for value, form in zip(numbers, forms, strict=True)
    ]


def _pairs(found: FinishedRuns) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Test accuracies of GPT-NAS and of each other search, for seeds that have both."""
    ours, pairs = found.get("gpt_nas", {}), {}
    for row in ("genetic", *CONTROLS):
        theirs = found.get(row, {})
        if seeds := sorted(ours.keys() & theirs.keys()):
            both = np.array([(ours[s].accuracy, theirs[s].accuracy) for s in seeds])
            pairs[row] = both[:, 0], both[:, 1]
    return pairs


def _paired(dataset: str, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Table:
    tests = [p_values(ours, theirs) for ours, theirs in pairs.values()]
    corrected = holm([t_test for t_test, _ in tests])
    lines = []
    for (row, (ours, theirs)), found, p in zip(
        pairs.items(), tests, corrected, strict=True
    ):
        difference = spread(ours - theirs, "+.2f")
        texts = map(p_value, (*found, p))
        lines.append([dataset, row, str(len(ours)), difference, *texts])
    for name, reported in published.TABLE_3.items():
        difference = (
            f"{reported['gpt_nas'].accuracy - reported['genetic'].accuracy:+.2f}"
        )
        lines.append([f"paper, {name}", "genetic", EMPTY, difference, *[EMPTY] * 3])
    caption = (
        "GPT-NAS minus the search without the GPT (genetic) and minus the controls, "
        "seed by seed: test accuracy in percentage points, mean +- standard deviation, "
        "with two-sided p; the last column is the t-test's, corrected by Holm's method."
    )
    columns = ["where", "minus", "seeds", "difference", "p, t-test", "p, Wilcoxon"]
    lines = [list(map(Entry, line)) for line in lines]
    return Table(caption, [*columns, "p, Holm"], lines)


def _long(
    data: DataConfig, found: FinishedRuns
) -> tuple[list[str], list[list[object]]]:
    """CSV with one line per run; a row that was not run lacks our numbers."""
    columns = ["dataset", "row", "seed", "accuracy", "params", "device_days"]
    columns += ["published_accuracy", "published_params", "published_days"]
    dataset = published.dataset(data)
    shown, reported = _reported(data)

    def lines() -> Iterator[list[object]]:
        for row in _names(data, found):
            theirs = reported.get(row) if shown == dataset else None
            beside = [None] * 3
            if theirs is not None:
                beside = [theirs.accuracy, theirs.params, theirs.days]
            for seed, one in found.get(row, {}).items():
                yield [dataset, row, seed, *dataclasses.astuple(one), *beside]
            if row not in found and theirs is not None:
                yield [dataset, row, *[None] * 4, *beside]

    return columns, list(lines())
