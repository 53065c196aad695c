"""The tables and figures of searches."""

import dataclasses
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from curves_support import curves
from PIL import Image
from tables_support import latex_tables, lines_of, markdown_tables

from gpt_nas_jax.reports.curve_tables import write
from gpt_nas_jax.reports.curves import COUNTS, paired, summary, to_optimum

NAMES = ["table.md", "table.tex", "table.csv", "contrasts.csv", "paired.csv"]
NAMES += ["figure.svg", "figure.png"]
ALL = [curves(), curves(("random", "gpt_nas_online"), seeds=4, dataset="cifar100")]
SVG = "http://www.w3.org/2000/svg"
AGAINST = ("random", "regularized_evolution", "absent")
COMPARED = {
    "gpt_nas_online": ("regularized_evolution", "random"),
    "absent": ("random",),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("curves") / "nasbench201"
    assert write(path, "NAS-Bench-201", ALL, COUNTS, AGAINST, COMPARED) == [
        path / name for name in NAMES
    ]
    return path


def test_files_are_whole_and_nothing_else_is_left(folder: Path):
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)


def test_csv_holds_the_statistics_in_full(folder: Path):
    expected = [(c.dataset, row) for c in ALL for row in summary(c, COUNTS)]
    for line, (dataset, row) in zip(
        lines_of(folder / "table.csv"), expected, strict=True
    ):
        assert line == {
            "dataset": dataset,
            **{name: str(value) for name, value in dataclasses.asdict(row).items()},
        }


def test_markdown_and_latex_show_the_numbers_of_the_csv(folder: Path):
    tables = markdown_tables(folder / "table.md")
    cells = {}
    for many, (head, *rows) in zip(ALL, tables, strict=False):
        assert head == ["strategy", "10", "25", "50", "75", "100"]
        for strategy, *row in rows:
            for count, cell in zip(head[1:], row, strict=True):
                cells[many.dataset, strategy, count] = cell.strip("*")
    lines = lines_of(folder / "table.csv")
    assert cells == {
        (line["dataset"], line["strategy"], line["queries"]): (
            f"{float(line['mean']):.2f} +- {float(line['std']):.2f}"
        )
        for line in lines
    }
    assert latex_tables(folder / "table.tex") == tables


def test_the_best_mean_of_a_column_is_bold(folder: Path):
    (_, *rows), *_ = markdown_tables(folder / "table.md")
    for column in range(1, len(rows[0])):
        means = [float(row[column].strip("*").split()[0]) for row in rows]
        bold = [row[column].startswith("**") for row in rows]
        assert bold == [mean == max(means) for mean in means]


def test_paired_tests_are_at_100_and_at_the_largest_count(tmp_path: Path):
    write(tmp_path, "two counts", ALL, (10, 120), AGAINST, COMPARED)
    expected = [
        (many.dataset, row)
        for against in AGAINST
        for many in ALL
        if against in many.accuracy
        for count in (100, 120)
        for row in paired(many, against, count)
    ]
    lines = lines_of(tmp_path / "paired.csv")
    for line, (dataset, row) in zip(lines, expected, strict=True):
        assert line == {
            "dataset": dataset,
            **{name: str(value) for name, value in dataclasses.asdict(row).items()},
        }
    shown = [
        row
        for head, *rows in markdown_tables(tmp_path / "table.md")
        if "difference" in head
        for row in rows
    ]
    for row, line in zip(shown, lines, strict=True):
        assert row[:3] == [line["dataset"], line["strategy"], line["queries"]]
        assert row[3] == f"{float(line['difference']):+.2f}"
        for cell, name in zip(row[4:], ("t_test", "wilcoxon"), strict=True):
            assert float(cell) == pytest.approx(float(line[name]), rel=0.05, abs=6e-4)


