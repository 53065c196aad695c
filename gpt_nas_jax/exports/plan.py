"""A network as readable steps, with the names of its weights."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import flax.linen as nn
import numpy as np
from flax import traverse_util

from gpt_nas_jax.networks import blocks
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.networks.zoo.efficientnet import MBConv
from gpt_nas_jax.networks.zoo.mobilenet import InvertedBottleneck
from gpt_nas_jax.spaces.blocks.network import Projected, stage_starts
from gpt_nas_jax.types import UsageError

CLASSIFIER = "classifier"

_UNIT = blocks.ConvNormActivation.__name__
_INVERTED = ("expand", "depthwise", "project")
_RESIDUAL = ("reduce", "middle", "expand", "shortcut")
_UNITS: Mapping[str, tuple[str, ...]] = {
    "Inception": ("reduce_a", "reduce_b", "one", "wide_a", "wide_b", "pool"),
    "ResBottleneckBlock": _RESIDUAL,
    "Bottleneck": _RESIDUAL,
    "BasicBlock": ("first", "second", "shortcut"),
    "InvertedResidual": (
        *("passed_depthwise", "passed_project"),
        *("expand", "depthwise", "project"),
    ),
    "MBConv": _INVERTED,
    "InvertedBottleneck": _INVERTED,
}
"""Names of the units of a block in the order in which Linen numbers them."""

_FIRST_MAY_LACK = ("InvertedResidual", "MBConv", "InvertedBottleneck")
"""Blocks whose first units are optional; in the others the last one is."""

_LEAVES: Mapping[str, Mapping[str, str]] = {
    _UNIT: {"Conv_0": "conv", "BatchNorm_0": "norm"},
    "SqueezeExcitation": {"Conv_0": "squeeze", "Conv_1": "excite"},
}
_WITHOUT_WEIGHTS = (blocks.AvgPool, blocks.MaxPool, blocks.ReLU)
# Modules of one layer, which are replaced by that layer.
_ALONE = {
    blocks.Stem: f"{_UNIT}_0",
    blocks.BatchNorm: "BatchNorm_0",
    blocks.Conv: "Conv_0",
}
_KNOWN = (
    *(blocks.ConvNormActivation, blocks.SqueezeExcitation, blocks.Inception),
    *(blocks.ResBottleneckBlock, blocks.Bottleneck, blocks.BasicBlock),
    *(blocks.InvertedResidual, MBConv, InvertedBottleneck),
    *_ALONE,
    *_WITHOUT_WEIGHTS,
)


@dataclasses.dataclass(frozen=True)
class Step:
    """One block of a network.

    Attributes:
      name: such as ``stage1_block2``.
      module: the block; a `Stem` is its `ConvNormActivation`.
      channels: of its input.
      path: of its weights in Linen's collections.
    """

    name: str
    module: nn.Module
    channels: int
    path: tuple[str, ...]


def steps(chain: Chain, description: Mapping[str, Any]) -> tuple[Step, ...]:
    """The blocks of a network except the classifier, by stage.

    Args:
      chain: the network.
      description: its ``architecture.json``.

    Raises:
      UsageError: a block has no part in `exports.parts`.
    """
    size: Size = tuple(description["image"])
    *inner, head = chain.blocks
    if not isinstance(head, Head):
        raise _unknown(head)
    sizes = [size]
    for block in inner:
        sizes.append(trace(block, sizes[-1]).out_size)
    count = description.get("num_stages")
    starts = stage_starts(len(inner), count) if count else _by_resolution(sizes)
    found, stage, number = [], 0, 0
    for position, (block, before) in enumerate(zip(inner, sizes, strict=False)):
        if position in starts:
            stage, number = stage + 1, 0
        number += 1
        name, path = f"stage{stage}_block{number}", (f"blocks_{position}",)
        found += _unwrapped(name, block, before[-1], path)
    return tuple(found)


def _by_resolution(sizes: list[Size]) -> tuple[int, ...]:
    """Starts of a human network's stages: where height and width shrink."""
    pairs = itertools.pairwise(sizes)
    return (0, *(at for at, (a, b) in enumerate(pairs) if at and b[:2] != a[:2]))


def _unwrapped(
    name: str, module: nn.Module, channels: int, path: tuple[str, ...]
) -> Iterator[Step]:
    if isinstance(module, Projected):
        unit = blocks.conv_norm(module.features, 1, module.stride)
        inside = (*path, f"{_UNIT}_0")
        yield Step(f"{name}_projection", unit, channels, inside)
        path = (*path, "block")
        yield from _unwrapped(name, module.block, module.features, path)
        return
    if type(module) not in _KNOWN:
        raise _unknown(module)
    inside = (*path, _ALONE[type(module)]) if type(module) in _ALONE else path
    if isinstance(module, blocks.Stem):
        module = blocks.conv_norm_relu(module.features, 3, module.stride)
    yield Step(name, module, channels, inside)


def _unknown(module: nn.Module) -> UsageError:
    return UsageError(
        f"{type(module).__name__} cannot be written as source: leave flax and torch "
        "out of --export_formats; stablehlo takes any network"
    )


def weights(steps: tuple[Step, ...], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Linen's collections as one flat mapping.

    Names such as ``stage1_block2.reduce.conv.kernel`` end with the name of the array
    in Flax: kernel, bias or scale, or mean or var for running statistics.

    Returns:
      Name to ``float32[...]``, sorted by name.
    """
    flat: dict[str, np.ndarray] = {}
    for collection in variables.values():
        arrays = traverse_util.flatten_dict(collection)
        if not arrays:
            continue
        for step in steps:
            inside = {
                path[len(step.path) :]: array
                for path, array in arrays.items()
                if path[: len(step.path)] == step.path
            }
            for path, array in inside.items():
                names = _named(type(step.module).__name__, path, inside)
                flat[".".join((step.name, *names))] = np.asarray(array)
        last = max(arrays, key=lambda path: int(path[0].rpartition("_")[2]))[0]
        for path, array in arrays.items():
            if path[:2] == (last, "Dense_0"):
                flat[f"{CLASSIFIER}.{path[-1]}"] = np.asarray(array)
    return dict(sorted(flat.items()))


def _named(
    kind: str, path: tuple[str, ...], siblings: Mapping[tuple[str, ...], Any]
) -> tuple[str, ...]:
    """The names of the modules that lead to an array, and its own."""
    child, *rest = path
    if not rest:
        return path
    if kind in _LEAVES:
        return _LEAVES[kind][child], *rest
    if child.startswith("SqueezeExcitation"):
        return "gate", *_named("SqueezeExcitation", tuple(rest), siblings)
    names = _UNITS[kind]
    count = len({other[0] for other in siblings if other[0].startswith(_UNIT)})
    names = names[-count:] if kind in _FIRST_MAY_LACK else names[:count]
    unit = names[int(child.rpartition("_")[2])]
    return unit, *_named(_UNIT, tuple(rest), siblings)
