"""The zoo on small images."""

import pytest

from gpt_nas_jax.networks.blocks import Conv, MaxPool
from gpt_nas_jax.networks.trace import Trace, trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.networks.zoo.seven import SEVEN

CIFAR = (32, 32, 3)
# On CIFAR-10, where the stem is a 3x3 convolution with 64 channels.
PARAMETERS = {
    "ResNet-18": 11_173_962,
    "ResNet-50": 23_520_842,
    "ResNet-101": 42_512_970,
}
SLOW = sorted({*SEVEN.values()} - {"EfficientNet-B0", "GoogLeNet"})
SAME = ("EfficientNet-B0", "ShuffleNetV2-x1.5", "RegNetY-8GF")


def maps(name: str, image: tuple[int, int, int]) -> list[int]:
    """The side of the feature map after each block before the classifier."""
    sides, size = [], image
    for block in ZOO[name].build(10, image).blocks[:-1]:
        size = trace(block, size).out_size
        sides.append(size[0])
    return sides


@pytest.mark.parametrize(
    "name",
    [
        *("EfficientNet-B0", "GoogLeNet", "RegNetX-400MF", "ResNet-18"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    ],
)
def test_small_images_are_halved_three_times(name: str) -> None:
    sides = maps(name, CIFAR)
    assert sides[0] == 32
    assert sides == sorted(sides, reverse=True)
    assert set(sides) == {32, 16, 8, 4}
    assert maps(name, (8, 8, 1))[-1] == 1
    assert trace(ZOO[name].build(10, CIFAR), CIFAR).out_size == (1, 1, 10)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_on_cifar_are_the_published_ones(name: str) -> None:
    assert trace(ZOO[name].build(10, CIFAR), CIFAR).params == PARAMETERS[name]


@pytest.mark.parametrize("name", SAME)
def test_removing_a_stride_changes_no_parameters(
    name: str, zoo_traces: dict[str, Trace]
) -> None:
    small, full = trace(ZOO[name].build(1000, CIFAR), CIFAR), zoo_traces[name]
    assert small.params == full.params


@pytest.mark.parametrize("name", ["ResNet-18", "ShuffleNetV2-x0.5"])
def test_large_images_keep_the_network(name: str) -> None:
    entry = ZOO[name]
    assert entry.build(10, (65, 65, 3)) == entry.build(10) != entry.build(10, CIFAR)
    stem, *_, pool = entry.build(10, (224, 224, 3)).blocks[:4]
    assert isinstance(stem, Conv)
    assert (stem.stride, isinstance(pool, MaxPool)) == (2, True)


def test_the_seven_are_of_the_families_that_the_article_names() -> None:
    for paper, name in SEVEN.items():
        # ResNet-101 is a ResNet.
        assert paper.partition("-")[0] in (ZOO[name].family.partition("-")[0])
    assert len({ZOO[name].family for name in SEVEN.values()}) == len(SEVEN) == 7
