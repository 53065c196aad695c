"""The paper's numbers (arXiv 2305.05351v4), for comparison with those measured here."""

import dataclasses
from collections.abc import Mapping

from gpt_nas_jax.config import TFDS, DataConfig


@dataclasses.dataclass(frozen=True)
class PublishedResult:
    """A row of Table III on one data set; None if the paper gives no value.

    Attributes:
      family: origin of the network: human design, or a kind of search.
      accuracy: top-1 on the test images, %.
      params: millions.
      days: of search, GPU days.
    """

    family: str
    accuracy: float | None
    params: float | None = None
    days: float | None = None


TABLE_3: Mapping[str, Mapping[str, PublishedResult]] = {
    "cifar10": {
        "EfficientNet-B0": PublishedResult("human", 97.00, 5.3),
        "GoogLeNet": PublishedResult("human", 89.23, 6.6),
        "RegNet": PublishedResult("human", 92.72, 31.3),
        "ResNet-101": PublishedResult("human", 93.57, 44.5),
        "ResNeXt-101": PublishedResult("human", 96.29, 18.1),
        "ShuffleNet": PublishedResult("human", 90.87, 3.5),
        "Wide-ResNet": PublishedResult("human", 95.83, 36.5),
        "NAS-RL": PublishedResult("RL", 96.35, 37.4, 22400),
        "MetaQNN": PublishedResult("RL", 93.08, 11.2, 100),
        "EAS": PublishedResult("RL", 95.77, 23.4, 10),
        "NASNet-A": PublishedResult("RL", 96.59, 3.3, 2000),
        "Block-QNN-S": PublishedResult("RL", 96.46, 39.8, 96),
        "Large-scale Evo": PublishedResult("EA", 94.60, 5.4, 2750),
        "GeCNN": PublishedResult("EA", 94.61, None, 17),
        "AE-CNN": PublishedResult("EA", 95.30, 2, 27),
        "GPCNN": PublishedResult("EA", 94.02, 1.7, 27),
        "SNAS": PublishedResult("gradient", 97.17, 2.8, 1.5),
        "P-DARTS": PublishedResult("gradient", 97.33, 3.51, 0.3),
        "DARTS": PublishedResult("gradient", 97.14, 3.4, 0.4),
        "ISTA-NAS": PublishedResult("gradient", 97.64, 3.37, 2.3),
        "genetic": PublishedResult("ours", 90.77, 4.6, 1.5),
        "gpt_nas": PublishedResult("ours", 97.69, 7.1, 1.5),
    },
    "cifar100": {
        "EfficientNet-B0": PublishedResult("human", 86.60, 5.3),
        "GoogLeNet": PublishedResult("human", 62.90, 6.6),
        "RegNet": PublishedResult("human", 70.19, 31.3),
        "ResNet-101": PublishedResult("human", 74.84, 44.5),
        "ResNeXt-101": PublishedResult("human", 82.27, 18.1),
        "ShuffleNet": PublishedResult("human", 77.14, 3.5),
        "Wide-ResNet": PublishedResult("human", 79.50, 36.5),
        "MetaQNN": PublishedResult("RL", 72.86, 11.2, 100),
        "Block-QNN-S": PublishedResult("RL", 81.94, 39.8, 96),
        "Large-scale Evo": PublishedResult("EA", 77.00, 40.4, 2750),
        "GeCNN": PublishedResult("EA", 74.88, None, 17),
        "AE-CNN": PublishedResult("EA", 77.60, 5.4, 36),
        "SNAS": PublishedResult("gradient", 82.45, 2.8, 1.5),
        "DARTS": PublishedResult("gradient", 82.46, 3.4, 0.4),
        "genetic": PublishedResult("ours", 75.20, 38.05, 1.5),
        "gpt_nas": PublishedResult("ours", 82.81, 10.5, 1.5),
    },
    "imagenet2012": {
        "EfficientNet-B0": PublishedResult("human", 77.69, 5.3),
        "GoogLeNet": PublishedResult("human", 69.78, 6.6),
        "RegNet": PublishedResult("human", 76.57, 31.3),
        "ResNet-101": PublishedResult("human", 77.37, 44.5),
        "ResNeXt-101": PublishedResult("human", 77.80, 18.1),
        "ShuffleNet": PublishedResult("human", 73.70, 3.5),
        "Wide-ResNet": PublishedResult("human", 78.10, 68.9),
        "NASNet-A": PublishedResult("RL", 74.00, 5.3, 2000),
        "Block-QNN-S": PublishedResult("RL", 77.40, None, 96),
        "GeCNN": PublishedResult("EA", 72.13, 156, 17),
        "SNAS": PublishedResult("gradient", 72.70, 4.3, 1.5),
        "P-DARTS": PublishedResult("gradient", 75.30, 5.1, 0.3),
        "DARTS": PublishedResult("gradient", 76.20, 4.9, 4.5),
        "ISTA-NAS": PublishedResult("gradient", 76.00, 5.65, 33.6),
        "genetic": PublishedResult("ours", 69.53, 104.67, 4),
        "gpt_nas": PublishedResult("ours", 79.08, 110.94, 4),
    },
}
"""Data set -> row -> result, top-1 alone; the rows ``genetic`` and ``gpt_nas`` are the
paper's "without GPT" and "GPT-NAS"."""


@dataclasses.dataclass(frozen=True)
class PublishedRate:
    """A row of Table IV: mean accuracy in [0, 1], and better/equal/worse of 15."""

    accuracy: float
    counts: str


TABLE_4: Mapping[str, Mapping[float, PublishedRate]] = {
    "cifar10": {
        0.0: PublishedRate(0.3792, ""),
        0.2: PublishedRate(0.4226, "10/0/5"),
        0.4: PublishedRate(0.5134, "15/0/0"),
        0.6: PublishedRate(0.5056, "15/0/0"),
        0.8: PublishedRate(0.4828, "13/0/2"),
    },
    "cifar100": {
        0.0: PublishedRate(0.0453, ""),
        0.2: PublishedRate(0.1257, "14/1/0"),
        0.4: PublishedRate(0.1392, "15/0/0"),
        0.6: PublishedRate(0.1278, "13/0/2"),
        0.8: PublishedRate(0.1261, "1/4/10"),
    },
}
"""Data set -> elimination rate -> row."""

TABLE_5: Mapping[str, Mapping[tuple[int, int], tuple[float, float]]] = {
    "cifar10": {
        (6, 30): (0.7247, 2.7e-9),
        (6, 60): (0.6984, 1.7e-8),
        (6, 90): (0.7046, 1.1e-8),
    },
    "cifar100": {
        (6, 30): (0.8657, 5.0e-16),
        (6, 60): (0.8176, 4.3e-13),
        (6, 90): (0.8107, 9.7e-13),
    },
}
"""Data set -> (epochs, longer epochs) -> Pearson's r and its p.

All six p-values follow from their r with 50 networks, and with no other number.
"""

SIDES: Mapping[str, int] = {"cifar10": 32, "cifar100": 32, "imagenet2012": 224}
"""Data set -> side of an image, pixels."""

FIGURE_2_DIAGONAL = 0.8
"""Figure 2: correlations on the diagonal lie above, on CIFAR-10 and CIFAR-100."""


def original(data: DataConfig) -> str:
    """The name of a data set as the tables above have it, whatever loads it."""
    return data.name.removeprefix(TFDS)


def dataset(data: DataConfig) -> str:
    """The same, with the side of its images if it differs from the paper's."""
    name = original(data)
    same = not data.side or data.side == SIDES.get(name)
    return name if same else f"{name} at {data.side}x{data.side}"
