"""The comparison of several runs on a page."""

from pathlib import Path
from typing import Any

import numpy as np
import page_support as support
from html_support import Page

import gpt_nas_jax as gnj
from gpt_nas_jax import workdir
from gpt_nas_jax.config import DataConfig
from gpt_nas_jax.reports import further_costs
from gpt_nas_jax.reports.page import candidates, comparison, report, state, texts
from gpt_nas_jax.reports.page.run import read

SIZE = 10


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


def test_a_search_from_python_may_name_every_cost(tmp_path: Path):
    space = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)
    given = dict.fromkeys((*further_costs.LABELS, *candidates.COSTS), 3.5)

    def evaluate(genome: np.ndarray) -> dict[str, Any]:
        return {"fitness": float(genome.sum()), **given, "latency_measured": "fast"}

    path = tmp_path / "run"
    gnj.search(space, evaluate, "random", evaluations=4, workdir=path)
    words = Page(report.html(read(path))).words()
    for cost in candidates.COSTS.values():
        assert f"By {cost}" in words


def test_time_is_the_same_on_the_page_of_a_run_and_beside_others(tmp_path: Path):
    settings = support.config(tmp_path / "run", SIZE, 1)
    # Two workers at once: together less than the sum.
    run = read(
        support.search(tmp_path / "run", settings, support.evaluations(SIZE, SIZE))
    )
    assert state.evaluating(run) < 0.9 * sum(r["seconds"] for r in run.records)
    spent = texts.duration(state.evaluating(run))
    assert f"evaluating {spent} by 2 workers" in Page(report.html(run)).words()
    assert spent in Page(comparison.html([run, run])).words()


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
