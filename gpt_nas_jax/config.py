"""Everything a run can be told, with its default, unit and source."""

import dataclasses
from typing import Any

STAGES = (
    *("all", "pretrain", "search", "retrain"),
    *("zoo", "import_benchmark", "tables", "proxies"),
)
STRATEGIES = (
    "random",
    "regularised_evolution",
    "local_search",
    "genetic",
    "gpt_nas",
    "surrogate",
    "gpt_nas_online",
)
BENCHMARKS = ("nasbench101", "nasbench201")
PROXIES = (
    *("params", "flops", "grad_norm", "snip", "grasp", "fisher"),
    *("synflow", "logsynflow", "jacob_cov", "naswot", "zico"),
    *("expressivity", "progressivity", "trainability"),
)
DATA_NAMES = ("digits", "cifar10", "cifar100")
WHOLE = {"genetic", "gpt_nas"}
"""The strategies that ask a whole population at a time."""

SCHEDULES = ("constant", "cosine", "step")


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a flag says of itself.

    Attributes:
      help: one line with unit and source.
      choices: allowed values, or None.
      low: smallest allowed value, or None.
      high: largest allowed value, or None.
      result: whether another value gives another result; a workdir holds runs of
        equal values only.
    """

    help: str
    choices: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    result: bool = True


def _setting(default: Any, help: str, **options: Any) -> Any:
    metadata = {"setting": Setting(help, **options)}
    return dataclasses.field(default=default, metadata=metadata)


def _proxy_batch() -> Any:
    text = "Images in each of two batches (arXiv 2101.08134: 64 in one)."
    return _setting(32, text, low=2)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one network is trained; SGD with Nesterov momentum."""

    epochs: int = _setting(6, "Passes over the training images.", low=1)
    batch: int = _setting(512, "Images a step (paper: 512, ImageNet 128).", low=1)
    learning_rate: float = _setting(0.01, "Highest rate (paper: 0.01).", low=0)
    warmup_epochs: float = _setting(
        1.0, "Epochs in which the rate rises linearly from 0 (ours).", low=0
    )
    schedule: str = _setting(
        "constant",
        "What follows the warm-up: constant, cosine to 0, or step, which divides by "
        "10 every step_epochs.",
        choices=SCHEDULES,
    )
    step_epochs: int = _setting(
        100, "Epochs between the drops of schedule step (paper: 100).", low=1
    )
    momentum: float = _setting(0.9, "Of SGD (ours).", low=0, high=1)
    weight_decay: float = _setting(
        5e-4, "Added to the gradient, times the weight (ours).", low=0
    )
    pad: int = _setting(4, "Pixels by which images shift at random (ours).", low=0)
    cutout: int = _setting(
        0, "Side of the square hidden at random, pixels (arXiv 1708.04552).", low=0
    )


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """The images."""

    name: str = _setting("digits", "The data set.", choices=DATA_NAMES)
    dir: str = _setting(
        "", "Directory of prepared TFDS data sets (cifar10, cifar100).", result=False
    )
    valid_fraction: float = _setting(
        0.15, "Share of the training images that fitness is measured on (ours)."
    )
    train_limit: int = _setting(
        0, "Most images a candidate is trained on; 0 for all (ours).", low=0
    )
    valid_limit: int = _setting(
        0, "Most images fitness is measured on; 0 for all (ours).", low=0
    )


@dataclasses.dataclass(frozen=True)
class SpaceConfig:
    """The search space of block chains."""

    min_depth: int = _setting(10, "Fewest blocks (paper: 10).", low=1)
    max_depth: int = _setting(20, "Most blocks (paper: 20).", low=1)
    width: int = _setting(
        16, "Channels of the first stage, a multiple of 16 (ours).", low=16
    )
    num_stages: int = _setting(
        3, "Stages; each doubles the width and halves the resolution (ours).", low=1
    )


