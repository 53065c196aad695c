"""Where the kernel of a convolution is laid on an image."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
from jax import lax


@dataclasses.dataclass(frozen=True)
class Window:
    """Where a kernel is laid on an image, along height and width."""

    taps: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]

    def sides(self, x: jax.Array) -> tuple[int, ...]:
        """Height and width of what comes out."""
        return tuple(
            (side + sum(pad) - (taps - 1) * step - 1) // stride + 1
            for side, taps, stride, pad, step in zip(
                x.shape[1:3],
                self.taps,
                self.strides,
                self.pads,
                self.dilation,
                strict=True,
            )
        )

    def images(self, x: jax.Array) -> list[jax.Array]:
        """What each place of the kernel meets, by row: ``[B, H', W', C]``."""
        sides = self.sides(x)
        if any(any(pad) for pad in self.pads):
            x = jnp.pad(x, ((0, 0), *self.pads, (0, 0)))
            # What makes x would be fused into every place's read of it.
            x = lax.optimization_barrier(x)
        images = []
        for place in itertools.product(*map(range, self.taps)):
            rows, columns = (
                slice(tap * step, tap * step + (side - 1) * stride + 1, stride)
                for tap, step, side, stride in zip(
                    place, self.dilation, sides, self.strides, strict=True
                )
            )
            images.append(x[:, rows, columns])
        return images
