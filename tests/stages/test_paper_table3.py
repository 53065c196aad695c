"""Table III: rows that were run, rows that were not, and the paper's."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tables_support import latex_tables, lines_of, markdown_tables

from gpt_nas_jax import checks, flags, workdir
from gpt_nas_jax.config import (
    CONTROLS,
    PAPER_ROWS,
    TABLE_ROWS,
    Config,
    SearchConfig,
    fields,
)
from gpt_nas_jax.networks.zoo import ZOO
from gpt_nas_jax.networks.zoo.seven import SEVEN
from gpt_nas_jax.reports.paper import published
from gpt_nas_jax.stages.paper import runs
from gpt_nas_jax.strategies import registry
from gpt_nas_jax.types import UsageError


def kept_run(one: Config, accuracy: float, seconds: float | None) -> None:
    """Writes a finished run, as its own command would."""
    path = Path(one.workdir)
    path.mkdir(parents=True)
    (path / "flags.txt").write_text(fields.to_text(one), encoding="utf-8")
    result: dict[str, Any] = {
        "best": {"params": 2_500_000},
        "retrain": {"test_accuracy": accuracy},
    }
    if seconds is not None:
        result["search"] = {"seconds": seconds, "device_seconds": seconds / 2}
    workdir.write_sealed(path / "result.json", result)


def third(path: Path, **changes: Any) -> Config:
    """A config of Table III that runs only the rows in ``tables_rows``."""
    base = dataclasses.replace(Config(), stage="tables", workdir=str(path))
    paths = {field.name: field.path for field in fields.of(base)}
    values = {"tables_name": "3", "tables_seeds": 2, "search_workers": 2} | changes
    return fields.replace(base, {paths[name]: v for name, v in values.items()})


def test_table_3_reads_what_was_run_and_copies_nothing_else(tmp_path: Path):
    config = third(
        tmp_path, tables_rows="genetic,gpt_nas", data_name="cifar10", data_dir="x"
    )
    for seed, (ours, theirs) in enumerate([(0.95, 0.90), (0.97, 0.91)]):
        kept_run(runs.run_config(config, "gpt_nas", seed), ours, 2 * 86400.0)
        kept_run(runs.run_config(config, "genetic", seed), theirs, 86400.0)
    kept_run(runs.run_config(config, "GoogLeNet", 0), 0.88, None)
    # As many workers as share a device now say nothing about the time measured.
    runs.run(dataclasses.replace(config, search=SearchConfig(workers=4)))
    folder = tmp_path / "tables"
    (head, *rows), paired = markdown_tables(folder / "table.md")
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
    assert paired[1][1:4] == ["genetic", "2", "+5.50 +- 0.71"]
    assert latex_tables(folder / "table.tex") == [[head, *rows], paired]
    lines = lines_of(folder / "table.csv")
    run = {line["row"] for line in lines if line["accuracy"]}
    assert run == {"genetic", "gpt_nas", "GoogLeNet"}
    assert len(lines) == len(published.TABLE_3["cifar10"]) + 2


def test_controls_stand_beside_the_paper_s_rows(tmp_path: Path):
    config = third(tmp_path, tables_rows="genetic,gpt_nas,unigram_refill")
    accuracies = {
        "gpt_nas": (0.95, 0.97),
        "genetic": (0.90, 0.91),
        "unigram_refill": (0.95, 0.96),
    }
    for row, values in accuracies.items():
        for seed, value in enumerate(values):
            kept_run(runs.run_config(config, row, seed), value, 1.0)
    runs.run(config)
    (_, *rows), (head, *paired) = markdown_tables(tmp_path / "tables" / "table.md")
    assert "control (unigram_refill)" in {row[0] for row in rows}
    found = [dict(zip(head, line, strict=True)) for line in paired[:2]]
    assert [(line["minus"], line["difference"]) for line in found] == [
        ("genetic", "+5.50 +- 0.71"),
        ("unigram_refill", "+0.50 +- 0.71"),
    ]
    first, second = (float(line["p, t-test"]) for line in found)
    assert float(found[0]["p, Holm"]) == pytest.approx(2 * first, abs=1.5e-3)
    assert float(found[1]["p, Holm"]) == pytest.approx(second)


@pytest.mark.parametrize(
    ("name", "side", "own", "shown"),
    [
        ("tfds:cifar100", 0, "cifar100", "cifar100"),
        ("tfds:cifar100", 32, "cifar100", "cifar100"),
        ("tfds:cifar100", 16, "cifar100 at 16x16", "cifar100"),
        ("cifar100", 0, "cifar100", "cifar100"),
        ("tfds:mnist", 32, "mnist at 32x32", "cifar10"),
    ],
)
def test_a_data_set_is_the_paper_s_whatever_reads_it(
    name: str, side: int, own: str, shown: str, tmp_path: Path
):
    images: dict[str, Any] = {"data_name": name, "data_side": side, "data_dir": "x"}
    config = third(tmp_path, tables_rows="genetic", tables_seeds=1, **images)
    kept_run(runs.run_config(config, "genetic", 0), 0.7, 1.0)
    runs.run(config)
    ((head, *rows),) = markdown_tables(tmp_path / "tables" / "table.md")
    (row,) = (dict(zip(head, row, strict=True)) for row in rows if "genetic" in row[0])
    assert row[f"here, {own}"] == "70.00"
    theirs = published.TABLE_3[shown]["genetic"].accuracy
    assert row[f"published, {shown}"] == f"{theirs:.2f}"
    difference = f"{70 - theirs:+.2f}" if own == shown else ""
    assert row["here - published"] == difference


def test_on_other_images_nothing_is_subtracted(tmp_path: Path):
    config = third(tmp_path, tables_rows="genetic", tables_seeds=1)
    kept_run(runs.run_config(config, "genetic", 0), 0.9, 1.0)
    runs.run(config)
    ((head, *rows),) = markdown_tables(tmp_path / "tables" / "table.md")
    assert {row[-1] for row in rows} == {""}
    assert "published, cifar10" in head
    (line,) = lines_of(tmp_path / "tables" / "table.csv")
    assert line["published_accuracy"] == ""


def test_a_run_with_other_flags_is_refused(tmp_path: Path):
    config = third(tmp_path, tables_rows="genetic", tables_seeds=1)
    kept_run(runs.run_config(config, "genetic", 0), 0.9, 1.0)
    other = third(tmp_path, tables_rows="genetic", tables_seeds=1, eval_epochs=7)
    with pytest.raises(UsageError, match="--eval_epochs is '7', was '6'"):
        runs.finished(other)


@pytest.mark.parametrize("scale", ["digits", "middle", "cifar10"])
def test_every_row_of_a_flagfile_can_be_searched(scale: str, tmp_path: Path):
    argv = ["main", f"--flagfile=launch/tables/{scale}_3.flags", "--data_dir=x"]
    argv += [f"--workdir={tmp_path}", f"--tables_rows={','.join(TABLE_ROWS)}"]
    config = flags.parse(argv)
    for row in TABLE_ROWS:
        one = runs.run_config(config, row, 0)
        checks.check(one)
        if one.stage == "all":
            registry.check(row, one.search, one.evaluations())
            # The settings that the rules give the proposing strategies.
            ruled = one.search.settings == config.search.settings
            assert ruled is (row != "genetic")


def test_a_rate_of_some_rows_leaves_the_others_as_they_are(tmp_path: Path):
    rates = {"search_elimination_rate": 0.2, "search_elimination_generations": 7}
    config = third(tmp_path, **rates, search_mutation_rate=0.5)
    for row in ("genetic", "gpt_nas", *CONTROLS):
        one = runs.run_config(config, row, 0)
        checks.check(one)
        assert one.search.mutation_rate == 0.5
        schedule = one.search.elimination_rate, one.search.elimination_generations
        assert schedule == ((0.4, 0) if row == "genetic" else (0.2, 7))


def test_every_row_that_is_no_search_is_a_network_of_the_zoo():
    assert set(SEVEN) | {"genetic", "gpt_nas"} == set(PAPER_ROWS)
    assert set(TABLE_ROWS) == {*PAPER_ROWS, *CONTROLS}
    assert set(SEVEN.values()) <= set(ZOO)
