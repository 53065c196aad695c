"""The loss of a long training by epochs, kept beside its checkpoints."""

import dataclasses
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.reports.page.run import CURVE

FILE = CURVE


@dataclasses.dataclass(eq=False)
class LossCurve:
    """Mean losses of epochs; the same ones however often a training is interrupted.

    Attributes:
      path: of the file.
      steps: of an epoch.
      done: steps so far.
      losses: the mean of each whole epoch; None for one that was trained before the
        curve was kept.
      total: the sum over the current epoch; None in the same case.
      totals: that sum by the number of steps done, at the last two saves. After a
        crash, the latest checkpoint may be that of the earlier save.
    """

    path: Path
    steps: int
    done: int = 0
    losses: list[float | None] = dataclasses.field(default_factory=list)
    total: float | None = 0.0
    totals: dict[int, float | None] = dataclasses.field(default_factory=dict)

    @classmethod
    def resumed(cls, folder: Path, steps: int, done: int) -> "LossCurve":
        """The curve of a training that resumes after ``done`` steps.

        Raises:
          UsageError: the file is damaged.
        """
        curve = cls(folder / FILE, steps, done)
        epochs, within = divmod(done, steps)
        if not done:
            return curve
        kept: dict = {"losses": [], "totals": []}
        if curve.path.exists():
            remedy = "remove it: the training resumes, and its curve begins there"
            kept = workdir.read_sealed(curve.path, remedy)
        curve.losses = (kept["losses"] + [None] * epochs)[:epochs]
        curve.total = dict(kept["totals"]).get(done) if within else 0.0
        curve.totals = {done: curve.total}
        return curve

    def add(self, loss: float) -> None:
        """Adds the loss of the next step."""
        self.done += 1
        if self.total is not None:
            self.total += loss
        if self.done % self.steps == 0:
            mean = None if self.total is None else self.total / self.steps
            self.losses.append(mean)
            self.total = 0.0

    def save(self) -> None:
        """Writes the file; to be called before the checkpoint of these steps is."""
        self.totals[self.done] = self.total
        latest = sorted(self.totals)[-2:]
        self.totals = {done: self.totals[done] for done in latest}
        kept = {"losses": self.losses, "totals": [*self.totals.items()]}
        workdir.write_sealed(self.path, kept)
