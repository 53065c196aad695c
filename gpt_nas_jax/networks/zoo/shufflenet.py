"""ShuffleNetV2 (arXiv 1807.11164)."""

import flax.linen as nn

from gpt_nas_jax.networks.blocks import (
    BatchNorm,
    Conv,
    InvertedResidual,
    MaxPool,
    ReLU,
)
from gpt_nas_jax.networks.chain import Chain, Head

SHUFFLENETS = {
    "ShuffleNetV2-x0.5": (48, 96, 192, 1024),
    "ShuffleNetV2-x1.0": (116, 232, 464, 1024),
    "ShuffleNetV2-x1.5": (176, 352, 704, 1024),
    "ShuffleNetV2-x2.0": (244, 488, 976, 2048),
}
_REPEATS = (4, 8, 4)


def shufflenet(name: str, num_classes: int) -> Chain:
    """Builds one of `SHUFFLENETS`."""
    *stages, last = SHUFFLENETS[name]
    blocks: list[nn.Module] = [
        Conv(24, stride=2, bias=False),
        BatchNorm(),
        ReLU(),
        MaxPool(stride=2),
    ]
    for features, repeats in zip(stages, _REPEATS, strict=True):
        blocks += [
            InvertedResidual(features, stride=2 if index == 0 else 1)
            for index in range(repeats)
        ]
    blocks += [Conv(last, kernel=1, bias=False), BatchNorm(), ReLU()]
    return Chain((*blocks, Head(num_classes)))
