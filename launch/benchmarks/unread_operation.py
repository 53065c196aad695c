"""How much a search gains by rarely proposing an operation that the prior cannot read.

    python launch/benchmarks/unread_operation.py --source=nasbench201.npz

Random search on NAS-Bench-201 that draws avg_pool_3x3 with probability ``--share`` and
the other operations equally often: 0.2 is plain random search, 0.04 is what remains of
the operation in ``gpt_nas``, a fifth of whose proposals are uniform. Prints the mean
test accuracy of the network with the best validation accuracy, without any prior.
"""

import argparse
from pathlib import Path

import numpy as np

from gpt_nas_jax.datasets.benchmarks import nasbench201
from gpt_nas_jax.datasets.benchmarks.nasbench201 import OPERATIONS, NasBench201
from gpt_nas_jax.reports.terminal import show_table

_POOL = OPERATIONS.index("avg_pool_3x3")


def accuracies(
    benchmark: NasBench201, share: float, queries: int, searches: int, seed: int
) -> np.ndarray:
    """Test accuracies ``float64[datasets]`` in %, mean over random searches."""
    chances = np.full(len(OPERATIONS), (1 - share) / (len(OPERATIONS) - 1))
    chances[_POOL] = share
    shape = searches, queries, benchmark.ops.shape[1]
    drawn = np.random.default_rng(seed).choice(len(OPERATIONS), shape, p=chances)
    weights = len(OPERATIONS) ** np.arange(shape[-1])
    row_of = np.empty(len(OPERATIONS) ** shape[-1], np.int64)
    row_of[benchmark.ops @ weights] = np.arange(len(benchmark.ops))
    rows = row_of[drawn @ weights]
    best = benchmark.valid[:, rows].argmax(-1)
    chosen = np.take_along_axis(rows[None], best[..., None], -1)[..., 0]
    return np.take_along_axis(benchmark.test, chosen, -1).mean(-1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--share", default="0.2,0.04", help="comma-separated")
    parser.add_argument("--searches", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    known = parser.parse_args()
    cells = nasbench201.read(known.source)
    lines = [
        (
            f"{share:g}",
            str(queries),
            " / ".join(
                f"{value:.2f}"
                for value in accuracies(
                    cells, share, queries, known.searches, known.seed
                )
            ),
        )
        for share in map(float, known.share.split(","))
        for queries in (10, 50)
    ]
    show_table(
        f"Random search, mean of {known.searches:,}: test accuracy in %",
        ("share of avg_pool_3x3", "queries", "cifar10 / cifar100 / imagenet16_120"),
        lines,
    )
