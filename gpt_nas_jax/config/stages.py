"""Settings that belong to one stage each."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import TypeVar

from gpt_nas_jax.config.names import BENCHMARKS, NETWORKS, PROXIES, TABLE_ROWS, TABLES
from gpt_nas_jax.config.run import proxy_batch
from gpt_nas_jax.config.setting import setting
from gpt_nas_jax.types import UsageError

_Number = TypeVar("_Number", int, float)


@dataclasses.dataclass(frozen=True)
class TablesConfig:
    """Many whole searches on a benchmark, or a table or figure of the paper."""

    name: str = setting(
        "nasbench201",
        "The benchmark, or the paper's Table III, IV or V or Figure 2.",
        choices=TABLES,
    )
    source: str = setting("", "The benchmark's compact .npz file.", path=True)
    scores: str = setting(
        "",
        "Zero-cost scores of all its cells, the scores.npz of --stage=proxies, as "
        "trends of surrogate and gpt_nas_online (nasbench201).",
        path=True,
    )
    strategies: str = setting(
        "", "Strategies to compare, with commas; without it all.", result=False
    )
    rows: str = setting(
        "",
        "Rows of Table III to run, with commas; without it all: "
        f"{', '.join(TABLE_ROWS)}.",
        result=False,
    )
    seeds: int = setting(
        1,
        "Repetitions of a table or figure of the paper, each of its own networks "
        "(ours).",
        low=1,
        result=False,
    )
    networks: int = setting(
        15,
        "Initial networks of each repetition (paper: 15; 50 in Table V, by its p).",
        low=2,
    )
    rates: str = setting(
        "0,0.2,0.4,0.6,0.8",
        "Elimination rates of Table IV and Figure 2, with commas (paper: these).",
    )
    epochs: str = setting(
        "6,30,60,90",
        "Epochs after which Table V measures accuracy, the last --eval_epochs "
        "(paper: these).",
    )

    def of_paper(self) -> bool:
        """Whether it is a table or figure of the paper, not a benchmark's."""
        return self.name not in BENCHMARKS

    def chosen_rows(self) -> tuple[str, ...]:
        """The rows of Table III to run."""
        return tuple(self.rows.split(",")) if self.rows else TABLE_ROWS

    def elimination_rates(self) -> tuple[float, ...]:
        """The rates as numbers.

        Raises:
          UsageError: they are none, or not ascending from 0 to 1.
        """
        rates = _ascending("rates", self.rates, float)
        if not 0 <= rates[0] <= rates[-1] <= 1:
            raise UsageError(f"--tables_rates={self.rates} must lie between 0 and 1")
        return rates

    def measured_epochs(self) -> tuple[int, ...]:
        """The epochs as numbers.

        Raises:
          UsageError: they are none, not ascending from 1 on, or fewer than two.
        """
        epochs = _ascending("epochs", self.epochs, int)
        if epochs[0] < 1 or len(epochs) < 2:
            raise UsageError(f"--tables_epochs={self.epochs}: give two or more above 0")
        return epochs


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
class ProxiesConfig:
    """Scores of NAS-Bench-201's networks before any training, and tables of them."""

    source: str = setting("", "NAS-Bench-201's compact .npz file.", path=True)
    names: str = setting("", "Proxies to score by, with commas; without it all.")
    networks: int = setting(
        1000, "Cells to score, drawn by the seed; 0 for all 15,625.", low=0, high=15_625
    )
    batch: int = proxy_batch()
    seeds: int = setting(1, "Initialisations that scores are means over.", low=1)

    def chosen(self) -> tuple[str, ...]:
        """The proxies by name."""
        return tuple(self.names.split(",")) if self.names else PROXIES


@dataclasses.dataclass(frozen=True)
class ZooConfig:
    """The table of the 36 human networks."""

    json: str = setting(
        "", "Write the table to this file, too.", result=False, path=True
    )


@dataclasses.dataclass(frozen=True)
class BaselineConfig:
    """A human network, trained as a retraining trains."""

    name: str = setting(
        "ResNet-18",
        "The network, --stage=baseline; on images of at most 64 pixels the first two "
        "halvings of the resolution are taken out.",
        choices=NETWORKS,
    )


@dataclasses.dataclass(frozen=True)
class ImportConfig:
    """A released benchmark, to be converted to our compact file."""

    name: str = setting(
        "nasbench201", "The benchmark.", choices=BENCHMARKS, result=False
    )
    source: str = setting(
        "",
        "What was released: nasbench_only108.tfrecord; for nasbench201 the unpacked "
        "folder NATS-tss-v1_0-3ffb9-simple, or a .json or .csv of its cells.",
        result=False,
        path=True,
    )
    out: str = setting("", "The .npz file to write.", result=False, path=True)
