"""Convolutions in the form that runs fastest on each platform.

XLA's CPU backend is slow for small or grouped convolutions. Value and both gradients,
native against the form here (`launch/benchmarks/operations.py`, 2 CPU cores, JAX
0.10.2, 22 November 2026): a depthwise 3x3 on 64x32x32x128 as a sum of shifted products,
765 against 72 ms; a 3x3 in 8 groups on 64x32x32x32 as a dense one with zeros, 1397
against 38 ms; a 1x1 on the same as a matrix product, 23 against 5.6 ms; a 3x3 on
64x2x2x128 as a matrix product, 10 against 1.5 ms.

On a TPU, a grouped convolution of at most as many channels as a register has lanes runs
as a dense one, with zeros between the groups. Natively, XLA would reorder the images to
fit the groups and back: a ResBottleneckBlock of 512x32x32x128 reads and writes 4.8
instead of 5.9 GB without that (`launch/check_accelerators.py`, libtpu 0.0.42, 25
November 2026). Everything else keeps the native form.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from gpt_nas_jax.networks import kernel_gradient
from gpt_nas_jax.networks.platform import by_platform, target
from gpt_nas_jax.networks.window import Window

CONVOLVED = "convolved"
"""The name of the outputs for policies of `jax.checkpoint`."""

# On so few output pixels XLA's convolution is many times slower than a matrix product:
# 4.9 against 0.6 ms on 64x2x2x128.
_FEW_PIXELS = 4

LANES = 128
"""Lanes of a TPU's vector registers."""


Convolution = Callable[..., jax.Array]
"""A function with the arguments of `lax.conv_general_dilated`."""


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    **options: Any,
) -> jax.Array:
    """`lax.conv_general_dilated` for ``nn.Conv(conv_general_dilated=...)``.

    Args:
      lhs: ``[B, H, W, C]``.
      rhs: ``[h, w, C / groups, F]``.
      window_strides: along height and width.
      padding: as in `lax.conv_general_dilated`.
      **options: further arguments of `lax.conv_general_dilated`.
    """

    def native(lhs: jax.Array, rhs: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(lhs, rhs, window_strides, padding, **options)

    groups, channels = options.get("feature_group_count", 1), lhs.shape[-1]
    if target() == "tpu" and 1 < groups < channels <= LANES:
        rhs, options = (
            _without_groups(rhs, groups),
            options | {"feature_group_count": 1},
        )
        return checkpoint_name(native(lhs, rhs), CONVOLVED)

    strides = tuple(window_strides)
    dilation = tuple(options.get("rhs_dilation") or (1, 1))
    taps = rhs.shape[:2]
    if isinstance(padding, str):
        spans = [1 + (tap - 1) * step for tap, step in zip(taps, dilation, strict=True)]
        padding = lax.padtype_to_pads(lhs.shape[1:3], spans, strides, padding)
    window = Window(taps, strides, tuple(map(tuple, padding)), dilation)
    form = _cpu_form(lhs, rhs, window, options)

    def cpu(lhs: jax.Array, rhs: jax.Array) -> jax.Array:
        return form(lhs, rhs, window)

    convolve = by_platform(cpu, native) if form else native
    return checkpoint_name(convolve(lhs, rhs), CONVOLVED)


_Form = Callable[[jax.Array, jax.Array, Window], jax.Array]


def _cpu_form(
    lhs: jax.Array, rhs: jax.Array, window: Window, options: dict[str, Any]
) -> _Form | None:
    """The form for the CPU; None if the native one is best."""
    groups = options.get("feature_group_count", 1)
    channels, features = lhs.shape[-1], rhs.shape[-1]
    if any(d != 1 for d in options.get("lhs_dilation") or ()):
        return None
    if groups == channels == features and groups > 1:
        return _depthwise
    if groups > 1:
        return _grouped
    return _dense_form(lhs, rhs, window)


def _dense_form(x: jax.Array, kernel: jax.Array, window: Window) -> _Form | None:
    """The form of a convolution without groups; None if the native one is best."""
    if window.taps == (1, 1) or math.prod(window.sides(x)) <= _FEW_PIXELS:
        return _product
    return _narrow if kernel_gradient.is_fast(x, kernel, window) else None


def _depthwise(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """A sum over the kernel's taps of shifted images times a row of weights."""

    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        rows = kernel.reshape(-1, kernel.shape[-1])
        # Else XLA fuses the computation of the images into the read of every tap.
        images = window.images(lax.optimization_barrier(window.padded(x)))
        terms = [image * row for image, row in zip(images, rows, strict=True)]
        return sum(terms[1:], terms[0])

    return _with_gradient(convolve, kernel_gradient.depthwise, window)(x, kernel)


def _narrow(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The native form with a custom gradient of the kernel."""

    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return _dense(x, kernel, window)

    return _with_gradient(convolve, kernel_gradient.dense, window)(x, kernel)


def _grouped(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """A dense convolution whose kernel is zero between groups."""
    dense = _without_groups(kernel, x.shape[-1] // kernel.shape[2])
    form = _dense_form(x, dense, window) or _dense
    return form(x, dense, window)


def _without_groups(kernel: jax.Array, groups: int) -> jax.Array:
    """The kernel ``[h, w, C, F]`` of an equivalent dense convolution."""
    *taps, inner, features = kernel.shape
    mask = jnp.repeat(jnp.eye(groups, dtype=kernel.dtype), features // groups, axis=1)
    dense = kernel[:, :, None] * mask[:, None]
    return dense.reshape(*taps, groups * inner, features)


def _product(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """A matrix product of the kernel with the patch at each pixel."""

    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return window.met(x) @ kernel.reshape(-1, kernel.shape[-1])

    return _with_gradient(convolve, kernel_gradient.product, window)(x, kernel)


def _dense(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        window.strides,
        window.pads,
        rhs_dilation=window.dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _with_gradient(
    convolve: Callable[[jax.Array, jax.Array], jax.Array],
    gradient: Callable[[jax.Array, jax.Array, Window], jax.Array],
    window: Window,
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """A convolution of (x, kernel) with a custom gradient of the kernel."""

    @jax.custom_vjp
    def function(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(x, kernel)

    def forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple]:
        return convolve(x, kernel), (x, kernel)

    def backward(args: tuple, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, kernel = args
        _, pullback = jax.vjp(lambda x: convolve(x, kernel), x)
        return *pullback(dy), gradient(x, dy, window).reshape(kernel.shape)

    function.defvjp(forward, backward)
    return function
