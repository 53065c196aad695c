"""The claim's searches: equal budgets, lines that read back, pairing by seed."""

import dataclasses
import runpy
import sys
from pathlib import Path
from types import ModuleType

import claim_report as report
import human_networks
import numpy as np
import pytest
import searches
from claim_lines import Candidate, Human, Outcome
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gpt_nas_jax import checks, flags
from gpt_nas_jax.reports.formats import p_value


@given(st.lists(st.integers(1, 5_000_000), min_size=1, max_size=120))
def test_candidates_within_the_budget_are_the_longest_start(flops: list[int]) -> None:
    records = [{"flops": one} for one in flops]
    kept = searches.within(records)
    assert kept == records[: len(kept)]
    assert sum(flops[: len(kept)]) <= searches.BUDGET
    assert len(kept) == len(flops) or sum(flops[: len(kept) + 1]) > searches.BUDGET


@pytest.mark.parametrize("script", [searches, human_networks])
@pytest.mark.parametrize(
    "text", ["", "a", "0,a", "0,", "1.5", "0,-1", "4294967296", "0,0"]
)
def test_seeds_are_checked_before_any_work(
    script: ModuleType,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", f"--seeds={text}", "--data_dir=x"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(script.__file__, run_name="__main__")
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--seeds={text}: give whole numbers" in line
    assert not [*tmp_path.iterdir()]


def test_every_strategy_can_search_by_the_flagfile() -> None:
    config = flags.parse(["main", f"--flagfile={searches.FLAGS}", "--data_dir=x"])
    for strategy in searches.STRATEGIES:
        search = config.search.by(strategy)
        assert search.strategy == strategy
        checks.check(dataclasses.replace(config, search=search))


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
        test = stats.ttest_rel(tested[first], tested[second])
        interval = test.confidence_interval()
        assert [entry.text for entry in row[:2]] == [first, second]
        assert float(row[2].text) == pytest.approx(
            (tested[first] - tested[second]).mean(), abs=0.005
        )
        ends = [float(end) for end in row[3].text.split(" to ")]
        assert ends == pytest.approx([*interval], abs=0.005)
        assert float(row[4].text) == pytest.approx(test.pvalue, abs=0.0005)


def test_the_ensemble_ranks_the_candidates_of_the_searches() -> None:
    """Genes that stand for other blocks would rank them by chance."""
    home = Path(__file__).parents[2] / report.HOME
    known = [line for line in Candidate.read(home) if np.isfinite(line.fitness)]
    predicted = report.predictions(known)
    fitness = [line.fitness for line in known]
    assert stats.kendalltau(predicted, fitness).statistic > 0.6


@pytest.mark.slow
def test_the_page_is_made_of_the_lines_beside_it() -> None:
    home = Path(__file__).parents[2] / report.HOME
    written = (home / "tables.md").read_text(encoding="utf-8")
    made = report.page(Outcome.read(home), Candidate.read(home))
    # The first lines name the program, its commit and the date.
    assert written.split("Means")[1] == made.split("Means")[1]


def test_seeds_that_not_all_strategies_have_do_not_count(tmp_path: Path) -> None:
    names = sorted({name for pair in report.CONTRASTS for name in pair})
    # Seed 2 lacks a strategy, and seed 8 is none of those planned.
    runs = [(name, seed) for name in names for seed in (0, 1, 2, 8)][:-2]
    runs.append((names[-1], 8))
    tested = [
        Outcome(name, seed, 2, 1, 1, 0.5 + seed / 100 + names.index(name) / 1000)
        for name, seed in runs
    ]
    candidates = [
        Candidate(name, seed, index, f"Stem Conv {block}", 1_000_000, fitness)
        for name, seed in runs
        for index, (block, fitness) in enumerate(
            [("ReLU", 0.4), ("MaxPool", float("nan")), ("AvgPool", 0.3)]
        )
    ]
    page = report.page(tested, candidates)
    assert "Seeds 0, 1 of the 8 planned: no contrast is decided yet" in page
    for position, name in enumerate(names):
        assert (
            f"| {name} | {50.5 + position / 10:.2f} +- 0.71 | 40.00 +- 0.00 |" in page
        )
    # Both chains with a fitness, each once.
    assert "Of the 2 distinct candidates" in page


def test_human_networks_are_compared_with_the_one_that_was_found() -> None:
    def rows_of(lines: list[Human]) -> list[list[str]]:
        return [[cell.text for cell in row] for row in human_networks.table(lines).rows]

    names = (*human_networks.NETWORKS, "found-5-7")
    lines = [
        Human(name, seed, 16, 4, 1000, 2_000_000, 0.5 + number / 100 + seed**2 / 1e4)
        for number, name in enumerate(names)
        for seed in human_networks.SEEDS
    ]
    rows = rows_of(lines)
    assert [row[0] for row in rows] == [*reversed(names)]
    assert rows[0][1:3] == ["58.06 +- 0.07", ""]
    assert [row[2] for row in rows[1:]] == [f"+{n}.00" for n in range(1, 9)]
    # One network has been trained with a further seed, the others not yet.
    more = [*lines, Human("ResNet-20", 5, 16, 4, 1000, 2_000_000, 0.9)]
    assert human_networks.complete(more) == [0, 1, 2, 3, 4]
    # While a seed or a network of the protocol is missing, nothing is compared.
    for begun in (
        [line for line in lines if line.seed < 4],
        [line for line in lines if line.name != "GoogLeNet"],
    ):
        assert all(row[2:4] == ["", ""] for row in rows_of(begun))


def test_the_network_compared_is_not_chosen_by_its_accuracy() -> None:
    random = np.random.default_rng(0)
    names = (*human_networks.NETWORKS, "found-5-7", "found-9-9")
    lines = [
        Human(name, seed, 16, 4, 1000, 2_000_000, number / 20 + random.uniform(0, 0.1))
        for number, name in enumerate(names)
        for seed in human_networks.SEEDS
    ]
    first, both = (
        {row[0].text: [cell.text for cell in row] for row in table.rows}
        for table in map(human_networks.table, (lines[:-5], lines))
    )
    assert both.pop("found-9-9")[2].startswith("-")
    assert both == first


def test_random_networks_are_a_comparison_of_their_own() -> None:
    random = np.random.default_rng(0)
    lines = [
        Human(name, seed, 16, 4, 1000, 2_000_000, number / 20 + random.uniform(0, 0.1))
        for number, name in enumerate((*human_networks.NETWORKS, "found-5-7"))
        for seed in human_networks.SEEDS
    ]
    control = [
        Human("random", seed, 16, 4, 1000 + seed, 2_000_000, random.uniform(0.2, 0.3))
        for seed in human_networks.SEEDS
    ]
    without, beside = (
        {row[0].text: [cell.text for cell in row] for row in table.rows}
        for table in map(human_networks.table, (lines, lines + control))
    )
    own = beside.pop("random")
    assert beside == without
    found, drawn = (
        np.array([line.test_accuracy for line in part])
        for part in (lines[-len(control) :], control)
    )
    assert own[3] == p_value(stats.ttest_rel(found, drawn).pvalue)
    assert own[4] == "1,002"


def test_without_a_found_network_human_ones_are_not_compared() -> None:
    lines = [
        Human(name, seed, 16, 4, 1000, 2_000_000, accuracy + seed / 100)
        for name, accuracy in (("ResNet-20", 0.5), ("GoogLeNet", 0.6))
        for seed in range(2)
    ]
    rows = [[entry.text for entry in row] for row in human_networks.table(lines).rows]
    assert [row[0] for row in rows] == ["GoogLeNet", "ResNet-20"]
    assert all(row[2:4] == ["", ""] for row in rows)
