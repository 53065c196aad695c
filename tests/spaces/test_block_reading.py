"""The tokens of blocks, from the table and from traces of whole candidates."""

from collections.abc import Callable

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES, candidate
from gpt_nas_jax.spaces.blocks.reading import BlockTable
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.tokens import vocabulary
from gpt_nas_jax.tokens.corpus import CONTEXT
from gpt_nas_jax.tokens.reading import empty_context, read
from gpt_nas_jax.tokens.vocabulary import UNKNOWN, Vocabulary, word

SPACES = {
    "even": BlockSpace((8, 8, 1), 10, min_depth=4, max_depth=8, width=16, num_stages=2),
    "odd": BlockSpace((9, 5, 3), 7, min_depth=3, max_depth=7, width=32, num_stages=3),
}


CONTEXTS = (3, CONTEXT)


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    """All words of the spaces, not only those of the zoo, so that none is `UNKNOWN`."""
    return vocabulary.build(
        [word(part.layer) for part in trace(chain, space.image).layers]
        for space in SPACES.values()
        for name in BLOCK_NAMES
        for chain in [candidate((name,) * 6, space.width, space.num_stages, 10)]
    )


@pytest.fixture(scope="module")
def tables(words: Vocabulary) -> dict[tuple[str, int], BlockTable]:
    return {
        (name, context): space.reading(words, context)
        for name, space in SPACES.items()
        for context in CONTEXTS
    }


reads = jax.jit(read)


@pytest.mark.parametrize("name", SPACES)
@hypothesis.given(data=st.data())
def test_reading_the_table_is_tracing_the_candidate(
    name: str,
    data: st.DataObject,
    words: Vocabulary,
    tables: dict[tuple[str, int], BlockTable],
    spell: Callable[..., list[np.ndarray]],
):
    space = SPACES[name]
    names = st.lists(
        st.sampled_from(BLOCK_NAMES),
        min_size=space.min_depth,
        max_size=space.max_depth,
    )
    genome = space.genome(tuple(data.draw(names)))
    length = data.draw(st.sampled_from(CONTEXTS))
    before = context = empty_context(length)
    blocks = spell(space, genome, words)
    for position, tokens in enumerate(blocks):
        context = reads(tables[name, length], context, genome, position)
        before = np.concatenate([before, tokens])
        np.testing.assert_array_equal(context, before[-length:])


@pytest.mark.parametrize("name", SPACES)
def test_a_table_knows_every_block_in_a_vocabulary_of_its_space(
    name: str, tables: dict[tuple[str, int], BlockTable]
):
    space, table = SPACES[name], tables[name, CONTEXT]
    assert table.tokens.shape[:3] == (space.num_stages, 2, space.num_genes)
    assert not (table.tokens == UNKNOWN).any()
    assert (table.lengths > 0).all()


def test_layers_outside_the_vocabulary_read_unknown():
    only = vocabulary.build([["other name=relu value="]])
    blocks = SPACES["even"].reading(only)
    place = (1, 0, BLOCK_NAMES.index("Stem"))
    assert blocks.lengths[place] == 3
    assert blocks.tokens[place][:3].tolist() == [UNKNOWN, UNKNOWN, 2]


def test_an_empty_context_is_ten_start_tokens():
    np.testing.assert_array_equal(empty_context(CONTEXT), [0] * 10)
