"""Human networks at the cost of the laptop's search, trained by its recipe.

    python launch/claim/human_networks.py --data_dir=DIR --seeds=0,1,2

Every network is narrowed to 25 million multiply-accumulates for an image of 32x32, the
upper end of the band in launch/cifar10_laptop.flags, and trained by that file's recipe,
for ``--epochs``. On smaller images, of ``--side``, they are the same networks at a
fraction of the cost. ``--found=GENES`` adds the network that the search found, by its
genome, and ``--random`` a random network of the laptop's space for each seed, of 20 to
25 million multiply-accumulates. Lines are added to docs/results/claim/humans.csv;
trainings that are there are not repeated. Writes docs/results/claim/humans.md;
``--read`` does only that.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from claim_lines import HOME, Human
from seed_list import seeds

import gpt_nas_jax as gnj
from gpt_nas_jax import flags, workdir
from gpt_nas_jax.config import BaselineConfig, Config
from gpt_nas_jax.reports import origin
from gpt_nas_jax.reports.contrasts import holm
from gpt_nas_jax.reports.curves import t_test
from gpt_nas_jax.reports.formats import Entry, Table, markdown_page, p_value, spread
from gpt_nas_jax.spaces import registry
from gpt_nas_jax.stages import problem
from gpt_nas_jax.types import PAD, UsageError

FLAGS = Path(__file__).parents[1] / "cifar10_laptop.flags"
NETWORKS = (
    *("ResNet-20", "ResNet-18", "ShuffleNetV2-x1.0", "EfficientNet-B0"),
    *("MobileNetV2", "GoogLeNet", "RegNetX-400MF", "RegNetY-400MF"),
)
FOUND = "found"
SEEDS = range(5)
"""The seeds of the protocol; nothing is compared before all have every network."""
RANDOM = "random"
_FLOPS, _SIDE = 5e7, 32
_LEAST = 4e7
"""Of a random network; the network found has 4.4e7."""


def trained(base: Config, name: str, genome: str, seed: int) -> Human:
    """Trains one network for a seed, and tests it once."""
    side, epochs = base.data.side, base.retrain.recipe.epochs
    home = f"{base.workdir}/{name}-{side}-{epochs}-{seed}"
    config = dataclasses.replace(base, seed=seed, workdir=home)
    if name == RANDOM:
        genome = random_genes(base, seed)
    if name.startswith((FOUND, RANDOM)):
        retrain = dataclasses.replace(base.retrain, genome=genome)
        config = dataclasses.replace(config, stage="retrain", retrain=retrain)
    else:
        human = BaselineConfig(f"{name}@{_at(_FLOPS, side):g}")
        config = dataclasses.replace(config, stage="baseline", baseline=human)
    gnj.run(config)
    result = workdir.read_sealed(Path(config.workdir) / "result.json")
    best, retrained = result["best"], result["retrain"]
    return Human(
        name,
        seed,
        side,
        epochs,
        best["params"],
        best["flops"],
        retrained["test_accuracy"],
    )


def random_genes(base: Config, seed: int) -> str:
    """The genes of a random network of such a cost, drawn as those of a search are."""
    side = base.data.side
    limits = {"min_flops": _at(_LEAST, side), "max_flops": _at(_FLOPS, side)}
    search = dataclasses.replace(base.search, **limits)
    space = registry.build(base.space, (side, side, 3), 10)
    within = problem.within_limits(dataclasses.replace(base, search=search), space)
    (genome,) = np.asarray(within.sample(jax.random.key(seed), 1))
    return ",".join(str(gene) for gene in genome if gene != PAD)


def _at(flops: float, side: int) -> float:
    """FLOPs at 32x32 as those at another side."""
    return flops * (side / _SIDE) ** 2


def complete(lines: Sequence[Human]) -> list[int]:
    """The seeds for which all of the networks were trained."""
    names = {line.name for line in lines}
    done = {(line.name, line.seed) for line in lines}
    seeds = sorted({line.seed for line in lines})
    return [seed for seed in seeds if all((name, seed) in done for name in names)]


def decided(names: Sequence[str], seeds: Sequence[int]) -> bool:
    """Whether the planned networks and seeds are there, so that p may be shown."""
    return set(NETWORKS) < set(names) and set(SEEDS) <= set(seeds)


def table(lines: Sequence[Human]) -> Table:
    """The networks by accuracy over the seeds that all have.

    They are compared with the network that was found; of several, with the first that
    was trained. It is never chosen by its accuracy.
    """
    by_run = {(line.name, line.seed): line for line in lines}
    names = list(dict.fromkeys(line.name for line in lines))
    found = next((name for name in names if name.startswith(FOUND)), None)
    seeds = complete(lines)
    accuracy = {
        name: np.array([100 * by_run[name, seed].test_accuracy for seed in seeds])
        for name in names
    }
    names.sort(key=lambda name: -accuracy[name].mean())
    others = [name for name in names if name != found]
    contrast = dict.fromkeys(names, ("", ""))
    if found is not None and decided(names, seeds):
        tests = {name: t_test(accuracy[name], accuracy[found]) for name in others}
        humans = [name for name in others if name in NETWORKS]
        # Any other networks are comparisons of their own.
        tests |= zip(humans, holm([tests[name] for name in humans]), strict=True)
        for name, value in tests.items():
            difference = (accuracy[found] - accuracy[name]).mean()
            contrast[name] = f"{difference:+.2f}", p_value(value)
    rows = []
    for name in names:
        trainings = [by_run[name, seed] for seed in seeds]
        texts = (
            name,
            spread(accuracy[name], ".2f"),
            *contrast[name],
            f"{np.mean([one.params for one in trainings]):,.0f}",
            f"{np.mean([one.flops for one in trainings]) / 1e6:.1f}",
        )
        rows.append([Entry(text) for text in texts])
    return Table(
        "Test accuracy in %, mean +- standard deviation over seeds "
        f"{', '.join(map(str, seeds))}; the network that was found minus each, and the "
        "p of a paired t-test over seeds, corrected by Holm's method for the human "
        "networks. The random networks differ from seed to seed.",
        (
            "network",
            "test accuracy",
            "difference",
            "p, Holm",
            "parameters",
            "million FLOPs",
        ),
        rows,
    )


def write(lines: Sequence[Human]) -> None:
    """Writes the page."""
    made = f"{origin.line('launch/claim/human_networks.py')}\n"
    kinds = sorted({(line.side, line.epochs) for line in lines})
    parts: list[str | Table] = [made]
    for side, epochs in kinds:
        parts.append(f"## {epochs} epochs on images of {side}x{side}\n")
        same = [line for line in lines if (line.side, line.epochs) == (side, epochs)]
        if complete(same):
            parts.append(table(same))
    page = markdown_page("Human networks at equal cost", parts)
    workdir.write_text(Path(HOME) / "humans.md", page)


def run(options: argparse.Namespace, rest: Sequence[str]) -> None:
    """Trains what is missing, seed by seed, and writes the page after each."""
    asked = seeds(options.seeds)
    argv = ["main", f"--flagfile={FLAGS}", "--data_name=tfds:cifar10", *rest]
    argv += [
        f"--data_side={options.side}",
        f"--retrain_pad={options.side // 8}",
        f"--retrain_epochs={options.epochs}",
    ]
    base = flags.parse(argv)
    found = f"{FOUND}-{options.found.replace(',', '-')}"
    names = (*NETWORKS, found) if options.found else NETWORKS
    if options.random:
        names = (*names, RANDOM)
    for seed in asked:
        for name in names:
            done = {
                (line.name, line.seed, line.side, line.epochs) for line in Human.read()
            }
            if (name, seed, options.side, options.epochs) not in done:
                Human.append([trained(base, name, options.found, seed)])
        write(Human.read())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated")
    parser.add_argument("--side", type=int, default=_SIDE, help="pixels")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--found", default="", help="comma-separated genes")
    parser.add_argument("--random", action="store_true", help="a control")
    parser.add_argument("--read", action="store_true", help="run nothing")
    known, others = parser.parse_known_args()
    try:
        if known.read:
            write(Human.read())
        else:
            run(known, others)
    except UsageError as error:
        print(f"human_networks: {error}", file=sys.stderr)
        sys.exit(2)