@dataclasses.dataclass(frozen=True)
class PriorConfig:
    """The GPT and the FCN, and what they learn from."""

    dir: str = _setting(
        "",
        "Where trained priors are kept and found again; default <workdir>/prior.",
        result=False,
    )
    corpus: str = _setting(
        "nasbench101",
        "The benchmark whose cells the GPT learns first (paper: nasbench101); to "
        "search one, learn from the other.",
        choices=BENCHMARKS,
    )
    nasbench101: str = _setting(
        "",
        "NAS-Bench-101 file (compact .npz or nasbench_only108.tfrecord); without "
        "it, all cells of at most 5 vertices.",
    )
    nasbench201: str = _setting(
        "",
        "NAS-Bench-201 file (compact .npz): its cells of the highest validation "
        "accuracy on CIFAR-10, as large a share as the paper keeps of NAS-Bench-101's; "
        "without it, all cells.",
    )
    min_accuracy: float = _setting(
        0.9,
        "Least validation accuracy of a cell of NAS-Bench-101's file (paper: 0.90; "
        "files with test accuracy alone are cut 0.0058 lower).",
        low=0,
        high=1,
    )
    holdout: float = _setting(
        0.15, "Share of the architectures kept for measuring (ours).", low=0, high=0.9
    )
    width: int = _setting(128, "Width of the GPT, a multiple of 4 (ours).", low=4)
    batch: int = _setting(128, "Windows a step (paper: 128).", low=1)
    learning_rate: float = _setting(1e-4, "Of Adam (paper: 1e-4).", low=0)
    pretrain_epochs: int = _setting(
        300,
        "As many steps as this many passes over the distinct NAS-Bench-101 windows "
        "take; windows are drawn as often as they occur (paper: 300).",
        low=0,
    )
    finetune_epochs: int = _setting(
        300, "The same for the 36 human networks (paper: 300).", low=0
    )
    fcn_steps: int = _setting(1000, "Steps of the FCN, at rate 1e-3 (ours).", low=1)


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """The evolutionary search."""

    strategy: str = _setting(
        "gpt_nas",
        "gpt_nas: the paper; genetic: the same without the GPT; gpt_nas_online: a GPT "
        "that learns from the search, with a surrogate; the others are baselines.",
        choices=STRATEGIES,
    )
    batch: int = _setting(
        5,
        "Candidates that a strategy asks at a time; genetic and gpt_nas ask a whole "
        "population (ours).",
        low=1,
    )
    population: int = _setting(30, "Individuals (paper: 30).", low=2)
    generations: int = _setting(20, "Generations (paper: 20).", low=1)
    crossover_rate: float = _setting(
        0.9, "Probability that parents are crossed (paper: 0.9).", low=0, high=1
    )
    mutation_rate: float = _setting(
        0.3, "Probability that a child mutates (paper: 0.3).", low=0, high=1
    )
    elimination_rate: float = _setting(
        0.4, "rate_0 of Eq. 3: of a block in generation 0 (paper: 0.4).", low=0, high=1
    )
    filter: int = _setting(
        1,
        "A strategy is asked for so many times the candidates; the best by "
        "--eval_proxies are evaluated; 1 for no choice (ours).",
        low=1,
    )
    workers: int = _setting(
        1, "Candidates evaluated at a time on each device.", low=1, result=False
    )
    seeds: int = _setting(
        100,
        "Whole searches of each strategy, --stage=tables (ours).",
        low=1,
        result=False,
    )
    queries: int = _setting(
        300, "Evaluations of each of them, a multiple of the population.", low=1
    )


@dataclasses.dataclass(frozen=True)
class EvalConfig:
    """How a candidate gets its fitness."""

    recipe: Recipe = Recipe()
    method: str = _setting(
        "trained",
        "trained: accuracy after a short training; zero_cost: --eval_proxies of the "
        "network before any training.",
        choices=("trained", "zero_cost"),
    )
    proxies: str = _setting(
        "synflow,naswot",
        "Zero-cost proxies with commas, for --eval_method=zero_cost and "
        f"--search_filter: {', '.join(PROXIES)}. Several count by their ranks "
        "(arXiv 2403.19232).",
    )
    proxy_batch: int = _proxy_batch()
    trained_blocks: str = _setting(
        "proposed",
        "proposed: the paper's acceleration; all: train everything.",
        choices=("proposed", "all"),
    )
    max_memory: float = _setting(
        4.0, "Most estimated memory of a training step, GiB (ours).", low=0
    )
    max_seconds: float = _setting(
        0.0,
        "Most seconds for one candidate; 0 for no limit. A limit makes results "
        "depend on the machine's speed.",
        low=0,
    )


