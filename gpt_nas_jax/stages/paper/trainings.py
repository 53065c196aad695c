"""Trainings of initial networks, for Tables IV and V and Figure 2."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.evaluation.evaluator import Candidate
from gpt_nas_jax.evaluation.trained import Curve, TrainedEvaluator
from gpt_nas_jax.executors import machine, processes, registry
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.prior.reconstruct import reconstruct
from gpt_nas_jax.reports.paper.measured import Measured, TrainingPlan, of_records
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.stages import (
    claim,
    compilation,
    compile_cache,
    pretrain,
    problem,
    scoring,
)
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.strategies.proposers import Proposers
from gpt_nas_jax.tokens.reading import Proposer
from gpt_nas_jax.types import Key, UsageError
from gpt_nas_jax.workdir import Ledger

_PRIOR = "gpt_nas"


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """One training to do.

    Attributes:
      seed: of the repetition, from 0.
      network: of its initial networks, from 0.
      rate: at which blocks were eliminated and reconstructed.
      trained_blocks: ``proposed`` or ``all``.
      candidate: network and key.
    """

    seed: int
    network: int
    rate: float
    trained_blocks: str
    candidate: Candidate


@dataclasses.dataclass(frozen=True, eq=False)
class _Train:
    """Does a training; may be sent to another process."""

    evaluator: TrainedEvaluator
    epochs: tuple[int, ...]

    def __call__(self, item: Training) -> Curve:
        return self.evaluator.curve(item.candidate, self.epochs, item.trained_blocks)

    def failed(self, reason: str) -> Curve:
        """The failed training of a network that kills every worker training it."""
        return Curve(None, reason, 0.0)


def run(config: Config, plan: TrainingPlan, proposer: str = _PRIOR) -> Measured:
    """Runs the missing trainings; each is a line of ``trainings.jsonl``.

    Resumes where it was stopped. The networks of a repetition depend neither on their
    number nor on that of repetitions. A network has one key for all its trainings, and
    the blocks that a rate eliminates are among those of a higher one, which reduces the
    share of chance in differences between rates. Controls fill the same gaps of the
    same networks.

    Args:
      config: of the table.
      plan: the trainings.
      proposer: ``gpt_nas``, the prior, or a control, whose trainings are in
        ``trainings-<proposer>.jsonl``.

    Raises:
      UsageError: an input cannot be used, the ledger is damaged or of another
        program, or fewer than two networks of a repetition could be trained.
    """
    claim.check(config)
    registry.find(config.executor)
    processes.everywhere(compile_cache.keep, config.train)
    loaded = processes.everywhere(problem.load, config)
    cells = pretrain.read_cells(config.prior) if config.needs_prior() else None
    if cells is not None:
        pretrain.require_place(config, loaded.space, cells)
    with claim.opened(config):
        claim.keep_space(config, loaded.space)
        claim.keep_images(config, loaded.dataset)
        prior = pretrain.run(config, loaded.space, cells) if cells else None
        if config.train.warmup == "all":
            processes.by_workers(compilation.warm_up, config, loaded)
        steps = config.prior.fcn_steps
        made = Proposers(loaded.space, prior, fcn_steps=steps)
        fill = made.of(proposer) if prior else None
        items = [
            item
            for seed in range(config.tables.seeds)
            for item in _repetition(config, loaded, fill, plan, seed)
        ]
        ending = "" if proposer == _PRIOR else f"-{proposer}"
        name = f"trainings{ending}.jsonl"
        records = list(_records(config, loaded, plan, name, items))
    try:
        return of_records(config, plan, records, len(loaded.splits.valid))
    except UsageError as error:
        path = workdir.shown(workdir.folder(config.workdir) / name)
        raise UsageError(
            f"{error}; remove {path}, and the same command trains them again"
        ) from None


def _repetition(
    config: Config,
    loaded: Problem,
    fill: Proposer | None,
    plan: TrainingPlan,
    seed: int,
) -> Iterator[Training]:
    """All trainings of one repetition, network by network."""
    stage = stage_key(config.seed, f"tables/{config.tables.name}")
    count = config.tables.networks
    keys = jax.vmap(jax.random.fold_in, (None, 0))(
        jax.random.fold_in(stage, seed), np.arange(count)
    )
    draw_keys, gap_keys, train_keys = jax.vmap(jax.random.split, (0, None), 1)(keys, 3)
    genomes = jax.vmap(lambda key: loaded.space.sample(key, 1)[0])(draw_keys)
    variants = [_eliminated(fill, gap_keys, genomes, rate) for rate in plan.rates]
    for network in range(count):
        for rate, (filled, proposed) in zip(plan.rates, variants, strict=True):
            candidate = Candidate(
                filled[network], proposed[network], train_keys[network]
            )
            for blocks in plan.trained_blocks:
                yield Training(seed, network, rate, blocks, candidate)


def _eliminated(
    fill: Proposer | None, keys: Key, genomes: jax.Array, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Genomes ``int32[N, L]`` after elimination, and which genes were proposed."""
    if fill is None or rate == 0:
        return np.asarray(genomes), np.zeros(genomes.shape, bool)
    filled, proposed = jax.vmap(lambda k, g: reconstruct(fill, k, g[None], rate))(
        keys, genomes
    )
    return np.asarray(filled[:, 0]), np.asarray(proposed[:, 0])


def _records(
    config: Config,
    loaded: Problem,
    plan: TrainingPlan,
    name: str,
    items: Sequence[Training],
) -> Iterator[dict[str, Any]]:
    """The lines of the named ledger in order: those there, then new ones."""
    now = scoring.where(config)
    ledger = Ledger(workdir.folder(config.workdir) / name, now)
    done = ledger.read()[: len(items)]
    machine.tell_of_change(ledger.machines, now)
    for index, (record, item) in enumerate(zip(done, items, strict=False)):
        if {**record, **_description(loaded, plan, item)} != record:
            raise UsageError(
                f"{ledger.line(index)} does not match the training that this "
                "program does there; resume with the version and on the machine that "
                "began the run, or choose another --workdir"
            )
        yield record
    rest = items[len(done) :]
    train = _Train(scoring.trained(config, loaded, config.eval), plan.epochs)
    title = f"{config.tables.name}, {name.removesuffix('.jsonl')}"
    with progress(title, len(items), done=len(done)) as advance:
        results = registry.find(config.executor)(train, rest, config.search.workers)
        for item, curve in zip(rest, results, strict=True):
            record = _description(loaded, plan, item) | {
                "accuracy": curve.accuracies and list(curve.accuracies),
                "reason": curve.reason,
                "seconds": round(curve.seconds, 3),
                "device_seconds": round(curve.seconds / config.search.workers, 3),
            }
            ledger.append(record)
            yield record
            advance(note=f"seed {item.seed}, network {item.network}")


def _description(loaded: Problem, plan: TrainingPlan, item: Training) -> dict[str, Any]:
    """The part of a line that is known before the training."""
    genome = np.asarray(item.candidate.genome)
    names = loaded.space.names(genome)
    return {
        "seed": item.seed,
        "network": item.network,
        "rate": item.rate,
        "trained_blocks": item.trained_blocks,
        "epochs": list(plan.epochs),
        "genome": genome.tolist(),
        "blocks": list(names),
        "proposed": item.candidate.proposed[: len(names)].astype(int).tolist(),
    }
