"""Pages written by runs and by the stage ``report``."""

from pathlib import Path

import pytest
from stages_support import Runs

from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.main import main
from gpt_nas_jax.reports.page.report import FILE
from gpt_nas_jax.reports.page.run import read
from gpt_nas_jax.stages import report
from gpt_nas_jax.workdir import Ledger


class Clock:
    """A clock that shows the given times in turn."""

    def __init__(self, *times: float) -> None:
        self.times = [*times]

    def __call__(self) -> float:
        return self.times.pop(0)


def test_a_page_delays_a_search_by_a_twentieth_at_most(tmp_path: Path):
    (tmp_path / "flags.txt").write_text("--seed=1\n", encoding="utf-8")
    page = tmp_path / FILE
    # The first page takes from 10 to 12, so the next is due at 50.
    views = report.Views(tmp_path, clock=Clock(10, 12, 49, 51, 51))
    for is_written in (True, False, True):
        page.unlink(missing_ok=True)
        views.after_generation()
        assert page.exists() == is_written


def test_a_page_that_cannot_be_made_ends_no_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "flags.txt").write_text("--seed=1\n", encoding="utf-8")
    (tmp_path / "result.json").write_text("{", encoding="utf-8")
    report.Views(tmp_path).refresh()
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "was not written" in line
    assert "result.json is damaged" in line


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["main", "--stage=report", f"--workdir={tmp_path}"]) == 2
    assert "is not a run's folder" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["tables", "proxies"])
def test_a_folder_of_tables_has_no_page(
    stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = fields.to_text(Config(stage=stage, workdir=str(tmp_path)))
    (tmp_path / "flags.txt").write_text(flags, encoding="utf-8")
    assert main(["main", "--stage=report", f"--workdir={tmp_path}"]) == 2
    line = f"{tmp_path} is a workdir of --stage={stage}, which has no page; see tables/"
    assert line in capsys.readouterr().err


def test_a_run_is_not_compared_with_itself(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        text = fields.to_text(Config(stage="search", workdir=name))
        (folder / "flags.txt").write_text(text, encoding="utf-8")
    for others in ("a", "./a", str(tmp_path / "a"), "b,./b", "b/../a"):
        flags = ("--workdir=a", f"--report_compare={others}")
        assert main(["main", "--stage=report", *flags]) == 2
        assert "give each workdir once, and not" in capsys.readouterr().err


def test_a_ledger_that_is_being_written_is_left_as_it_is(tmp_path: Path):
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append({"fitness": 0.5})
    begun = path.read_bytes() + b'{"fitness": 0.'
    path.write_bytes(begun)
    assert Ledger(path).look() == [{"fitness": 0.5}]
    assert path.read_bytes() == begun


@pytest.mark.slow
def test_a_run_leaves_its_page_and_the_stage_writes_the_same(
    runs: Runs, finished: tuple[Path, str], capsys: pytest.CaptureFixture[str]
):
    path = finished[0]
    left = (path / FILE).read_text(encoding="utf-8")
    run = read(path)
    assert f"{run.test_accuracy:.4f}" in left
    assert f"{run.best['fitness']:.4f}" in left
    (path / FILE).unlink()
    assert main(["main", "--stage=report", f"--workdir={path}"]) == 0
    assert (path / FILE).read_text(encoding="utf-8") == left
    assert len(run.losses) == run.result["retrain"]["epochs"]
    assert None not in run.losses
    for record in run.records:
        assert record["accuracies"][-1] == record["fitness"]
        assert all(parent < record["number"] for parent in record["parents"])
        assert record["worker"]


@pytest.mark.slow
def test_a_search_that_was_killed_has_the_page_of_its_last_generation(
    runs: Runs, tmp_path: Path
):
    # After the second of three generations is saved and before its page is written.
    runs.die(tmp_path, 2, "--stage=search", "--search_strategy=genetic")
    page = (tmp_path / FILE).read_text(encoding="utf-8")
    assert "4 of 12 candidates" in page
