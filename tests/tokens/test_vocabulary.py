"""Words: which properties of a layer they keep and which they omit."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.networks.layers import Conv, FullyConnected, Layer, Other, Pool
from gpt_nas_jax.networks.trace import Trace
from gpt_nas_jax.spaces.nasbench101 import corpus as nasbench101_corpus
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.vocabulary import START, UNKNOWN, Vocabulary, word

PAIR = st.tuples(st.integers(1, 7), st.integers(1, 7))
STRIDE = st.tuples(st.integers(1, 3), st.integers(1, 3))
PADDING = st.tuples(*[st.integers(0, 3)] * 4)
# A word keeps the kind of layer, then everything but the id and the sizes. Of the
# widths of a convolution it keeps the ratio, here as a power of two.
STRUCTURES = st.one_of(
    st.tuples(
        st.just("conv"),
        PAIR,
        STRIDE,
        PADDING,
        st.integers(1, 2),
        st.sampled_from(["one", "many", "all"]),
        st.booleans(),
        st.integers(-2, 2),
    ),
    st.tuples(st.just("pool"), st.sampled_from(["max", "avg"]), PAIR, STRIDE, PADDING),
    st.tuples(st.just("global"), st.sampled_from(["max", "avg"])),
    st.tuples(st.just("fc"), st.booleans()),
    st.tuples(st.just("constant"), st.sampled_from(["batch_norm", "dropout"])),
    st.tuples(st.just("other"), st.sampled_from(["relu", "add"]), st.just(())),
    st.tuples(
        st.just("other"),
        st.just("channel_shuffle"),
        st.tuples(st.integers(2, 4)),
    ),
)
SIDE = st.integers(1, 40)
CHANNELS = st.integers(2, 50).map(lambda half: 2 * half)
SIZE = st.tuples(SIDE, SIDE, CHANNELS)
PLACES = st.tuples(st.integers(0, 99), SIZE, SIZE, st.tuples(st.floats(0, 1)))


def layer(structure: tuple, place: tuple) -> Layer:
    """A layer of this structure, with the id, sizes and constant of a place."""
    *sizes, constant = place
    in_size = place[1]
    match structure:
        case "conv", kernel, stride, padding, dilation, groups, bias, power:
            number = {"one": 1, "many": 2, "all": in_size[2]}[groups]
            sizes[2] = (*sizes[2][:2], int(in_size[2] * 2.0**power))
            return Conv(*sizes, kernel, stride, padding, dilation, number, bias)
        case "pool", kind, kernel, stride, padding:
            hypothesis.assume(any(padding) or kernel != in_size[:2])
            return Pool(*sizes, kind, kernel, stride, padding, 1)
        case "global", kind:
            return Pool(*sizes, kind, in_size[:2], (1, 1), (0, 0, 0, 0), 1)
        case "fc", bias:
            return FullyConnected(*sizes, bias)
        case "constant", name:
            return Other(*sizes, name, constant)
        case _, name, value:
            return Other(*sizes, name, value)


@hypothesis.given(structure=STRUCTURES, here=PLACES, there=PLACES)
def test_a_word_does_not_depend_on_id_and_sizes(
    structure: tuple, here: tuple, there: tuple
):
    assert word(layer(structure, here)) == word(layer(structure, there))


@hypothesis.given(one=STRUCTURES, other=STRUCTURES, here=PLACES, there=PLACES)
def test_different_structures_are_different_words(
    one: tuple, other: tuple, here: tuple, there: tuple
):
    hypothesis.assume(one != other)
    assert word(layer(one, here)) != word(layer(other, there))


@hypothesis.given(
    groups=st.sampled_from([1, 2, 5, 10]), here=PLACES, there=PLACES, bias=st.booleans()
)
def test_numbers_of_groups_are_kept_on_request(
    groups: int, here: tuple, there: tuple, bias: bool
):
    def grouped(place: tuple, groups: int) -> str:
        window = (3, 3), (1, 1), (1, 1, 1, 1), 1
        return word(Conv(*place[:3], *window, groups, bias), keep_groups=True)

    assert grouped(here, groups) == grouped(there, groups)
    assert grouped(here, groups) != grouped(here, groups + 1)


def test_a_padded_window_as_large_as_its_map_is_not_global():
    # On a 3x3 map the block MaxPool is the same layer as on any other map.
    small, large = (
        Pool(0, (side, side, 16), (side, side, 16), "max", (3, 3), (1, 1), (1,) * 4, 1)
        for side in (3, 8)
    )
    assert word(small) == word(large)


def test_zoo_and_cells_have_38_words(zoo_vocabulary: Vocabulary):
    assert len(zoo_vocabulary.words) == 38
    assert zoo_vocabulary.size == 40


def test_with_numbers_of_groups_there_are_169(zoo_traces: dict[str, Trace]):
    # The paper counts 168.
    grouped = {
        word(part.layer, keep_groups=True)
        for trace in zoo_traces.values()
        for part in trace.layers
    }
    assert len(grouped | set(nasbench101_corpus.words(keep_groups=True))) == 169


def test_the_benchmark_speaks_the_language_of_the_zoo(zoo_traces: dict[str, Trace]):
    zoo = {word(p.layer) for t in zoo_traces.values() for p in t.layers}
    assert set(nasbench101_corpus.words()) < zoo


@hypothesis.given(data=st.data())
def test_tokens_are_read_back(zoo_vocabulary: Vocabulary, data: st.DataObject):
    some = data.draw(st.lists(st.sampled_from(zoo_vocabulary.words)))
    tokens = zoo_vocabulary.encode(some)
    assert tokens.dtype == np.int32
    assert not set(tokens.tolist()) & {START, UNKNOWN}
    assert zoo_vocabulary.decode(tokens) == some


def test_unseen_words_become_the_unknown_token():
    words = vocabulary.build([["b", "a"], ["c", "a"]])
    assert words == Vocabulary(("a", "b", "c"))
    tokens = words.encode(["a", "d", "c"])
    np.testing.assert_array_equal(tokens, [2, UNKNOWN, 4])
    assert words.decode([START, *tokens]) == ["<start>", "a", "<unknown>", "c"]


@pytest.mark.parametrize("keep_groups", [False, True])
def test_a_single_channel_convolution_is_not_grouped(keep_groups: bool):
    def convolution(channels: int) -> Conv:
        sizes = (8, 8, channels), (8, 8, 64)
        return Conv(0, *sizes, (3, 3), (1, 1), (1, 1, 1, 1), 1, 1, False)

    assert word(convolution(1), keep_groups) == word(convolution(3), keep_groups)
