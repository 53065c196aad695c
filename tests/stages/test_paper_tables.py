"""The arithmetic of the paper's tables, and what stands in empty cells."""

import csv
import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gpt_nas_jax import workdir
from gpt_nas_jax.config import TABLE_ROWS, Config, fields
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.networks.zoo.seven import SEVEN
from gpt_nas_jax.reports.paper import published
from gpt_nas_jax.reports.paper.measured import Measured, Plan
from gpt_nas_jax.stages.paper import figure2, table3, table4, table5
from gpt_nas_jax.types import UsageError

NAN = float("nan")


def outcome(
    accuracies: np.ndarray, plan: Plan, dataset: str = "digits", failed: int = 0
) -> Measured:
    return Measured(plan, accuracies, failed, 0.5, 216, dataset)


def by_rate(*networks: list[float], seeds: int = 1) -> np.ndarray:
    """``float64[seeds, networks, rates, 1, 1]`` of accuracies by rate."""
    return np.tile(np.array(networks)[None, :, :, None, None], (seeds, 1, 1, 1, 1))


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cells_of(path: Path) -> list[list[list[str]]]:
    """All tables of a Markdown file, head first."""
    blocks = re.findall(r"(?:^\|.*\n)+", path.read_text(encoding="utf-8"), re.MULTILINE)
    tables = [[row[2:-2].split(" | ") for row in b.splitlines()] for b in blocks]
    return [[head, *rows] for head, _, *rows in tables]


def latex_cells(path: Path) -> list[list[list[str]]]:
    text = path.read_text(encoding="utf-8").replace(r"$\pm$", "+-").replace(r"\_", "_")
    text = text.replace(r"\textgreater{}", ">")
    text = re.sub(r"\\textbf\{(.*?)\}", r"**\1**", text).replace("$", "")
    bodies = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)
    return [
        [row[:-3].split(" & ") for row in body.splitlines() if row != r"\midrule"]
        for body in bodies
    ]


def table_of(module: Any, found: Measured, path: Path) -> Path:
    """What a table writes of trainings that came to this; its folder."""
    module.write(dataclasses.replace(Config(), workdir=str(path)), found)
    return path / "tables"


FOUR = Plan((0.0, 0.4), ("all",), (90,))


def test_better_equal_and_worse_are_counted_to_four_digits():
    networks = [0.5, 0.6], [0.5, 0.50004], [0.5, 0.5001], [0.5, 0.4]
    first, row = table4.rows(outcome(by_rate(*networks), FOUR))
    assert (row.better, row.equal, row.worse) == (2, 1, 1)
    assert (first.better, first.equal, first.worse) == (0, 4, 0)


def test_seeds_have_means_and_their_networks_are_tested_together():
    accuracies = np.random.default_rng(0).uniform(size=(2, 5, 2, 1, 1))
    row = table4.rows(outcome(accuracies, FOUR))[1]
    assert row.means == pytest.approx(accuracies[:, :, 1, 0, 0].mean(1))
    before, after = accuracies.reshape(10, 2).T
    assert row.difference == pytest.approx((after - before).mean())
    assert row.t_test == pytest.approx(stats.ttest_rel(after, before).pvalue)
    assert row.wilcoxon == pytest.approx(stats.wilcoxon(after - before).pvalue)


def test_a_network_that_failed_once_counts_nowhere():
    networks = [0.5, 0.6], [0.1, NAN], [0.5, 0.4]
    rows = table4.rows(outcome(by_rate(*networks), FOUR, failed=1))
    assert [row.means for row in rows] == [(0.5,), (pytest.approx(0.5),)]
    assert rows[1].better + rows[1].equal + rows[1].worse == 2


def test_the_paper_stands_beside_and_is_subtracted_on_its_own_data_set_only(
    tmp_path: Path,
):
    networks = [0.3, 0.5], [0.4, 0.61]
    for dataset, difference in (("cifar10", "+0.0416"), ("digits", "")):
        folder = table_of(
            table4,
            outcome(by_rate(*networks), FOUR, dataset),
            tmp_path / dataset,
        )
        ((head, zero, row),) = cells_of(folder / "table.md")
        assert dict(zip(head, row, strict=True))["ours - paper"] == difference
        assert dict(zip(head, zero, strict=True))["paper, cifar100"] == "0.0453"
        last = lines_of(folder / "table.csv")[-1]
        assert last["paper"] == ("0.5134" if difference else "")
        assert float(last["accuracy"]) == pytest.approx(0.555)
        assert latex_cells(folder / "table.tex") == [[head, zero, row]]


