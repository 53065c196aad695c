"""Settings of a run: images, space, prior, search, evaluation, training."""

import dataclasses
from typing import Any

from gpt_nas_jax.config.names import (
    BENCHMARKS,
    DATA_NAMES,
    PROXIES,
    SCHEDULES,
    SPACES,
    STRATEGIES,
    WHOLE,
)
from gpt_nas_jax.config.setting import setting


def proxy_batch() -> Any:
    """The setting of how many images zero-cost proxies see."""
    text = "Images in each of two batches (arXiv 2101.08134: 64 in one)."
    return setting(32, text, low=2)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one network is trained; SGD with Nesterov momentum."""

    epochs: int = setting(6, "Passes over the training images.", low=1)
    batch: int = setting(512, "Images a step (paper: 512, ImageNet 128).", low=1)
    learning_rate: float = setting(0.01, "Highest rate (paper: 0.01).", low=0)
    warmup_epochs: float = setting(
        1.0, "Epochs in which the rate rises linearly from 0 (ours).", low=0
    )
    schedule: str = setting(
        "constant",
        "What follows the warm-up: constant, cosine or linear to 0, or step, which "
        "divides by 10 every step_epochs.",
        choices=SCHEDULES,
    )
    step_epochs: int = setting(
        100, "Epochs between the drops of schedule step (paper: 100).", low=1
    )
    momentum: float = setting(0.9, "Of SGD (ours).", low=0, high=1)
    weight_decay: float = setting(
        5e-4, "Added to the gradient, times the weight (ours).", low=0
    )
    pad: int = setting(
        4,
        "Pixels by which images shift at random (ours); none where imagenet2012's "
        "random parts take its place.",
        low=0,
    )
    cutout: int = setting(
        0, "Side of the square hidden at random, pixels (arXiv 1708.04552).", low=0
    )


@dataclasses.dataclass(frozen=True)
class RetrainRecipe(Recipe):
    """What is worth its time in a long training only."""

    label_smoothing: float = setting(
        0.0,
        "Share of the label that all classes get equally (arXiv 1512.00567).",
        low=0,
        high=1,
    )
    ema: float = setting(
        0.0,
        "Decay a step of the running average of weights and BatchNorm statistics, "
        "which is what is tested and kept; 0 for none (arXiv 1905.11946: 0.9999).",
        low=0,
        high=1,
    )
    accumulate: int = setting(
        1,
        "Parts that a batch is cut into, one after another in memory; a step is by the "
        "mean of their gradients. BatchNorm normalises each part by itself (ours).",
        low=1,
    )


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """The images."""

    name: str = setting(
        "digits",
        "The data set. tfds:NAME: any classification of images that TensorFlow "
        "Datasets has prepared; module:Name: a function of your own, from a "
        "gpt_nas_jax.datasets.Source to a Dataset.",
        choices=DATA_NAMES,
        plugin=True,
    )
    dir: str = setting(
        "",
        "Where it lies. cifar, imagenet and tfds: directory of prepared TFDS data "
        "sets; folder: holds train/<class>/ and test/<class>/; npz: the file; "
        "module:Name: whatever the function reads.",
        result=False,
        path=True,
    )
    side: int = setting(
        0,
        "Pixels that pictures of folder and tfds are resized to, short side, and their "
        "centre cut out; 0 where all are of one size. imagenet2012: of each image, 0 "
        "for 224.",
        low=0,
    )
    flip: str = setting(
        "auto",
        "Whether images are mirrored at random in training; auto: yes, digits no "
        "(ours).",
        choices=("auto", "yes", "no"),
    )
    workers: int = setting(
        4,
        "Processes that decode imagenet2012 for each training; 0: the program's own.",
        low=0,
        result=False,
    )
    fraction: float = setting(
        1.0,
        "Share of the training images that the search sees, for training and fitness; "
        "the best is retrained on all (paper: 0.1 of ImageNet).",
        low=0,
        high=1,
    )
    valid_fraction: float = setting(
        0.15, "Share of the training images that fitness is measured on (ours)."
    )
    train_limit: int = setting(
        0, "Most images a candidate is trained on; 0 for all (ours).", low=0
    )
    valid_limit: int = setting(
        0, "Most images fitness is measured on; 0 for all (ours).", low=0
    )


@dataclasses.dataclass(frozen=True)
class SpaceConfig:
    """The search space; all but its name is about chains of blocks."""

    name: str = setting(
        "blocks",
        "blocks: the paper's chains of blocks; nasbench101, nasbench201: cells of "
        "these benchmarks, trained on the images.",
        choices=SPACES,
        plugin=True,
    )
    blocks: str = setting(
        "",
        "Further blocks, as import paths with commas: Linen modules with the fields "
        "features and stride, or without both where they keep their input's shape.",
    )
    min_depth: int = setting(10, "Fewest blocks (paper: 10).", low=1)
    max_depth: int = setting(20, "Most blocks (paper: 20).", low=1)
    width: int = setting(
        16, "Channels of the first stage, a multiple of 16 (ours).", low=16
    )
    num_stages: int = setting(
        3, "Stages; each doubles the width and halves the resolution (ours).", low=1
    )


@dataclasses.dataclass(frozen=True)
class PriorConfig:
    """The GPT and the FCN, and what they learn from."""

    dir: str = setting(
        "",
        "Where trained priors are kept and found again; default <workdir>/prior.",
        result=False,
        path=True,
    )
    corpus: str = setting(
        "nasbench101",
        "The benchmark whose cells the GPT learns first (paper: nasbench101); to "
        "search one, learn from the other.",
        choices=BENCHMARKS,
    )
    nasbench101: str = setting(
        "",
        "NAS-Bench-101 file (compact .npz or nasbench_only108.tfrecord); without "
        "it, all cells of at most 5 vertices.",
        path=True,
    )
    nasbench201: str = setting(
        "",
        "NAS-Bench-201 file (compact .npz): its cells of the highest validation "
        "accuracy on CIFAR-10, as large a share as the paper keeps of NAS-Bench-101's; "
        "without it, all cells.",
        path=True,
    )
    min_accuracy: float = setting(
        0.9,
        "Least validation accuracy of a cell of NAS-Bench-101's file (paper: 0.90; "
        "files with test accuracy alone are cut 0.0058 lower).",
        low=0,
        high=1,
    )
    holdout: float = setting(
        0.15,
        "Share of the architectures kept for measuring; with --prior_patience as large "
        "a share of the rest says when to stop (ours).",
        low=0,
        high=0.9,
    )
    width: int = setting(128, "Width of the GPT, a multiple of 4 (ours).", low=4)
    batch: int = setting(128, "Windows a step (paper: 128).", low=1)
    learning_rate: float = setting(1e-4, "Of Adam (paper: 1e-4).", low=0)
    pretrain_epochs: int = setting(
        300,
        "As many steps as this many passes over the distinct windows of --prior_corpus "
        "take; windows are drawn as often as they occur (paper: 300).",
        low=0,
    )
    finetune_epochs: int = setting(
        300, "The same for the 36 human networks (paper: 300).", low=0
    )
    patience: int = setting(
        0,
        "Stop either phase when so many measurements, one in about two passes, have "
        "brought no lower loss on architectures kept for that, and go back to the "
        "lowest; 0: never (ours).",
        low=0,
    )
    fcn_steps: int = setting(1000, "Steps of the FCN, at rate 1e-3 (ours).", low=1)
    checkpoint_steps: int = setting(
        1000,
        "Steps between checkpoints of the GPT's learning, up to the next measurement; "
        "0 for none.",
        low=0,
        result=False,
    )


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """The evolutionary search."""

    strategy: str = setting(
        "gpt_nas",
        "gpt_nas: the paper; genetic: the same without the GPT; gpt_nas_online: a GPT "
        "that learns from the search, with a surrogate; the others are baselines.",
        choices=STRATEGIES,
        plugin=True,
    )
    settings: str = setting(
        "",
        "Further settings of the strategy, fields of its class, such as "
        "pool=512,elites=16.",
    )
    batch: int = setting(
        5,
        "Candidates that a strategy asks at a time; genetic and gpt_nas ask a whole "
        "population (ours).",
        low=1,
    )
    population: int = setting(30, "Individuals (paper: 30).", low=2)
    generations: int = setting(20, "Generations (paper: 20).", low=1)
    crossover_rate: float = setting(
        0.9, "Probability that parents are crossed (paper: 0.9).", low=0, high=1
    )
    mutation_rate: float = setting(
        0.3, "Probability that a child mutates (paper: 0.3).", low=0, high=1
    )
    elimination_rate: float = setting(
        0.4, "rate_0 of Eq. 3: of a block in generation 0 (paper: 0.4).", low=0, high=1
    )
    filter: int = setting(
        1,
        "A strategy is asked for so many times the candidates; the best by "
        "--eval_proxies are evaluated; 1 for no choice (ours).",
        low=1,
    )
    workers: int = setting(
        1, "Candidates evaluated at a time on each device.", low=1, result=False
    )
    seeds: int = setting(
        100,
        "Whole searches of each strategy, --stage=tables (ours).",
        low=1,
        result=False,
    )
    queries: int = setting(
        300, "Evaluations of each of them, a multiple of the population.", low=1
    )

    def asked(self, strategy: str) -> int:
        """How many candidates a strategy asks at a time."""
        return self.population if strategy in WHOLE else self.batch


@dataclasses.dataclass(frozen=True)
class EvalConfig:
    """How a candidate gets its fitness."""

    recipe: Recipe = Recipe()
    method: str = setting(
        "trained",
        "trained: accuracy after a short training; zero_cost: --eval_proxies of the "
        "network before any training.",
        choices=("trained", "zero_cost"),
    )
    proxies: str = setting(
        "synflow,naswot",
        "Zero-cost proxies with commas, for --eval_method=zero_cost and "
        f"--search_filter: {', '.join(PROXIES)}. Several count by their ranks "
        "(arXiv 2403.19232).",
    )
    proxy_batch: int = proxy_batch()
    trained_blocks: str = setting(
        "proposed",
        "proposed: the paper's acceleration; all: train everything.",
        choices=("proposed", "all"),
    )
    max_memory: str = setting(
        "auto",
        "Most memory that a candidate's training step may take, GiB; one that needs "
        "more fails. auto: what a device has, shared among the candidates that run on "
        "it at once. May be changed when a run goes on (ours).",
        result=False,
    )
    max_seconds: float = setting(
        0.0,
        "Most seconds for one candidate; 0 for no limit. A limit makes results "
        "depend on the machine's speed.",
        low=0,
    )


@dataclasses.dataclass(frozen=True)
class RetrainConfig:
    """How the best network is trained."""

    recipe: RetrainRecipe = RetrainRecipe(epochs=350, schedule="step")
    genome: str = setting(
        "", "Train this network instead of the search's best: genes with commas."
    )
    checkpoint_epochs: int = setting(
        10, "Epochs between checkpoints.", low=1, result=False
    )
    checkpoint_steps: int = setting(
        0,
        "Steps between checkpoints within and across epochs, beside those; 0 for none.",
        low=0,
        result=False,
    )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How programs of training are made and run, candidates' and the best's."""

    precision: str = setting(
        "auto",
        "What networks compute in; parameters are float32. auto: float32 on the CPU, "
        "bfloat16 on GPU and TPU.",
        choices=("auto", "float32", "bfloat16"),
    )
    parallel: str = setting(
        "mesh",
        "How the retraining shares a batch among all devices: one jitted program over "
        "a mesh, or pmap.",
        choices=("mesh", "pmap"),
    )
    warmup: str = setting(
        "none",
        "all: before the search, compile the programs of every block of the space; "
        "none: when a candidate first needs them.",
        choices=("none", "all"),
        result=False,
    )
    cache_dir: str = setting(
        "",
        "Where compiled programs are kept for the next run; default "
        "$XDG_CACHE_HOME/gpt_nas_jax or ~/.cache/gpt_nas_jax. Nobody else may write "
        "there: what lies in it is executed.",
        result=False,
        path=True,
    )
    cache_size: float = setting(
        2.0,
        "Most GiB of compiled programs kept; the longest unused go first; 0 for none.",
        low=0,
        result=False,
    )
