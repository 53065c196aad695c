"""The HTML of the report page: complete, self-contained and well formed."""

import dataclasses
import datetime
import html.parser
import json
import os
import re
from pathlib import Path
from typing import Any

import page_support as support
import pytest

from gpt_nas_jax import workdir
from gpt_nas_jax.config import DataConfig, EvalConfig, EvalRecipe
from gpt_nas_jax.reports import architecture
from gpt_nas_jax.reports.page import comparison, report, state
from gpt_nas_jax.reports.page.run import read
from gpt_nas_jax.types import UsageError

VOID = {"meta", "link", "br", "img", "input", "hr"}
SIZE = 10


class Page(html.parser.HTMLParser):
    """Parses the elements of a page; fails if it is not well formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {tag} {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def data_of(text: str) -> dict[str, Any]:
    """The data of the candidates that tooltips show."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    return json.loads(found[1])


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


def test_the_page_of_a_finished_run_has_the_numbers_of_its_result(tmp_path: Path):
    settings = support.config(tmp_path / "run", SIZE, 2)
    records = support.evaluations(SIZE, 2 * SIZE)
    path = support.search(tmp_path / "run", settings, records, images=False)
    best = max(records, key=lambda record: record["fitness"])
    genome = [gene for gene in best["genome"] if gene >= 0]
    network = {
        **{"genome": genome, "blocks": best["blocks"], "image": [8, 8, 1]},
        **{"num_classes": 10, "params": 5, "flops": 6},
    }
    support.trained(path, network, architecture.state(network), 0.9875)
    words = Page(report.html(read(path))).words()
    assert "Finished." in words
    assert "test accuracy 0.9875" in words
    assert f"best validation accuracy {best['fitness']:.4f}" in words
    assert f"candidate {best['number']}, generation {best['generation']}" in words
    # The size of each block's output, traced from the network.
    assert "8 x 8 x 16" in words
    assert "4 x 4 x 32" in words
    assert "the network found, test accuracy 0.9875" in words


def test_a_page_is_not_touched_where_nothing_has_changed(running: Path):
    path = report.write(running, read(running))
    before = path.stat()
    report.write(running, read(running))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_search_that_has_hardly_begun_has_a_page(tmp_path: Path, count: int):
    settings = support.config(tmp_path / "run", SIZE, 2)
    records = support.evaluations(SIZE, count)
    path = support.search(tmp_path / "run", settings, records)
    words = Page(report.html(read(path))).words()
    assert f"has evaluated {count} of 20 candidates" in words


def test_where_all_have_failed_the_reasons_are_shown(tmp_path: Path):
    settings = support.config(tmp_path / "run", SIZE, 2)
    records = support.evaluations(SIZE, 5, failing=1.0)
    path = support.search(tmp_path / "run", settings, records)
    words = Page(report.html(read(path))).words()
    assert "5 failed" in words
    assert records[0]["reason"] in words


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


def test_a_search_that_has_used_up_its_time_has_ended(tmp_path: Path):
    settings = support.config(tmp_path / "run", SIZE, 3)
    search = dataclasses.replace(settings.search, max_hours=2)
    settings = dataclasses.replace(settings, search=search)
    path = support.search(tmp_path / "run", settings, support.evaluations(SIZE, SIZE))
    hours = {"hours": 1.5, "evaluations": SIZE}
    workdir.write_sealed(path / "hours.json", hours)
    found = f"{SIZE} of {3 * SIZE} candidates"
    assert f"has evaluated {found}" in Page(report.html(read(path))).words()
    workdir.write_sealed(path / "hours.json", {**hours, "hours": 2.1})
    words = Page(report.html(read(path))).words()
    assert f"The search ended at --search_max_hours, after {found}" in words


def test_a_search_that_needed_all_its_time_is_finished(tmp_path: Path):
    settings = support.config(tmp_path / "run", SIZE, 1, stage="search")
    search = dataclasses.replace(settings.search, max_hours=2)
    settings = dataclasses.replace(settings, search=search)
    path = support.search(tmp_path / "run", settings, support.evaluations(SIZE, SIZE))
    hours = {"hours": 2.1, "evaluations": SIZE}
    workdir.write_sealed(path / "hours.json", hours)
    assert state.status(read(path)) == f"The search is finished: {SIZE} candidates."


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("hours.json", "remove it: the time"), ("depends.json", "remove it if your code")],
)
def test_a_damaged_file_has_its_own_remedy(tmp_path: Path, name: str, remedy: str):
    settings = support.config(tmp_path / "run", SIZE, 1)
    path = support.search(tmp_path / "run", settings, [])
    (path / name).write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"{name} is damaged.*; {remedy}"):
        read(path)


