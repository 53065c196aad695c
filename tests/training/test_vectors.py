"""Trees flattened to one vector and restored."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from gpt_nas_jax.training.vectors import flatten, unflatten

NAMES = st.text("abc_01", min_size=1, max_size=4)
SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
TREES = st.recursive(SHAPES, lambda part: st.dictionaries(NAMES, part, max_size=3))


@hypothesis.settings(max_examples=15)
@hypothesis.given(TREES)
def test_a_tree_comes_back_from_its_vector(shapes: object) -> None:
    counter = iter(range(10**6))

    def numbered(shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape))
        return np.reshape([next(counter) for _ in range(size)], shape).astype("f")

    tree = jax.tree.map(numbered, shapes, is_leaf=lambda part: type(part) is tuple)
    vector = flatten(tree)
    assert vector.ndim == 1
    for row in (vector, np.asarray(vector)):
        back = unflatten(tree, row)
        assert jax.tree.structure(back) == jax.tree.structure(tree)
        jax.tree.map(np.testing.assert_array_equal, back, tree)


def test_the_gradient_of_the_vector_is_that_of_the_tree() -> None:
    tree = {"a": jnp.ones((2, 2)), "b": jnp.ones(3)}
    weights = {"a": jnp.arange(4.0).reshape(2, 2), "b": jnp.arange(3.0)}

    def of_vector(vector: jax.Array) -> jax.Array:
        products = jax.tree.map(jnp.vdot, weights, unflatten(tree, vector))
        return sum(jax.tree.leaves(products))

    gradient = jax.grad(of_vector)(flatten(tree))
    np.testing.assert_array_equal(gradient, flatten(weights))
