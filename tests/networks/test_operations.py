"""The smallest modules against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.networks.operations import ChannelShuffle, Concat, Pool, Scale, conv

REDUCE = {"max": np.max, "avg": np.mean}


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def pooled(x: np.ndarray, pool: Pool) -> np.ndarray:
    """Crops every window to the image before reducing it, so padding never counts."""
    top, bottom, left, right = pool.padding
    _, height, width, _ = x.shape
    rows = []
    for i in range(0, height + top + bottom - pool.kernel + 1, pool.stride):
        row = []
        for j in range(0, width + left + right - pool.kernel + 1, pool.stride):
            window = x[
                :,
                max(i - top, 0) : i - top + pool.kernel,
                max(j - left, 0) : j - left + pool.kernel,
            ]
            row.append(REDUCE[pool.type](window, axis=(1, 2)))
        rows.append(np.stack(row, axis=1))
    return np.stack(rows, axis=1)


@pytest.mark.parametrize("type", ["max", "avg"])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, (1, 1, 1, 1)), (3, 2, (0, 1, 1, 0)), (2, 2, (0, 0, 0, 0))],
)
def test_pooling_takes_only_real_pixels(
    type: str, kernel: int, stride: int, padding: tuple[int, int, int, int]
):
    x = images(2, 5, 8, 3)
    pool = Pool(type, kernel, stride, padding)
    np.testing.assert_allclose(pool.apply({}, x), pooled(x, pool), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("type", ["max", "avg"])
def test_pooling_without_a_kernel_leaves_one_pixel(type: str):
    x = images(2, 5, 8, 3)
    expected = REDUCE[type](x, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(Pool(type).apply({}, x), expected, rtol=1e-5, atol=1e-6)


def test_channel_shuffle_deals_channels_out_over_groups():
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 1, 12)
    two = ChannelShuffle(2).apply({}, x).ravel()
    assert two.tolist() == [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]
    three = ChannelShuffle(3).apply({}, x).ravel()
    assert three.tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]


def test_merges_join_channels_and_gate_them():
    x, y, gate = images(2, 4, 4, 3), images(2, 4, 4, 5), images(2, 1, 1, 3)
    joined = Concat().apply({}, x, y)
    np.testing.assert_array_equal(joined[..., :3], x)
    np.testing.assert_array_equal(joined[..., 3:], y)
    gated = Scale().apply({}, x, gate)
    np.testing.assert_allclose(gated[1, 2, 3], x[1, 2, 3] * gate[1, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_an_odd_convolution_keeps_the_size_and_halves_it_rounded_up(kernel: int):
    x = jax.ShapeDtypeStruct((1, 5, 8, 2), jnp.float32)
    for stride, size in (1, (5, 8)), (2, (3, 4)):
        init = conv(4, kernel, stride).init_with_output
        out, _ = jax.eval_shape(init, jax.random.key(0), x)
        assert out.shape == (1, *size, 4)


def test_convolutions_start_with_variance_two_by_fan_out():
    variables = conv(64, 3).init(jax.random.key(0), images(1, 4, 4, 64))
    assert np.var(variables["params"]["kernel"]) == pytest.approx(
        2 / (9 * 64), rel=0.03
    )
