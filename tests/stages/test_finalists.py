"""Finalists: which networks are trained again, and which of them is retrained."""

import dataclasses
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stages_support import CLOCK

from gpt_nas_jax import config, flags, workdir
from gpt_nas_jax.main import main
from gpt_nas_jax.reports import summary
from gpt_nas_jax.spaces.categorical import CategoricalSpace
from gpt_nas_jax.stages import finalists, problem
from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir import Ledger

SPACE = CategoricalSpace((("a", "b", "c"),) * 2)


def settings(path: Path, count: int) -> config.Config:
    return config.Config(workdir=str(path), search=config.SearchConfig(finalists=count))


def evaluations(*rows: tuple[list[int], float | None]) -> list[dict[str, Any]]:
    return [
        {"genome": genome, "blocks": SPACE.names(np.array(genome)), "fitness": fitness}
        for genome, fitness in rows
    ]


def trained(path: Path, *rows: tuple[list[int], list[float | None]]) -> None:
    """Writes the ledger of the finalists' trainings."""
    ledger = Ledger(path / "finalists.jsonl")
    for finalist, (genome, values) in enumerate(rows):
        for key, value in enumerate(values):
            ledger.append(
                {
                    "finalist": finalist,
                    "key": key,
                    "genome": genome,
                    "fitness": value,
                    "reason": None if value is not None else "loss is not a number",
                }
            )


RECORDS = evaluations(
    ([0, 0], 0.5), ([1, 1], 0.9), ([1, 1], 0.9), ([2, 2], None), ([0, 2], 0.8)
)


def test_the_best_mean_of_distinct_networks_wins(tmp_path: Path):
    trained(tmp_path, ([1, 1], [0.7, 0.9, 0.7]), ([0, 2], [0.8, 0.8, 0.8]))
    best = finalists.best(settings(tmp_path, 2), SPACE, RECORDS)
    assert best["genome"] == [0, 2]
    assert math.isclose(best["finalist_fitness"], 0.8)
    assert best["finalists"] == 2


def test_there_are_no_more_finalists_than_distinct_networks(tmp_path: Path):
    values = [0.8, 0.8, 0.8]
    trained(tmp_path, ([1, 1], values), ([0, 2], values), ([0, 0], values))
    config = settings(tmp_path, 5)
    part = summary.finalists_part(config, finalists.best(config, SPACE, RECORDS))
    assert part["networks"] == 3


def test_a_failed_training_rules_a_finalist_out(tmp_path: Path):
    trained(tmp_path, ([1, 1], [0.7, 0.7, 0.7]), ([0, 2], [0.9, None, 0.9]))
    assert finalists.best(settings(tmp_path, 2), SPACE, RECORDS)["genome"] == [1, 1]


def test_without_finalists_the_fittest_wins(tmp_path: Path):
    assert finalists.best(settings(tmp_path, 1), SPACE, RECORDS) == RECORDS[1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([([1, 1], [0.7] * 3)], "3 of 6 trainings of finalists"),
        ([([0, 2], [0.7] * 3)], "does not belong to this search's finalists"),
        ([([1, 1], [None] * 3), ([0, 2], [None] * 3)], "loss is not a number"),
    ],
)
def test_what_cannot_be_compared_is_refused(rows: Any, message: str, tmp_path: Path):
    trained(tmp_path, *rows)
    with pytest.raises(UsageError, match=message):
        finalists.best(settings(tmp_path, 2), SPACE, RECORDS)


FLAGS = (
    "--data_train_limit=100",
    "--data_valid_limit=100",
    "--space_min_depth=2",
    "--space_max_depth=2",
    "--space_num_stages=1",
    "--search_strategy=random",
    "--search_batch=3",
    "--search_population=3",
    "--search_generations=1",
    "--search_finalists=2",
    "--search_finalist_epochs=2",
    "--eval_epochs=1",
    "--eval_batch=50",
    "--retrain_epochs=1",
    "--retrain_batch=64",
)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished search."""
    path = tmp_path_factory.mktemp("finalists") / "run"
    command = ["gpt_nas_jax", *FLAGS, f"--workdir={path}", "--stage=search"]
    assert main(command) == 0
    return path


@pytest.mark.slow
def test_the_time_limit_of_candidates_does_not_hold_for_finalists(
    searched: Path, tmp_path: Path
):
    parsed = flags.parse(["main", *FLAGS, f"--workdir={tmp_path}"])
    assert isinstance(parsed, config.Config)
    limited = dataclasses.replace(parsed.eval, max_seconds=1e-9)
    settings = dataclasses.replace(parsed, eval=limited)
    records = Ledger(searched / "ledger.jsonl").read()
    finalists.run(settings, problem.load(settings), records)
    limited_ones = Ledger(tmp_path / "finalists.jsonl").read()
    assert [record["reason"] for record in limited_ones] == [None] * 6


@pytest.mark.slow
def test_a_run_retrains_the_finalist_with_the_best_mean(searched: Path, tmp_path: Path):
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    run = ["gpt_nas_jax", *FLAGS, f"--workdir={tmp_path}"]
    file = tmp_path / "finalists.jsonl"
    whole = Ledger(file).read()
    places = [(record["finalist"], record["key"]) for record in whole]
    assert places == [(finalist, key) for finalist in range(2) for key in range(3)]
    assert len({record["fitness"] for record in whole}) > 1
    # Cut within a line, as by a crash.
    file.write_bytes(file.read_bytes()[:-300])
    assert main(run) == 0

    def plain(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**record, **CLOCK} for record in records]

    assert plain(Ledger(file).read()) == plain(whole)
    means = np.array([record["fitness"] for record in whole]).reshape(2, 3).mean(1)
    result = workdir.read_sealed(tmp_path / "result.json")
    best = whole[3 * int(np.argmax(means))]
    assert result["best"]["genome"] == best["genome"]
    assert result["finalists"]["best_mean_fitness"] == pytest.approx(means.max())


@pytest.mark.slow
def test_a_removed_line_is_repeated_and_the_finalists_stay(
    searched: Path, tmp_path: Path
):
    """As the message about a damaged line advises."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "ledger.jsonl"
    whole = Ledger(file).read()
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    trained = (tmp_path / "finalists.jsonl").read_bytes()
    # Stands for the network that was retrained.
    workdir.write_text(tmp_path / "best" / "architecture.json", "{}")
    run = ["gpt_nas_jax", *FLAGS, f"--workdir={tmp_path}", "--stage=search"]
    assert main(run) == 0
    repeated = [record | CLOCK for record in Ledger(file).read()]
    assert repeated == [record | CLOCK for record in whole]
    assert (tmp_path / "finalists.jsonl").read_bytes() == trained
    assert (tmp_path / "best" / "architecture.json").exists()
    more = ("finalists-*.jsonl", "before-*", "extended.json")
    assert not [name for pattern in more for name in tmp_path.glob(pattern)]
