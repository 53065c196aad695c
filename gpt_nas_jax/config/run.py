"""Settings of a run: images, space, search."""

import dataclasses
from collections.abc import Collection, Iterator

from gpt_nas_jax import plugins
from gpt_nas_jax.config.names import (
    ACCURACY,
    BALANCES,
    COSTS,
    DATA_NAMES,
    RATES,
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
        "Side of an image, pixels. folder and tfds: images are resized to this short "
        "side and cropped to the central square; 0: all have the same size already, "
        "or, for folder, the median short side, at most 224. imagenet2012: 0 for 224.",
        low=0,
    )
    stream: str = setting(
        "auto",
        "Whether pictures of folder stay on disk and are decoded batch by batch; the "
        "results are the same. auto: if they take more than 1 GiB decoded, at 3 bytes "
        "a pixel (ours).",
        choices=("auto", "yes", "no"),
        result=False,
    )
    unreadable: str = setting(
        "refuse",
        "How to treat unreadable pictures of folder. refuse: name all of them and do "
        "not start; skip: leave them out (ours).",
        choices=("refuse", "skip"),
    )
    flip: str = setting(
        "auto",
        "Random horizontal flips in training; auto: yes, except for digits (ours).",
        choices=("auto", "yes", "no"),
    )
    balance: str = setting(
        "none",
        "Balancing of classes of unequal size, when training candidates and the best "
        "network. loss: weight each image inversely to the size of its class; "
        "sampling: draw the classes of a batch in equal numbers; none: off (ours).",
        choices=BALANCES,
    )
    workers: int = setting(
        4,
        "Processes of each training that decode images from disk; 0: decode in the "
        "main process.",
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
        0, "Maximum number of images to train a candidate on; 0: all (ours).", low=0
    )
    valid_limit: int = setting(
        0, "Maximum number of images to measure fitness on; 0: all (ours).", low=0
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
    min_depth: int = setting(10, "Minimum number of blocks (paper: 10).", low=1)
    max_depth: int = setting(20, "Maximum number of blocks (paper: 20).", low=1)
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


def _reads(strategy: str, rate: str) -> bool:
    """Whether a strategy, which may be the user's class, reads one of `RATES`."""
    if not plugins.is_path(strategy):
        return strategy in RATES[rate]
    # That is the name of the field.
    field = "generations" if rate == "elimination_generations" else rate
    return field in plugins.fields_of("--search_strategy", strategy)


@dataclasses.dataclass(frozen=True)
class SearchConfig(Section):
    """The evolutionary search."""

    strategy: str = setting(
        "gpt_nas",
        "gpt_nas: the paper's; genetic: gpt_nas without the GPT; uniform_refill, "
        "unigram_refill, ngram_refill: gpt_nas with a weaker prior; gpt_nas_online: a "
        "GPT that learns during the search, with a surrogate; the others are "
        "baselines.",
        choices=STRATEGIES,
        plugin=True,
    )
    settings: str = setting(
        "",
        "Other fields of the strategy's class, such as pool=512,elites=16.",
    )
    batch: int = setting(
        5,
        "Candidates per ask of a strategy; genetic and gpt_nas return a whole "
        "population (ours).",
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
        "Generations over which the rate of Eq. 3 falls to 0; 0: all of the search, "
        "which then cannot be extended (ours).",
        low=0,
    )
    lag: int = setting(
        0,
        "Number of generations or batches that may still be in evaluation when the "
        "next one is proposed without their results, so that no worker waits for the "
        "slowest candidate; 0: none (ours).",
        low=0,
    )
    max_hours: float = setting(
        0.0,
        "Wall-clock limit, hours, over all starts of the search, after which no "
        "generation or batch begins; 0: no limit. Raise it to continue.",
        low=0,
        result=False,
    )
    seeds_from: str = setting(
        "",
        "Initial networks: the folder best/ of another run, or a text file with one "
        "network per line, as comma-separated names of its blocks.",
        path=True,
    )
    objectives: str = setting(
        "accuracy",
        "Comma-separated objectives: accuracy to maximise; params, flops, memory "
        "(bytes of the largest input and output of a layer) and latency (ms, see "
        "--eval_latency_table) to minimise. With several, the search looks for their "
        "Pareto front (ours).",
    )
    filter: int = setting(
        1,
        "Oversampling factor: a strategy is asked for this many times the candidates, "
        "and the best by --eval_proxies are evaluated; 1: off (ours).",
        low=1,
    )
    min_flops: float = setting(
        0.0,
        "Minimum floating-point operations of a network for one image, two per "
        "multiply-accumulate as in the ledger; 0: no limit. Networks outside the "
        "limits are not evaluated (ours).",
        low=0,
    )
    max_flops: float = setting(
        0.0,
        "Maximum floating-point operations, counted as for --search_min_flops; 0: no "
        "limit.",
        low=0,
    )
    min_params: float = setting(
        0.0, "Minimum number of parameters; 0: no limit.", low=0
    )
    max_params: float = setting(
        0.0, "Maximum number of parameters; 0: no limit.", low=0
    )
    max_memory: float = setting(
        0.0,
        "Maximum bytes of a layer's input and output together, in float32 for one "
        "image; 0: no limit. Chains of blocks only.",
        low=0,
    )
    max_latency: float = setting(
        0.0,
        "Maximum time of a forward pass, summed over the blocks, ms; 0: no limit. "
        "Chains of blocks only.",
        low=0,
    )
    finalists: int = setting(
        1,
        "Number of best networks to train longer after the search, with three keys "
        "each; the best by mean is retrained. 1: retrain the fittest directly (ours).",
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

    def unread_rates(self, strategies: Collection[str]) -> Iterator[str]:
        """Yields a line for each rate that is set, but read by no given strategy."""
        for name, readers in RATES.items():
            value = getattr(self, name)
            if value != getattr(SearchConfig, name) and not any(
                _reads(one, name) for one in strategies
            ):
                yield (
                    f"--search_{name}={value} has no effect on "
                    f"{', '.join(strategies)}; leave it out, or choose one of "
                    f"{', '.join(one for one in STRATEGIES if one in readers)}"
                )

    def by(self, strategy: str) -> "SearchConfig":
        """The same search by another strategy, without rates that it does not read."""
        unread = (name for name in RATES if not _reads(strategy, name))
        plain = {name: getattr(SearchConfig, name) for name in unread}
        return dataclasses.replace(self, strategy=strategy, **plain)

    def bounds(self, cost: str) -> tuple[float, float]:
        """Lower and upper bound of a cost; 0 for no bound."""
        return getattr(self, f"min_{cost}", 0.0), getattr(self, f"max_{cost}")

    def costs(self) -> tuple[str, ...]:
        """The objectives other than accuracy."""
        return tuple(name for name in self.objectives.split(",") if name != ACCURACY)

    def noted(self) -> tuple[str, ...]:
        """The costs other than params and flops that the search notes in its ledger."""
        used = {*self.costs(), *(cost for cost in COSTS if any(self.bounds(cost)))}
        return tuple(cost for cost in COSTS[2:] if cost in used)

    def proposes_whole(self, strategy: str) -> bool:
        """Whether a strategy, which may be the user's class, proposes populations."""
        if not plugins.is_path(strategy):
            return strategy in WHOLE
        return "batch" not in plugins.fields_of("--search_strategy", strategy)

    def asked(self, strategy: str) -> int:
        """How many candidates a strategy returns per ask."""
        return self.population if self.proposes_whole(strategy) else self.batch
