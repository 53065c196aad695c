"""A user's own blocks in the space of chains."""

import numpy as np
import own_block
import pytest

from gpt_nas_jax.config import SpaceConfig
from gpt_nas_jax.networks.trace import layers_of
from gpt_nas_jax.prior import examples
from gpt_nas_jax.spaces import registry
from gpt_nas_jax.spaces.blocks.network import TABLE_II
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.types import UsageError

IMAGE = (8, 8, 1)
NAMES = ("GhostBlock", "Gate")

BLOCKS = """
import dataclasses
import flax.linen as nn

class OneField(nn.Module):
    features: int
    @nn.compact
    def __call__(self, x, train):
        return nn.Dense(self.features)(x)

class OtherShape(nn.Module):
    features: int
    stride: int
    @nn.compact
    def __call__(self, x, train):
        return nn.Dense(self.features)(x)

class Raises(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        return self.absent(x)

class NoTrain(nn.Module):
    def __call__(self, x):
        return x

class ReLU(nn.Module):
    def __call__(self, x, train):
        return nn.relu(x)

class Random(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        return nn.Dropout(0.1, deterministic=not train)(x)

class Constants(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        return x * self.variable("constants", "mask", lambda: 1.0).value

class Unhashable(nn.Module):
    sizes: list = dataclasses.field(default_factory=lambda: [3, 5])
    @nn.compact
    def __call__(self, x, train):
        return nn.relu(x)

class Swish(nn.Module):
    def __call__(self, x, train):
        return nn.swish(x)

def function(x, train):
    return x
"""


def build(paths: str):
    return registry.build(SpaceConfig(blocks=paths), IMAGE, 10)


def test_own_blocks_follow_those_of_the_paper():
    space = build("own_block:GhostBlock,own_block:Gate")
    assert space.gene_names[len(TABLE_II) :] == NAMES
    # The former changes the shape itself; the latter follows a projection.
    chain = space.decode(space.genome((*NAMES, *("ReLU",) * 8)))
    assert chain.blocks[0] == own_block.GhostBlock(features=16, stride=1)
    gate = space.block("Gate", stage=1, first=True)
    assert gate.block == own_block.Gate()
    assert gate.stride == 2


def test_the_layers_of_own_blocks_are_part_of_the_definition():
    space = build("own_block:GhostBlock")
    assert "GhostBlock: conv" in space.definition()
    assert space.definition() != build("").definition()
    table = space.reading(vocabulary.build([["x"]]))
    assert table.num_genes == len(TABLE_II) + 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OneField", "lacks the field stride"),
        ("OtherShape", "turns 8x8x16 into 8x8x32 where features=32 and stride=2 ask"),
        ("Raises", "cannot be traced: AttributeError"),
        ("Random", "cannot be trained: InvalidRngError"),
        ("Constants", "cannot be trained: ScopeCollectionNotFound"),
        ("Unhashable", "cannot be trained: TypeError"),
        ("NoTrain", "lacks __call__(self, x, train)"),
        ("function", "is not a class derived from flax.linen.Module"),
        ("ReLU", "blocks of one name: ReLU"),
    ],
)
def test_blocks_that_lack_a_part_are_refused(
    name: str, message: str, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    module = f"blocks_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(BLOCKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError) as caught:
        build(f"{module}:{name}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_block_without_layers_may_end_a_chain(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    module = f"blocks_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(BLOCKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    space = build(f"{module}:Swish")
    # It ends a short chain, is inside a longest one, and ends another.
    names = (
        ("Conv", "Swish"),
        ("Conv", "Swish", *["Conv"] * 8),
        (*["Conv"] * 9, "Swish"),
    )
    genomes = np.stack([space.genome(one) for one in names])
    words = map(vocabulary.word, layers_of(space.decode(genomes[2]), IMAGE))
    table = space.reading(vocabulary.build([list(words)]))
    found = examples.of_genomes(genomes, table)
    assert len(found.labels) == (genomes >= 0).sum()
    last = found.tokens[found.labels == space.gene_names.index("Swish")]
    # Nothing follows the first and the third; the second is followed by a layer.
    assert (last == vocabulary.UNKNOWN).tolist() == [True, False, True]
