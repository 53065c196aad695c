"""How well a table of blocks predicts the latency of whole networks.

    python launch/benchmarks/latency.py launch/digits.flags launch/cifar10_small.flags

Takes flagfiles of runs on digits or CIFAR-10; reads no images. For each, the blocks of
its space are measured as in a search, then 48 random chains, each as one program,
twice. Writes docs/results/latency.md: the rank correlation of measured
latency with the table's sum, with FLOPs and parameters, and with the second
measurement, which no prediction can be expected to surpass.
"""

import argparse
import dataclasses
import datetime
import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import cast

import jax
import numpy as np
import scipy.stats

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.reports import formats
from gpt_nas_jax.reports.formats import Entry, Table
from gpt_nas_jax.spaces import registry
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.blocks.timed import Timed
from gpt_nas_jax.stages import compile_cache, latency, latency_table
from gpt_nas_jax.types import UsageError

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = _ROOT / "docs" / "results" / "latency.md"
_IMAGES = {"digits": ((8, 8, 1), 10), "cifar10": ((32, 32, 3), 10)}
_CHAINS = 48
_RESAMPLES = 2000

_INTRODUCTION = """```sh
{command}
```

{cores} CPU cores ({processor}), Python {python}, JAX {jax}, Flax {flax},
{date}, on a machine shared with other work (load average {load:.1f}).
{chains} random chains of each flagfile's space, seed 0, float32, batch 1.

A search with `--search_objectives=accuracy,latency` or `--search_max_latency` uses
the sum over a table of [blocks measured one by one](../strategies.md#latency). Here is
how well that sum, FLOPs and parameters rank whole networks, each measured as one
program. *Again* is a second measurement of the same networks, which no prediction
can be expected to surpass. Spearman's rank correlation, with 95 % bootstrap intervals
over networks.
"""

_END = """\
**What it does not show.** How well a table predicts on GPUs, TPUs and phones, none of
which was used, and how well it would rank networks on an idle machine.
"""


@dataclasses.dataclass(frozen=True)
class Found:
    """The networks of one space.

    Attributes:
      name: of the flagfile.
      blocks: number of blocks measured for the table.
      measured: ms of each network, ``[N]``.
      again: likewise, the second time.
      predicted: ms by the table.
      flops: of each network.
      params: likewise.
    """

    name: str
    blocks: int
    measured: np.ndarray
    again: np.ndarray
    predicted: np.ndarray
    flops: np.ndarray
    params: np.ndarray


def measure(path: str) -> Found:
    """Measures the blocks and the chains of a flagfile's space."""
    config = flags.parse(["latency", f"--flagfile={path}"])
    assert isinstance(config, Config)
    if config.data.name not in _IMAGES:
        raise UsageError(f"{path}: give flagfiles on {' or '.join(_IMAGES)}")
    compile_cache.keep(config.train)
    space = cast(BlockSpace, registry.build(config.space, *_IMAGES[config.data.name]))
    places = space.places()
    made = latency.measure("blocks", places, 1, "float32")
    table = latency_table.make(space, 1, *made)
    genomes = np.asarray(space.sample(jax.random.key(0), _CHAINS))
    chains = [(space.decode(genome), space.image) for genome in genomes]
    measured, again = (
        np.array(latency.measure("networks", chains, 1, "float32")[-1])
        for _ in range(2)
    )
    timed = Timed(space, latency_table.times(table, space))
    costs = (timed.latency, space.flops, space.params)
    figures = (np.asarray(cost(genomes)) for cost in costs)
    return Found(Path(path).stem, len(places), measured, again, *figures)


def correlation(first: np.ndarray, second: np.ndarray) -> str:
    """Spearman's, with its interval."""
    draw = np.random.default_rng(0)
    rows = draw.integers(0, len(first), (_RESAMPLES, len(first)))
    found = [_spearman(first[row], second[row]) for row in rows]
    low, high = np.quantile(found, (0.025, 0.975))
    return f"{_spearman(first, second):.2f} ({low:.2f} to {high:.2f})"


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    return float(scipy.stats.spearmanr(first, second).statistic)


def tables(every: list[Found]) -> tuple[Table, Table]:
    """Correlations, and ratios of the sum to the measured latency."""
    ranks, ratios = [], []
    for one in every:
        others = (one.predicted, one.flops, one.params, one.again)
        cells = [correlation(other, one.measured) for other in others]
        ranks.append([Entry(cell) for cell in (one.name, str(one.blocks), *cells)])
        ratio = np.quantile(one.predicted / one.measured, (0.1, 0.5, 0.9))
        span = f"{one.measured.min():.3g} to {one.measured.max():.3g}"
        cells = [one.name, span, *(f"{value:.2f}" for value in ratio)]
        ratios.append([Entry(cell) for cell in cells])
    return (
        Table(
            "Rank correlation with measured latency",
            ("flagfile", "blocks", "table's sum", "FLOPs", "parameters", "again"),
            ranks,
        ),
        Table(
            "Predicted / measured latency: quantiles over networks",
            ("flagfile", "measured, ms", "10 %", "median", "90 %"),
            ratios,
        ),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("flagfiles", nargs="+")
    args = parser.parse_args()
    try:
        every = [measure(path) for path in args.flagfiles]
    except UsageError as error:
        print(f"latency: {error}", file=sys.stderr)
        return 2
    load = os.getloadavg()[1]
    here = latency.describe("float32")
    introduction = _INTRODUCTION.format(
        command=shlex.join(["python", "launch/benchmarks/latency.py", *args.flagfiles]),
        cores=len(os.sched_getaffinity(0)),
        processor=here.get("processor", here["device"]),
        python=platform.python_version(),
        jax=jax.__version__,
        flax=metadata.version("flax"),
        date=f"{datetime.date.today():%-d %B %Y}",
        chains=_CHAINS,
        load=load,
    )
    sections = (introduction, *tables(every), _END)
    page = formats.markdown_page("How well a table predicts latency", sections)
    _PAGE.write_text(page, encoding="utf-8")
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
