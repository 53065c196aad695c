"""The hypervolume of networks by accuracy and FLOPs."""

import numpy as np


def hypervolume(
    accuracy: np.ndarray, flops: np.ndarray, least: float, most: float
) -> float:
    """The area that networks dominate, above ``least`` and below ``most``."""
    order = np.lexsort((-accuracy, flops))
    best = np.maximum.accumulate(np.maximum(accuracy[order], least))
    widths = np.diff(np.append(flops[order], most))
    return float(((best - least) * widths).sum())
