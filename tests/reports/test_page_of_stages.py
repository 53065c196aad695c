"""The page of a run in progress, of one that has ended, and of a damaged one."""

import dataclasses
from pathlib import Path

import page_support as support
import pytest
from html_support import Page

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.reports import architecture
from gpt_nas_jax.reports.page import report, state
from gpt_nas_jax.reports.page.run import read
from gpt_nas_jax.stages import claim
from gpt_nas_jax.types import UsageError

SIZE = 10


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


def test_a_search_that_goes_on_with_more_time_is_not_over(tmp_path: Path):
    def given(hours: float) -> Config:
        settings = support.config(tmp_path / "run", SIZE, 3)
        search = dataclasses.replace(settings.search, max_hours=hours)
        return dataclasses.replace(settings, search=search)

    path = support.search(tmp_path / "run", given(2), support.evaluations(SIZE, SIZE))
    workdir.write_sealed(path / "hours.json", {"hours": 2.1, "evaluations": SIZE})
    with claim.opened(given(5)):
        words = Page(report.html(read(path))).words()
    assert f"has evaluated {SIZE} of {3 * SIZE} candidates" in words
    # The page's command starts the search with these flags.
    flags = (path / "flags.txt").read_text(encoding="utf-8").splitlines()
    assert "--search_max_hours=5.0" in flags


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
