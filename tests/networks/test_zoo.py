"""The zoo against published parameter counts, costs and names."""

import collections

import pytest

from gpt_nas_jax.config import NETWORKS
from gpt_nas_jax.networks.cost import cost, depth
from gpt_nas_jax.networks.trace import Trace, trace
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES

# As torchvision documents them, with 1000 classes and no auxiliary heads.
PARAMETERS = {
    "EfficientNet-B0": 5_288_548,
    "EfficientNet-B1": 7_794_184,
    "EfficientNet-B2": 9_109_994,
    "EfficientNet-B3": 12_233_232,
    "EfficientNet-B4": 19_341_616,
    "EfficientNet-B5": 30_389_784,
    "EfficientNet-B6": 43_040_704,
    "EfficientNet-B7": 66_347_960,
    "GoogLeNet": 6_624_904,
    "RegNetX-400MF": 5_495_976,
    "RegNetX-800MF": 7_259_656,
    "RegNetX-1.6GF": 9_190_136,
    "RegNetX-3.2GF": 15_296_552,
    "RegNetX-8GF": 39_572_648,
    "RegNetX-16GF": 54_278_536,
    "RegNetX-32GF": 107_811_560,
    "RegNetY-400MF": 4_344_144,
    "RegNetY-800MF": 6_432_512,
    "RegNetY-1.6GF": 11_202_430,
    "RegNetY-3.2GF": 19_436_338,
    "RegNetY-8GF": 39_381_472,
    "RegNetY-16GF": 83_590_140,
    "RegNetY-32GF": 145_046_770,
    "ResNet-18": 11_689_512,
    "ResNet-34": 21_797_672,
    "ResNet-50": 25_557_032,
    "ResNet-101": 44_549_160,
    "ResNet-152": 60_192_808,
    "ResNeXt-50-32x4d": 25_028_904,
    "ResNeXt-101-32x8d": 88_791_336,
    "ShuffleNetV2-x0.5": 1_366_792,
    "ShuffleNetV2-x1.0": 2_278_604,
    "ShuffleNetV2-x1.5": 3_503_624,
    "ShuffleNetV2-x2.0": 7_393_996,
    "Wide-ResNet-50-2": 68_883_240,
    "Wide-ResNet-101-2": 126_886_696,
}

# Billions of multiply-accumulates from torchvision's documentation, at the image sizes
# that the networks were designed for; EfficientNet-B2 is documented at another size.
BILLIONS = {
    "EfficientNet-B0": 0.39,
    "EfficientNet-B1": 0.69,
    "EfficientNet-B3": 1.83,
    "EfficientNet-B4": 4.39,
    "EfficientNet-B5": 10.27,
    "EfficientNet-B6": 19.07,
    "EfficientNet-B7": 37.75,
    "GoogLeNet": 1.50,
    "RegNetX-400MF": 0.41,
    "RegNetX-800MF": 0.80,
    "RegNetX-1.6GF": 1.60,
    "RegNetX-3.2GF": 3.18,
    "RegNetX-8GF": 8.00,
    "RegNetX-16GF": 15.94,
    "RegNetX-32GF": 31.74,
    "RegNetY-400MF": 0.40,
    "RegNetY-800MF": 0.83,
    "RegNetY-1.6GF": 1.61,
    "RegNetY-3.2GF": 3.18,
    "RegNetY-8GF": 8.47,
    "RegNetY-16GF": 15.91,
    "RegNetY-32GF": 32.28,
    "ResNet-18": 1.81,
    "ResNet-34": 3.66,
    "ResNet-50": 4.09,
    "ResNet-101": 7.80,
    "ResNet-152": 11.51,
    "ResNeXt-50-32x4d": 4.23,
    "ResNeXt-101-32x8d": 16.41,
    "ShuffleNetV2-x0.5": 0.04,
    "ShuffleNetV2-x1.0": 0.14,
    "ShuffleNetV2-x1.5": 0.30,
    "ShuffleNetV2-x2.0": 0.58,
    "Wide-ResNet-50-2": 11.40,
    "Wide-ResNet-101-2": 22.75,
}

DEPTHS = {
    "ResNet-18": 18,
    "ResNet-34": 34,
    "ResNet-50": 50,
    "ResNet-101": 101,
    "ResNet-152": 152,
    "ResNeXt-50-32x4d": 50,
    "ResNeXt-101-32x8d": 101,
    "Wide-ResNet-50-2": 50,
    "Wide-ResNet-101-2": 101,
    "GoogLeNet": 22,
}

EFFICIENTNET_SIDES = (224, 240, 260, 300, 380, 456, 528, 600)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_the_published_ones(name: str, zoo_traces: dict[str, Trace]):
    assert zoo_traces[name].params == PARAMETERS[name]


def test_the_zoo_is_the_corpus_of_the_article():
    assert set(ZOO) == set(PARAMETERS)
    assert tuple(ZOO) == NETWORKS
    assert collections.Counter(entry.family for entry in ZOO.values()) == {
        "EfficientNet": 8,
        "GoogLeNet": 1,
        "RegNet": 14,
        "ResNet": 5,
        "ResNeXt": 2,
        "ShuffleNet": 4,
        "Wide-ResNet": 2,
    }


def test_images_are_those_the_networks_were_designed_for():
    sides = {f"EfficientNet-B{i}": side for i, side in enumerate(EFFICIENTNET_SIDES)}
    for name, entry in ZOO.items():
        side = sides.get(name, 224)
        assert entry.image == (side, side, 3)


@pytest.mark.parametrize("name", BILLIONS)
def test_multiply_accumulates_are_the_published_ones(
    name: str, zoo_traces: dict[str, Trace]
):
    del zoo_traces  # Requested only so that all blocks are already traced.
    entry = ZOO[name]
    macs = cost(entry.build(1000), entry.image).macs
    assert f"{macs / 1e9:.2f}" == f"{BILLIONS[name]:.2f}"


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_is_the_number_in_the_name(name: str, zoo_traces: dict[str, Trace]):
    del zoo_traces  # As above.
    entry = ZOO[name]
    assert depth(entry.build(1000), entry.image) == DEPTHS[name]


@pytest.mark.parametrize("name", ["EfficientNet-B0", "GoogLeNet", "ShuffleNetV2-x1.0"])
def test_the_classifier_follows_the_number_of_classes(
    name: str, zoo_traces: dict[str, Trace]
):
    full, small = zoo_traces[name], trace(ZOO[name].build(10), ZOO[name].image)
    features = full.layers[-1].layer.in_size[2]
    assert (full.out_size, small.out_size) == ((1, 1, 1000), (1, 1, 10))
    assert full.params - small.params == 990 * (features + 1)


def test_the_zoo_shows_every_block_of_the_search_space(zoo_traces: dict[str, Trace]):
    seen = {part.block for traced in zoo_traces.values() for part in traced.layers}
    assert seen - {None} == set(BLOCK_NAMES)
