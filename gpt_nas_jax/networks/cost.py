"""Parameters, FLOPs, memory and depth of a network without running it."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend import core

from gpt_nas_jax.networks import layers
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.trace import trace

_WEIGHTED = {"conv_general_dilated", "dot_general"}
_FLOAT32 = 4
"""Bytes."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of one network.

    Attributes:
      params: number of parameters.
      macs: multiply-accumulates of convolutions and fully connected layers for one
        image, often called FLOPs in the literature.
      activations: total size of all layers' outputs for one image.
      memory: bytes of the largest input and output of a layer, in float32 for one
        image; values kept for skip connections and branches are not counted.
    """

    params: int
    macs: int
    activations: int
    memory: int

    @property
    def flops(self) -> int:
        """Floating-point operations for one image: two per multiply-accumulate."""
        return 2 * self.macs


def cost(module: nn.Module, in_size: layers.Size) -> Cost:
    """The cost of a module called as ``module(x, train)`` on one image."""
    traced = trace(module, in_size)
    return Cost(
        params=traced.params,
        macs=sum(layer_macs(part.layer) for part in traced.layers),
        activations=sum(_volume(part.layer.out_size) for part in traced.layers),
        memory=max((layer_memory(part.layer) for part in traced.layers), default=0),
    )


def layer_macs(layer: layers.Layer) -> int:
    """Multiply-accumulates on one image; 0 unless convolution or fully connected."""
    return fan_in(layer) * _volume(layer.out_size)


def layer_memory(layer: layers.Layer) -> int:
    """Bytes of the input and the output of one layer, in float32 for one image."""
    return _FLOAT32 * (_volume(layer.in_size) + _volume(layer.out_size))


def fan_in(layer: layers.Layer) -> int:
    """Weights per output channel; 0 unless convolution or fully connected."""
    match layer:
        case layers.Conv():
            height, width = layer.kernel
            return height * width * layer.in_size[2] // layer.groups
        case layers.FullyConnected():
            return layer.in_size[2]
        case _:
            return 0


def depth(module: nn.Module, in_size: layers.Size) -> int:
    """Convolutions and fully connected layers on the longest path to the output.

    This is the number in names like ResNet-50.
    """
    if not isinstance(module, Chain):
        return _block_depth(module, in_size)
    total = 0
    for block in module.blocks:
        total += _block_depth(block, in_size)
        in_size = trace(block, in_size).out_size
    return total


@functools.cache
def _block_depth(block: nn.Module, in_size: layers.Size) -> int:
    x = jax.ShapeDtypeStruct((1, *in_size), jnp.float32)
    variables = trace(block, in_size).variables
    jaxpr = jax.make_jaxpr(lambda v, x: block.apply(v, x, False))(variables, x)
    return max(_depths(jaxpr.jaxpr, [0] * len(jaxpr.jaxpr.invars)))


def _depths(jaxpr: core.Jaxpr, inputs: list[int]) -> list[int]:
    """The depth of every output of a jaxpr, given those of its inputs."""
    known = dict(zip(jaxpr.invars, inputs, strict=True))

    def depth_of(atom: core.Var | core.Literal) -> int:
        return known.get(atom, 0) if isinstance(atom, core.Var) else 0

    for equation in jaxpr.eqns:
        operands = [depth_of(atom) for atom in equation.invars]
        called = _called(equation)
        if called:
            branches = [
                _depths(inner, operands[len(operands) - len(inner.invars) :])
                for inner in called
            ]
            outputs = [max(depths) for depths in zip(*branches, strict=True)]
        else:
            weighted = equation.primitive.name in _WEIGHTED
            outputs = [max(operands, default=0) + weighted] * len(equation.outvars)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [depth_of(atom) for atom in jaxpr.outvars]


def _called(equation: core.JaxprEqn) -> list[core.Jaxpr]:
    """The jaxprs that an equation calls on its last operands: one, or one per branch.

    A convolution with platform-specific forms has a branch for each; the native branch
    reveals that it is a convolution.
    """
    params = equation.params
    inner = params.get("jaxpr") or params.get("call_jaxpr")
    calls = params.get("branches", ()) if inner is None else (inner,)
    return [getattr(call, "jaxpr", call) for call in calls]


def _volume(size: layers.Size) -> int:
    height, width, channels = size
    return height * width * channels
