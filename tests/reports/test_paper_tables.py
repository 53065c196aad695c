"""The arithmetic of the paper's tables, and their empty cells."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tables_support import latex_tables, lines_of, markdown_tables

from gpt_nas_jax.config import PAPER_ROWS
from gpt_nas_jax.reports.paper import (
    figure2,
    published,
    table4,
    table4_controls,
    table5,
)
from gpt_nas_jax.reports.paper.measured import Measured, TrainingPlan

NAN = float("nan")


def measured(
    accuracies: np.ndarray, plan: TrainingPlan, dataset: str = "digits", failed: int = 0
) -> Measured:
    return Measured(plan, accuracies, failed, 0.5, 216, dataset)


def by_rate(*networks: list[float], seeds: int = 1) -> np.ndarray:
    """Accuracies of networks by rate as ``float64[seeds, networks, rates, 1, 1]``."""
    return np.tile(np.array(networks)[None, :, :, None, None], (seeds, 1, 1, 1, 1))


FOUR = TrainingPlan((0.0, 0.4), ("all",), (90,))


def test_better_equal_and_worse_are_counted_to_four_digits():
    networks = [0.5, 0.6], [0.5, 0.50004], [0.5, 0.5001], [0.5, 0.4]
    first, row = table4.rows(measured(by_rate(*networks), FOUR))
    assert row.change.counts == "2/1/1"
    assert first.change.counts == "0/4/0"


def test_seeds_have_means_and_their_networks_are_tested_together():
    accuracies = np.random.default_rng(0).uniform(size=(2, 5, 2, 1, 1))
    row = table4.rows(measured(accuracies, FOUR))[1]
    assert row.means == pytest.approx(accuracies[:, :, 1, 0, 0].mean(1))
    before, after = accuracies.reshape(10, 2).T
    change = row.change
    assert change.difference == pytest.approx((after - before).mean())
    assert change.t_test == pytest.approx(stats.ttest_rel(after, before).pvalue)
    assert change.wilcoxon == pytest.approx(stats.wilcoxon(after - before).pvalue)


def test_a_network_that_failed_once_counts_nowhere():
    networks = [0.5, 0.6], [0.1, NAN], [0.5, 0.4]
    rows = table4.rows(measured(by_rate(*networks), FOUR, failed=1))
    assert [row.means for row in rows] == [(0.5,), (pytest.approx(0.5),)]
    assert rows[1].change.counts == "1/0/1"


def test_the_prior_is_compared_with_its_controls_where_both_trained(tmp_path: Path):
    prior = np.random.default_rng(0).uniform(size=(2, 5, 3, 1, 1))
    control = np.random.default_rng(1).uniform(size=(2, 5, 2, 1, 1))
    prior[0, 1], control[1, 4] = NAN, NAN
    ours = measured(prior, TrainingPlan((0.0, 0.2, 0.4), ("all",), (6,)), failed=1)
    theirs = measured(control, TrainingPlan((0.2, 0.4), ("all",), (6,)), failed=1)
    found = table4_controls.rows(ours, {"unigram_refill": theirs})
    kept = (
        [prior[0, [0, 2, 3, 4]], prior[1, :4]],
        [control[0, [0, 2, 3, 4]], control[1, :4]],
    )
    p = []
    for index, row in enumerate(found):
        a, b = (
            [seed[:, at, 0, 0] for seed in group]
            for group, at in zip(kept, (index + 1, index), strict=True)
        )
        assert row.prior == pytest.approx([seed.mean() for seed in a])
        assert row.means == pytest.approx([seed.mean() for seed in b])
        difference = np.concatenate(a) - np.concatenate(b)
        assert row.change.difference == pytest.approx(difference.mean())
        assert row.change.better == (difference > 0).sum()
        p.append(stats.ttest_1samp(difference, 0).pvalue)
        assert row.change.t_test == pytest.approx(p[-1])
    low, high = sorted(p)
    corrected = sorted(row.holm for row in found)
    assert corrected == pytest.approx([min(2 * low, 1), min(max(2 * low, high), 1)])
    table4.write(tmp_path, ours, {"unigram_refill": theirs})
    _, second = markdown_tables(tmp_path / "table.md")
    assert [line[:2] for line in second[1:]] == [
        ["0.2", "unigram_refill"],
        ["0.4", "unigram_refill"],
    ]
    last = lines_of(tmp_path / "table.csv")[-1]
    assert (last["proposer"], last["against"]) == ("gpt_nas", "unigram_refill")
    assert float(last["difference"]) == pytest.approx(found[1].change.difference)


def test_the_paper_stands_beside_and_is_subtracted_on_its_own_data_set_only(
    tmp_path: Path,
):
    networks = [0.3, 0.5], [0.4, 0.61]
    for dataset, difference in (("cifar10", "+0.0416"), ("digits", "")):
        folder = tmp_path / dataset
        table4.write(folder, measured(by_rate(*networks), FOUR, dataset))
        ((head, zero, row),) = markdown_tables(folder / "table.md")
        assert dict(zip(head, row, strict=True))["ours - paper"] == difference
        assert dict(zip(head, zero, strict=True))["paper, cifar100"] == "0.0453"
        last = lines_of(folder / "table.csv")[-1]
        assert last["paper"] == ("0.5134" if difference else "")
        assert float(last["accuracy"]) == pytest.approx(0.555)
        assert latex_tables(folder / "table.tex") == [[head, zero, row]]


def test_table_5_correlates_the_first_epochs_with_all_later_ones():
    accuracies = np.random.default_rng(0).uniform(size=(2, 9, 1, 1, 3))
    rows = table5.rows(
        measured(accuracies, TrainingPlan((0.0,), ("all",), (6, 30, 60)))
    )
    assert [(row.few, row.more) for row in rows] == [(6, 30), (6, 60)]
    for row in rows:
        index = (6, 30, 60).index(row.more)
        pairs = accuracies[:, :, 0, 0][..., [0, index]]
        for one, part in zip(
            (*row.seeds, row.pooled), (*pairs, pairs.reshape(18, 2)), strict=True
        ):
            expected = stats.pearsonr(*part.T)
            assert one.r.value == pytest.approx(expected.statistic)
            assert one.p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    ("r", "p"), [pair for data in published.TABLE_5.values() for pair in data.values()]
)
def test_the_papers_p_are_those_of_50_networks(r: float, p: float):
    statistic = r * np.sqrt((50 - 2) / (1 - r * r))
    assert 2 * stats.t.sf(statistic, 50 - 2) == pytest.approx(p, rel=0.03)


def test_figure_2_has_its_rates_on_the_diagonal(tmp_path: Path):
    plan = TrainingPlan((0.2, 0.8), ("proposed", "all"), (6,))
    accuracies = np.random.default_rng(0).uniform(size=(1, 7, 2, 2, 1))
    figure2.write(tmp_path, measured(accuracies, plan))
    found = {
        (line["rate_proposed"], line["rate_all"]): float(line["r"])
        for line in lines_of(tmp_path / "table.csv")
        if line["seed"] == "all"
    }
    proposed, whole = accuracies[0, :, :, 0, 0].T, accuracies[0, :, :, 1, 0].T
    expected = {
        (str(a), str(b)): stats.pearsonr(proposed[i], whole[j]).statistic
        for i, a in enumerate(plan.rates)
        for j, b in enumerate(plan.rates)
    }
    assert found == pytest.approx(expected)
    assert markdown_tables(tmp_path / "table.md") == latex_tables(
        tmp_path / "table.tex"
    )
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_rows_of_table_3_are_published():
    for column in published.TABLE_3.values():
        assert set(PAPER_ROWS) <= set(column)
