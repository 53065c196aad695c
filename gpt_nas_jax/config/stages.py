"""Settings that belong to one stage each."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from gpt_nas_jax.config.names import (
    BENCHMARKS,
    CONTROLS,
    PAPER_ROWS,
    PROXIES,
    SEARCHED,
    STRATEGIES,
    TABLE_ROWS,
    TABLES,
    each_once,
    each_once_or_own,
    is_human,
)
from gpt_nas_jax.config.setting import Section, setting
from gpt_nas_jax.config.training import proxy_batch
from gpt_nas_jax.types import UsageError

_Number = TypeVar("_Number", int, float)

_READ_BY = {
    "source": SEARCHED,
    "strategies": SEARCHED,
    "scores": ("nasbench201",),
    "rows": ("3",),
    "controls": ("4",),
    "seeds": ("3", "4", "5", "figure2"),
    "networks": ("4", "5", "figure2"),
    "rates": ("4", "figure2"),
    "epochs": ("5",),
}
"""The tables that read a setting."""


@dataclasses.dataclass(frozen=True)
class TablesConfig(Section):
    """Repeated searches on a benchmark, or a table or figure of the paper."""

    name: str = setting(
        "nasbench201",
        "The benchmark, or Table III, IV or V or Figure 2 of the paper.",
        choices=TABLES,
    )
    source: str = setting("", "The benchmark's compact .npz file.", path=True)
    scores: str = setting(
        "",
        "Zero-cost scores of all cells of nasbench201, the scores.npz of "
        "--stage=proxies; surrogate and gpt_nas_online use them as trends.",
        path=True,
    )
    strategies: str = setting(
        "", "Comma-separated strategies to compare; default: all.", result=False
    )
    priors: int = setting(
        1,
        "Number of priors for the searches on a benchmark, trained with consecutive "
        "seeds that start at --seed; groups of 25 searches use them in turn (ours).",
        low=1,
    )
    rows: str = setting(
        "",
        f"Comma-separated rows of Table III to run: {', '.join(PAPER_ROWS)}, and the "
        f"controls {', '.join(CONTROLS)} (ours); default: all but the controls.",
        result=False,
    )
    controls: str = setting(
        "",
        "Comma-separated controls that fill the same gaps as the prior in Table IV: "
        f"{', '.join(CONTROLS)} (ours); default: none.",
        result=False,
    )
    seeds: int = setting(
        1,
        "Repetitions of a table or figure of the paper, each with different networks "
        "(ours).",
        low=1,
        result=False,
    )
    networks: int = setting(
        15,
        "Initial networks per repetition (paper: 15; 50 in Table V, inferred from its "
        "p-values).",
        low=2,
    )
    rates: str = setting(
        "0,0.2,0.4,0.6,0.8",
        "Comma-separated elimination rates of Table IV and Figure 2 (paper: these).",
    )
    epochs: str = setting(
        "6,30,60,90",
        "Comma-separated epochs after which Table V measures accuracy; the last is "
        "--eval_epochs (paper: these).",
    )

    def of_paper(self) -> bool:
        """Whether it is a table or figure of the paper, not a benchmark's."""
        return self.name not in SEARCHED

    def chosen_rows(self) -> tuple[str, ...]:
        """The rows of Table III to run."""
        return tuple(self.rows.split(",")) if self.rows else PAPER_ROWS

    def chosen_controls(self) -> tuple[str, ...]:
        """The controls of Table IV."""
        return tuple(self.controls.split(",")) if self.controls else ()

    def elimination_rates(self) -> tuple[float, ...]:
        """The rates as numbers.

        Raises:
          UsageError: they are not ascending numbers from 0 to 1.
        """
        rates = _ascending("rates", self.rates, float)
        if not 0 <= rates[0] <= rates[-1] <= 1:
            raise UsageError(f"--tables_rates={self.rates} must lie between 0 and 1")
        return rates

    def measured_epochs(self) -> tuple[int, ...]:
        """The epochs as numbers.

        Raises:
          UsageError: they are not ascending integers from 1, or fewer than two.
        """
        epochs = _ascending("epochs", self.epochs, int)
        if epochs[0] < 1 or len(epochs) < 2:
            raise UsageError(f"--tables_epochs={self.epochs}: give two or more above 0")
        return epochs

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings.

        Raises:
          UsageError: rates or epochs are not ascending numbers.
        """
        for field, names in _READ_BY.items():
            changed = getattr(self, field) != getattr(TablesConfig, field)
            if changed and self.name not in names:
                yield f"--tables_{field} needs --tables_name={' or '.join(names)}"
        yield from self._paper() if self.of_paper() else self._benchmark()

    def _benchmark(self) -> Iterator[str]:
        if not self.source:
            yield (
                "--stage=tables needs --tables_source, the benchmark's compact .npz "
                "file"
            )
        if self.strategies and not each_once_or_own(
            self.strategies.split(","), STRATEGIES
        ):
            yield (
                f"--tables_strategies={self.strategies}: give some of "
                f"{', '.join(STRATEGIES)}, each once"
            )

    def _paper(self) -> Iterator[str]:
        rates = self.elimination_rates()
        self.measured_epochs()
        if not each_once(self.chosen_rows(), TABLE_ROWS):
            yield (
                f"--tables_rows={self.rows}: give some of {', '.join(TABLE_ROWS)}, "
                "each once"
            )
        if not each_once(self.chosen_controls(), CONTROLS):
            yield (
                f"--tables_controls={self.controls}: give some of "
                f"{', '.join(CONTROLS)}, each once"
            )
        if self.name == "4" and rates[0] != 0:
            yield (
                f"--tables_rates={self.rates} must begin with 0, which Table IV "
                "compares with"
            )


def _ascending(
    name: str, text: str, number: Callable[[str], _Number]
) -> tuple[_Number, ...]:
    try:
        values = tuple(number(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or any(not a < b for a, b in itertools.pairwise(values)):
        raise UsageError(f"--tables_{name}={text}: give ascending numbers with commas")
    return values


@dataclasses.dataclass(frozen=True)
class ProxiesConfig(Section):
    """Zero-cost scores of the networks of NAS-Bench-201, and tables of them."""

    source: str = setting("", "The compact .npz file of NAS-Bench-201.", path=True)
    names: str = setting("", "Comma-separated proxies; default: all.")
    networks: int = setting(
        1000, "Cells to score, sampled by the seed; 0: all 15,625.", low=0, high=15_625
    )
    batch: int = proxy_batch()
    seeds: int = setting(1, "Initialisations that a score is averaged over.", low=1)

    def chosen(self) -> tuple[str, ...]:
        """The proxies by name."""
        return tuple(self.names.split(",")) if self.names else PROXIES

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if not self.source:
            yield (
                "--stage=proxies needs --proxies_source, the compact .npz file of "
                "NAS-Bench-201"
            )
        if not each_once_or_own(self.chosen(), PROXIES):
            yield (
                f"--proxies_names={self.names}: give some of {', '.join(PROXIES)}, "
                "each once"
            )


@dataclasses.dataclass(frozen=True)
class ZooConfig(Section):
    """The table of the 36 human networks."""

    json: str = setting(
        "", "Also write the table to this JSON file.", result=False, path=True
    )


@dataclasses.dataclass(frozen=True)
class BaselineConfig(Section):
    """A human network, trained by the recipe of retrain."""

    name: str = setting(
        "ResNet-18",
        "The network: one that --stage=zoo lists, ResNet-20 or MobileNetV2. "
        "NAME@FLOPS, such as ResNet-18@5e7, narrows it to at most that many FLOPs per "
        "image. In networks for large images the first two downsamplings are removed "
        "where images have at most 64 pixels.",
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if not is_human(self.name):
            yield (
                f"--baseline_name={self.name}: give a network that --stage=zoo lists, "
                "ResNet-20 or MobileNetV2; NAME@FLOPS narrows it"
            )


@dataclasses.dataclass(frozen=True)
class ReportConfig(Section):
    """The pages about runs."""

    compare: str = setting(
        "",
        "Comma-separated workdirs of other runs; comparison.html, beside report.html, "
        "compares them with --workdir.",
        result=False,
    )

    def workdirs(self) -> tuple[str, ...]:
        """The other runs."""
        return tuple(filter(None, self.compare.split(",")))

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if len(set(self.workdirs())) < len(self.workdirs()):
            yield f"--report_compare={self.compare}: give each workdir once"


@dataclasses.dataclass(frozen=True)
class ImportConfig(Section):
    """A released benchmark, to be converted to a compact file."""

    name: str = setting(
        "nasbench201", "The benchmark.", choices=BENCHMARKS, result=False
    )
    source: str = setting(
        "",
        "The release: nasbench_only108.tfrecord; for nasbench201 the unpacked folder "
        "NATS-tss-v1_0-3ffb9-simple, or a .json or .csv file of its cells.",
        result=False,
        path=True,
    )
    out: str = setting("", "The .npz file to write.", result=False, path=True)

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if not (self.source and self.out):
            yield (
                "--stage=import_benchmark needs --imports_source, the release, and "
                "--imports_out, the file to write"
            )
        if Path(self.out).suffix != ".npz":
            yield f"--imports_out={self.out} must end with .npz"
