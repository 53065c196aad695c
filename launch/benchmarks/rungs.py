"""Successive halving against full training, on real trainings of random networks.

    python launch/benchmarks/rungs.py --flagfile=launch/digits.flags \
        --eval_epochs=18 --eval_rungs=2,6,18 --eval_keep=3 --workdir=runs/rungs

Takes the flags of a run. Each of 81 random networks of its space is trained through all
rungs, and twice without rungs for the same number of epochs; the second of these, with
another key, is the ground truth. The trainings are kept in the workdir; the same
command resumes, and one with other rungs only adds trainings through these.

From these, batches are drawn at random, and successive halving is compared with full
training of every candidate. Prints, and writes to ``rungs.md`` in the workdir:

- the share of the epochs that rungs take;
- regret: the best true accuracy in a batch minus that of the chosen network, and the
  difference of both ways with a 95 % interval, by a bootstrap over networks;
- Kendall's tau of fitness with the ground truth over ten pooled batches: for fitness as
  told to strategies, the accuracy at the last rung that a candidate has climbed, in
  order within its batch; for the same in order over all batches; and for an expected
  final accuracy, to which the mean gain of promoted candidates is added.
"""

import dataclasses
import datetime
import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata

import jax
import numpy as np
import scipy.stats

from gpt_nas_jax import flags, workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation import halving
from gpt_nas_jax.evaluation.climbing import Climb, ClimbingEvaluator
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.evaluation.trained import TrainedEvaluator
from gpt_nas_jax.executors import local
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.stages import problem
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import Ledger

_NETWORKS, _DRAWS, _BATCHES, _RESAMPLED = 81, 2000, 10, 400
_SIZES = (9, 27)


def trained(config: Config) -> dict[str, np.ndarray]:
    """The accuracies of all networks, ``[networks, rungs]`` or ``[networks, 1]``."""
    loaded, recipe = problem.load(config), config.eval.recipe
    plain = dataclasses.replace(
        config.eval, recipe=dataclasses.replace(recipe, rungs="")
    )
    made = (loaded.space, loaded.splits)
    whole = TrainedEvaluator(*made, plain)
    climbing = ClimbingEvaluator(TrainedEvaluator(*made, config.eval))
    sample_key, key = jax.random.split(jax.random.key(config.seed))
    genomes = np.asarray(loaded.space.sample(sample_key, _NETWORKS))
    items = [Candidate(genome, np.ones(len(genome), bool), key) for genome in genomes]

    def through_rungs(item: Candidate) -> dict[str, list[float]]:
        rungs = range(len(recipe.ends()))
        return {"rungs": [climbing(Climb(item, rung)).fitness for rung in rungs]}

    def at_once(item: Candidate) -> dict[str, list[float]]:
        other = item.replace(key=jax.random.fold_in(item.key, 1))
        return {"whole": [whole(item).fitness], "truth": [whole(other).fitness]}

    files = {f"rungs-{recipe.rungs}": through_rungs, f"whole-{recipe.epochs}": at_once}
    found: dict[str, np.ndarray] = {}
    for name, train in files.items():
        records = _kept(config, name, train, items)
        for kind in records[0]:
            found[kind] = np.array([record[kind] for record in records])
    return found


def _kept(
    config: Config,
    name: str,
    train: Callable[[Candidate], dict[str, list[float]]],
    items: list[Candidate],
) -> list[dict[str, list[float]]]:
    """The trainings of all networks, reusing those in a file of the workdir."""
    path = workdir.folder(config.workdir)
    path.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(path / f"{name}.jsonl")
    records = ledger.read()
    with progress(f"networks, {name}", len(items), len(records)) as advance:
        rest = items[len(records) :]
        for record in local.run(train, rest, config.search.workers):
            ledger.append(record)
            records.append(record)
            advance()
    return records


def climbed(rungs: np.ndarray, rows: np.ndarray, keep: int) -> list[dict[int, float]]:
    """Successive halving of a batch: the accuracies of the candidates at each rung."""
    alive, found = list(range(len(rows))), []
    for rung in range(rungs.shape[1]):
        found.append({index: float(rungs[rows[index], rung]) for index in alive})
        alive = halving.survivors(found[-1], keep)
    return found


