"""Whole runs: what they leave on disk, and how they resume."""

import contextlib
import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from stages_support import Runs, ledger, result

import gpt_nas_jax as gnj
from gpt_nas_jax import workdir
from gpt_nas_jax.config import TrainConfig
from gpt_nas_jax.datasets import registry
from gpt_nas_jax.main import main
from gpt_nas_jax.networks.trace import trace
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.stages import compile_cache

pytestmark = pytest.mark.slow

SPACE = BlockSpace((8, 8, 1), 10, min_depth=2, max_depth=3, width=16, num_stages=1)


@pytest.fixture(autouse=True, scope="module")
def compiled_before(runs: Runs) -> Iterator[None]:
    """Runs in this process use the programs of those in processes of their own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(runs.cache))
        yield
    compile_cache.keep(TrainConfig())


def test_a_run_leaves_its_result(finished: tuple[Path, str]) -> None:
    path, _ = finished
    value = workdir.read_sealed(path / "result.json")
    assert {"dataset": "digits", "seed": 0}.items() <= value.items()
    assert set(value["prior"]) >= {
        "vocabulary_size",
        "corpus_windows",
        "gpt_perplexity",
        "ngram_perplexity",
        "fcn_accuracy",
    }
    assert value["prior"]["vocabulary_size"] == 38
    found = value["search"]
    assert found["strategy"] == "gpt_nas"
    assert (found["generations"], found["evaluations"], found["failed"]) == (3, 12, 0)
    lines = ledger(path)
    assert found["best_fitness"] == max(line["fitness"] for line in lines)
    assert set(value["best"]) == {"genome", "blocks", "depth", "params", "flops"}
    assert value["retrain"]["epochs"] == 3
    assert 0 <= value["retrain"]["test_accuracy"] <= 1
    counts = np.array(value["retrain"]["confusion"])
    labels = registry.load("digits", "").test.labels
    assert counts.sum(1).tolist() == np.bincount(labels).tolist()
    assert value["retrain"]["test_accuracy"] == np.trace(counts) / len(labels)
    recall = np.diag(counts) / counts.sum(1)
    assert value["retrain"]["balanced_accuracy"] == pytest.approx(recall.mean())


def test_the_ledger_has_a_line_for_every_candidate(
    finished: tuple[Path, str],
) -> None:
    lines = ledger(finished[0])
    places = [(line["generation"], line["index"]) for line in lines]
    assert places == [(g, i) for g in range(3) for i in range(4)]
    assert all(SPACE.valid(jnp.array(line["genome"])) for line in lines)
    # At a rate of 0.4, some blocks of the first generation are proposed.
    assert any(any(line["proposed"]) for line in lines[:4])


def test_the_saved_network_has_the_reported_accuracy(
    finished: tuple[Path, str],
) -> None:
    """Architecture and weights reproduce the reported accuracy with Flax alone."""
    path = finished[0]
    best = json.loads((path / "best" / "architecture.json").read_text(encoding="utf-8"))
    chain = SPACE.decode(SPACE.genome(tuple(best["blocks"])))
    shapes = trace(chain, SPACE.image)
    assert best["params"] == shapes.params
    weights = workdir.load_tree(path / "best" / "weights", shapes.variables)
    dataset = registry.load("digits", "")
    x = (dataset.test.images / 255 - np.array(best["mean"])) / np.array(best["std"])
    logits = jax.jit(chain.apply)(weights, x.astype(np.float32))
    accuracy = float(np.mean(np.argmax(logits, -1) == dataset.test.labels))
    assert accuracy == pytest.approx(result(path)["retrain"]["test_accuracy"])
    assert best["classes"] == [str(digit) for digit in range(10)]


def test_nothing_but_tables_is_printed_where_there_is_no_terminal(
    finished: tuple[Path, str],
) -> None:
    printed = finished[1]
    assert "retrain.test_accuracy" in printed
    assert "\r" not in printed
    assert "Warning" not in printed


@pytest.mark.long
def test_killed_at_random_moments_a_run_ends_with_the_same_ledger(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    """The last kill is during the retraining; two workers make no difference either."""
    random_ = random.Random(0)
    lengths = sorted(random_.sample(range(1, 12), 4))

    def length() -> int:
        path = tmp_path / "ledger.jsonl"
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    for reached in lengths:
        process = runs.start(tmp_path, "--search_workers=2")
        while length() < reached:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.01)
            assert process.poll() is None, process.communicate()[0]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=random_.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    runs.die(tmp_path, 22, "--search_workers=2")
    assert not (tmp_path / "result.json").exists()
    runs.finish(tmp_path)
    assert ledger(tmp_path) == ledger(finished[0])
    assert result(tmp_path) == result(finished[0])


def test_the_second_process_compiles_nothing_anew(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    before = runs.programs()
    assert before
    runs.finish(tmp_path)
    assert runs.programs() == before
    assert result(tmp_path) == result(finished[0])


def test_only_its_user_may_write_to_what_was_made(
    runs: Runs, finished: tuple[Path, str]
) -> None:
    assert (runs.cache / "gpt_nas_jax").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("lines", [1, 6])
def test_a_ledger_cut_anywhere_is_continued_as_it_was(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path, lines: int
) -> None:
    """As after a crash between an evaluation and saving the strategy's state."""
    reference = (finished[0] / "ledger.jsonl").read_bytes()
    kept = b"".join(reference.splitlines(keepends=True)[:lines])
    (tmp_path / "ledger.jsonl").write_bytes(kept + b'{"generation": 0, "ind')
    flags_text = (finished[0] / "flags.txt").read_text(encoding="utf-8")
    (tmp_path / "flags.txt").write_text(flags_text, encoding="utf-8")
    command = runs.command(tmp_path, "--stage=search")[2:]
    assert main(command) == 0
    assert ledger(tmp_path) == ledger(finished[0])


