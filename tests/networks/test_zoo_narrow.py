"""Human networks narrowed to a FLOPs budget."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.networks.layers import Conv
from gpt_nas_jax.networks.trace import layers_of, trace
from gpt_nas_jax.networks.zoo import ZOO, human
from gpt_nas_jax.types import UsageError

CIFAR = (32, 32, 3)
BAND = 5e7
SLOW = (
    "EfficientNet-B0",
    "RegNetY-400MF",
    "MobileNetV2",
    "GoogLeNet",
    "RegNetX-400MF",
    "ResNeXt-50-32x4d",
)
NAMES = (
    *("ResNet-18", "ShuffleNetV2-x1.0"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
)


def sides(chain: Chain) -> list[int]:
    """The side of the feature map after each block."""
    size, found = CIFAR, []
    for block in chain.blocks:
        size = trace(block, size).out_size
        found.append(size[0])
    return found


def convolutions(chain: Chain) -> int:
    return sum(isinstance(one, Conv) for one in layers_of(chain, CIFAR))


def test_resnet_20_has_the_published_parameters() -> None:
    # 269,722 with padded shortcuts, 0.27 million in table 6 of arXiv 1512.03385; the
    # two projections add 16 * 32 + 32 * 64 weights, and their BatchNorms 192.
    chain = human("ResNet-20").build(10, CIFAR)
    found = cost(chain, CIFAR)
    assert found.params == 269_722 + 16 * 32 + 32 * 64 + 192
    assert found.macs == pytest.approx(41e6, rel=0.01)


@pytest.mark.slow
def test_mobilenet_v2_has_the_published_parameters() -> None:
    # 3.4 million parameters and 300 million multiply-accumulates in arXiv 1801.04381;
    # torchvision documents 3,504,872.
    entry = human("MobileNetV2")
    found = cost(entry.build(1000), entry.image)
    assert found.params == 3_504_872
    assert found.macs == pytest.approx(300e6, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_a_narrowed_network_fills_its_budget(name: str) -> None:
    chain = human(f"{name}@{BAND}").build(10, CIFAR)
    assert 0.7 * BAND < cost(chain, CIFAR).flops <= BAND
    whole = human(name).build(10, CIFAR)
    assert [type(block) for block in chain.blocks] == [
        type(block) for block in whole.blocks
    ]
    assert sides(chain) == sides(whole)
    # One more if a shortcut now changes the width and needs a projection.
    assert convolutions(chain) - convolutions(whole) in (0, 1)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(name=st.sampled_from(sorted(ZOO)), share=st.floats(0.1, 0.9))
def test_any_network_can_be_narrowed_and_initialised(name: str, share: float) -> None:
    whole = cost(ZOO[name].build(10, CIFAR), CIFAR).flops
    chain = human(f"{name}@{share * whole}").build(10, CIFAR)
    assert cost(chain, CIFAR).flops <= share * whole
    shapes = jax.eval_shape(
        lambda key, x: chain.init(key, x), jax.random.key(0), np.zeros((2, *CIFAR))
    )
    assert shapes["params"]


@pytest.mark.slow
@pytest.mark.parametrize("flops", ["2e7", "3.5e7"])
def test_efficientnet_gains_no_convolution(flops: str) -> None:
    chain = human(f"EfficientNet-B0@{flops}").build(10, CIFAR)
    whole = ZOO["EfficientNet-B0"].build(10, CIFAR)
    assert convolutions(chain) == convolutions(whole) == 81


def test_a_budget_that_holds_the_network_changes_nothing() -> None:
    assert human("ResNet-20@1e9").build(10, CIFAR) == human("ResNet-20").build(
        10, CIFAR
    )


def test_a_budget_below_the_narrowest_network_is_refused() -> None:
    with pytest.raises(UsageError, match="at its narrowest"):
        human("ResNet-18@10").build(10, CIFAR)
