"""Synthetic workdirs, like those that real runs leave."""

import dataclasses
import datetime
import random
from pathlib import Path
from typing import Any

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, SearchConfig, SpaceConfig, fields
from gpt_nas_jax.reports.page.run import CURVE, IMAGES
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES
from gpt_nas_jax.workdir import Ledger

BEGIN = datetime.datetime(2026, 3, 1, 9, 0, tzinfo=datetime.UTC)
REASONS = (
    "a training step needs about 3.2 GiB of memory, more than --eval_max_memory=2",
    "loss is not a number",
    "took longer than --eval_max_seconds=60 <b>&amp; more</b>",
)
MACHINE = {"device": "cpu", "devices": 1, "cores": 2, "jax": "0.10.2"}


def config(path: Path, population: int, generations: int, **changes: Any) -> Config:
    """The settings of a tiny search; ``changes`` replace sections."""
    plain = Config(
        workdir=str(path),
        space=SpaceConfig(min_depth=2, max_depth=8, width=16, num_stages=2),
        search=SearchConfig(population=population, generations=generations),
    )
    return dataclasses.replace(plain, **changes)


def evaluations(
    size: int, count: int, failing: float = 0.0, seed: int = 0
) -> list[dict[str, Any]]:
    """The lines of a ledger, with a population that improves."""
    draw, found = random.Random(seed), []
    for number in range(count):
        generation, index = divmod(number, size)
        good = [record for record in found if record["fitness"] is not None]
        parents = []
        if generation and good:
            good = good[: generation * size]
            parents = sorted(draw.sample(range(len(good)), min(2, len(good))))
            parents = [good[place]["number"] for place in parents]
        if parents:
            genome = [*found[parents[0]]["genome"]]
            genome[draw.randrange(len(genome))] = draw.randrange(len(BLOCK_NAMES))
        else:
            genome = [draw.randrange(len(BLOCK_NAMES)) for _ in range(4)]
        params = round(10 ** draw.uniform(3.5, 5.5))
        fails = draw.random() < failing
        reach = 1 - 0.7 * 0.85 ** (1 + generation)
        fitness = min(0.999, draw.uniform(0.6, 1.0) * reach + params / 3e6)
        fitness = None if fails else round(fitness, 4)
        start = BEGIN + datetime.timedelta(seconds=3 * number)
        found.append(
            {
                "number": number,
                "generation": generation,
                "index": index,
                "genome": [*genome, -1, -1],
                "parents": parents,
                "blocks": [BLOCK_NAMES[gene] for gene in genome],
                "proposed": [draw.randrange(2) for _ in genome],
                "params": params,
                "flops": 80 * params,
                "fitness": fitness,
                "accuracies": None if fails else [fitness / 2, fitness],
                "reason": draw.choice(REASONS) if fails else None,
                "seconds": round(draw.uniform(2, 6), 3),
                "start": start.isoformat(timespec="milliseconds"),
                "worker": f"cpu:0/{number % 2}",
            }
        )
    return found


def search(
    path: Path, settings: Config, records: list[dict[str, Any]], images: bool = True
) -> Path:
    """Writes the workdir of a search with these settings."""
    path.mkdir(parents=True)
    workdir.write_text(path / "flags.txt", fields.to_text(settings))
    ledger = Ledger(path / "ledger.jsonl", MACHINE)
    for record in records:
        ledger.append({k: v for k, v in record.items() if k != "number"})
    if images:
        shape = {"image": [8, 8, 1], "num_classes": 10}
        workdir.write_sealed(path / IMAGES, shape)
    return path


def trained(path: Path, network: dict[str, Any], state: str, accuracy: float) -> Path:
    """Writes what a long training writes, except the weights."""
    workdir.write_json(path / "best" / "architecture.json", network)
    losses = {"losses": [2.0, 1.0, 0.5, 0.25], "totals": []}
    workdir.write_sealed(path / state / CURVE, losses)
    retrain = {"epochs": 4, "test_accuracy": accuracy, "seconds": 12.5}
    names = {"dataset": "digits", "seed": 0}
    workdir.write_sealed(path / "result.json", {**names, "retrain": retrain})
    return path
