"""Loss and synaptic-flow proxies compared with formulas in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from proxies_support import CLASSES, numbers, row

from gpt_nas_jax.evaluation.proxies import flow, loss
from gpt_nas_jax.evaluation.proxies.segments import segments
from gpt_nas_jax.evaluation.proxies.weights import Weights
from gpt_nas_jax.networks.blocks import Conv, ReLU
from gpt_nas_jax.networks.chain import Chain, Head

GENERATOR = np.random.default_rng(0)
BATCH, PIXELS, CHANNELS, HIDDEN = 5, 2, 8, 16
IMAGES = numbers(GENERATOR, 2, BATCH, PIXELS, PIXELS, CHANNELS)
LABELS = GENERATOR.integers(0, CLASSES, (2, BATCH))
FIRST = numbers(GENERATOR, CHANNELS, HIDDEN) / 4
LAST = numbers(GENERATOR, HIDDEN, CLASSES) / 4
ONLY = numbers(GENERATOR, CHANNELS, CLASSES) / 4
NO_BIAS = np.zeros(CLASSES)

LINEAR = Chain((Head(CLASSES),))
# On images of one pixel, it is two fully connected layers.
RELU = Chain((Conv(HIDDEN, 1, bias=False), ReLU(), Head(CLASSES)))
OF_LINEAR: Weights = ((row(NO_BIAS, ONLY),),)
OF_RELU: Weights = ((row(FIRST),), (row(), row(NO_BIAS, LAST)))


def measured(chain: Chain, weights: Weights, images: np.ndarray) -> dict[str, float]:
    parts = segments(chain, images.shape[2:])
    batches = jnp.asarray(images, jnp.float32), jnp.asarray(LABELS, jnp.int32)
    return loss.scores(jax.device_get(loss.read(parts, weights, *batches, loss.NAMES)))


@pytest.fixture(scope="module")
def linear() -> dict[str, float]:
    return measured(LINEAR, OF_LINEAR, IMAGES)


@pytest.fixture(scope="module")
def relu() -> dict[str, float]:
    return measured(RELU, OF_RELU, IMAGES[..., :1, :1, :])


def d_logits(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the mean cross-entropy."""
    odds = np.exp(logits)
    shares = odds / odds.sum(-1, keepdims=True)
    return (shares - np.eye(CLASSES)[labels]) / len(labels)


