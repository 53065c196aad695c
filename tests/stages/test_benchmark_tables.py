"""Complete searches on a benchmark, from the command line to the table."""

import csv
import itertools
import pathlib
import signal

import numpy as np
import pytest

from gpt_nas_jax import main
from gpt_nas_jax.datasets.benchmarks import compact, nasbench201, scores
from gpt_nas_jax.stages import benchmark_tables as tables
from gpt_nas_jax.strategies import registry

pytestmark = pytest.mark.slow

STRATEGIES = "random,local_search,genetic,surrogate"


def arguments(data: pathlib.Path, path: pathlib.Path, *more: str) -> list[str]:
    return [
        "main",
        "--stage=tables",
        "--tables_name=nasbench201",
        f"--tables_source={data / 'nasbench201.npz'}",
        f"--workdir={path}",
        f"--tables_strategies={STRATEGIES}",
        "--search_seeds=4",
        "--search_queries=30",
        *more,
    ]


def row_file(strategy: str) -> str:
    """The name of the file with a strategy's first rows."""
    return f"{strategy}@{registry.version(strategy)}-0-4.npy"


@pytest.fixture(scope="module")
def finished(shared_data, tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("tables")
    assert main.main(arguments(shared_data, path)) == 0
    return path


def test_the_table_is_what_the_rows_say(finished: pathlib.Path, shared_data):
    with (finished / "tables" / "table.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    archive = np.load(shared_data / "nasbench201.npz")
    assert {row["strategy"] for row in table} == set(STRATEGIES.split(","))
    for row in table:
        folder = finished / "rows" / row["dataset"]
        evaluated = np.load(folder / row_file(row["strategy"]))
        valid = archive[f"{row['dataset']}/val_acc_200"]
        test = archive[f"{row['dataset']}/test_acc_200"]
        queried = evaluated[:, : int(row["queries"])]
        best = [max(search, key=lambda index: valid[index]) for search in queried]
        np.testing.assert_allclose(float(row["mean"]), test[best].mean())


def test_a_run_goes_on_and_ends_with_the_same_table(
    finished: pathlib.Path, shared_data, tmp_path: pathlib.Path, monkeypatch
):
    searches = tables.tabular.searches
    left = iter(range(5))

    def stops(*args):
        if next(left, None) is None:
            signal.raise_signal(signal.SIGTERM)
        return searches(*args)

    monkeypatch.setattr(tables.tabular, "searches", stops)
    assert main.main(arguments(shared_data, tmp_path)) == 143
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "rows").rglob("*.npy")}
    assert len(kept) == 5
    assert not (tmp_path / "tables").exists()
    monkeypatch.setattr(tables.tabular, "searches", searches)
    assert main.main(arguments(shared_data, tmp_path)) == 0
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    for name in ("table.md", "contrasts.csv", "paired.csv", "figure.svg"):
        whole = (finished / "tables" / name).read_bytes()
        assert (tmp_path / "tables" / name).read_bytes() == whole


def write_scores(data: pathlib.Path, path: pathlib.Path, count: int) -> None:
    """Writes scores that reveal an accuracy, for ``count`` cells in random order."""
    archive = np.load(data / "nasbench201.npz")
    rows = np.random.default_rng(0).permutation(len(archive["ops"]))[:count]
    accuracy = archive["cifar10/val_acc_200"][rows]
    columns = np.stack([np.where(accuracy > 20, accuracy, -np.inf), -accuracy], -1)
    kept = scores.Scores(archive["ops"][rows], ("naswot", "zico"), columns)
    path.write_bytes(scores.to_bytes(kept))