@pytest.mark.parametrize("learned", [False, True])
def test_a_prior_alone_has_no_search(tmp_path: Path, learned: bool):
    settings = support.config(tmp_path / "run", SIZE, 3, stage="pretrain")
    path = support.search(tmp_path / "run", settings, [])
    if learned:
        workdir.write_sealed(path / "prior.json", {"phases": []})
    run = read(path)
    known = "is learned" if learned else "is not learned yet"
    assert state.status(run) == f"The prior {known}; there is no search."
    assert not list(state.figures(run))


def test_runs_without_costs_are_compared(tmp_path: Path):
    settings = support.config(tmp_path / "run", SIZE, 3)
    records = support.evaluations(SIZE, SIZE, failing=1.0)
    paths = [
        support.search(tmp_path / name, settings, found)
        for name, found in (("begun", []), ("failed", records))
    ]
    words = Page(comparison.html([read(path) for path in paths])).words()
    assert "2 runs compared" in words
    assert "of different data" not in words


def test_two_trainings_of_a_network_have_a_name_each(tmp_path: Path):
    network = {"name": "ResNet-18", "family": "ResNet", "params": 11e6, "flops": 1e9}
    runs = []
    for seed, accuracy in enumerate((0.91, 0.92, 0.93)):
        path = tmp_path / f"human{seed}"
        support.search(path, support.config(path, SIZE, 3, stage="baseline"), [])
        support.trained(path, network, "baseline", accuracy)
        runs.append(read(path))
    words = Page(report.html(runs[0], runs[1:])).words()
    assert "ResNet-18, test accuracy 0.9100" in words
    for run, accuracy in zip(runs[1:], ("0.9200", "0.9300"), strict=True):
        assert f"ResNet-18 ({run.name}), test accuracy {accuracy}" in words


def test_two_folders_of_pictures_are_different_data(tmp_path: Path):
    runs = []
    for name, digest in (("a", "1"), ("b", "2"), ("c", "1"), ("d", None), ("e", None)):
        data = DataConfig(name="folder", dir=f"pictures/{name}")
        settings = support.config(tmp_path / name, SIZE, 3, data=data)
        path = support.search(tmp_path / name, settings, [])
        if digest is not None:
            workdir.write_sealed(path / "depends.json", {"data set": digest})
        runs.append(read(path))
    a, b, c, d, e = runs
    assert a.same_data(c) and not a.same_data(b)
    assert not d.same_data(e) and d.same_data(d)
    words = Page(comparison.html([a, b])).words()
    assert "of different data: folder pictures/a, folder pictures/b" in words


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


def test_other_runs_are_compared_with_the_flags_that_differ(tmp_path: Path):
    paths = []
    for seed in (0, 1):
        path = tmp_path / f"seed{seed}"
        settings = support.config(path, SIZE, 3, seed=seed)
        records = support.evaluations(SIZE, 30, seed=seed)
        paths.append(support.search(path, settings, records))
    human = tmp_path / "human"
    support.search(human, support.config(human, SIZE, 3, stage="baseline"), [])
    network = {"name": "ResNet-18", "family": "ResNet", "params": 11e6, "flops": 1e9}
    support.trained(human, network, "baseline", 0.97)
    runs = [read(path) for path in (*paths, human)]
    text = comparison.html(runs)
    page = Page(text)
    words = page.words()
    assert "3 runs compared" in words
    assert "ResNet-18, 0.9700" in words
    assert "--seed" in words
    assert "--search_population" not in words
    for run in runs[:2]:
        assert f"{run.path}: {run.best['fitness']:.4f}" in words
    assert "By latency, ms" not in words
    # The page of a run shows the training of the human network, too.
    beside = Page(report.html(runs[0], runs[2:])).words()
    assert "ResNet-18, test accuracy 0.9700" in beside
    support.trained(human, network | {"latency": 0.25}, "baseline", 0.97)
    again = Page(comparison.html([*runs[:2], read(human)])).words()
    assert "By latency, ms" in again


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