def test_contrasts_are_those_named_and_are_shown_with_corrected_p(folder: Path):
    expected = [
        (dataset, against, count)
        for count in ("10", "25", "50", "75", "100")
        for dataset, against in (
            ("cifar10", "regularized_evolution"),
            ("cifar10", "random"),
            ("cifar100", "random"),
        )
    ]
    lines = lines_of(folder / "contrasts.csv")
    named = [(line["dataset"], line["against"], line["queries"]) for line in lines]
    assert named == expected
    shown = {
        (row[0], row[2], count): cell
        for head, *rows in markdown_tables(folder / "table.md")
        if "minus" in head
        for row in rows
        for count, cell in zip(head[3:], row[3:], strict=True)
    }
    for name, line in zip(expected, lines, strict=True):
        difference, p = shown[name].removesuffix(")").split(" (")
        assert difference == f"{float(line['difference']):+.2f}"
        assert float(p) == pytest.approx(float(line["holm"]), rel=0.05, abs=6e-4)


def test_queries_to_the_optimum_are_shown(folder: Path):
    *_, (_, *rows) = markdown_tables(folder / "table.md")
    found = [(many.dataset, row) for many in ALL for row in to_optimum(many)]
    for row, (dataset, expected) in zip(rows, found, strict=True):
        assert row[:2] == [dataset, expected.strategy]
        numbers = (100 * expected.share, expected.median, expected.mean)
        shown = ["-" if math.isnan(value) else f"{value:.1f}" for value in numbers]
        assert row[2:] == shown


def test_the_text_says_what_the_numbers_are_based_on(folder: Path):
    for name in ("table.md", "table.tex"):
        text = (folder / name).read_text(encoding="utf-8").replace("\\%", "%")
        for words in ("6 seeds", "4 seeds", "validation accuracy", "94.18 %", "94.32"):
            assert words in text


def test_latex_names_its_packages_and_escapes(folder: Path):
    text = (folder / "table.tex").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "% Packages needed: adjustbox, booktabs"
    assert r"gpt\_nas\_online" in text
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[_%#]", body)
    assert body.count(r"\begin") == body.count(r"\end")
    assert not re.search(r"& [+-]\d", body)


def test_one_seed_shows_no_spread(tmp_path: Path):
    write(tmp_path, "one seed", [curves(seeds=1)], COUNTS, ["random"], COMPARED)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    (_, *rows), *_ = markdown_tables(tmp_path / "table.md")
    assert all(cell.strip("*").endswith(" +- -") for row in rows for cell in row[1:])
    assert "1 seed;" in text
    assert "nan" not in text


def test_the_figure_names_every_strategy_once(folder: Path):
    root = ElementTree.parse(folder / "figure.svg").getroot()
    assert root.tag == f"{{{SVG}}}svg"
    texts = ["".join(node.itertext()).strip() for node in root.iter(f"{{{SVG}}}text")]
    for name in ALL[0].accuracy:
        assert texts.count(name) == 1
    for label in ("cifar10", "cifar100", "Queries (evaluated cells)"):
        assert label in texts
    with Image.open(folder / "figure.png") as image:
        assert image.format == "PNG"
        image.load()


def test_the_same_searches_give_the_same_bytes(folder: Path, tmp_path: Path):
    write(tmp_path, "NAS-Bench-201", ALL, COUNTS, AGAINST, COMPARED)
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_zero_regret_can_be_drawn(tmp_path: Path):
    found = curves()
    for accuracy in found.accuracy.values():
        accuracy[:] = np.minimum(accuracy + 0.01, found.optimum)
        accuracy[:, 60:] = found.optimum
    same = dataclasses.replace(found, highest=found.optimum)
    write(tmp_path, "all find it", [same], COUNTS, [], {})
    ElementTree.parse(tmp_path / "figure.svg")


def test_curves_that_do_not_fit_write_nothing(tmp_path: Path):
    wrong = curves()
    wrong.accuracy["random"][1, 7] = 99.0
    with pytest.raises(ValueError, match="random, seed 1, query 8"):
        write(tmp_path / "new", "wrong", [curves(), wrong], COUNTS, [], {})
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("priors", "said"),
    [(0, None), (1, "share one prior, so p"), (5, "share 5 priors, so p")],
)
def test_what_searches_share_is_said_beside_their_p(
    priors: int, said: str | None, tmp_path: Path
):
    write(tmp_path, "two data sets", ALL, COUNTS, AGAINST, COMPARED, priors)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert ("choice of the prior" in text) == (said is not None)
    assert said is None or said in text
