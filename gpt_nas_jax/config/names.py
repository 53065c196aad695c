"""Names that settings accept as values."""

import math
from collections.abc import Collection, Mapping, Sequence

from gpt_nas_jax import plugins

CONTROLS = ("uniform_refill", "unigram_refill", "ngram_refill")
"""``gpt_nas`` with less knowledge than the prior's."""
STRATEGIES = (
    "random",
    "regularised_evolution",
    "local_search",
    "genetic",
    "gpt_nas",
    *CONTROLS,
    "surrogate",
    "gpt_nas_online",
)
EXECUTORS = ("local", "hosts", "ray")
ACCURACY = "accuracy"
"""The objective that a search always has."""
BALANCED = "balanced_accuracy"
BALANCES = ("none", "loss", "sampling")
"""Ways to treat classes of unequal size."""
LATENCY = "latency"
COSTS = ("params", "flops", "memory", LATENCY)
"""Costs of a network that are known before it is trained."""
BENCHMARKS = ("nasbench101", "nasbench201")
SPACES = ("blocks", *BENCHMARKS)
SEARCHED = (*BENCHMARKS, "chainbench")
"""The benchmarks that whole searches can be run on."""
TABLES = (*SEARCHED, "3", "4", "5", "figure2")
"""Benchmarks, and the tables and the figure of the paper."""
HUMAN_ROWS = (
    *("EfficientNet-B0", "GoogLeNet", "RegNet", "ResNet-101"),
    *("ResNeXt-101", "ShuffleNet", "Wide-ResNet"),
)
PAPER_ROWS = (*HUMAN_ROWS, "genetic", "gpt_nas")
"""The rows of the paper's Table III: human networks by its names, then searches."""
TABLE_ROWS = (*PAPER_ROWS, *CONTROLS)
PROXIES = (
    *("params", "flops", "grad_norm", "snip", "grasp", "fisher"),
    *("synflow", "logsynflow", "jacob_cov", "naswot", "zico"),
    *("expressivity", "progressivity", "trainability"),
)
OWN_DATA = ("folder", "npz")
DATA_NAMES = ("digits", "cifar10", "cifar100", "imagenet2012", *OWN_DATA)
TFDS = "tfds:"
"""Prefix of the name of a data set that TensorFlow Datasets has prepared."""
NETWORKS = (
    *(f"EfficientNet-B{scale}" for scale in range(8)),
    "GoogLeNet",
    *(
        f"RegNet{kind}-{flops}"
        for kind in "XY"
        for flops in ("400MF", "800MF", "1.6GF", "3.2GF", "8GF", "16GF", "32GF")
    ),
    *("ResNet-18", "ResNet-34", "ResNet-50", "ResNet-101", "ResNet-152"),
    *("ResNeXt-50-32x4d", "ResNeXt-101-32x8d"),
    *("Wide-ResNet-50-2", "Wide-ResNet-101-2"),
    *(f"ShuffleNetV2-x{width}" for width in ("0.5", "1.0", "1.5", "2.0")),
)
WHOLE = {"genetic", "gpt_nas", *CONTROLS}
"""The strategies that ask for a whole population at a time."""
RATES: Mapping[str, Collection[str]] = {
    "crossover_rate": WHOLE,
    "mutation_rate": WHOLE,
    "elimination_rate": WHOLE - {"genetic"},
    "elimination_generations": WHOLE - {"genetic"},
}
"""Rates of a search and their schedule, each with the strategies that read it."""
LEARNED = {"gpt_nas", "unigram_refill", "ngram_refill"}
"""The strategies that use a prior trained before the search."""

EXPORT_FORMATS = ("flax", "torch", "stablehlo", "onnx", "litert")
EXPORT_PLATFORMS = ("cpu", "cuda", "tpu")
SCHEDULES = ("constant", "cosine", "linear", "step")


_HUMAN = {*NETWORKS, "ResNet-20", "MobileNetV2"}


def each_once(given: Sequence[str], allowed: Sequence[str]) -> bool:
    """Whether all are allowed names, none of them given twice."""
    return set(given) <= set(allowed) and len(set(given)) == len(given)


def each_once_or_own(given: Sequence[str], allowed: Sequence[str]) -> bool:
    """The same, where import paths of the user's own are allowed, too."""
    return each_once(given, (*allowed, *filter(plugins.is_path, given)))


def is_human(name: str) -> bool:
    """Whether a human network has this name; ``NAME@FLOPS`` is a narrowed one."""
    plain, at, most = name.partition("@")
    try:
        return plain in _HUMAN and (not at or 0 < float(most) < math.inf)
    except ValueError:
        return False
