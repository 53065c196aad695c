"""A run as read from its workdir, finished or not; never changes it."""

import dataclasses
import datetime
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpt_nas_jax import plugins, workdir
from gpt_nas_jax.config import OWN_DATA, Config, fields
from gpt_nas_jax.reports import architecture, summary
from gpt_nas_jax.workdir import Ledger

IMAGES = "images.json"
"""File in a workdir: size and number of the images of a search."""
HOURS = "hours.json"
"""File in a workdir: the time that a search has run, and its evaluations by then."""
HOURS_REMEDY = "remove it: the time begins anew"
CURVE = "curve.json"
"""File next to the checkpoints of a long training: its loss by epoch."""

_OTHERWISE = "remove it if your code and images are those that began the run"
_REMEDY = "run the same command again to rewrite it"

Record = Mapping[str, Any]
"""A line of a ledger."""


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """The files that a run has written so far.

    Attributes:
      path: the workdir; of one on a store, its mirror.
      flags: of ``flags.txt``, as strings.
      records: all evaluations, each with its ``number``.
      machines: those that they were made on.
      climbs: trainings to a rung; the evaluations themselves in a search without rungs.
      finalists: trainings of finalists.
      prior: ``prior.json``, or None.
      result: ``result.json``, or None.
      network: ``best/architecture.json``, or None.
      losses: of the long training, by epoch; None if unknown.
      images: ``images.json``, or None.
      hours: ``hours.json``, or None.
      depends: what the results depend on besides the flags, by name.
    """

    path: Path
    flags: Mapping[str, str]
    records: tuple[Record, ...]
    machines: tuple[Mapping[str, Any], ...]
    climbs: tuple[Record, ...]
    finalists: tuple[Record, ...]
    prior: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    network: Mapping[str, Any] | None
    losses: tuple[float | None, ...]
    images: Mapping[str, Any] | None
    hours: Mapping[str, Any] | None
    depends: Mapping[str, str]

    @property
    def name(self) -> str:
        """The workdir as its user names it, ``--workdir``."""
        return workdir.shown(self.path)

    @functools.cached_property
    def config(self) -> Config:
        """The settings; the defaults for a search from Python."""
        return fields.of_text(self.flags)

    @property
    def from_python(self) -> bool:
        """Whether it is a search from Python with the user's evaluator."""
        return "evaluations" in self.flags

    @property
    def human(self) -> str | None:
        """The name of the human network that was trained, if one was."""
        return (self.network or {}).get("name")

    @property
    def total(self) -> int:
        """Evaluations of the whole search; 0 if the run has none."""
        if self.from_python:
            return int(self.flags["evaluations"])
        one = self.human is not None or self.config.retrain.genome
        begins = self.records or self.config.stage != "pretrain"
        return self.config.evaluations() if begins and not one else 0

    @property
    def out_of_time(self) -> bool:
        """Whether the search has ended at ``--search_max_hours``."""
        if self.hours is None or self.from_python:
            return False
        most = self.config.search.max_hours
        return is_used_up(most, *spent(self.hours), len(self.records))

    @property
    def measure(self) -> str:
        """Names the fitness."""
        return "fitness" if self.from_python else summary.measure(self.config)

    @property
    def data(self) -> str:
        """Names the images, or the space of a search from Python."""
        return self.flags["space"] if self.from_python else self.config.data.name

    @property
    def folder(self) -> str:
        """Where images of one's own are; empty for a published data set."""
        own = self.data in OWN_DATA or plugins.is_path(self.data)
        return self.flags.get("data_dir", "") if own else ""

    def same_data(self, other: "Run") -> bool:
        """Whether both runs are of the same images, or of spaces of one name."""
        ours, theirs = (run.depends.get("data set") for run in (self, other))
        if ours and theirs:
            return self.data == other.data and ours == theirs
        return (self.data, self.folder) == (other.data, other.folder)

    @property
    def strategy(self) -> str:
        """Names the strategy, or the human network."""
        default = self.human or self.config.search.strategy
        return self.flags.get("strategy", default)

    @property
    def title(self) -> str:
        """A title that distinguishes it from other runs."""
        return f"{self.data}: {self.strategy}, seed {self.flags.get('seed', '0')}"

    @functools.cached_property
    def scored(self) -> tuple[Record, ...]:
        """The evaluations that have a fitness."""
        return tuple(r for r in self.records if r["fitness"] is not None)

    @functools.cached_property
    def failed(self) -> tuple[Record, ...]:
        """The evaluations that failed."""
        return tuple(r for r in self.records if r["fitness"] is None)

    @functools.cached_property
    def best(self) -> Record | None:
        """The evaluation of the network that was retrained, or else the fittest."""
        if not self.scored:
            return None
        genome = (self.network or {}).get("genome")
        same = [r for r in self.scored if genome and _genes(r) == genome]
        return max(same or self.scored, key=lambda record: record["fitness"])

    @property
    def top(self) -> float:
        """The highest fitness; there must be one."""
        return max(record["fitness"] for record in self.scored)

    @property
    def test_accuracy(self) -> float | None:
        """Test accuracy after the long training, or None."""
        return ((self.result or {}).get("retrain") or {}).get("test_accuracy")

    @property
    def ruled(self) -> bool:
        """Whether fitness of different generations is not comparable."""
        return not self.from_python and self.config.eval.ruled()


def read(path: Path) -> Run:
    """Reads a workdir, whose run may be in progress.

    Raises:
      UsageError: it is not a workdir, or a file in it is damaged.
    """
    flags = workdir.read_flags(path)
    ledger = Ledger(path / workdir.LEDGER)
    records = tuple(r | {"number": n} for n, r in enumerate(ledger.look()))
    file = path / "best" / "architecture.json"
    network = workdir.read_json(file) if file.exists() else None
    losses = []
    if network is not None:
        curve = _sealed(path / architecture.state(network) / CURVE)
        losses = (curve or {"losses": []})["losses"]
    return Run(
        path,
        flags,
        records,
        tuple(ledger.machines),
        tuple(Ledger(path / workdir.RUNGS).look()) or records,
        tuple(Ledger(workdir.finalists(path, len(records))).look()),
        _sealed(path / "prior.json"),
        _sealed(path / "result.json"),
        network,
        tuple(losses),
        _sealed(path / IMAGES),
        _sealed(path / HOURS, HOURS_REMEDY),
        _sealed(path / workdir.DEPENDS, _OTHERWISE) or {},
    )


def spent(hours: Mapping[str, Any]) -> tuple[float, int]:
    """The hours that a search had run and its evaluations by then, of `HOURS`."""
    return hours["hours"], hours["evaluations"]


def is_used_up(most: float, hours: float, made: int, evaluations: int) -> bool:
    """Whether a search of ``made`` evaluations in ``hours`` has used up its time.

    One that has lost evaluations since then makes them again. ``most`` is 0 for no
    limit.
    """
    return 0 < most <= hours and 0 < made <= evaluations


def names(record: Record) -> list[str]:
    """The genes of a candidate by name, or as numbers where they have none."""
    return list(record.get("blocks") or map(str, _genes(record)))


def began(record: Record) -> datetime.datetime | None:
    """When an evaluation began; None if it was reused or is unknown."""
    start = record.get("start")
    return datetime.datetime.fromisoformat(start) if start else None


def _genes(record: Record) -> list[int]:
    return [gene for gene in record["genome"] if gene >= 0]


def _sealed(path: Path, remedy: str = _REMEDY) -> Mapping[str, Any] | None:
    return workdir.read_sealed(path, remedy) if path.exists() else None
