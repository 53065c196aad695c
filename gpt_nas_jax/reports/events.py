"""A run for TensorBoard: scalars by candidate, hyperparameters, curves."""

import dataclasses
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gpt_nas_jax.reports.page.run import Record, Run, began, names
from gpt_nas_jax.types import UsageError

FOLDER = "tensorboard"

_PHASES = ("pretrain", "finetune")
_COSTS = {
    "params": "parameters",
    "flops": "FLOPs",
    "memory": "memory_bytes",
    "latency": "latency_ms",
}
"""Tags of costs by their names in the ledger."""


def require() -> ModuleType:
    """Imports the package that writes the files.

    Raises:
      UsageError: it is not installed.
    """
    try:
        import tensorboardX
    except ImportError as error:
        raise UsageError(
            "--log_tensorboard=yes needs the package tensorboardX; install it by pip "
            "install 'gpt_nas_jax[tensorboard]'"
        ) from error
    return tensorboardX


@dataclasses.dataclass(eq=False)
class Events:
    """Writes what a run has added since the last update.

    The first update rewrites everything, since the files of a killed run may lack
    entries of its ledger.

    Attributes:
      path: the workdir.
    """

    path: Path
    _done: Counter[str] = dataclasses.field(default_factory=Counter)
    _best: float = -float("inf")
    _writer: Any = None

    def update(self, run: Run) -> None:
        """Adds what is new in a run of this workdir."""
        if self._writer is None:
            shutil.rmtree(self.path / FOLDER, ignore_errors=True)
            self._writer = _File(self.path / FOLDER)
        if run.prior is not None and self._new("prior", [run.prior]):
            for name in _PHASES:
                self._phase(name, run.prior[name]["curve"])
        known = sorted({name for record in run.records for name in names(record)})
        for record in self._new("candidates", run.records):
            self._candidate(record)
            self._hyperparameters(record, known)
        for record in self._new("finalists", run.finalists):
            self._finalist(record)
        for epoch, loss in self._new("training", [*enumerate(run.losses, start=1)]):
            self._scalar("training/loss", loss, epoch)
        if run.test_accuracy is not None and self._new("test", [run.test_accuracy]):
            epochs = run.result["retrain"]["epochs"]
            self._scalar("training/test_accuracy", run.test_accuracy, epochs)
        self._writer.flush()

    def _new(self, what: str, items: Sequence[Any]) -> Sequence[Any]:
        begin, self._done[what] = self._done[what], len(items)
        return items[begin:]

    def _scalar(
        self, tag: str, value: float | None, step: int, when: float | None = None
    ) -> None:
        if value is not None:
            self._writer.scalar(tag, value, step, when)

    def _phase(self, name: str, curve: Sequence[dict[str, Any]]) -> None:
        for point in curve:
            for kind in ("held_out_loss", "train_loss"):
                self._scalar(f"prior_{name}/{kind}", point[kind], point["step"])

    def _candidate(self, record: Record) -> None:
        begin = began(record)
        when = begin.timestamp() + record["seconds"] if begin else None
        fitness = record["fitness"]
        self._best = max(self._best, -float("inf") if fitness is None else fitness)
        self._done["failed"] += fitness is None
        values = {
            "fitness": fitness,
            "best_fitness": self._best if self._best > -float("inf") else None,
            "failed_so_far": self._done["failed"],
            "generation": record["generation"],
            "seconds": record["seconds"],
            **_costs(record),
        }
        for name, value in values.items():
            self._scalar(f"search/{name}", value, record["number"], when)

    def _hyperparameters(self, record: Record, known: Sequence[str]) -> None:
        """Writes counts of blocks with the fitness, and the accuracy by epoch."""
        if record["fitness"] is None:
            return
        genes = Counter(names(record))
        settings = {"depth": genes.total()} | {name: genes[name] for name in known}
        costs = {f"candidate/{name}": cost for name, cost in _costs(record).items()}
        metrics = {"candidate/fitness": record["fitness"], **costs}
        number = f"{record['number']:05}"
        folder = self.path / FOLDER / "candidates" / number
        file = _File(folder)
        for part in require().summary.hparams(settings, metrics):
            file.write(part, 0, None)
        for name, value in metrics.items():
            file.scalar(name, value, 0)
        for epoch, value in enumerate(record.get("accuracies") or (), start=1):
            if value is not None:
                file.scalar("candidate/accuracy", value, epoch)
        file.close()

    def _finalist(self, record: Record) -> None:
        name = f"finalists/{record['finalist'] + 1}_key_{record['key']}"
        for epoch, value in enumerate(record.get("accuracies") or (), start=1):
            self._scalar(name, value, epoch)


class _File:
    """An event file, written without a queue.

    The package's own writer passes every event through a queue between processes.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        folder.mkdir(parents=True)
        self._events = EventsWriter(str(folder / "events"))

    def write(self, summary: Any, step: int, when: float | None) -> None:
        """Adds a summary made by the package."""
        from tensorboardX.proto.event_pb2 import Event

        when = time.time() if when is None else when
        self._events.write_event(Event(summary=summary, step=step, wall_time=when))

    def scalar(
        self, tag: str, value: float, step: int, when: float | None = None
    ) -> None:
        """Adds a number."""
        self.write(require().summary.scalar(tag, value), step, when)

    def flush(self) -> None:
        """Flushes what was written to disk; more may follow."""
        self._events.flush()

    def close(self) -> None:
        """Closes the file."""
        self._events.close()


def _costs(record: Record) -> dict[str, float]:
    """The known costs by tag."""
    known = {tag: record.get(name) for name, tag in _COSTS.items()}
    return {tag: cost for tag, cost in known.items() if cost is not None}
