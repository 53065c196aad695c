"""Latency as a cost of a search: its table, and whole networks measured beside it."""

import dataclasses
import datetime
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, cast

import jax

from gpt_nas_jax import interruption, workdir
from gpt_nas_jax.config import LATENCY, Config
from gpt_nas_jax.executors import machine, processes
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.plugins import one_line
from gpt_nas_jax.reports.terminal import progress
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.blocks.timed import Timed
from gpt_nas_jax.spaces.protocol import NetworkSpace
from gpt_nas_jax.stages import claim, latency_table
from gpt_nas_jax.stages.latency_table import FILE, Table
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.training import latency
from gpt_nas_jax.training.placement import compute_type
from gpt_nas_jax.types import Space

NETWORKS = "latency-networks.json"
"""File in a workdir: the whole networks that were measured."""

Network = tuple[str, Chain, Size]
"""A unique name, the network, and the size of its images."""
Machine = Mapping[str, Any]


def table(config: Config, space: Space) -> Table | None:
    """The latency table of a run; None if latency is not among its costs.

    That is ``--eval_latency_table``, else the one in the workdir, else one that a
    search measures now and keeps there; a retraining has none then.

    Raises:
      UsageError: a table cannot be used, or the workdir belongs to another run.
    """
    if LATENCY not in config.search.noted() or not isinstance(space, BlockSpace):
        return None
    kept, batch = workdir.folder(config.workdir) / FILE, config.eval.latency_batch
    if config.eval.latency_table:
        return latency_table.read_given(config.eval.latency_table, space, batch)
    searches = config.stage != "retrain"
    precision = config.train.precision
    if kept.exists():
        here = processes.at_worker(describe, precision) if searches else None
        return latency_table.read_kept(kept, space, batch, here)
    if not searches:
        return None
    with claim.opened(config):
        where, call, each = processes.at_worker(
            measure, "blocks", space.places(), batch, precision
        )
        found = latency_table.make(space, batch, where, call, each)
        workdir.write_sealed(kept, found)
    return found


def timed(problem: Problem, table: Table | None) -> Problem:
    """The problem with a space that takes latency from a table."""
    if table is None:
        return problem
    space = cast(BlockSpace, problem.space)
    within = Timed(space, latency_table.times(table, space))
    return dataclasses.replace(problem, space=cast(NetworkSpace, within))


def keep(config: Config, table: Table | None) -> None:
    """Ties the claimed workdir to the table of its search, and leaves it there.

    Raises:
      UsageError: its results were made by another table.
    """
    if table is None:
        return
    path = workdir.folder(config.workdir)
    text = json.dumps({name: table[name] for name in latency_table.TIMES})
    digest = hashlib.sha256(text.encode()).hexdigest()
    workdir.keep_same(path, "latency", digest, began="table")
    workdir.write_sealed(path / FILE, table)


def of_networks(
    config: Config, networks: Sequence[Network]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Measures whole networks, except those that were measured before.

    If that fails, a line on stderr says why, since it must not cost a training.

    Returns:
      Milliseconds by name, and the part ``latency`` of ``result.json``: images at a
      time, the machine of the table, and the one that measured.
    """
    path, batch = workdir.folder(config.workdir), config.eval.latency_batch
    file = path / NETWORKS
    remedy = "remove it: the same command measures the networks anew"
    lines = workdir.read_sealed(file, remedy)["networks"] if file.exists() else []
    known = {line["network"]: line for line in lines if line["batch"] == batch}
    new = [one for one in networks if one[0] not in known]
    if new:
        modules = [(chain, size) for _, chain, size in new]
        try:
            where, _, each = processes.at_worker(
                measure, "networks", modules, batch, config.train.precision
            )
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            print(f"gpt_nas_jax: latency: {one_line(error)}", file=sys.stderr)
            return {}, {}
        for (name, *_), ms in zip(new, each, strict=True):
            line = {"network": name, "batch": batch, "ms": round(ms, 6)}
            lines.append({**line, "machine": where})
            known[name] = lines[-1]
        workdir.write_sealed(file, {"networks": lines})
    names = [name for name, *_ in networks]
    part: dict[str, Any] = {"batch": batch}
    if (path / FILE).exists():
        part["table_of"] = latency_table.name(
            workdir.read_sealed(path / FILE)["machine"]
        )
    machines = {latency_table.name(known[name]["machine"]) for name in names}
    part["measured_on"] = "; ".join(sorted(machines))
    return {name: known[name]["ms"] for name in names}, part


def measure(
    what: str, modules: Sequence[latency.Module], batch: int, precision: str
) -> tuple[Machine, float, list[float]]:
    """Measures modules on the first device of this process.

    Args:
      what: names them on the terminal.
      modules: each with the size of its input.
      batch: images at a time.
      precision: ``--train_precision``.

    Returns:
      This machine; ms of a program that does nothing, and of each module.
    """
    steps = latency.measure(modules, batch, compute_type(precision))
    total = len(modules) + latency.ROUNDS * (1 + len(modules))
    with progress(f"measuring latency, {what}", total) as advance:
        while True:
            try:
                next(steps)
            except StopIteration as done:
                call, each = done.value
                return describe(precision), call, each
            interruption.obey()
            advance()


def describe(precision: str) -> Machine:
    """The machine that measures, and the type that it computes in.

    Args:
      precision: ``--train_precision``.
    """
    return {
        **machine.describe(),
        **machine.processor(),
        "precision": compute_type(precision),
        "flax": metadata.version("flax"),
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
    }
