"""The HTML of the report page: complete, self-contained and well formed."""

import datetime
import os
import re
from pathlib import Path

import page_support as support
import pytest
from html_support import Page, data_of

from gpt_nas_jax import workdir
from gpt_nas_jax.config import EvalConfig, EvalRecipe
from gpt_nas_jax.reports.page import report
from gpt_nas_jax.reports.page.run import read

SIZE = 10


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that was stopped in its fourth generation; some candidates failed."""
    path = tmp_path_factory.mktemp("running") / "run"
    settings = support.config(path, SIZE, 8)
    return support.search(path, settings, support.evaluations(SIZE, 35, failing=0.3))


@pytest.fixture(scope="module")
def text(running: Path) -> str:
    return report.html(read(running))


def test_every_candidate_is_on_the_page(running: Path, text: str):
    records = read(running).records
    shown = [int(dot["data-n"]) for dot in Page(text).of("circle")]
    scored = [r["number"] for r in records if r["fitness"] is not None]
    # Once in order of evaluation and, if scored, also by parameters and by FLOPs.
    assert sorted(shown) == sorted([r["number"] for r in records] + scored * 2)
    rows = data_of(text)["rows"]
    assert [row[1] for row in rows] == [record["fitness"] for record in records]


def test_failures_are_shown_with_their_reasons_as_text(running: Path, text: str):
    words = Page(text).words()
    reasons = {record["reason"] for record in read(running).failed}
    assert any("<b>" in reason for reason in reasons)
    assert all(reason in words for reason in reasons)


def test_proposed_blocks_are_marked_and_explained(text: str):
    """With a prior or, as for `uniform_refill`, without one."""
    marked, told = 'class="gene proposed">', "dotted</span> ones were proposed"
    assert text.replace(marked + told, "").count(marked) > 1
    assert text.count(told) == 1


def test_nothing_outside_the_page_is_referred_to(text: str):
    page = Page(text)
    names = ("href", "src", "srcset", "action", "data", "poster", "xlink:href")
    links = [a[n] for _, a in page.elements for n in names if n in a]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"@import|url\((?!#)|https?:", text)


def test_identifiers_are_unique_and_references_resolve(text: str):
    elements = [attributes for _, attributes in Page(text).elements]
    known = [attributes["id"] for attributes in elements if "id" in attributes]
    assert len(known) == len(set(known))
    for name in ("aria-labelledby", "aria-describedby"):
        assert {a[name] for a in elements if name in a} <= {*known}
    assert all(
        "aria-label" in svg or "aria-hidden" in svg for svg in Page(text).of("svg")
    )


def test_a_thousand_candidates_take_less_than_a_megabyte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Skips the sync of a thousand lines, which need not survive a crash.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    settings = support.config(tmp_path / "run", 50, 20)
    records = support.evaluations(50, 1000, failing=0.02)
    path = support.search(tmp_path / "run", settings, records)
    page = report.html(read(path))
    assert len(data_of(page)["rows"]) == 1000
    assert len(page.encode()) < 1_000_000


def test_a_page_is_not_touched_where_nothing_has_changed(running: Path):
    path = report.write(running, read(running))
    before = path.stat()
    report.write(running, read(running))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


def test_a_ledger_of_an_earlier_version_has_a_page(tmp_path: Path):
    settings = support.config(tmp_path / "run", SIZE, 3)
    new = ("parents", "accuracies", "start", "worker", "number")
    records = [
        {name: value for name, value in record.items() if name not in new}
        for record in support.evaluations(SIZE, 25)
    ]
    path = support.search(tmp_path / "run", settings, records, images=False)
    words = Page(report.html(read(path))).words()
    assert "has evaluated 25 of 30 candidates" in words
    # It records no parents.
    assert "How the best came about" not in words


def test_a_search_from_python_has_a_page(tmp_path: Path):
    flags = {"space": "Own-1", "strategy": "random", "evaluations": "8", "seed": "3"}
    text = "".join(f"--{name}={value}\n" for name, value in flags.items())
    workdir.write_text(tmp_path / "flags.txt", text)
    ledger = workdir.Ledger(tmp_path / "ledger.jsonl")
    for number in range(4):
        place = {"generation": number // 2, "index": number % 2, "genome": [number, 1]}
        fitness = {"fitness": 2.5 * number, "reason": None, "seconds": 0.5}
        ledger.append({**place, **fitness})
    page = report.html(read(tmp_path))
    words = Page(page).words()
    assert "Own-1: random, seed 3" in words
    assert "has evaluated 4 of 8 candidates" in words
    assert "7.5000" in words


def test_small_numbers_are_told_apart(tmp_path: Path):
    records = support.evaluations(SIZE, SIZE)
    for number, record in enumerate(records):
        record["fitness"] = -1e-5 * (number + 1)
    settings = support.config(tmp_path / "run", SIZE, 1)
    path = support.search(tmp_path / "run", settings, records)
    text = report.html(read(path))
    assert "rises from -1e-05 to -1e-05 within" in text
    assert ">-2e-05<" in text
    assert "-0.0000" not in text


def test_incomparable_generations_get_a_warning(tmp_path: Path):
    ruled = EvalConfig(recipe=EvalRecipe(), trained_blocks="proposed")
    settings = support.config(tmp_path / "run", SIZE, 2, eval=ruled)
    path = support.search(tmp_path / "run", settings, support.evaluations(SIZE, 12))
    assert "is not comparable" in Page(report.html(read(path))).words()


def test_the_ancestry_of_the_best_marks_new_genes(tmp_path: Path):
    settings = support.config(tmp_path / "run", 2, 2)
    records = support.evaluations(2, 4)
    genomes = [[0, 1, 2], [5, 6, 7], [0, 1, 7], [0, 14, 7]]
    names = [support.BLOCK_NAMES[gene] for gene in range(15)]
    for number, (record, genome) in enumerate(zip(records, genomes, strict=True)):
        record |= {
            **{"genome": genome, "blocks": [names[gene] for gene in genome]},
            **{"parents": [[], [], [0, 1], [2]][number], "proposed": [0, 0, 0]},
            **{"fitness": 0.1 * (1 + number), "generation": number // 2},
            "index": number % 2,
        }
    path = support.search(tmp_path / "run", settings, records)
    text = report.html(read(path))
    items = re.findall(r"<li>(.*?)</li>", text, re.DOTALL)
    numbers = [re.search(r"candidate (\d+),", item)[1] for item in items]
    assert numbers == ["0", "2", "3"]
    assert ["second parent: candidate 1" in item for item in items] == [0, 1, 0]
    new = [re.findall(r'class="gene new">(\w+)<', item) for item in items]
    assert new == [[], [names[7]], [names[14]]]


def test_latency_stands_beside_parameters_and_flops(tmp_path: Path):
    records = support.evaluations(SIZE, 2 * SIZE)
    for record in records:
        record["latency"] = 0.25 + record["params"] / 1e6
    path = support.search(tmp_path / "run", support.config(tmp_path, SIZE, 2), records)
    best = max(records, key=lambda record: record["fitness"] or 0)
    costs = {name: best[name] for name in ("params", "flops")}
    test = {**costs, "test_accuracy": 0.9, "seconds": 1.0}
    found = {"latency": best["latency"], "latency_measured": 0.1875}
    trained = [
        {"network": "best", **test, **found},
        {"network": "ResNet-18", **test, "latency_measured": 3.5},
    ]
    retrain = {"epochs": 1, "test_accuracy": 0.9, "seconds": 1.0}
    value = {"best": {**costs, **found}, "retrain": retrain, "trained": trained}
    workdir.write_sealed(path / "result.json", value)
    text = report.html(read(path))
    rows = re.findall(r'<th scope="row">(best|ResNet-18)</th>(.*?)</tr>', text, re.S)
    cells = {name: re.findall(r">([^<>]+)</td>", row) for name, row in rows}
    assert cells["best"][3:5] == [f"{best['latency']:.4g}", "0.1875"]
    assert cells["ResNet-18"][3:5] == ["-", "3.5"]
    words = Page(text).words()
    assert "By latency, ms" in words
    assert "latency predicted, ms" in words
    assert data_of(text)["rows"][3][-1] == records[3]["latency"]


def test_with_rungs_time_is_that_of_the_climbs_and_the_rung_is_shown(tmp_path: Path):
    recipe = EvalRecipe(rungs="1,2,4", epochs=4)
    evaluated = EvalConfig(recipe=recipe, keep=2)
    settings = support.config(tmp_path, 2, 1, eval=evaluated)
    records = support.evaluations(2, 2)
    for record, rungs in zip(records, (3, 1), strict=True):
        record |= {"rungs": rungs, "seconds": 40.0 * rungs}
    path = support.search(tmp_path / "run", settings, records)
    climbs = workdir.Ledger(path / workdir.RUNGS, support.MACHINE)
    # Both start at once; the first one climbs on alone, after a pause of an hour.
    # Of the next generation there is one climb yet.
    for begin, place in ((0, 0), (0, 1), (3600, 0), (3640, 0), (3700, 2)):
        start = support.BEGIN + datetime.timedelta(seconds=begin)
        record = records[place % 2] | {"start": start.isoformat(), "seconds": 40.0}
        climbs.append(record)
    page = Page(report.html(read(path)))
    assert "by 2 workers, 3.3 min in all" in page.words()
    assert "evaluating 2.7 min" in page.words()
    assert "2026-03-01 10:02 UTC" in page.words()
    assert "3 of 3" in page.words()
    assert "1 of 3" in page.words()