def test_scores_are_seen_by_those_that_read_features_and_by_no_others(
    finished: pathlib.Path, shared_data, tmp_path: pathlib.Path
):
    file, path = tmp_path / "scores.npz", tmp_path / "run"
    write_scores(shared_data, file, nasbench201.CELLS)
    flags = ["--tables_strategies=genetic,surrogate", f"--tables_scores={file}"]
    assert main.main(arguments(shared_data, path, *flags)) == 0
    for dataset in nasbench201.DATASETS:
        rows = {
            name: [
                np.load(root / "rows" / dataset / row_file(name))
                for root in (path, finished)
            ]
            for name in ("genetic", "surrogate")
        }
        np.testing.assert_array_equal(*rows["genetic"])
        # The first ten queries are random.
        told, before = rows["surrogate"]
        np.testing.assert_array_equal(told[:, :10], before[:, :10])
        assert (told[:, 10:] != before[:, 10:]).any()


def test_scores_of_some_cells_are_refused(shared_data, tmp_path, capsys):
    file, path = tmp_path / "scores.npz", tmp_path / "run"
    write_scores(shared_data, file, 1000)
    assert main.main(arguments(shared_data, path, f"--tables_scores={file}")) == 2
    error = capsys.readouterr().err
    assert "1000 cells" in error
    assert "--proxies_networks=0" in error
    assert len(error.splitlines()) == 1
    assert not path.exists()


def test_a_file_that_changed_since_is_refused(tmp_path: pathlib.Path, capsys):
    ops = np.array([*itertools.product(range(5), repeat=6)], np.uint8)
    accuracy = np.stack([3.5 * ops.sum(1)] * 3)
    file, path = tmp_path / "nasbench201.npz", tmp_path / "run"
    fewer = ("--search_seeds=2", "--search_queries=20", "--tables_strategies=random")

    def run(order: np.ndarray) -> int:
        cells = nasbench201.NasBench201(ops[order], *[accuracy[:, order]] * 2)
        file.write_bytes(compact.to_bytes(nasbench201.to_columns(cells)))
        return main.main(arguments(tmp_path, path, *fewer))

    plain = np.arange(len(ops))
    assert run(plain) == 0
    tables = (path / "tables" / "table.csv").read_bytes()
    capsys.readouterr()
    # The same networks with the same accuracies, in another order.
    assert run(plain[::-1]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "of another benchmark: its --tables_source has changed" in line
    assert (path / "tables" / "table.csv").read_bytes() == tables
    assert run(plain) == 0


@pytest.mark.long
def test_groups_of_searches_take_priors_in_turn(shared_data, tmp_path: pathlib.Path):
    flags = (
        *("--tables_strategies=gpt_nas", "--search_seeds=26", "--search_population=10"),
        *("--prior_width=16", "--prior_pretrain_epochs=1", "--prior_finetune_epochs=2"),
        "--prior_fcn_steps=50",
        f"--prior_dir={tmp_path / 'prior'}",
    )
    rows = {}
    for count in (1, 2):
        path = tmp_path / str(count)
        command = arguments(shared_data, path, *flags, f"--tables_priors={count}")
        assert main.main(command) == 0
        rows[count] = {
            file.name: np.load(file)
            for file in sorted((path / "rows" / "cifar10").glob("*.npy"))
        }
    assert len([*(tmp_path / "prior").iterdir()]) == 2
    first, second = rows[1].keys()
    np.testing.assert_array_equal(rows[2][first], rows[1][first])
    assert (rows[2][second] != rows[1][second]).any()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--tables_scores=missing.npz"], "missing.npz"),
        (["--tables_strategies=random,bogus"], "--tables_strategies"),
        (["--tables_source="], "needs --tables_source"),
        (["--tables_source=missing.npz"], "missing.npz"),
        (["--search_queries=35"], "--search_queries=35"),
        (["--search_batch=7"], "--search_batch=7"),
        (["--tables_priors=2"], "--tables_priors=2 is read by gpt_nas"),
        (
            ["--tables_priors=2", "--tables_strategies=gpt_nas"],
            "needs --search_seeds=26",
        ),
        (
            ["--tables_strategies=gpt_nas", "--prior_corpus=nasbench201"],
            "--prior_corpus=nasbench201",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    flags: list[str], message: str, shared_data, tmp_path: pathlib.Path, capsys
):
    path = tmp_path / "run"
    assert main.main([*arguments(shared_data, path), *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not path.exists()
