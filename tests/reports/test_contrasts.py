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


def test_a_family_spans_the_data_sets_and_no_other_count():
    both = [curves(NAMES, dataset="cifar10"), curves(NAMES, dataset="cifar100")]
    found = contrasts(
        both, {"gpt_nas": ("genetic", "absent", "unigram_refill")}, (9, 80)
    )
    assert len(found) == 8
    for count in (9, 80):
        family = [row for _, row in found if row.queries == count]
        assert [row.holm for row in family] == holm([row.t_test for row in family])


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


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_its_step_down_procedure(p: list[float]):
    level = 0.05
    # By definition: reject in ascending order until one is above level / (m - rank).
    rejected = 0
    for rank, value in enumerate(sorted(p)):
        if value * (len(p) - rank) > level:
            break
        rejected += 1
    corrected = holm(p)
    assert sum(value <= level for value in corrected) == rejected
    assert all(low <= high for low, high in zip(p, corrected, strict=True))


def test_the_projects_contrasts_name_strategies():
    for strategy, others in CONTRASTS.items():
        assert {strategy, *others} <= set(STRATEGIES)
