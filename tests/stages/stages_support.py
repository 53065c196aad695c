"""Miniature runs and their results, for the tests of the stages."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gpt_nas_jax import load, workdir
from gpt_nas_jax.workdir import Ledger

FLAGS = (
    "--data_train_limit=200",
    "--space_min_depth=2",
    "--space_max_depth=3",
    "--space_num_stages=1",
    "--prior_width=16",
    # Both phases take 12 steps, so they share one compiled program.
    "--prior_batch=1024",
    "--prior_pretrain_epochs=1",
    "--prior_finetune_epochs=12",
    "--prior_fcn_steps=50",
    "--search_population=4",
    "--search_generations=3",
    "--eval_epochs=1",
    "--eval_batch=50",
    "--eval_pad=1",
    "--retrain_epochs=3",
    "--retrain_batch=64",
    "--retrain_checkpoint_epochs=1",
)


# The process kills itself: a test that polls could miss the moment between two
# checkpoints that are milliseconds apart.
_DYING = """
import os, signal, sys
from gpt_nas_jax import workdir
from gpt_nas_jax.main import main
save = workdir.save_step
def save_and_die(path, step, tree):
    save(path, step, tree)
    if step >= int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
workdir.save_step = save_and_die
main(["main", *sys.argv[2:]])
"""


class Runs:
    """Starts runs in separate processes that share a prior and compiled programs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cache = home / "compiled"

    def command(self, workdir: Path, *flags: str) -> list[str]:
        shared = (f"--workdir={workdir}", f"--prior_dir={self.home / 'prior'}")
        main = (sys.executable, "-m", "gpt_nas_jax.main")
        return [*main, *FLAGS, *shared, *flags]

    def _environment(self) -> dict[str, str]:
        own = {"JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(self.cache)}
        return os.environ | own

    def start(self, workdir: Path, *flags: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(workdir, *flags),
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def die(self, workdir: Path, step: int, *flags: str) -> None:
        """Runs a command that is killed right after a checkpoint of this step."""
        _, _, _, *arguments = self.command(workdir, *flags)
        died = subprocess.run(
            [sys.executable, "-c", _DYING, str(step), *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
        )
        assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr

    def programs(self) -> set[str]:
        """The names of the compiled programs in the cache."""
        return {path.name for path in self.cache.rglob("*-cache")}

    def finish(self, workdir: Path, *flags: str) -> str:
        """Runs a command to the end and returns its output."""
        process = self.start(workdir, *flags)
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
        return printed


CLOCK = dict.fromkeys(("seconds", "start", "worker", "waited"))
"""The entries of a ledger that depend on the clock."""


def ledger(path: Path) -> list[dict[str, Any]]:
    """The evaluations in a ledger, without the entries that depend on the clock."""
    records = Ledger(path / "ledger.jsonl").read()
    return [{**record, **CLOCK} for record in records]


def result(path: Path) -> dict[str, Any]:
    """The result, without the entries that depend on the clock."""
    value = workdir.read_sealed(path / "result.json")
    for part in ("search", "retrain"):
        for name in ("seconds", "device_seconds", "input_wait"):
            value.get(part, {}).pop(name, None)
    return value


def weights(path: Path) -> list[bytes]:
    """The weights of the trained network, as bytes."""
    _, variables = load(path).network
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(variables)]
