"""The pages about runs, and what a run notes for them."""

import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.plugins import described
from gpt_nas_jax.reports import events
from gpt_nas_jax.reports.events import Events
from gpt_nas_jax.reports.page import comparison, report
from gpt_nas_jax.reports.page.run import IMAGES, Run, read
from gpt_nas_jax.stages.problem import Problem
from gpt_nas_jax.types import UsageError


def run(config: Config) -> None:
    """Writes the page of ``--workdir``, whose run may still be in progress.

    With ``--report_compare`` human networks of the same data among those runs are drawn
    beside its own, and a second page compares all of them.

    Raises:
      UsageError: there is no workdir, something in it is damaged, or a page cannot be
        written.
    """
    path = workdir.folder(config.workdir)
    with contextlib.ExitStack() as stack:
        others = [
            stack.enter_context(workdir.fetched(name, writes=False))
            for name in config.report.workdirs()
        ]
        folders = (path, *others)
        if len({folder.resolve() for folder in folders}) < len(folders):
            raise UsageError(
                f"--report_compare={config.report.compare}: give each workdir once, "
                f"and not --workdir={config.workdir} itself"
            )
        runs = [_with_page(folder) for folder in folders]
    humans = [one for one in runs[1:] if one.human and one.same_data(runs[0])]
    written = [report.write(path, runs[0], humans)]
    if len(runs) > 1:
        written.append(comparison.write(path, runs))
    print("written:", ", ".join(map(workdir.shown, written)))


def _with_page(path: Path) -> Run:
    """Reads a workdir; raises UsageError if it holds tables in place of a run."""
    run = read(path)
    stage = run.config.stage
    if stage in ("tables", "proxies"):
        raise UsageError(
            f"{run.name} is a workdir of --stage={stage}, which has no page; see "
            "tables/ in it, or give the folder of a run, such as one in its runs/"
        )
    return run


@dataclasses.dataclass(eq=False)
class Views:
    """The page of a run in progress, and its TensorBoard logs if requested.

    Errors in writing them become a line on stderr: they must not end a search of days.

    Attributes:
      path: the workdir.
      events: the logs, or None.
      clock: tells seconds.
    """

    path: Path
    events: Events | None = None
    clock: Callable[[], float] = time.monotonic
    _due: float = -math.inf

    def refresh(self) -> None:
        """Writes them."""
        try:
            run = read(self.path)
            report.write(self.path, run)
            if self.events is not None:
                self.events.update(run)
        except Exception as error:
            print(
                f"gpt_nas_jax: the page of {workdir.shown(self.path)} was not "
                f"written: {workdir.shown(described(error))}",
                file=sys.stderr,
            )

    def after_generation(self) -> None:
        """Writes them if that delays a search by at most a twentieth of its time.

        Generations that take seconds have a page each; those of proxies, which take
        less time than a page, do not.
        """
        begin = self.clock()
        if begin < self._due:
            return
        self.refresh()
        end = self.clock()
        self._due = end + 19 * (end - begin)


def views(config: Config) -> Views:
    """The views that a run keeps up to date.

    Raises:
      UsageError: a package that it needs is not installed.
    """
    path = workdir.folder(config.workdir)
    if config.log.tensorboard == "no":
        return Views(path)
    events.require()
    return Views(path, Events(path))


def note_images(config: Config, problem: Problem) -> None:
    """Notes the images of a search, by which its page draws networks with sizes.

    Later stages resize pictures to the same side.
    """
    splits, space = problem.splits, problem.space
    images = {
        "image": list(space.image),
        "num_classes": space.num_classes,
        "train": len(splits.train),
        "valid": len(splits.valid),
        "test": len(problem.dataset.test),
        "side": problem.dataset.side,
    }
    workdir.write_sealed(workdir.folder(config.workdir) / IMAGES, images)