def test_table_5_correlates_the_first_epochs_with_all_later_ones():
    accuracies = np.random.default_rng(0).uniform(size=(2, 9, 1, 1, 3))
    rows = table5.rows(outcome(accuracies, Plan((0.0,), ("all",), (6, 30, 60))))
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
    plan = Plan((0.2, 0.8), ("proposed", "all"), (6,))
    accuracies = np.random.default_rng(0).uniform(size=(1, 7, 2, 2, 1))
    folder = table_of(figure2, outcome(accuracies, plan), tmp_path)
    found = {
        (line["rate_proposed"], line["rate_all"]): float(line["r"])
        for line in lines_of(folder / "table.csv")
        if line["seed"] == "all"
    }
    proposed, whole = accuracies[0, :, :, 0, 0].T, accuracies[0, :, :, 1, 0].T
    expected = {
        (str(a), str(b)): stats.pearsonr(proposed[i], whole[j]).statistic
        for i, a in enumerate(plan.rates)
        for j, b in enumerate(plan.rates)
    }
    assert found == pytest.approx(expected)
    assert cells_of(folder / "table.md") == latex_cells(folder / "table.tex")
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")


def kept_run(one: Config, accuracy: float, seconds: float | None) -> None:
    """A finished run, as its own command leaves it."""
    path = Path(one.workdir)
    path.mkdir(parents=True)
    (path / "flags.txt").write_text(fields.to_text(one), encoding="utf-8")
    result: dict[str, Any] = {
        "best": {"params": 2_500_000},
        "retrain": {"test_accuracy": accuracy},
    }
    if seconds is not None:
        result["search"] = {"seconds": seconds}
    workdir.write_sealed(path / "result.json", result)


def third(path: Path, **changes: Any) -> Config:
    """Table III that may start nothing but the rows it is asked for."""
    base = dataclasses.replace(Config(), stage="tables", workdir=str(path))
    paths = {field.name: field.path for field in fields.of(base)}
    values = {"tables_name": "3", "tables_seeds": 2, "search_workers": 2} | changes
    return fields.replace(base, {paths[name]: v for name, v in values.items()})


def test_table_3_reads_what_was_run_and_copies_nothing_else(tmp_path: Path):
    config = third(
        tmp_path, tables_rows="genetic,gpt_nas", data_name="cifar10", data_dir="x"
    )
    for seed, (ours, theirs) in enumerate([(0.95, 0.90), (0.97, 0.91)]):
        kept_run(table3.run_config(config, "gpt_nas", seed), ours, 2 * 86400.0)
        kept_run(table3.run_config(config, "genetic", seed), theirs, 86400.0)
    kept_run(table3.run_config(config, "GoogLeNet", 0), 0.88, None)
    table3.run(config)
    folder = tmp_path / "tables"
    (head, *rows), paired = cells_of(folder / "table.md")
    found = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    ours = found["GPT-NAS (gpt_nas)"]
    assert ours["here, cifar10"] == "96.00 +- 1.41"
    assert (ours["seeds"], ours["params"], ours["days"]) == (
        *("2", "2.500 +- 0.000", "1.00000 +- 0.00000"),
    )
    assert ours["here - published"] == "-1.69"
    assert found["GoogLeNet"]["here, cifar10"] == "88.00"
    assert found["GoogLeNet"]["days"] == ""
    for name in ("ResNet-101", "DARTS"):
        row = found[name]
        assert float(row["published, cifar10"]) > 90
        here = ("seeds", "here, cifar10", "params", "days", "here - published")
        assert {row[column] for column in here} == {""}
    assert paired[1][2] == "+5.50 +- 0.71"
    assert latex_cells(folder / "table.tex") == [[head, *rows], paired]
    lines = lines_of(folder / "table.csv")
    run = {line["row"] for line in lines if line["accuracy"]}
    assert run == {"genetic", "gpt_nas", "GoogLeNet"}
    assert len(lines) == len(published.TABLE_3["cifar10"]) + 2


def test_on_other_images_nothing_is_subtracted(tmp_path: Path):
    config = third(tmp_path, tables_rows="genetic", tables_seeds=1)
    kept_run(table3.run_config(config, "genetic", 0), 0.9, 1.0)
    table3.run(config)
    ((head, *rows),) = cells_of(tmp_path / "tables" / "table.md")
    assert {row[-1] for row in rows} == {""}
    assert "published, cifar10" in head
    (line,) = lines_of(tmp_path / "tables" / "table.csv")
    assert line["published_accuracy"] == ""


def test_a_run_with_other_flags_is_refused(tmp_path: Path):
    config = third(tmp_path, tables_rows="genetic", tables_seeds=1)
    kept_run(table3.run_config(config, "genetic", 0), 0.9, 1.0)
    other = third(tmp_path, tables_rows="genetic", tables_seeds=1, eval_epochs=7)
    with pytest.raises(UsageError, match="--eval_epochs is '7', was '6'"):
        table3.finished(other)


def test_rows_are_those_of_the_paper_and_their_networks_exist():
    assert set(SEVEN) | {"genetic", "gpt_nas"} == set(TABLE_ROWS)
    assert set(SEVEN.values()) <= set(ZOO)
    for column in published.TABLE_3.values():
        assert set(TABLE_ROWS) <= set(column)
