"""The contribution of each part of our retraining recipe: one network on digits.

    python launch/ablation_recipe.py

Trains one chain of four blocks for 20 epochs with five seeds: by the paper's schedule
(0.01, divided by ten every two sevenths of the epochs), by launch/recipes/modern.flags
made small (rate, pad and cutout follow the batch and the side of the images, the
average covers as many epochs), and by the latter without each of its parts. Every run
is tested once, after its last epoch, and nothing was chosen by the figures. Further
flags of gpt_nas_jax.main may follow. Finished runs are found again; expect 6 minutes on
2 busy CPU cores.

Prints mean and standard deviation of the test accuracy, the difference to ours and its
p by a paired t-test over the seeds.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
from scipy import stats

from gpt_nas_jax import flags, main, workdir
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.types import UsageError

HOME = Path("runs/ablation_recipe")
DIGITS = Path(__file__).with_name("digits.flags")
# Stem, BasicBlock, InvertedResidual, Bottleneck.
NETWORK = ("--stage=retrain", "--retrain_genome=5,7,9,6", "--retrain_epochs=20")
PAPER = (
    "--retrain_learning_rate=0.01",
    "--retrain_schedule=step",
    "--retrain_step_epochs=6",
)
OURS = (
    "--retrain_learning_rate=0.05",
    "--retrain_warmup_epochs=2",
    "--retrain_label_smoothing=0.1",
    "--retrain_ema=0.98",
    "--retrain_cutout=4",
    "--retrain_schedule=cosine",
)
REFERENCE = "ours"
VARIANTS = {
    "the paper's": PAPER,
    REFERENCE: OURS,
    "without label smoothing": (*OURS, "--retrain_label_smoothing=0"),
    "without the average": (*OURS, "--retrain_ema=0"),
    "without cutout": (*OURS, "--retrain_cutout=0"),
    "constant, not cosine": (*OURS, "--retrain_schedule=constant"),
}


def accuracy(variant: str, seed: int, extra: list[str]) -> float:
    """Share of the test images that one training comes to."""
    path = HOME / f"{list(VARIANTS).index(variant)}-{seed}"
    argv = ["main", f"--flagfile={DIGITS}", *NETWORK, *VARIANTS[variant], *extra]
    config = dataclasses.replace(flags.parse(argv), seed=seed, workdir=str(path))
    main.run(config)
    return workdir.read_sealed(path / "result.json")["retrain"]["test_accuracy"]


def compare(seeds: int, extra: list[str]) -> None:
    """Runs what is missing and prints the comparison."""
    found = {
        variant: np.array([accuracy(variant, seed, extra) for seed in range(seeds)])
        for variant in VARIANTS
    }
    ours = found[REFERENCE]
    rows = []
    for variant, values in found.items():
        versus = ("", "")
        if variant != REFERENCE:
            p = stats.ttest_rel(values, ours).pvalue
            versus = f"{(values - ours).mean():+.4f}", f"{p:.3f}"
        spread = f"{values.mean():.4f} +- {values.std(ddof=1):.4f}"
        rows.append((variant, spread, *versus))
    show_table(
        f"digits, {seeds} seeds, the same network and number of epochs",
        ("recipe", "test accuracy", "difference to ours", "p, paired t-test"),
        rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each recipe")
    known, rest = parser.parse_known_args()
    try:
        compare(known.seeds, rest)
    except UsageError as error:
        print(f"ablation_recipe: {error}", file=sys.stderr)
        sys.exit(2)