def gradients_of_relu(
    x: np.ndarray, labels: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.maximum(x @ first, 0)
    dy = d_logits(hidden @ last, labels)
    return x.T @ ((hidden > 0) * (dy @ last.T)), hidden.T @ dy


# The networks' inputs, and the gradients of every layer in both batches.
MEANS = IMAGES.mean((2, 3))
PIXEL = IMAGES[:, :, 0, 0]
LINEAR_GRADIENTS = [
    [x.T @ d_logits(x @ ONLY, labels)] for x, labels in zip(MEANS, LABELS, strict=True)
]
RELU_GRADIENTS = [
    gradients_of_relu(x, labels, FIRST, LAST)
    for x, labels in zip(PIXEL, LABELS, strict=True)
]


def signal_to_noise(first: np.ndarray, second: np.ndarray) -> float:
    mean, deviation = (abs(first) + abs(second)) / 2, abs(first - second) / 2
    return np.log((mean / deviation).sum())


def independence(jacobians: np.ndarray) -> float:
    values = np.linalg.eigvalsh(np.corrcoef(jacobians)) + 1e-5
    return -(np.log(values) + 1 / values).sum()


def check_gradients(
    found: dict[str, float], gradients: list, kernels: list[np.ndarray]
) -> None:
    norms = [sum(map(np.linalg.norm, of_batch)) for of_batch in gradients]
    saliencies = [
        sum(abs(w * g).sum() for w, g in zip(kernels, of_batch, strict=True))
        for of_batch in gradients
    ]
    assert found["grad_norm"] == pytest.approx(np.mean(norms), rel=1e-5)
    assert found["snip"] == pytest.approx(np.mean(saliencies), rel=1e-5)
    ratios = sum(map(signal_to_noise, *gradients))
    assert found["zico"] == pytest.approx(ratios, rel=1e-4)


def test_gradients_of_a_linear_network(linear: dict[str, float]):
    check_gradients(linear, LINEAR_GRADIENTS, [ONLY])


def test_gradients_of_a_network_with_relus(relu: dict[str, float]):
    check_gradients(relu, RELU_GRADIENTS, [FIRST, LAST])


def test_fisher_of_a_linear_network(linear: dict[str, float]):
    expected = [
        len(ONLY) * ((x @ ONLY * d_logits(x @ ONLY, labels)) ** 2).mean(0).sum() / 2
        for x, labels in zip(MEANS, LABELS, strict=True)
    ]
    assert linear["fisher"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_fisher_of_a_network_with_relus(relu: dict[str, float]):
    expected = []
    for x, labels in zip(PIXEL, LABELS, strict=True):
        inner = x @ FIRST
        logits = np.maximum(inner, 0) @ LAST
        dy = d_logits(logits, labels)
        of_layers = logits * dy, inner * (inner > 0) * (dy @ LAST.T)
        counts = len(LAST), len(FIRST)
        expected.append(
            sum(
                count * (of**2).mean(0).sum() / 2
                for count, of in zip(counts, of_layers, strict=True)
            )
        )
    assert relu["fisher"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_grasp_of_a_linear_network(linear: dict[str, float]):
    x, [gradient] = MEANS[0], LINEAR_GRADIENTS[0]
    shares = BATCH * d_logits(x @ ONLY, LABELS[0]) + np.eye(CLASSES)[LABELS[0]]
    moved = x @ gradient
    product = x.T @ (shares * (moved - (shares * moved).sum(-1, keepdims=True)))
    expected = -(ONLY * product).sum() / BATCH
    assert linear["grasp"] == pytest.approx(expected, rel=1e-4)


def test_grasp_of_a_network_with_relus(relu: dict[str, float]):
    step = 1e-6
    kernels = FIRST, LAST
    ahead, behind = (
        gradients_of_relu(
            PIXEL[0],
            LABELS[0],
            *(w + way * g for w, g in zip(kernels, RELU_GRADIENTS[0], strict=True)),
        )
        for way in (step, -step)
    )
    products = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    expected = -sum((w * h).sum() for w, h in zip(kernels, products, strict=True))
    assert relu["grasp"] == pytest.approx(expected, rel=1e-4)


def test_naswot_counts_at_how_many_relus_two_images_agree(relu: dict[str, float]):
    expected = []
    for x in PIXEL:
        on = x @ FIRST > 0
        agreements = (on[:, None] == on).sum(-1)
        expected.append(np.log(np.linalg.det(agreements)))
    assert relu["naswot"] == pytest.approx(np.mean(expected), rel=1e-6)


def test_without_relus_naswot_is_the_least(linear: dict[str, float]):
    assert linear["naswot"] == -np.inf


def test_jacob_cov_where_all_gradients_are_equal(linear: dict[str, float]):
    # One eigenvalue is the number of images; the others are zero.
    values = np.array([BATCH] + [0] * (BATCH - 1)) + 1e-5
    expected = -(np.log(values) + 1 / values).sum()
    assert linear["jacob_cov"] == pytest.approx(expected, rel=1e-6)


def test_jacob_cov_of_a_network_with_relus(relu: dict[str, float]):
    expected = [independence((x @ FIRST > 0) * LAST.sum(1) @ FIRST.T) for x in PIXEL]
    assert relu["jacob_cov"] == pytest.approx(np.mean(expected), rel=1e-4)


def flows(chain: Chain, weights: Weights, channels: int) -> dict[str, float]:
    image = jnp.ones((1, 1, 1, channels))
    return flow.scores(flow.read(segments(chain, image.shape[1:]), weights, image))


def test_flow_of_a_linear_network():
    found = flows(LINEAR, OF_LINEAR, CHANNELS)
    total = abs(ONLY).sum()
    assert found["synflow"] == pytest.approx(np.log(total), rel=1e-5)
    assert found["logsynflow"] == pytest.approx(total * np.log(2), rel=1e-5)


def test_flow_of_a_network_with_relus():
    found = flows(RELU, OF_RELU, CHANNELS)
    first, last = abs(FIRST), abs(LAST)
    inner = first.sum(0)
    # The flow through each layer sums to the output.
    assert found["synflow"] == pytest.approx(np.log(2 * (inner @ last).sum()))
    expected = (first * np.log1p(last.sum(1))).sum()
    expected += (last * np.log1p(inner)[:, None]).sum()
    assert found["logsynflow"] == pytest.approx(expected, rel=1e-5)


def deep(scale: float) -> tuple[dict[str, float], list[np.ndarray]]:
    """The flow of 12 convolutions and a classifier, and their kernels."""
    generator = np.random.default_rng(1)
    kernels = [numbers(generator, 4, 4) * scale for _ in range(12)]
    kernels.append(numbers(generator, 4, CLASSES) * scale)
    chain = Chain((*(Conv(4, 1, bias=False) for _ in range(12)), Head(CLASSES)))
    weights = *((row(w),) for w in kernels[:-1]), (row(NO_BIAS, kernels[-1]),)
    return flows(chain, weights, 4), kernels


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_flow_has_no_bounds(scale: float):
    """From 1e-48 to 1e56, outside the range of float32."""
    found, kernels = deep(scale)
    ahead, behind = [np.ones(4)], [np.ones(CLASSES)]
    for kernel in kernels:
        ahead.append(ahead[-1] @ abs(kernel))
    for kernel in kernels[::-1]:
        behind.insert(0, abs(kernel) @ behind[0])
    expected = np.log(len(kernels) * ahead[-1].sum())
    assert found["synflow"] == pytest.approx(expected, abs=1e-4)
    expected = sum(
        (abs(kernel) * np.log1p(np.outer(x, dy))).sum()
        for kernel, x, dy in zip(kernels, ahead, behind[1:], strict=False)
    )
    assert found["logsynflow"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "names",
    [("naswot",), ("jacob_cov",), ("snip", "naswot"), ("zico",), ("grasp", "fisher")],
)
def test_a_proxy_has_the_same_value_whatever_else_is_asked(names: tuple[str, ...]):
    parts = segments(RELU, IMAGES.shape[2:])
    batches = jnp.asarray(IMAGES, jnp.float32), jnp.asarray(LABELS, jnp.int32)
    found = loss.scores(jax.device_get(loss.read(parts, OF_RELU, *batches, names)))
    every = measured(RELU, OF_RELU, IMAGES)
    assert {*names} <= {*found}
    assert {name: found[name] for name in names} == {
        name: every[name] for name in names
    }
