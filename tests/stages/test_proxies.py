"""Scoring networks without training, from the command line to the tables."""

import csv
import itertools
import pathlib
from typing import Any

import numpy as np
import pytest
from prepared_support import prepare, random_images
from scipy import stats

from gpt_nas_jax import flags, main
from gpt_nas_jax.config import fields
from gpt_nas_jax.datasets.benchmarks import compact, nasbench201, scores
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.spaces.nasbench201.network import IMAGE, network
from gpt_nas_jax.workdir import Ledger

pytestmark = pytest.mark.slow

NAMES = ("flops", "params")
NETWORKS = 9
AZ_NAS = ("expressivity", "progressivity", "trainability", "flops")


def benchmark() -> nasbench201.NasBench201:
    """All cells, with accuracies computed from their operations."""
    ops = np.array([*itertools.product(range(5), repeat=6)], np.uint8)
    accuracy = ops @ np.array([1, 2, 3, 1.5, 2.5, 0.25])
    test = np.stack([accuracy, accuracy / 2, 90 - accuracy])
    return nasbench201.NasBench201(ops, test / 2, test)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> pathlib.Path:
    """A folder with a benchmark and images."""
    path = tmp_path_factory.mktemp("home")
    columns = nasbench201.to_columns(benchmark())
    (path / "cells.npz").write_bytes(compact.to_bytes(columns))
    prepare(path, random_images(0, 12), random_images(1, 5))
    return path


def arguments(home: pathlib.Path, path: pathlib.Path, *more: str) -> list[str]:
    return [
        "main",
        "--stage=proxies",
        f"--proxies_source={home / 'cells.npz'}",
        f"--proxies_names={','.join(NAMES)}",
        f"--proxies_networks={NETWORKS}",
        "--proxies_batch=3",
        "--data_name=cifar100",
        f"--data_dir={home}",
        f"--workdir={path}",
        *more,
    ]


