"""RegNetX and RegNetY (arXiv 2003.13678)."""

import dataclasses
import math

from gpt_nas_jax.networks.blocks import ResBottleneckBlock, Stem
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.zoo.rounding import nearest_multiple

_WIDTH_STEP = 8
_STEM_WIDTH = 32


@dataclasses.dataclass(frozen=True)
class _Line:
    """The quantised line of block widths that defines a RegNet.

    Attributes:
      depth: number of blocks.
      start: width of the first block, ``w_0``.
      slope: ``w_a``.
      ratio: ``w_m``, between the widths of two stages.
      group_width: channels of a group of the 3x3.
      squeeze_ratio: of SqueezeExcitation to the block's input, 0 in RegNetX.
    """

    depth: int
    start: int
    slope: float
    ratio: float
    group_width: int
    squeeze_ratio: float = 0.0

    def stages(self) -> list[tuple[int, int]]:
        """Width and number of blocks of each stage (equations 2 to 4 there)."""
        counts: dict[int, int] = {}
        for index in range(self.depth):
            linear = self.start + self.slope * index
            power = round(math.log(linear / self.start) / math.log(self.ratio))
            exact = self.start * self.ratio**power
            width = round(exact / _WIDTH_STEP) * _WIDTH_STEP
            counts[width] = counts.get(width, 0) + 1
        return [(self._fitted(width), count) for width, count in counts.items()]

    def _fitted(self, width: int) -> int:
        """The width rounded to a multiple of the group width."""
        return nearest_multiple(width, min(self.group_width, width))


REGNETS = {
    "RegNetX-400MF": _Line(22, 24, 24.48, 2.54, 16),
    "RegNetX-800MF": _Line(16, 56, 35.73, 2.28, 16),
    "RegNetX-1.6GF": _Line(18, 80, 34.01, 2.25, 24),
    "RegNetX-3.2GF": _Line(25, 88, 26.31, 2.25, 48),
    "RegNetX-8GF": _Line(23, 80, 49.56, 2.88, 120),
    "RegNetX-16GF": _Line(22, 216, 55.59, 2.1, 128),
    "RegNetX-32GF": _Line(23, 320, 69.86, 2.0, 168),
    "RegNetY-400MF": _Line(16, 48, 27.89, 2.09, 8, 0.25),
    "RegNetY-800MF": _Line(14, 56, 38.84, 2.4, 16, 0.25),
    "RegNetY-1.6GF": _Line(27, 48, 20.71, 2.65, 24, 0.25),
    "RegNetY-3.2GF": _Line(21, 80, 42.63, 2.66, 24, 0.25),
    "RegNetY-8GF": _Line(17, 192, 76.82, 2.19, 56, 0.25),
    "RegNetY-16GF": _Line(18, 200, 106.23, 2.48, 112, 0.25),
    "RegNetY-32GF": _Line(20, 232, 115.89, 2.53, 232, 0.25),
}


def regnet(name: str, num_classes: int) -> Chain:
    """Builds one of `REGNETS`."""
    line = REGNETS[name]
    blocks: list[Stem | ResBottleneckBlock] = [Stem(_STEM_WIDTH)]
    channels = _STEM_WIDTH
    for width, count in line.stages():
        for index in range(count):
            block = ResBottleneckBlock(
                width,
                stride=2 if index == 0 else 1,
                group_width=min(line.group_width, width),
                squeeze=round(line.squeeze_ratio * channels),
            )
            blocks.append(block)
            channels = width
    return Chain((*blocks, Head(num_classes)))
