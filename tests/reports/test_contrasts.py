"""Contrasts between strategies: intervals, tests and their correction."""

import math

import numpy as np
import pytest
import scipy.stats
from curves_support import curves
from hypothesis import given
from hypothesis import strategies as st

from gpt_nas_jax.reports.contrasts import CONTRASTS, contrasts, holm
from gpt_nas_jax.strategies.registry import STRATEGIES

NAMES = ("genetic", "gpt_nas", "unigram_refill")


def by_definition(p: list[float]) -> list[float]:
    """Holm's adjusted p: the largest ``(m - rank) * p`` up to each, at most 1."""
    ascending = sorted(p)
    return [
        max(
            min(1.0, (len(p) - rank) * other)
            for rank, other in enumerate(ascending)
            if other <= value
        )
        for value in p
    ]


def test_a_family_spans_the_data_sets_and_no_other_count():
    both = [curves(NAMES, dataset="cifar10"), curves(NAMES, dataset="cifar100")]
    found = contrasts(
        both, {"gpt_nas": ("genetic", "absent", "unigram_refill")}, (9, 80)
    )
    assert len(found) == 8
    for count in (9, 80):
        family = [row for _, row in found if row.queries == count]
        p = [row.t_test for row in family]
        assert [row.holm for row in family] == pytest.approx(by_definition(p))


def test_a_contrast_agrees_with_scipy():
    one = curves(NAMES, seeds=9)
    ((dataset, found),) = contrasts([one], {"gpt_nas": ("genetic",)}, [50])
    ours, theirs = (one.accuracy[name][:, 49] for name in ("gpt_nas", "genetic"))
    test = scipy.stats.ttest_rel(ours, theirs)
    interval = test.confidence_interval()
    assert dataset == "cifar10"
    assert found.difference == pytest.approx(np.mean(ours - theirs))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.t_test == found.holm == pytest.approx(test.pvalue)


def test_one_seed_has_a_difference_and_no_interval():
    one = curves(NAMES, seeds=1)
    ((_, found),) = contrasts([one], {"gpt_nas": ("genetic",)}, [50])
    assert math.isfinite(found.difference)
    assert all(map(math.isnan, (found.low, found.high, found.t_test, found.holm)))


@given(
    st.lists(
        st.one_of(st.floats(0, 0.2), st.sampled_from([0.01, 0.03, 0.5])),
        min_size=1,
        max_size=8,
    )
)
def test_holm_is_its_definition(p: list[float]):
    assert holm(p) == pytest.approx(by_definition(p))


def test_holm_gives_the_figures_of_r():
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") and of unordered values.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx(
        [0.05, 0.08, 0.09, 0.09, 0.09]
    )
    assert holm([0.6, 0.001, 0.7]) == pytest.approx([1.0, 0.003, 1.0])


def test_the_projects_contrasts_name_strategies():
    for strategy, others in CONTRASTS.items():
        assert {strategy, *others} <= set(STRATEGIES)