def test_a_ledger_of_an_earlier_version_goes_on(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    """Its lines lack parents, accuracies by epoch, start, worker and waiting time."""
    whole = ledger(finished[0])
    new = ("parents", "accuracies", "start", "worker", "waited")

    def earlier(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{k: v for k, v in r.items() if k not in new} for r in records]

    begun = workdir.Ledger(tmp_path / "ledger.jsonl")
    for record in earlier(whole)[:6]:
        begun.append({**record, "seconds": 1.0})
    shutil.copy(finished[0] / "flags.txt", tmp_path)
    assert main(runs.command(tmp_path, "--stage=search")[2:]) == 0
    assert earlier(ledger(tmp_path)) == earlier(whole)
    assert ledger(tmp_path)[6:] == whole[6:]


@pytest.mark.parametrize(
    "strategy",
    ["local_search", pytest.param("gpt_nas_online", marks=pytest.mark.long)],
)
def test_other_strategies_search_chains_and_go_on_where_they_stopped(
    runs: Runs, tmp_path: Path, strategy: str
) -> None:
    flags = (
        "--stage=search",
        f"--search_strategy={strategy}",
        "--search_batch=3",
        "--search_population=3",
        "--search_generations=3",
    )
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main(runs.command(whole, *flags)[2:]) == 0
    records = ledger(whole)
    assert len(records) == len({tuple(record["genome"]) for record in records}) == 9
    # A second run reads the last saved state.
    assert main(runs.command(whole, *flags)[2:]) == 0
    assert ledger(whole) == records
    shutil.copytree(whole, cut)
    # As after a crash in the third round.
    lines = (whole / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (cut / "ledger.jsonl").write_bytes(b"".join(lines[:7]))
    rounds = sorted((cut / "search").iterdir())
    assert [path.name for path in rounds] == ["3"]
    shutil.rmtree(cut / "search")
    assert main(runs.command(cut, *flags)[2:]) == 0
    assert ledger(cut) == records


def test_another_seed_tries_other_candidates(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    flags = ("--stage=search", "--seed=1", "--search_strategy=genetic")
    assert main(runs.command(tmp_path, *flags)[2:]) == 0
    other = [line["genome"] for line in ledger(tmp_path)]
    assert other != [line["genome"] for line in ledger(finished[0])]
    # Without the GPT nothing is proposed.
    assert not any(any(line["proposed"]) for line in ledger(tmp_path))


NAMES = ("Null", *"abcdefghi")
"""Folders of the digits, in their order."""


def own_digits(home: Path, kind: str) -> Path:
    """Writes the built-in digits as a user's own files, in the same order."""
    dataset = registry.load("digits", "")
    if kind == "npz":
        parts = (("train", dataset.train), ("test", dataset.test))
        x = {f"x_{name}": part.images[..., 0] for name, part in parts}
        y = {f"y_{name}": part.labels for name, part in parts}
        np.savez(home / "digits.npz", **x, **y)
        return home / "digits.npz"
    for name, part in (("train", dataset.train), ("test", dataset.test)):
        for number, (pixels, label) in enumerate(
            zip(part.images, part.labels, strict=True)
        ):
            path = home / name / NAMES[label] / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[..., 0]).save(path)
    return home


@pytest.mark.parametrize(
    "kind", ["folder", pytest.param("npz", marks=pytest.mark.long)]
)
def test_digits_as_own_files_give_the_result_of_the_built_in_ones(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path, kind: str
) -> None:
    """Folders are read in the order of file names, regardless of class."""
    source = own_digits(tmp_path, kind)
    flags = (f"--data_name={kind}", f"--data_dir={source}", "--data_flip=no")
    assert main(runs.command(tmp_path / "run", *flags)[2:]) == 0
    assert ledger(tmp_path / "run") == ledger(finished[0])
    assert result(tmp_path / "run") == {**result(finished[0]), "dataset": kind}
    best = json.loads(
        (tmp_path / "run" / "best" / "architecture.json").read_text(encoding="utf-8")
    )
    # Arrays have no class names.
    assert best.get("classes") == (list(NAMES) if kind == "folder" else None)
    found = gnj.load(tmp_path / "run").predict(registry.load("digits").test.images)
    named = NAMES if kind == "folder" else tuple(map(str, range(10)))
    assert found.names == tuple(named[label] for label in found.labels)


def test_retrain_flags_train_the_same_network_again(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    path = finished[0]
    flagfile = f"--flagfile={path / 'best' / 'retrain.flags'}"
    assert main(["main", flagfile, f"--workdir={tmp_path}"]) == 0
    again, before = result(tmp_path), result(path)
    assert again["best"] == before["best"]
    assert again["retrain"] == before["retrain"]


def test_a_directory_of_other_flags_is_refused_with_the_flags_named(
    runs: Runs,
    finished: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = ledger(finished[0])
    command = runs.command(finished[0], "--search_mutation_rate=0.7", "--seed=4")
    assert main(command[2:]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "--search_mutation_rate is '0.7', was '0.3'" in line
    assert "--seed is '4', was '0'" in line
    assert ledger(finished[0]) == before


def test_a_prior_is_found_again(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    prior = runs.home / "prior"
    before = {p: p.stat().st_mtime_ns for p in prior.rglob("*")}
    assert main(runs.command(tmp_path, "--stage=pretrain")[2:]) == 0
    assert {p: p.stat().st_mtime_ns for p in prior.rglob("*")} == before
    report = json.loads((tmp_path / "prior.json").read_text(encoding="utf-8"))
    parts = {"reading", "pretrain", "finetune", "measuring", "fcn"}
    assert parts == set(report["seconds"])
    assert 0 < report["peak_memory_gib"] < 64


def test_the_fittest_is_chosen_and_of_equals_the_first() -> None:
    records = [{"fitness": f, "index": i} for i, f in enumerate([0.1, None, 0.9, 0.9])]
    assert workdir.best(records)["index"] == 2


def test_an_unfinished_search_is_not_retrained(
    runs: Runs,
    finished: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The test split is reserved for the best network of a complete search."""
    for name in ("flags.txt", "ledger.jsonl"):
        (tmp_path / name).write_bytes((finished[0] / name).read_bytes())
    lines = (tmp_path / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "ledger.jsonl").write_bytes(b"".join(lines[:-1]))
    assert main(runs.command(tmp_path, "--stage=retrain")[2:]) == 2
    assert "11 of 12 evaluations" in capsys.readouterr().err
    assert not (tmp_path / "best").exists()


def test_stages_one_by_one_equal_all_at_once(
    runs: Runs, finished: tuple[Path, str], tmp_path: Path
) -> None:
    for stage in ("pretrain", "search", "retrain"):
        assert main(runs.command(tmp_path, f"--stage={stage}")[2:]) == 0
    assert ledger(tmp_path) == ledger(finished[0])
    assert result(tmp_path) == result(finished[0])


def test_a_search_in_which_all_fail_says_why(
    runs: Runs,
    finished: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ("--eval_max_memory=1e-9",)
    assert main(runs.command(tmp_path, *flags)[2:]) == 2
    assert "--eval_max_memory" in capsys.readouterr().err
    assert [line["fitness"] for line in ledger(tmp_path)] == [None] * 4
