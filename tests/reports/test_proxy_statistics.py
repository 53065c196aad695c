"""A search guided only by the scores of a proxy."""

import math

import hypothesis
import numpy as np
from hypothesis import strategies as st

from gpt_nas_jax.reports.proxy_statistics import choices


@hypothesis.given(
    st.lists(st.sampled_from([-math.inf, 0.0, 1.0, 2.0]), min_size=3, max_size=6).map(
        np.array
    ),
    st.integers(0, 99),
)
def test_a_search_takes_the_highest_score_of_each_draw(found: np.ndarray, seed: int):
    random = np.random.default_rng(seed)
    draws = np.stack([random.permutation(len(found))[:3] for _ in range(4)])
    for draw, chosen in zip(draws, choices(found, draws), strict=True):
        assert chosen == max(draw, key=lambda network: found[network])
