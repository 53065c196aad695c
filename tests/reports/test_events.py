"""The TensorBoard logs, read back from their files."""

import builtins
from collections import defaultdict
from pathlib import Path
from typing import Any

import page_support as support
import pytest

from gpt_nas_jax.datasets.tfrecord import read_records
from gpt_nas_jax.main import main
from gpt_nas_jax.reports.events import FOLDER, Events
from gpt_nas_jax.reports.page.run import read

SIZE = 4
Scalars = dict[str, list[tuple[int, float]]]


def events(folder: Path) -> list[Any]:
    """All events in the files of one folder."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    files = sorted(folder.glob("events*"))
    return [event_pb2.Event.FromString(data) for f in files for data in read_records(f)]


def scalars(folder: Path) -> Scalars:
    found: Scalars = defaultdict(list)
    for event in events(folder):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name != "hparams":
                found[value.tag].append((event.step, value.simple_value))
    return found


def hyperparameters(folder: Path) -> dict[str, float]:
    """The hyperparameters in the start record of a session."""
    plugin_data_pb2 = pytest.importorskip("tensorboardX.proto.plugin_hparams_pb2")
    for event in events(folder):
        for value in event.summary.value:
            content = value.metadata.plugin_data.content
            data = plugin_data_pb2.HParamsPluginData.FromString(content)
            if data.WhichOneof("data") == "session_start_info":
                found = data.session_start_info.hparams
                return {name: found[name].number_value for name in found}
    raise AssertionError("no hyperparameters")


def lines(count: int) -> list[dict[str, Any]]:
    return support.evaluations(SIZE, count, failing=0.3)


def test_every_candidate_is_logged_once_whenever_a_run_was_killed(tmp_path: Path):
    path = tmp_path / "run"
    support.search(path, support.config(path, SIZE, 3), lines(7))
    first = Events(path)
    first.update(read(path))
    ledger = support.Ledger(path / "ledger.jsonl")
    for record in lines(12)[7:]:
        ledger.append({k: v for k, v in record.items() if k != "number"})
    first.update(read(path))
    for _ in range(2):
        found, evaluated = scalars(path / FOLDER), read(path).scored
        expected = [(r["number"], pytest.approx(r["fitness"])) for r in evaluated]
        assert found["search/fitness"] == expected
        assert found["search/failed_so_far"][-1] == (11, 12 - len(evaluated))
        best = max(record["fitness"] for record in evaluated)
        assert found["search/best_fitness"][-1] == (11, pytest.approx(best))
        # The first update of another process rewrites everything.
        Events(path).update(read(path))


def test_every_known_cost_is_logged(tmp_path: Path):
    path = tmp_path / "run"
    records = lines(6)
    for number, record in enumerate(records):
        record |= {"latency": 0.5 + number, "memory": 1000 + number}
    support.search(path, support.config(path, SIZE, 3), records)
    Events(path).update(read(path))
    found = scalars(path / FOLDER)
    assert found["search/latency_ms"] == [(n, 0.5 + n) for n in range(6)]
    assert found["search/memory_bytes"] == [(n, 1000 + n) for n in range(6)]
    assert [value for _, value in found["search/FLOPs"]] == [
        r["flops"] for r in records
    ]


def test_hyperparameters_count_the_blocks(tmp_path: Path):
    path = tmp_path / "run"
    support.search(path, support.config(path, SIZE, 3), lines(8))
    run = read(path)
    Events(path).update(run)
    record = run.scored[0]
    folder = path / FOLDER / "candidates" / f"{record['number']:05}"
    counts = hyperparameters(folder)
    assert counts.pop("depth") == len(record["blocks"])
    assert {name for name, count in counts.items() if count} == {*record["blocks"]}
    curve = [(n, pytest.approx(a)) for n, a in enumerate(record["accuracies"], 1)]
    assert scalars(folder)["candidate/accuracy"] == curve


def test_the_long_training_is_logged(tmp_path: Path):
    path = tmp_path / "run"
    support.search(path, support.config(path, SIZE, 3), [])
    network = {"name": "ResNet-18", "params": 5, "flops": 6}
    support.trained(path, network, "baseline", 0.75)
    Events(path).update(read(path))
    found = scalars(path / FOLDER)
    assert found["training/loss"] == [(1, 2.0), (2, 1.0), (3, 0.5), (4, 0.25)]
    assert found["training/test_accuracy"] == [(4, 0.75)]


def test_without_the_package_a_run_is_refused_before_it_begins(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    plain = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("tensorboardX"):
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    path = tmp_path / "run"
    command = ["main", "--log_tensorboard=yes", f"--workdir={path}"]
    assert main([*command, "--search_strategy=random"]) == 2
    assert "gpt_nas_jax[tensorboard]" in capsys.readouterr().err
    assert not path.exists()
