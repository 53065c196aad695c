"""The contribution of each part of our retraining recipe, and of augmentations.

    python launch/ablation_recipe.py
    python launch/ablation_recipe.py --study=cifar10
    python launch/ablation_recipe.py --study=schedule
    python launch/ablation_recipe.py --study=long

Trains one network with five seeds by each of several recipes (recipe_studies.py).
``digits`` ablates a small version of launch/recipes/modern.flags; expect 6 minutes on 2
busy CPU cores. ``cifar10`` adds one augmentation at a time to a plain recipe, on 5,000
training images of 16x16; ``schedule`` changes schedule, rate and averages of the same
recipe. Expect a minute for each of 40 and 45 trainings on one core. ``long`` repeats
its main recipes in a longer training of about four minutes, and measures on images that
it keeps from the training ones. Every run is tested once, after its last epoch.
Additional flags of gpt_nas_jax.main may follow. The same command reuses finished runs
and resumes an interrupted one.

Shows mean and standard deviation of the test accuracy, the difference from the study's
reference and its p by a paired t-test over the seeds, without and with Holm's
correction. ``--write=docs/results/augmentation.md`` writes the table as a page.
``--read`` runs nothing and shows the recipes whose seeds are all done.
"""

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from recipe_studies import STUDIES, Study

from gpt_nas_jax import flags, workdir
from gpt_nas_jax.api.runs import run as run_config
from gpt_nas_jax.reports import origin
from gpt_nas_jax.reports.contrasts import holm
from gpt_nas_jax.reports.curves import t_test
from gpt_nas_jax.reports.formats import Entry, Table, markdown_page, p_value, spread
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.types import UsageError

COLUMNS = ("difference", "p, paired t-test", "p, Holm")

Accuracies = Mapping[str, np.ndarray]
"""For each recipe, ``float64[seeds]`` by seed."""


def result(study: Study, variant: str, seed: int) -> Path:
    """The file with the result of one training."""
    return study.home / f"{list(study.variants).index(variant)}-{seed}" / "result.json"


def train(study: Study, variant: str, seed: int, extra: list[str]) -> None:
    """Trains one network, unless it is done."""
    path = result(study, variant, seed).parent
    argv = ["main", *study.flags, *study.variants[variant], *extra]
    run_config(dataclasses.replace(flags.parse(argv), seed=seed, workdir=str(path)))


def accuracies(study: Study, seeds: int) -> Accuracies:
    """Test accuracies of the recipes whose seeds are all done."""
    done = {}
    for variant in study.variants:
        paths = [result(study, variant, seed) for seed in range(seeds)]
        if all(path.exists() for path in paths):
            kept = [workdir.read_sealed(path)["retrain"] for path in paths]
            done[variant] = np.array([one["test_accuracy"] for one in kept])
    return done


def rows(study: Study, found: Accuracies) -> list[tuple[str, ...]]:
    """The table of a study as text; the reference must be there."""
    reference = found[study.reference]
    others = {name: found[name] for name in found if name != study.reference}
    p = {name: t_test(values, reference) for name, values in others.items()}
    corrected = dict(zip(p, holm(list(p.values())), strict=True))
    lines = []
    for name, values in found.items():
        versus = ("", "", "")
        if name in p:
            difference = f"{(values - reference).mean():+.4f}"
            versus = difference, p_value(p[name]), p_value(corrected[name])
        lines.append((name, spread(values, ".4f"), *versus))
    return lines


def columns(study: Study) -> tuple[str, ...]:
    """The headings of a study's table."""
    return ("recipe", study.measure, *COLUMNS)


def page(study: Study, found: Accuracies, seeds: int) -> str:
    """The table as a page in Markdown."""
    made = f"{origin.line('launch/ablation_recipe.py')} {study.about}\n"
    caption = (
        f"{study.measure.capitalize()}, mean +- standard deviation over {seeds} seeds; "
        f"the difference from {study.reference!r}, its p by a paired t-test over the "
        f"seeds, and p with Holm's correction for the {len(found) - 1} comparisons."
    )
    entries = [[Entry(text) for text in line] for line in rows(study, found)]
    sections = [made, Table(caption, columns(study), entries)]
    missing = [name for name in study.variants if name not in found]
    if missing:
        sections.append(
            f"Not yet run: {'; '.join(missing)}. The same command resumes.\n"
        )
    return markdown_page(study.title, sections)


def show(study: Study, seeds: int, write: str) -> None:
    """Prints and writes the results so far."""
    found = accuracies(study, seeds)
    if study.reference not in found:
        raise UsageError(
            f"{study.home} does not hold all {seeds} seeds of {study.reference!r}, "
            "which the others are compared with; leave --read out to run them"
        )
    show_table(f"{study.title}, {seeds} seeds", columns(study), rows(study, found))
    if write:
        workdir.write_text(Path(write), page(study, found, seeds))


def run(study: Study, options: argparse.Namespace, extra: list[str]) -> None:
    """Runs the missing recipes one by one, and shows the results after each."""
    if not options.read:
        study.prepare(options.data_dir)
        reference = study.reference
        rest = [variant for variant in study.variants if variant != reference]
        for variant in (reference, *rest):
            for seed in range(options.seeds):
                train(study, variant, seed, extra)
            show(study, options.seeds, options.write)
    else:
        show(study, options.seeds, options.write)


if __name__ == "__main__":
    # Leaves unknown flags to main; only full names, no abbreviations.
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument("--study", choices=STUDIES, default="digits")
    parser.add_argument("--seeds", type=int, default=5, help="of each recipe")
    parser.add_argument("--write", default="", help="the page to write, Markdown")
    parser.add_argument("--read", action="store_true", help="run nothing")
    parser.add_argument(
        "--data_dir", default="../shared/data/tfds", help="CIFAR-10, prepared by TFDS"
    )
    known, rest = parser.parse_known_args()
    try:
        run(STUDIES[known.study], known, rest)
    except UsageError as error:
        print(f"ablation_recipe: {error}", file=sys.stderr)
        sys.exit(2)
