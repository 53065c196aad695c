"""The claim's searches: equal budgets, lines that read back, pairing by seed."""

from pathlib import Path

import claim_report as report
import human_networks
import numpy as np
import pytest
import searches
from claim_lines import Candidate, Human, Outcome
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats


@given(st.lists(st.integers(1, 5_000_000), min_size=1, max_size=120))
def test_candidates_within_the_budget_are_the_longest_start(flops: list[int]) -> None:
    records = [{"flops": one} for one in flops]
    kept = searches.within(records)
    assert kept == records[: len(kept)]
    assert sum(flops[: len(kept)]) <= searches.BUDGET
    assert len(kept) == len(flops) or sum(flops[: len(kept) + 1]) > searches.BUDGET


def test_lines_read_back(tmp_path: Path) -> None:
    lines = [
        Outcome("gpt_nas", seed, 40, 1234, 2_000_000, 0.5 + seed) for seed in (0, 1)
    ]
    Outcome.append(lines[:1], tmp_path)
    Outcome.append(lines[1:], tmp_path)
    assert Outcome.read(tmp_path) == lines
    one = Candidate("genetic", 3, 0, "Stem Conv", 2_000_000, float("nan"))
    Candidate.append([one], tmp_path)
    (found,) = Candidate.read(tmp_path)
    assert (found.blocks, found.seed) == ("Stem Conv", 3)
    assert np.isnan(found.fitness)


def test_contrasts_are_paired_by_seed() -> None:
    random = np.random.default_rng(0)
    names = {name for pair in report.CONTRASTS for name in pair}
    tested = {name: random.normal(50, 1, 8) for name in sorted(names)}
    rows = report.contrasts(tested).rows
    for (first, second), row in zip(report.CONTRASTS, rows, strict=True):
        due = stats.ttest_rel(tested[first], tested[second]).pvalue
        assert [entry.text for entry in row[:2]] == [first, second]
        assert float(row[2].text) == pytest.approx(
            (tested[first] - tested[second]).mean(), abs=0.005
        )
        assert float(row[4].text) == pytest.approx(due, abs=0.0005)


def test_the_ensemble_predicts_chains_it_has_learned_from() -> None:
    chain = "Stem BasicBlock BasicBlock Bottleneck"
    worse = "AvgPool AvgPool AvgPool AvgPool"
    good, bad = report.predictions(
        [Candidate("genetic", 0, 0, blocks, 0, 0.0) for blocks in (chain, worse)]
    )
    assert 20 < bad < good < 60


def test_human_networks_are_compared_with_the_one_that_was_found() -> None:
    lines = [
        Human(name, seed, 16, 4, 1000, 2_000_000, accuracy + seed / 100)
        for name, accuracy in (("ResNet-20", 0.5), ("found-5-7", 0.6))
        for seed in range(2)
    ]
    # One network has been trained with a further seed, the other not yet.
    lines.append(Human("ResNet-20", 2, 16, 4, 1000, 2_000_000, 0.9))
    assert human_networks.complete(lines) == [0, 1]
    rows = [[entry.text for entry in row] for row in human_networks.table(lines).rows]
    assert [row[0] for row in rows] == ["found-5-7", "ResNet-20"]
    assert rows[0][1:3] == ["60.50 +- 0.71", ""]
    assert rows[1][2] == "+10.00"


def test_without_a_found_network_human_ones_are_not_compared() -> None:
    lines = [
        Human(name, seed, 16, 4, 1000, 2_000_000, accuracy + seed / 100)
        for name, accuracy in (("ResNet-20", 0.5), ("GoogLeNet", 0.6))
        for seed in range(2)
    ]
    rows = [[entry.text for entry in row] for row in human_networks.table(lines).rows]
    assert [row[0] for row in rows] == ["GoogLeNet", "ResNet-20"]
    assert all(row[2:4] == ["", ""] for row in rows)