@dataclasses.dataclass(frozen=True)
class RetrainConfig:
    """How the best network is trained."""

    recipe: Recipe = Recipe(epochs=350, schedule="step")
    genome: str = _setting(
        "", "Train this network instead of the search's best: genes with commas."
    )
    checkpoint_epochs: int = _setting(
        10, "Epochs between checkpoints.", low=1, result=False
    )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How programs of training are made and run, candidates' and the best's."""

    precision: str = _setting(
        "auto",
        "What networks compute in; parameters are float32. auto: float32 on the CPU, "
        "bfloat16 on GPU and TPU.",
        choices=("auto", "float32", "bfloat16"),
    )
    parallel: str = _setting(
        "mesh",
        "How the retraining shares a batch among all devices: one jitted program over "
        "a mesh, or pmap.",
        choices=("mesh", "pmap"),
    )
    warmup: str = _setting(
        "none",
        "all: before the search, compile the programs of every block of the space; "
        "none: when a candidate first needs them.",
        choices=("none", "all"),
        result=False,
    )
    cache_dir: str = _setting(
        "",
        "Where compiled programs are kept for the next run; default "
        "$XDG_CACHE_HOME/gpt_nas_jax or ~/.cache/gpt_nas_jax. Nobody else may write "
        "there: what lies in it is executed.",
        result=False,
    )
    cache_size: float = _setting(
        2.0,
        "Most GiB of compiled programs kept; the longest unused go first; 0 for none.",
        low=0,
        result=False,
    )


@dataclasses.dataclass(frozen=True)
class TablesConfig:
    """Many whole searches on a benchmark, and the tables of them."""

    name: str = _setting("nasbench201", "The benchmark.", choices=BENCHMARKS)
    source: str = _setting("", "Its compact .npz file.")
    scores: str = _setting(
        "",
        "Zero-cost scores of all its cells, the scores.npz of --stage=proxies, as "
        "trends of surrogate and gpt_nas_online (nasbench201).",
    )
    strategies: str = _setting(
        "", "Strategies to compare, with commas; without it all.", result=False
    )


@dataclasses.dataclass(frozen=True)
class ProxiesConfig:
    """Scores of NAS-Bench-201's networks before any training, and tables of them."""

    source: str = _setting("", "NAS-Bench-201's compact .npz file.")
    names: str = _setting("", "Proxies to score by, with commas; without it all.")
    networks: int = _setting(
        1000, "Cells to score, drawn by the seed; 0 for all 15,625.", low=0, high=15_625
    )
    batch: int = _proxy_batch()
    seeds: int = _setting(1, "Initialisations that scores are means over.", low=1)

    def chosen(self) -> tuple[str, ...]:
        """The proxies by name."""
        return tuple(self.names.split(",")) if self.names else PROXIES


@dataclasses.dataclass(frozen=True)
class ZooConfig:
    """The table of the 36 human networks."""

    json: str = _setting("", "Write the table to this file, too.", result=False)


@dataclasses.dataclass(frozen=True)
class ImportConfig:
    """A released benchmark, to be converted to our compact file."""

    name: str = _setting(
        "nasbench201", "The benchmark.", choices=BENCHMARKS, result=False
    )
    source: str = _setting(
        "",
        "What was released: nasbench_only108.tfrecord; for nasbench201 the unpacked "
        "folder NATS-tss-v1_0-3ffb9-simple, or a .json or .csv of its cells.",
        result=False,
    )
    out: str = _setting("", "The .npz file to write.", result=False)


@dataclasses.dataclass(frozen=True)
class Config:
    """One run."""

    stage: str = _setting("all", "What to do.", choices=STAGES, result=False)
    workdir: str = _setting("runs/default", "Where the run lives.", result=False)
    # JAX drops the higher bits of a larger seed.
    seed: int = _setting(0, "Decides everything random.", low=0, high=2**32 - 1)
    data: DataConfig = DataConfig()
    space: SpaceConfig = SpaceConfig()
    prior: PriorConfig = PriorConfig()
    search: SearchConfig = SearchConfig()
    eval: EvalConfig = EvalConfig()
    retrain: RetrainConfig = RetrainConfig()
    train: TrainConfig = TrainConfig()
    tables: TablesConfig = TablesConfig()
    proxies: ProxiesConfig = ProxiesConfig()
    zoo: ZooConfig = ZooConfig()
    imports: ImportConfig = ImportConfig()

    def evaluations(self) -> int:
        """How many candidates a search evaluates."""
        if self.stage == "tables":
            return self.search.queries
        return self.search.population * self.search.generations

    def search_proxies(self) -> tuple[str, ...]:
        """The zero-cost proxies that a search asks; none where it asks none."""
        used = self.eval.method == "zero_cost" or self.search.filter > 1
        return tuple(self.eval.proxies.split(",")) if used else ()

    def strategies(self) -> tuple[str, ...]:
        """Those that the stage runs: one, or all that are compared."""
        if self.stage == "tables":
            named = self.tables.strategies
            return tuple(named.split(",")) if named else STRATEGIES
        return (self.search.strategy,)
