"""A Flax chain as a PyTorch module of the same layers, for comparisons of speed.

The chain is called once with values that record instead of computing in JAX; what was
recorded is then a list of PyTorch modules and the values that each of them reads.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import numpy as np
import torch

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.interceptor import Interceptor
from gpt_nas_jax.networks.layers import Size
from gpt_nas_jax.networks.operations import (
    Activation,
    Add,
    ChannelShuffle,
    Concat,
    Pool,
    Scale,
)

_ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "silu": torch.nn.SiLU,
    "sigmoid": torch.nn.Sigmoid,
}


class _Function(torch.nn.Module):
    """A function of tensors as a module without parameters."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.forward = function


class TorchTwin(torch.nn.Module):
    """The layers of a chain, run one after the other.

    Args:
      chain: what to copy.
      in_size: height, width and channels of its images.
      variables: Linen's collections, whose values are copied.

    Raises:
      NotImplementedError: a layer has no twin here.
    """

    def __init__(
        self, chain: Chain, in_size: Size, variables: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList()
        self.reads: list[tuple[int, ...]] = []
        recorder = _Recorder(self, variables)
        height, width, channels = in_size
        image = _Value(recorder, 0, torch.zeros(2, channels, height, width))
        with torch.no_grad(), nn.intercept_methods(recorder):
            chain.apply({}, image, True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images ``[B, C, H, W]`` to logits ``[B, num_classes]``."""
        values = [x]
        for layer, reads in zip(self.layers, self.reads, strict=True):
            values.append(layer(*(values[index] for index in reads)))
        return values[-1]


class _Value:
    """A feature map on its way through a chain; shapes read ``[B, H, W, C]``."""

    def __init__(self, recorder: "_Recorder", index: int, sample: torch.Tensor) -> None:
        self.recorder, self.index, self.sample = recorder, index, sample

    @property
    def shape(self) -> tuple[int, ...]:
        batch, channels, *sides = self.sample.shape
        return batch, *sides, channels

    def __getitem__(self, where: tuple[Any, slice]) -> "_Value":
        _, channels = where
        return self.recorder.record(_Function(lambda x: x[:, channels]), self)

    def reshape(self, *shape: int) -> "_Value":
        return self.recorder.record(torch.nn.Flatten(), self)

    def astype(self, dtype: Any) -> "_Value":
        # The twin computes in its own precision throughout.
        return self


class _Recorder(Interceptor):
    """An interceptor of Linen calls that builds a twin from the leaves it sees."""

    def __init__(self, twin: TorchTwin, variables: Mapping[str, Any]) -> None:
        self.twin, self.variables = twin, variables

    def called(
        self, module: nn.Module, call: Callable[[], Any], args: tuple[Any, ...]
    ) -> Any:
        layer = _layer(module, args[0])
        if layer is None:
            # Flax's own modules are leaves; those of this project are composites.
            if type(module).__module__.startswith("flax."):
                raise NotImplementedError(f"no twin of {type(module).__name__}")
            return call()
        _copy(layer, self._own("params", module), self._own("batch_stats", module))
        return self.record(layer, *args)

    def record(self, layer: torch.nn.Module, *inputs: _Value) -> _Value:
        self.twin.layers.append(layer)
        self.twin.reads.append(tuple(value.index for value in inputs))
        sample = layer(*(value.sample for value in inputs))
        return _Value(self, len(self.twin.layers), sample)

    def _own(self, collection: str, module: nn.Module) -> Mapping[str, Any]:
        tree = self.variables.get(collection, {})
        for name in module.path:
            tree = tree.get(name, {})
        return tree


def _layer(module: nn.Module, x: _Value) -> torch.nn.Module | None:
    """The twin of a leaf; None for a composite module."""
    match module:
        case nn.Conv():
            return torch.nn.Conv2d(
                x.shape[-1],
                module.features,
                module.kernel_size,
                module.strides,
                tuple(before for before, _ in module.padding),
                groups=module.feature_group_count,
                bias=module.use_bias,
            )
        case nn.BatchNorm():
            return torch.nn.BatchNorm2d(
                x.shape[-1], module.epsilon, 1 - module.momentum
            )
        case nn.Dense():
            return torch.nn.Linear(x.shape[-1], module.features)
        case Pool():
            return _pool(module)
        case Activation():
            return _ACTIVATIONS[module.function]()
        case Add():
            return _Function(torch.add)
        case Scale():
            return _Function(torch.mul)
        case Concat():
            return _Function(lambda *branches: torch.cat(branches, 1))
        case ChannelShuffle():
            return torch.nn.ChannelShuffle(module.groups)
        case _:
            return None


def _pool(module: Pool) -> torch.nn.Module:
    if module.kernel is None:
        return torch.nn.AdaptiveAvgPool2d(1)
    padding = module.padding[::2]
    if module.type == "max":
        return torch.nn.MaxPool2d(module.kernel, module.stride, padding)
    return torch.nn.AvgPool2d(
        module.kernel, module.stride, padding, count_include_pad=False
    )


def _copy(
    layer: torch.nn.Module, params: Mapping[str, Any], stats: Mapping[str, Any]
) -> None:
    """Copies Linen's values into a PyTorch layer."""
    names = {
        "kernel": "weight",
        "scale": "weight",
        "bias": "bias",
        "mean": "running_mean",
        "var": "running_var",
    }
    for name, value in {**params, **stats}.items():
        value = np.asarray(value)
        if name == "kernel":
            # [h, w, in, out] and [in, out] to [out, in, h, w] and [out, in].
            value = np.moveaxis(value, (-1, -2), (0, 1))
        with torch.no_grad():
            getattr(layer, names[name]).copy_(torch.from_numpy(value.copy()))
