"""Settings of evaluation and training, a candidate's and the best network's."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from gpt_nas_jax.config.names import (
    ACCURACY,
    BALANCED,
    PROXIES,
    each_once_or_own,
    is_human,
)
from gpt_nas_jax.config.recipe import EvalRecipe, RetrainRecipe
from gpt_nas_jax.config.setting import Section, setting


def proxy_batch() -> Any:
    """A setting: the images that zero-cost proxies score a network on."""
    text = "Images in each of the two batches (arXiv 2101.08134: 64 in one batch)."
    return setting(32, text, low=2)


@dataclasses.dataclass(frozen=True)
class EvalConfig(Section):
    """How the fitness of a candidate is measured."""

    recipe: EvalRecipe = EvalRecipe(schedule="linear")
    keep: int = setting(
        3,
        "Reduction factor of --eval_rungs: one in this many candidates of a batch "
        "goes on to the next rung (arXiv 1603.06560).",
        low=2,
    )
    method: str = setting(
        "trained",
        "trained: validation accuracy after a short training; zero_cost: "
        "--eval_proxies of the untrained network.",
        choices=("trained", "zero_cost"),
    )
    measure: str = setting(
        ACCURACY,
        "Fitness of a trained candidate. accuracy: the fraction of validation images "
        "classified correctly; balanced_accuracy: its mean over the classes (ours).",
        choices=(ACCURACY, BALANCED),
    )
    proxies: str = setting(
        "synflow,naswot",
        "Comma-separated zero-cost proxies for --eval_method=zero_cost and "
        f"--search_filter: {', '.join(PROXIES)}, or module:Name. Several are combined "
        "by their ranks (arXiv 2403.19232).",
    )
    proxy_batch: int = proxy_batch()
    trained_blocks: str = setting(
        "all",
        "all: train all blocks; proposed: the paper's acceleration, train only the "
        "proposed blocks; their share falls from generation to generation, so fitness "
        "is not comparable across generations.",
        choices=("all", "proposed"),
    )
    max_memory: str = setting(
        "auto",
        "Memory limit of a candidate's training step, GiB; a candidate that needs more "
        "fails. auto: the memory of a device, divided among the candidates that run on "
        "it at a time. It may change when a run resumes (ours).",
        result=False,
    )
    max_seconds: float = setting(
        0.0,
        "Time limit for one candidate, with --eval_rungs for each rung, seconds; 0: "
        "none. Finalists have none. A limit makes results depend on the speed of the "
        "machine.",
        low=0,
    )

    latency_batch: int = setting(
        1, "Batch size at which latency is measured (ours).", low=1
    )
    latency_table: str = setting(
        "",
        "File with the milliseconds of all blocks, like latency.json in a workdir, "
        "measured on any device; default: measure on the device of the search before "
        "it begins, and keep the file in the workdir.",
        result=False,
        path=True,
    )

    def ruled(self) -> bool:
        """Whether the proposed genes decide which blocks of a candidate are trained."""
        return self.method == "trained" and self.trained_blocks == "proposed"

    def has_rungs(self) -> bool:
        """Whether the training of a candidate may end at a rung."""
        return self.method == "trained" and len(self.recipe.ends()) > 1

    def climbs(self) -> tuple[int, ...]:
        """Epochs from each rung to the next, the first from the start."""
        ends = self.recipe.ends()
        return tuple(end - begin for begin, end in zip((0, *ends), ends, strict=False))

    def mean_epochs(self) -> float:
        """Epochs of a candidate, on average over a large batch."""
        return sum(
            epochs / self.keep**rung for rung, epochs in enumerate(self.climbs())
        )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        yield from self.recipe.problems("eval")
        if not each_once_or_own(self.proxies.split(","), PROXIES):
            yield (
                f"--eval_proxies={self.proxies}: give some of {', '.join(PROXIES)}, "
                "each once"
            )
        if not _is_memory(self.max_memory):
            yield (
                f"--eval_max_memory={self.max_memory} must be auto or a number of GiB"
            )
        if self.method == "zero_cost" and self.recipe.rungs:
            yield (
                f"--eval_rungs={self.recipe.rungs} needs training; "
                "--eval_method=zero_cost trains nothing"
            )
        if self.method == "zero_cost" and self.max_seconds:
            yield (
                "--eval_max_seconds limits training; --eval_method=zero_cost trains "
                "nothing"
            )
        if self.method == "zero_cost" and self.measure != ACCURACY:
            yield (
                f"--eval_measure={self.measure} needs --eval_method=trained; "
                "--eval_method=zero_cost measures no accuracy"
            )


def _is_memory(text: str) -> bool:
    """Whether a memory limit is ``auto`` or a positive number."""
    try:
        return text == "auto" or 0 < float(text) < math.inf
    except ValueError:
        return False


@dataclasses.dataclass(frozen=True)
class RetrainConfig(Section):
    """How the best network is trained."""

    recipe: RetrainRecipe = RetrainRecipe(epochs=350, schedule="step")
    genome: str = setting(
        "",
        "Train this genome instead of the best of the search: comma-separated genes.",
    )
    pick: str = setting(
        ACCURACY,
        "Which networks of the front to train, with several --search_objectives. "
        "accuracy: the most accurate; knee: the one nearest to the best of every "
        "objective; a number: that many of the most accurate; all: the whole front "
        "(ours).",
        result=False,
    )
    baselines: str = setting(
        "",
        "Comma-separated human networks to train by the same recipe after the best, "
        "such as ResNet-20,ShuffleNetV2-x1.0@5e7; NAME@FLOPS narrows one to at most "
        "that many FLOPs per image (ours).",
        result=False,
    )
    checkpoint_epochs: int = setting(
        10, "Epochs between checkpoints.", low=1, result=False
    )
    checkpoint_steps: int = setting(
        0,
        "Steps between additional checkpoints within epochs; 0: none.",
        low=0,
        result=False,
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        yield from self.recipe.problems("retrain")
        named = self.pick in (ACCURACY, "knee", "all")
        if not (named or (self.pick.isdecimal() and int(self.pick))):
            yield (
                f"--retrain_pick={self.pick}: give {ACCURACY}, knee, all or a number "
                "from 1"
            )
        names = self.chosen_baselines()
        if not all(map(is_human, names)) or len(set(names)) < len(names):
            yield (
                f"--retrain_baselines={self.baselines}: give networks that --stage=zoo "
                "lists, ResNet-20 or MobileNetV2, each once; NAME@FLOPS narrows one"
            )

    def chosen_baselines(self) -> tuple[str, ...]:
        """The human networks to train besides the best one."""
        return tuple(self.baselines.split(",")) if self.baselines else ()


@dataclasses.dataclass(frozen=True)
class TrainConfig(Section):
    """How training is compiled and executed, for candidates and the best network."""

    precision: str = setting(
        "auto",
        "Data type that networks compute in; parameters are float32. auto: float32 on "
        "CPU, bfloat16 on GPU and TPU. With float32, GPUs and TPUs still round the "
        "operands of products unless JAX_DEFAULT_MATMUL_PRECISION=highest is set.",
        choices=("auto", "float32", "bfloat16"),
    )
    parallel: str = setting(
        "mesh",
        "How retraining shards a batch over all devices: one jitted program over a "
        "mesh, or pmap.",
        choices=("mesh", "pmap"),
    )
    warmup: str = setting(
        "none",
        "all: compile the programs of every block of the space before the search; "
        "none: compile a program when a candidate first needs it.",
        choices=("none", "all"),
        result=False,
    )
    cache_dir: str = setting(
        "",
        "Compilation cache; default $XDG_CACHE_HOME/gpt_nas_jax or "
        "~/.cache/gpt_nas_jax. Nobody else may have write access: its content is "
        "executed.",
        result=False,
        path=True,
    )
    cache_size: float = setting(
        2.0,
        "Size limit of the compilation cache, GiB; at the start of a run the least "
        "recently used programs beyond it are removed; 0: no cache.",
        low=0,
        result=False,
    )
