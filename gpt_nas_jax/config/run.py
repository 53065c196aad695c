"""Settings of a run: images, space, search."""

import dataclasses
from collections.abc import Iterator

from gpt_nas_jax import plugins
from gpt_nas_jax.config.names import (
    ACCURACY,
    BALANCES,
    COSTS,
    DATA_NAMES,
    SPACES,
    STRATEGIES,
    TFDS,
    WHOLE,
)
from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class DataConfig(Section):
    """The images."""

    name: str = setting(
        "digits",
        "The data set. tfds:NAME: any image classification data set that TensorFlow "
        "Datasets has prepared; module:Name: your own function from a "
        "gpt_nas_jax.datasets.Source to a Dataset.",
        choices=DATA_NAMES,
        plugin=True,
    )
    dir: str = setting(
        "",
        "Where the data set is. cifar, imagenet and tfds: directory of prepared TFDS "
        "data sets, on a disk or gs://BUCKET/FOLDER; folder: contains train/<class>/ "
        "and test/<class>/; npz: the file; module:Name: whatever the function reads.",
        result=False,
        path=True,
        stores=("gs",),
    )
    side: int = setting(
        0,
        "Images of folder and tfds are resized to this short side, and the central "
        "square is cropped, pixels; 0: all have one size, or, of folder, the median of "
        "the short sides is taken, at most 224. imagenet2012: side of an image, 0 for "
        "224.",
        low=0,
    )
    stream: str = setting(
        "auto",
        "Whether pictures of folder stay on disk and are decoded batch by batch; the "
        "results are the same. auto: those of more than 1 GiB when decoded, 3 bytes a "
        "pixel, do (ours).",
        choices=("auto", "yes", "no"),
        result=False,
    )
    unreadable: str = setting(
        "refuse",
        "What becomes of pictures of folder that cannot be read. refuse: the run does "
        "not begin, and all are named; skip: they are left out (ours).",
        choices=("refuse", "skip"),
    )
    flip: str = setting(
        "auto",
        "Random horizontal flips in training; auto: yes, except for digits (ours).",
        choices=("auto", "yes", "no"),
    )
    balance: str = setting(
        "none",
        "Classes of unequal size in the training images, of candidates and of the best "
        "network. loss: each image counts inversely to the size of its class; "
        "sampling: batches hold classes in equal numbers; none: as they are (ours).",
        choices=BALANCES,
    )
    workers: int = setting(
        4,
        "Processes that decode images that stay on disk, in each training; 0: decode "
        "in the main process.",
        low=0,
        result=False,
    )
    fraction: float = setting(
        1.0,
        "Fraction of the training images that the search uses, for training and "
        "fitness; the best network is retrained on all (paper: 0.1 of ImageNet).",
        low=0,
        high=1,
    )
    valid_fraction: float = setting(
        0.15, "Fraction of the training images held out to measure fitness (ours)."
    )
    train_limit: int = setting(
        0, "Most images that a candidate is trained on; 0: all (ours).", low=0
    )
    valid_limit: int = setting(
        0, "Most images that fitness is measured on; 0: all (ours).", low=0
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        prepared = self.name.startswith(TFDS)
        own = plugins.is_path(self.name) and not prepared
        if not (own or self.name == "digits" or self.dir):
            yield f"--data_name={self.name} needs --data_dir, where the data set is"
        resized = own or prepared or self.name in ("folder", "imagenet2012")
        if self.side and not resized:
            yield (
                f"--data_side needs --data_name=folder, imagenet2012, {TFDS}NAME or "
                "module:Name"
            )
        if self.unreadable == "skip" and self.name != "folder":
            yield "--data_unreadable=skip needs --data_name=folder"
        if self.stream != "auto" and self.name != "folder":
            yield f"--data_stream={self.stream} needs --data_name=folder"
        if not self.fraction:
            yield "--data_fraction=0 leaves the search no image"
        if not 0 < self.valid_fraction < 1:
            yield (
                f"--data_valid_fraction={self.valid_fraction} must lie between 0 and 1"
            )


@dataclasses.dataclass(frozen=True)
class SpaceConfig(Section):
    """The search space; all settings but the name are for chains of blocks."""

    name: str = setting(
        "blocks",
        "blocks: the paper's chains of blocks; nasbench101, nasbench201: cells of "
        "these benchmarks, trained on the images.",
        choices=SPACES,
        plugin=True,
    )
    blocks: str = setting(
        "",
        "Additional blocks, comma-separated import paths of Linen modules. A module "
        "has the fields features and stride, or neither if it keeps the shape of its "
        "input.",
    )
    min_depth: int = setting(10, "Fewest blocks (paper: 10).", low=1)
    max_depth: int = setting(20, "Most blocks (paper: 20).", low=1)
    width: int = setting(
        16, "Channels of the first stage, a multiple of 16 (ours).", low=16
    )
    num_stages: int = setting(
        3, "Stages; each doubles the width and halves the resolution (ours).", low=1
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        depth = f"--space_min_depth={self.min_depth}"
        if self.min_depth > self.max_depth:
            yield f"{depth} is more than --space_max_depth={self.max_depth}"
        if self.min_depth < self.num_stages:
            yield (
                f"{depth} leaves a stage empty; it must be at least "
                f"--space_num_stages={self.num_stages}"
            )
        if self.width % 16:
            yield f"--space_width={self.width} must be a multiple of 16"
        if self.blocks and self.name != "blocks":
            yield f"--space_blocks needs --space_name=blocks, not {self.name}"


@dataclasses.dataclass(frozen=True)
class SearchConfig(Section):
    """The evolutionary search."""

    strategy: str = setting(
        "gpt_nas",
        "gpt_nas: the paper's; genetic: gpt_nas without the GPT; uniform_refill, "
        "unigram_refill, ngram_refill: gpt_nas with a prior that knows less; "
        "gpt_nas_online: a GPT that learns during the search, with a surrogate; the "
        "others are baselines.",
        choices=STRATEGIES,
        plugin=True,
    )
    settings: str = setting(
        "",
        "Other fields of the strategy's class, such as pool=512,elites=16.",
    )
    batch: int = setting(
        5,
        "Candidates that a strategy asks for at a time; genetic and gpt_nas ask for a "
        "whole population (ours).",
        low=1,
    )
    population: int = setting(30, "Population size (paper: 30).", low=2)
    generations: int = setting(20, "Generations (paper: 20).", low=1)
    crossover_rate: float = setting(
        0.9, "Probability that two parents are crossed (paper: 0.9).", low=0, high=1
    )
    mutation_rate: float = setting(
        0.3, "Probability that a child is mutated (paper: 0.3).", low=0, high=1
    )
    elimination_rate: float = setting(
        0.4,
        "rate_0 of Eq. 3: probability that a block of generation 0 is eliminated "
        "(paper: 0.4).",
        low=0,
        high=1,
    )
    elimination_generations: int = setting(
        0,
        "Generations in which the rate of Eq. 3 falls to 0; 0: those of the search, "
        "which cannot go on for more of them then (ours).",
        low=0,
    )
    lag: int = setting(
        0,
        "Generations or batches that are evaluated while the next one is asked for, "
        "without their results, so that no worker waits for the slowest candidate; 0: "
        "none (ours).",
        low=0,
    )
    max_hours: float = setting(
        0.0,
        "Wall-clock time after which no further generation or batch begins, over all "
        "starts of the search; 0: no limit. A larger one goes on.",
        low=0,
        result=False,
    )
    seeds_from: str = setting(
        "",
        "Networks to begin with: the folder best of another run, or a text file with "
        "the names of a network's blocks in each line, separated by commas.",
        path=True,
    )
    objectives: str = setting(
        "accuracy",
        "Comma-separated objectives: accuracy, and params, flops, memory (bytes of the "
        "largest input and output of a layer) and latency (ms, see "
        "--eval_latency_table) to keep low. With several the search looks for their "
        "front (ours).",
    )
    filter: int = setting(
        1,
        "Oversampling factor: a strategy is asked for this many times the candidates, "
        "and the best by --eval_proxies are evaluated; 1: off (ours).",
        low=1,
    )
    min_flops: float = setting(
        0.0,
        "Fewest floating-point operations of a network for one image, two a "
        "multiply-accumulate as in the ledger; 0: no limit. Other networks are not "
        "asked for (ours).",
        low=0,
    )
    max_flops: float = setting(0.0, "Most of them, likewise; 0: no limit.", low=0)
    min_params: float = setting(
        0.0, "Fewest parameters of a network, likewise; 0: no limit.", low=0
    )
    max_params: float = setting(
        0.0, "Most parameters of a network, likewise; 0: no limit.", low=0
    )
    max_memory: float = setting(
        0.0,
        "Most bytes of the input and the output of a layer, in float32 for one image; "
        "0: no limit. Chains of blocks only.",
        low=0,
    )
    max_latency: float = setting(
        0.0,
        "Longest time of a network forward, by the sum over its blocks, ms; 0: no "
        "limit. Chains of blocks only.",
        low=0,
    )
    finalists: int = setting(
        1,
        "The best networks that are trained longer after the search, with three keys "
        "each; the best by mean is retrained. 1: the fittest is retrained as it is "
        "(ours).",
        low=1,
    )
    finalist_epochs: int = setting(
        0,
        "Epochs of a finalist's training; 0: three times --eval_epochs (ours).",
        low=0,
    )
    workers: int = setting(
        1, "Candidates evaluated at a time on each device.", low=1, result=False
    )
    seeds: int = setting(
        100,
        "Searches of each strategy in --stage=tables (ours).",
        low=1,
        result=False,
    )
    queries: int = setting(
        300,
        "Evaluations of each search in --stage=tables, a multiple of the population.",
        low=1,
    )

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        for cost in COSTS:
            low, high = self.bounds(cost)
            if high and low > high:
                yield (
                    f"--search_min_{cost}={low:g} is more than "
                    f"--search_max_{cost}={high:g}"
                )
        names = self.objectives.split(",")
        if set(names) - {ACCURACY, *COSTS} or len(set(names)) < len(names):
            yield (
                f"--search_objectives={self.objectives}: give {ACCURACY} and, each "
                f"once, some of {', '.join(COSTS)}"
            )
        elif ACCURACY not in names:
            yield (
                f"--search_objectives={self.objectives} lacks {ACCURACY}, for which "
                "candidates are trained"
            )
        if self.costs() and self.finalists > 1:
            yield (
                f"--search_finalists={self.finalists} are the best by accuracy alone; "
                "leave it out with several --search_objectives"
            )

    def bounds(self, cost: str) -> tuple[float, float]:
        """The least and the most that a network may cost; 0 for no bound."""
        return getattr(self, f"min_{cost}", 0.0), getattr(self, f"max_{cost}")

    def costs(self) -> tuple[str, ...]:
        """The objectives beside accuracy."""
        return tuple(name for name in self.objectives.split(",") if name != ACCURACY)

    def noted(self) -> tuple[str, ...]:
        """The costs beside params and flops that the search uses, for its ledger."""
        used = {*self.costs(), *(cost for cost in COSTS if any(self.bounds(cost)))}
        return tuple(cost for cost in COSTS[2:] if cost in used)

    def asked(self, strategy: str) -> int:
        """How many candidates a strategy asks for at a time."""
        return self.population if strategy in WHOLE else self.batch
