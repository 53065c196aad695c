"""Every form of a convolution equals the native one in value and gradients."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gpt_nas_jax.networks.convolution import conv_general_dilated

NHWC = ("NHWC", "HWIO", "NHWC")

# kernel, stride, padding, dilation, groups, channels, features
CASES = {
    "depthwise": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 6, 6, 6),
    "depthwise, stride 2": ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 6, 6, 6),
    "depthwise 5x5, uneven pads": ((5, 5), (2, 1), ((2, 1), (0, 3)), (1, 1), 4, 4, 4),
    "depthwise, dilated": ((3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2), 4, 4, 4),
    "depthwise, same": ((3, 3), (2, 2), "SAME", (1, 1), 4, 4, 4),
    "groups": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2, 8, 8),
    "groups, wider": ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 4, 8, 12),
    "groups, narrower": ((1, 3), (1, 2), ((0, 0), (1, 0)), (1, 1), 3, 9, 6),
    "groups, dilated": ((3, 3), (1, 1), "VALID", (2, 1), 2, 8, 8),
    "channel multiplier": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 4, 4, 8),
    "pointwise": ((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1, 5, 7),
    "pointwise, stride 2": ((1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1, 5, 7),
    "pointwise, padded": ((1, 1), (2, 2), ((1, 0), (0, 1)), (1, 1), 1, 5, 7),
    "dense": ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1, 5, 7),
    "few pixels": ((3, 3), (5, 4), ((1, 1), (1, 1)), (1, 1), 1, 5, 7),
    "few pixels, dilated": ((3, 3), (2, 2), ((0, 1), (0, 1)), (3, 2), 1, 5, 7),
    "few pixels, groups": ((3, 3), (5, 5), ((1, 1), (1, 1)), (1, 1), 2, 4, 6),
}


# Enough pixels for the form that narrow convolutions take.
LARGE = {
    "narrow": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1, 3, 5),
    "narrow, stride 2": ((3, 3), (1, 2), ((1, 0), (1, 1)), (1, 1), 1, 4, 2),
    "narrow, dilated": ((3, 3), (1, 1), "SAME", (2, 1), 1, 2, 2),
    "narrow, groups": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2, 4, 6),
}


@pytest.mark.parametrize("case", LARGE.values(), ids=LARGE)
def test_many_pixels(case: tuple) -> None:
    check((6, 72, 80), case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_value_and_gradients_equal_the_native_convolution(case: tuple) -> None:
    check((2, 9, 7), case)


@pytest.mark.parametrize("name", ["depthwise", "narrow"])
def test_bfloat16_gradients_of_many_images_are_summed_in_float32(name: str) -> None:
    kernel, stride, padding, dilation, groups, channels, features = {**CASES, **LARGE}[
        name
    ]
    random = np.random.default_rng(0)
    # Their mean is not 0, so that the sum grows with the number of images.
    x = random.uniform(0, 1, (512, 8, 8, channels)).astype(jnp.bfloat16)
    k = np.ones((*kernel, channels // groups, features), jnp.bfloat16)

    @jax.jit
    def gradient(x: jax.Array, k: jax.Array) -> jax.Array:
        def total(k: jax.Array) -> jax.Array:
            y = conv_general_dilated(
                x,
                k,
                stride,
                padding,
                rhs_dilation=dilation,
                dimension_numbers=NHWC,
                feature_group_count=groups,
            )
            return y.astype(jnp.float32).sum()

        return jax.grad(total)(k)

    exact = gradient(x.astype(np.float32), k.astype(np.float32))
    ours = gradient(x, k)
    assert ours.dtype == jnp.bfloat16
    np.testing.assert_allclose(ours.astype(np.float32), exact, rtol=0.01)


def check(images: tuple[int, int, int], case: tuple) -> None:
    """Compares value and gradients on images ``[B, H, W]``."""
    kernel, stride, padding, dilation, groups, channels, features = case
    random = np.random.default_rng(0)
    x = random.normal(size=(*images, channels)).astype(np.float32)
    shape = (*kernel, channels // groups, features)
    k = random.normal(size=shape).astype(np.float32)
    options = {
        "rhs_dilation": dilation,
        "dimension_numbers": NHWC,
        "feature_group_count": groups,
    }

    # The operands are arguments, since XLA would spend seconds on folding constants.
    @jax.jit
    def results(x: jax.Array, k: jax.Array) -> list[tuple[jax.Array, ...]]:
        def of(function: Callable[..., jax.Array]) -> tuple[jax.Array, ...]:
            y, pullback = jax.vjp(
                lambda x, k: function(x, k, stride, padding, **options), x, k
            )
            return y, *pullback(y)

        return [of(conv_general_dilated), of(lax.conv_general_dilated)]

    ours, native = results(x, k)
    for mine, theirs in zip(ours, native, strict=True):
        scale = float(np.abs(theirs).max())
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5 * scale)


def test_the_backward_program_holds_one_form_only() -> None:
    """A pullback returned from a program must not contain both platforms' forms."""
    x, k = jnp.ones((1, 4, 4, 4)), jnp.ones((3, 3, 1, 4))

    def run(x: jax.Array, k: jax.Array) -> jax.Array:
        return conv_general_dilated(
            x, k, (1, 1), "SAME", feature_group_count=4, dimension_numbers=NHWC
        )

    y, pullback = jax.jit(lambda x, k: jax.vjp(run, x, k))(x, k)
    program = jax.jit(lambda pull, dy: pull(dy)).lower(pullback, y).as_text()
    native = program.count("stablehlo.convolution")
    assert native == 0 if jax.default_backend() == "cpu" else native > 0


@pytest.mark.parametrize("case", (CASES | LARGE).values(), ids=CASES | LARGE)
def test_other_platforms_keep_the_native_convolution(case: tuple) -> None:
    kernel, stride, padding, dilation, groups, channels, features = case
    x = jax.ShapeDtypeStruct((6, 72, 80, channels), jnp.float32)
    k = jax.ShapeDtypeStruct((*kernel, channels // groups, features), jnp.float32)

    def gradients(x: jax.Array, k: jax.Array) -> tuple[jax.Array, ...]:
        options = {"dimension_numbers": NHWC, "feature_group_count": groups}
        y, pullback = jax.vjp(
            lambda x, k: conv_general_dilated(
                x, k, stride, padding, rhs_dilation=dilation, **options
            ),
            x,
            k,
        )
        return y, *pullback(y)

    traced = jax.jit(gradients).trace(x, k)
    for platform in ("cuda", "tpu"):
        program = traced.lower(lowering_platforms=(platform,)).as_text()
        # The value and its two gradients.
        assert program.count("stablehlo.convolution") == 3
        assert "stablehlo.dot_general" not in program
