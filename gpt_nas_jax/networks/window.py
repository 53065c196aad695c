"""Sliding windows of a convolution."""

import dataclasses
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Window:
    """The sliding window of a kernel, along height and width."""

    taps: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]

    def sides(self, x: jax.Array) -> tuple[int, ...]:
        """Height and width of the output for images ``[B, H, W, C]``."""
        sides = zip(x.shape[1:3], self.pads, strict=True)
        return self._places([side + sum(pad) for side, pad in sides])

    def padded(self, x: jax.Array) -> jax.Array:
        """Images ``[B, H, W, C]`` with zero padding."""
        if any(any(pad) for pad in self.pads):
            return jnp.pad(x, ((0, 0), *self.pads, (0, 0)))
        return x

    def images(self, padded: jax.Array) -> list[jax.Array]:
        """The inputs at each tap of the kernel, by row: ``[B, H', W', C]``."""
        sides = self._places(padded.shape[1:3])
        images = []
        for place in itertools.product(*map(range, self.taps)):
            rows, columns = (
                slice(tap * step, tap * step + (side - 1) * stride + 1, stride)
                for tap, step, side, stride in zip(
                    place, self.dilation, sides, self.strides, strict=True
                )
            )
            images.append(padded[:, rows, columns])
        return images

    def met(self, x: jax.Array) -> jax.Array:
        """The patch that the kernel covers per pixel, ``[B, H', W', h * w * C]``."""
        return jnp.concatenate(self.images(self.padded(x)), axis=-1)

    def _places(self, padded: Sequence[int]) -> tuple[int, ...]:
        """Number of positions of the kernel along height and width."""
        return tuple(
            (side - (taps - 1) * step - 1) // stride + 1
            for side, taps, stride, step in zip(
                padded, self.taps, self.strides, self.dilation, strict=True
            )
        )
