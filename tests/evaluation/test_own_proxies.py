"""User-defined zero-cost proxies."""

import re
from pathlib import Path

import pytest

from gpt_nas_jax.main import main
from gpt_nas_jax.workdir import Ledger

PROXIES = """
import jax.numpy as jnp

def classes(chain, images, labels, key):
    return jnp.float32(len(jnp.unique(labels)))

def several(chain, images, labels, key):
    return jnp.arange(3.0)

def word(chain, images, labels, key):
    return "high"

def none(chain, images, labels, key):
    return None

def nothing(chain, images, labels, key):
    return float("nan")

def raises(chain, images, labels, key):
    raise KeyError("absent")

calls = []

def at_first(chain, images, labels, key):
    calls.append(chain)
    return 1 / (len(calls) - 1)

ready = False

def later(chain, images, labels, key):
    return len(str(chain)) if ready else float("nan")

def other(network, batch):
    return 1.0
"""
FLAGS = (
    "--stage=search",
    "--data_train_limit=100",
    "--space_min_depth=2",
    "--space_max_depth=2",
    "--space_num_stages=1",
    "--search_strategy=random",
    "--search_batch=2",
    "--search_population=2",
    "--search_generations=1",
    "--eval_method=zero_cost",
    "--eval_proxy_batch=10",
    "--eval_batch=50",
)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a user's module with proxies."""
    name = f"proxies_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PROXIES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def search(module: str, name: str, workdir: Path, *flags: str) -> int:
    proxies = f"--eval_proxies={module}:{name}"
    return main(["gpt_nas_jax", *FLAGS, proxies, f"--workdir={workdir}", *flags])


def test_a_single_user_proxy_is_the_fitness(module: str, tmp_path: Path):
    assert search(module, "classes", tmp_path / "run") == 0
    records = Ledger(tmp_path / "run" / "ledger.jsonl").read()
    assert all(5 < record["fitness"] <= 10 for record in records)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("several", "returned an array of shape (3,); return one number"),
        ("nothing", "degenerate: no score by"),
        ("word", "the proxy returned 'high'; return one number"),
        ("none", "the proxy returned None; return one number"),
        ("raises", ".py, line 20)"),
    ],
)
def test_a_proxy_without_a_number_fails_the_candidate(
    module: str,
    name: str,
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    assert search(module, name, tmp_path / "run") == 2
    assert reason in capsys.readouterr().err


def test_a_proxy_that_is_corrected_scores_the_reference_networks_anew(
    module: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    names, run = "later,params", tmp_path / "run"
    assert search(module, names, run) == 2
    error = capsys.readouterr().err
    assert f"none of 64 random networks has a score by {module}:later," in error
    monkeypatch.setattr(f"{module}.ready", True)
    assert search(module, names, run) == 0
    records = Ledger(run / "ledger.jsonl").read()
    assert len({record["fitness"] for record in records}) > 1


@pytest.mark.parametrize(("name", "status"), [("raises", 2), ("at_first", 0)])
def test_a_filter_says_how_many_networks_its_proxy_fails_on(
    module: str,
    name: str,
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    assert search(module, name, tmp_path / "run", "--search_filter=3") == status
    error = capsys.readouterr().err
    if status:
        pattern = r"gpt_nas_jax: --search_filter: none of (\d) networks could be "
        pattern += r"scored; \1 failed with: .*absent.*\n"
    else:
        pattern = r"gpt_nas_jax: --search_filter: 1 of \d networks have no score; "
        pattern += r"the first: .*division.*\n"
    assert re.fullmatch(pattern, error)


def test_another_signature_is_refused_before_any_work(
    module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert search(module, "other", tmp_path / "run") == 2
    assert "must take chain, images, labels and key" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