def regrets(
    found: dict[str, np.ndarray], keep: int, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The regret of full training and of rungs in random batches."""
    truth, whole = found["truth"][:, 0], found["whole"][:, 0]
    pairs = []
    for _ in range(_DRAWS):
        rows = rng.choice(len(truth), size, replace=False)
        last = climbed(found["rungs"], rows, keep)[-1]
        best = truth[rows].max()
        chosen = rows[max(last, key=lambda index: last[index])]
        pairs.append((best - truth[rows[np.argmax(whole[rows])]], best - truth[chosen]))
    both = np.array(pairs)
    return both[:, 0], both[:, 1]


def interval(
    found: dict[str, np.ndarray], keep: int, size: int, rng: np.random.Generator
) -> tuple[float, float]:
    """The 95 % interval of the mean difference of regrets, resampling networks."""
    count, means = len(found["truth"]), []
    for _ in range(400):
        drawn = rng.integers(0, count, count)
        again = {name: values[drawn] for name, values in found.items()}
        pairs = []
        # Fewer would add their own noise to that of the networks.
        for _ in range(_RESAMPLED):
            rows = rng.choice(count, size, replace=False)
            last = climbed(again["rungs"], rows, keep)[-1]
            chosen = rows[max(last, key=lambda index: last[index])]
            whole = rows[np.argmax(again["whole"][rows, 0])]
            truth = again["truth"][:, 0]
            pairs.append(truth[whole] - truth[chosen])
        means.append(np.mean(pairs))
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _over_all_batches(found: list[dict[int, float]]) -> dict[int, float]:
    return {i: n + a for n, rung in enumerate(found) for i, a in rung.items()}


def _expected(found: list[dict[int, float]]) -> dict[int, float]:
    values: dict[int, float] = {}
    for rung in reversed(found):
        gains = [value - rung[index] for index, value in values.items()]
        gain = np.mean(gains) if gains else 0.0
        values |= {i: a + gain for i, a in rung.items() if i not in values}
    return values


_WAYS: dict[str, Callable[[list[dict[int, float]]], dict[int, float]]] = {
    "as told": halving.fitness,
    "in order over all batches": _over_all_batches,
    "expected final accuracy": _expected,
}


def taus(
    found: dict[str, np.ndarray], keep: int, size: int, rng: np.random.Generator
) -> Iterator[tuple[str, float]]:
    """Kendall's tau with the truth, for each way to derive fitness from climbs."""
    truth, sums = found["truth"][:, 0], dict.fromkeys((*_WAYS, "whole training"), 0.0)
    draws = 200
    for _ in range(draws):
        batches = [rng.choice(len(truth), size, replace=False) for _ in range(_BATCHES)]
        rows = np.concatenate(batches)
        for name, way in _WAYS.items():
            values = []
            for batch in batches:
                made = way(climbed(found["rungs"], batch, keep))
                values += [made[index] for index in range(size)]
            sums[name] += scipy.stats.kendalltau(values, truth[rows]).statistic
        whole = found["whole"][rows, 0]
        sums["whole training"] += scipy.stats.kendalltau(whole, truth[rows]).statistic
    for name, value in sums.items():
        yield name, value / draws


def report(config: Config, found: dict[str, np.ndarray]) -> str:
    """The tables as Markdown."""
    ends, keep = config.eval.recipe.ends(), config.eval.keep
    rng = np.random.default_rng(config.seed)
    versions = ", ".join(f"{n} {metadata.version(n)}" for n in ("jax", "flax"))
    lines = [
        f"{len(found['truth'])} random networks, rungs after "
        f"{config.eval.recipe.rungs} epochs, one of {keep} goes on; {os.cpu_count()} "
        f"CPU cores, Python {platform.python_version()}, {versions}, "
        f"{datetime.date.today()}.",
        "",
        "| candidates of a batch | epochs in % | regret, whole | regret, rungs | "
        "difference, 95 % interval |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for size in _SIZES:
        rows = np.arange(size)
        counts = [len(rung) for rung in climbed(found["rungs"], rows, keep)]
        spans = np.diff((0, *ends))
        epochs = 100 * (spans * counts).sum() / (ends[-1] * size)
        whole, rungs = regrets(found, keep, size, rng)
        low, high = interval(found, keep, size, rng)
        lines.append(
            f"| {size} | {epochs:.0f} | {100 * whole.mean():.2f} | "
            f"{100 * rungs.mean():.2f} | {100 * (rungs - whole).mean():+.2f} "
            f"({100 * low:+.2f} to {100 * high:+.2f}) |"
        )
    lines += ["", "| fitness | " + " | ".join(f"tau, {s}" for s in _SIZES) + " |"]
    lines.append("| --- |" + " ---: |" * len(_SIZES))
    columns = [dict(taus(found, keep, size, rng)) for size in _SIZES]
    for name in columns[0]:
        cells = " | ".join(f"{column[name]:.3f}" for column in columns)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    try:
        config = flags.parse(argv)
        found = trained(config)
    except UsageError as error:
        print(f"rungs: {error}", file=sys.stderr)
        return 2
    text = report(config, found)
    workdir.write_text(workdir.folder(config.workdir) / "rungs.md", text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
