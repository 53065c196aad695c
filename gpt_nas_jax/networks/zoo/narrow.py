"""Narrows human-designed networks to the cost limits of a search (ours)."""

import dataclasses

import flax.linen as nn

from gpt_nas_jax.networks.blocks import Bottleneck, ResBottleneckBlock
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.zoo.efficientnet import WIDTH_STEP, MBConv
from gpt_nas_jax.types import UsageError

_STEP = 4
_GRAIN = 64
_WIDTHS = {
    *("features", "inner", "squeeze"),
    *("one", "reduce_a", "wide_a", "reduce_b", "wide_b", "pool"),
}


def narrowed(chain: Chain, factor: float) -> Chain:
    """Multiplies every width by ``factor``, rounded to a multiple of 4.

    Depth, strides, kernels, channels per group and classifier stay. Widths of grouped
    convolutions are multiples of the channels per group; those of EfficientNet are
    multiples of 8, as in its own scaling. So RegNet's stem and first block may get
    different widths, and the shortcut a projection.
    """
    *blocks, head = chain.blocks
    # A stem of other multiples would give EfficientNet's first block an expansion.
    step = WIDTH_STEP if any(isinstance(block, MBConv) for block in blocks) else _STEP
    return Chain((*(_narrowed(block, factor, step) for block in blocks), head))


def _narrowed(block: nn.Module, factor: float, step: int) -> nn.Module:
    def width(value: int, step: int = step) -> int:
        return max(step, round(value * factor / step) * step)

    names = _WIDTHS.intersection(field.name for field in dataclasses.fields(block))
    now = {name: getattr(block, name) for name in names}
    widths = {name: width(value) for name, value in now.items() if value}
    match block:
        case Bottleneck(groups=groups) if groups > 1:
            channels = block.inner // groups
            widths["inner"] = width(block.inner, channels)
            widths["groups"] = widths["inner"] // channels
        case ResBottleneckBlock():
            widths["features"] = width(block.features, block.group_width)
    return block.clone(**widths)


def fitted(chain: Chain, image: Size, most: float) -> Chain:
    """The widest `narrowed` chain with at most ``most`` FLOPs for one image.

    The chain itself, if it fits.

    Raises:
      UsageError: the narrowest chain has more.
    """
    if cost(chain, image).flops <= most:
        return chain
    low, high = 1, _GRAIN
    least = narrowed(chain, low / _GRAIN)
    flops = cost(least, image).flops
    if flops > most:
        raise UsageError(
            f"at its narrowest the network has {flops:,} FLOPs for an image, more than "
            f"{most:,.0f}"
        )
    # FLOPs increase with the factor, except for rounding.
    while high - low > 1:
        middle = (low + high) // 2
        if cost(narrowed(chain, middle / _GRAIN), image).flops <= most:
            low = middle
        else:
            high = middle
    return narrowed(chain, low / _GRAIN)
