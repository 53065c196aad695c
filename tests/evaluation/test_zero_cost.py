"""Zero-cost scores of whole networks."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from proxies_support import CLASSES, CONV1, CONV3, NONE, POOL, SKIP, of_cells

from gpt_nas_jax.config import PROXIES
from gpt_nas_jax.evaluation.proxies import flow, loss, weights
from gpt_nas_jax.evaluation.proxies.segments import Segment, segments
from gpt_nas_jax.evaluation.zero_cost import Batches, score
from gpt_nas_jax.networks.chain import Chain, Head
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.networks.units import conv_norm_relu
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.spaces.nasbench201.network import IMAGE, network

SIZE = (4, 4, 3)
KEY = jax.random.key(0)
CELL = (CONV1, CONV3, POOL, SKIP, POOL, CONV3)
SMALL = (CONV1, NONE, POOL, SKIP, POOL, CONV1)
"""A cell of fewer operations."""


def batches(seed: int) -> Batches:
    image_key, label_key = jax.random.split(jax.random.key(seed))
    images = jax.random.normal(image_key, (2, 4, *SIZE))
    return Batches(images, jax.random.randint(label_key, (2, 4), 0, CLASSES))


@pytest.mark.slow
def test_a_network_of_operations_met_before_compiles_nothing(compiled: list[str]):
    seen = batches(0)
    found = score(of_cells(CELL), PROXIES, seen, KEY[None])
    assert [*found] == [*PROXIES]
    assert all(map(math.isfinite, found.values()))
    assert compiled
    compiled.clear()
    # More cells, fewer layers, a node of zeros, paths that count twice.
    never_seen = (
        ((CONV3, CONV1, POOL, POOL, CONV1, SKIP),) * 3,
        ((NONE, SKIP, CONV1, CONV1, CONV3, POOL),),
        ((SKIP,) * 6, (SKIP, SKIP, CONV3, POOL, SKIP, SKIP)),
    )
    for cells in never_seen:
        score(of_cells(*cells), PROXIES, seen, KEY[None])
    assert not compiled


@pytest.fixture(scope="module")
def scores() -> dict[str, float]:
    return score(of_cells(SMALL), PROXIES, batches(0), KEY[None])


@pytest.mark.parametrize(
    "names",
    [PROXIES[::-1], ("grad_norm",), ("logsynflow",), ("trainability", "flops")],
)
def test_a_score_depends_on_no_other_name(
    scores: dict[str, float], names: tuple[str, ...]
):
    found = score(of_cells(SMALL), names, batches(0), KEY[None])
    assert [*found] == [*names]
    assert found == {name: scores[name] for name in names}


def test_the_key_decides(scores: dict[str, float]):
    other = score(of_cells(SMALL), PROXIES, batches(0), jax.random.key(1)[None])
    same = {name for name in PROXIES if other[name] == scores[name]}
    assert same == {"params", "flops"}


def test_some_proxies_see_no_images(scores: dict[str, float]):
    other = score(of_cells(SMALL), PROXIES, batches(1), KEY[None])
    same = {name for name in PROXIES if other[name] == scores[name]}
    assert same == {"params", "flops", *flow.NAMES, "expressivity"} | {
        *("progressivity", "trainability")
    }


def test_what_is_no_number_is_the_least():
    broken = Batches(batches(0).images * math.nan, batches(0).labels)
    found = score(of_cells(CELL), ("grad_norm", "jacob_cov"), broken, KEY[None])
    assert {*found.values()} == {-math.inf}


def measured(
    parts: tuple[Segment, ...], drawn: Sequence[Sequence[np.ndarray]]
) -> dict[str, float]:
    seen, names = batches(0), {*loss.NAMES} - {"grasp"}
    found = loss.read(parts, drawn, seen.images, seen.labels, names)
    return loss.scores(jax.device_get(found))


@pytest.mark.parametrize("place", range(3))
def test_snip_does_not_see_the_scale_in_front_of_batch_norm(place: int):
    chain = of_cells(CELL)
    parts = segments(chain, SIZE)
    drawn = [list(vectors) for vectors in weights.uniform(parts, KEY)]
    places = [
        (number, index)
        for number, vectors in enumerate(drawn[:-1])
        for index, vector in enumerate(vectors)
        if vector.size
    ]
    number, index = places[place]
    before = measured(parts, drawn)
    # BatchNorm scales are 1; no kernel weight is.
    vector = drawn[number][index]
    drawn[number][index] = np.where(vector == 1, vector, 3 * vector)
    after = measured(parts, drawn)
    assert after["snip"] == pytest.approx(before["snip"], rel=2e-3)
    assert after["grad_norm"] < 0.98 * before["grad_norm"]


@pytest.mark.parametrize(
    "cell",
    [
        (NONE,) * 6,
        (CONV3, CONV1, POOL, NONE, NONE, NONE),
        (NONE, NONE, CONV3, NONE, CONV1, SKIP),
    ],
)
def test_a_degenerate_cell_has_what_it_costs_and_no_other_score(cell: tuple[int, ...]):
    images = jnp.zeros((2, 4, *IMAGE))
    seen = Batches(images, jnp.zeros((2, 4), int))
    found = score(network(cell), PROXIES, seen, KEY[None])
    total = cost(network(cell), IMAGE)
    expected = dict.fromkeys(PROXIES, -math.inf)
    assert found == expected | {"params": total.params, "flops": total.flops}


@pytest.mark.parametrize("scale", [1, 100])
def test_deep_networks_have_finite_flow(scale: float):
    space = BlockSpace((8, 8, 1), 10, 20, 20, width=16, num_stages=1)
    names = ("Conv", "SqueezeExcitation", "BasicBlock", "AvgPool") * 5
    parts = segments(space.decode(space.genome(names)), space.image)
    drawn = jax.tree.map(lambda w: scale * w, weights.uniform(parts, KEY))
    image = jnp.ones((1, *space.image))
    found = flow.scores(jax.device_get(flow.read(parts, drawn, image)))
    assert all(map(math.isfinite, found.values()))
    # Larger weights take it beyond the range of float32.
    overflows = found["synflow"] > math.log(np.finfo(np.float32).max)
    assert overflows == (scale > 1)


@pytest.mark.slow
def test_several_seeds_are_averaged():
    chain = Chain((conv_norm_relu(4, 3), Head(3)))
    names = ("snip", "grasp", "zico", "naswot", "synflow", "expressivity")
    assert_averaged(chain, names)


@pytest.mark.slow
def test_several_seeds_of_a_cell_with_an_unused_operation_are_averaged():
    assert_averaged(network((3, 0, 0, 1, 0, 0)), ("snip", "grasp"))


def assert_averaged(chain: Chain, names: tuple[str, ...]) -> None:
    keys = jax.random.split(KEY, 2)
    both = score(chain, names, batches(0), keys)
    each = [score(chain, names, batches(0), key[None]) for key in keys]
    for name in names:
        mean = (each[0][name] + each[1][name]) / 2
        np.testing.assert_allclose(both[name], mean, rtol=1e-3)