@pytest.fixture(scope="module")
def finished(home, tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("proxies")
    assert main.main(arguments(home, path)) == 0
    return path


def lines(path: pathlib.Path) -> list[dict[str, Any]]:
    """The ledger, without the entries that depend on the clock."""
    records = Ledger(path / "scores.jsonl").read()
    return [{**record, "seconds": None} for record in records]


def write(path: pathlib.Path, command: list[str], records: list[Any]) -> None:
    """Writes the flags and the ledger of a command."""
    text = fields.to_text(flags.parse(command))
    (path / "flags.txt").write_text(text, encoding="utf-8")
    ledger = Ledger(path / "scores.jsonl")
    for record in records:
        ledger.append(record)


def table(path: pathlib.Path) -> list[dict[str, str]]:
    with (path / "tables" / "proxies.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_ledger_holds_distinct_cells_and_what_they_cost(finished: pathlib.Path):
    records = lines(finished)
    cells = benchmark()
    assert len({record["row"] for record in records}) == NETWORKS
    for record in records:
        assert record["ops"] == cells.ops[record["row"]].tolist()
        total = cost(network(tuple(record["ops"]), 100), IMAGE)
        assert record["scores"] == {"flops": total.flops, "params": total.params}


def test_the_table_is_what_the_ledger_says(finished: pathlib.Path):
    records, rows = lines(finished), table(finished)
    test = benchmark().test[:, [record["row"] for record in records]]
    expected = [(name, dataset) for name in NAMES for dataset in nasbench201.DATASETS]
    assert [(row["proxy"], row["dataset"]) for row in rows] == expected
    for row in rows:
        found = [record["scores"][row["proxy"]] for record in records]
        accuracy = test[nasbench201.DATASETS.index(row["dataset"])]
        rho = stats.spearmanr(found, accuracy).statistic
        tau = stats.kendalltau(found, accuracy).statistic
        assert float(row["spearman"]) == pytest.approx(rho)
        assert float(row["kendall"]) == pytest.approx(tau)
        assert float(row["spearman_low"]) <= rho <= float(row["spearman_high"])
        shared = sum(found.count(score) > 1 for score in found)
        assert (int(row["degenerate"]), int(row["ties"])) == (0, shared)
        assert accuracy.min() <= float(row["search_mean"]) <= accuracy.max()
    published = {row["proxy"]: float(row["spearman_published"]) for row in rows[::3]}
    assert published == {"flops": 0.73, "params": 0.75}
    assert "| naswot, published | 92.96 | 69.98 | 44.44 |" in (
        finished / "tables" / "proxies.md"
    ).read_text(encoding="utf-8")


def test_the_scores_are_kept_for_the_search(finished: pathlib.Path):
    kept, records = scores.read(finished / "scores.npz"), lines(finished)
    assert kept.names == NAMES
    assert kept.ops.tolist() == [record["ops"] for record in records]
    assert kept.scores.tolist() == [[*record["scores"].values()] for record in records]


@pytest.mark.parametrize("whole", [0, 4])
def test_a_run_goes_on_where_it_was_killed(
    whole: int, finished: pathlib.Path, home, tmp_path: pathlib.Path
):
    assert main.main(arguments(home, tmp_path)) == 0
    ledger = tmp_path / "scores.jsonl"
    content = ledger.read_bytes().splitlines(keepends=True)
    kept = b"".join(content[:whole])
    ledger.write_bytes(kept + content[whole][:20])
    (tmp_path / "scores.npz").unlink()
    assert main.main(arguments(home, tmp_path)) == 0
    assert ledger.read_bytes().startswith(kept)
    assert lines(tmp_path) == lines(finished)
    for name in ("scores.npz", "tables/proxies.csv"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_more_networks_begin_with_the_same_ones(
    finished: pathlib.Path, home, tmp_path: pathlib.Path
):
    assert main.main(arguments(home, tmp_path, "--proxies_networks=4")) == 0
    assert lines(tmp_path) == lines(finished)[:4]


def test_degenerate_networks_rank_lowest_and_az_nas_joins_its_proxies(
    finished: pathlib.Path, home, tmp_path: pathlib.Path
):
    # The ledger is complete: nothing is left to score.
    records = lines(finished)
    for place, record in enumerate(records):
        value = None if place < 3 else float(place)
        record |= {"scores": dict.fromkeys(AZ_NAS, value), "seconds": 2.0}
    names = f"--proxies_names={','.join(AZ_NAS)}"
    write(tmp_path, arguments(home, tmp_path, names), records)
    assert main.main(arguments(home, tmp_path, names)) == 0
    rows = table(tmp_path)
    assert {row["proxy"] for row in rows} == {*AZ_NAS, "az_nas"}
    ranks = [0, 0, 0, *range(3, NETWORKS)]
    test = benchmark().test[:, [record["row"] for record in records]]
    for row in rows:
        accuracy = test[nasbench201.DATASETS.index(row["dataset"])]
        rho = stats.spearmanr(ranks, accuracy).statistic
        assert float(row["spearman"]) == pytest.approx(rho)
    assert {row["degenerate"] for row in rows if row["proxy"] != "az_nas"} == {"3"}
    kept = scores.read(tmp_path / "scores.npz").scores
    assert np.isneginf(kept[:3]).all()
    assert "2.00 s each" in (tmp_path / "tables" / "proxies.md").read_text(
        encoding="utf-8"
    )


HALF = """
calls = []

def half(chain, images, labels, key):
    calls.append(chain)
    if len(calls) % 2:
        raise KeyError("absent")
    return float(len(calls))
"""


def test_a_proxy_that_fails_leaves_the_scores_of_the_others(
    finished: pathlib.Path,
    home,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys,
):
    (tmp_path / "failing_proxy.py").write_text(HALF, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    path, own = tmp_path / "run", "failing_proxy:half"
    names = f"--proxies_names=params,{own},flops"
    assert main.main(arguments(home, path, names)) == 0
    error = capsys.readouterr().err
    (line,) = [line for line in error.splitlines() if own in line]
    assert f"proxies failed for 5 of {NETWORKS} networks; the first: {own}: " in line
    found = [record["scores"] for record in lines(path)]
    assert [scores.pop(own) for scores in found] == [
        None if place % 2 == 0 else place + 1 for place in range(NETWORKS)
    ]
    assert found == [record["scores"] for record in lines(finished)]
    degenerate = {row["proxy"]: row["degenerate"] for row in table(path)}
    assert degenerate == {"params": "0", own: "5", "flops": "0"}


def test_a_ledger_of_other_networks_is_refused(
    finished: pathlib.Path, home, tmp_path: pathlib.Path, capsys
):
    write(tmp_path, arguments(home, tmp_path), lines(finished)[::-1])
    assert main.main(arguments(home, tmp_path)) == 2
    error = capsys.readouterr().err
    assert "scores.jsonl:1 does not match the cell" in error
    assert len(error.splitlines()) == 1


def test_a_file_with_its_cells_in_another_order_is_refused(
    finished: pathlib.Path, home, tmp_path: pathlib.Path, capsys
):
    plain, order = benchmark(), np.random.default_rng(0).permutation(nasbench201.CELLS)
    columns = plain.valid[:, order], plain.test[:, order]
    other = nasbench201.NasBench201(plain.ops[order], *columns)
    file = home / "cells.npz"
    before = file.read_bytes()
    records = Ledger(finished / "scores.jsonl").read()
    write(tmp_path, arguments(home, tmp_path), records)
    try:
        file.write_bytes(compact.to_bytes(nasbench201.to_columns(other)))
        assert main.main(arguments(home, tmp_path)) == 2
    finally:
        file.write_bytes(before)
    (line,) = capsys.readouterr().err.splitlines()
    assert "scores.jsonl:1 does not match the cell" in line
    assert "--proxies_source" in line
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--proxies_names=params,bogus"], "--proxies_names=params,bogus"),
        (["--proxies_names=params,params"], "each once"),
        (["--proxies_source="], "needs --proxies_source"),
        (["--proxies_source=missing.npz"], "missing.npz"),
        (["--proxies_networks=15626"], "proxies_networks"),
        (["--proxies_batch=7"], "--proxies_batch=7"),
        (["--data_name=digits"], "32x32x3"),
        (["--data_dir=missing"], "missing"),
        (["--stage=tables", "--tables_source=x.npz"], "--stage=proxies"),
        (["--tables_source=x.npz"], "--stage=tables"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    flags: list[str], message: str, home, tmp_path: pathlib.Path, capsys
):
    path = tmp_path / "run"
    assert main.main([*arguments(home, path), *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not path.exists()
