"""The check with the accelerators' compilers, as far as it runs without them."""

import json
import pathlib
import sys
from typing import Any

import check_accelerators
import jax
import pytest
from accelerators import blocks as block_works
from accelerators import (
    candidates,
    gpt,
    proxies,
    report,
    retrain,
    settings,
    tables,
    tabular,
)
from accelerators.ledger import Ledger
from jax.sharding import AxisType

from gpt_nas_jax.spaces.blocks.network import BLOCK_NAMES

PARTS = {
    "blocks": block_works.works,
    "retrain": retrain.works,
    "gpt": gpt.works,
    "proxies": proxies.works,
    "tabular": tabular.works,
}
LINE = {
    **{"chip": "tpu", "part": "blocks", "name": "a", "chips": 1},
    **{"jax": "0.10.2", "program": "f00d", "seconds": 2.5},
}


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "programs.jsonl"


@pytest.mark.parametrize(
    "flag", ["--chips=", "--chips=tpu,", "--chips=cpu", "--parts=blocks,,gpt"]
)
def test_names_are_checked_before_any_work(
    flag: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = [f"--{name}={tmp_path / name}" for name in ("out", "cache")]
    monkeypatch.setattr(sys, "argv", ["check_accelerators", flag, *folders])
    # Nothing is installed even where a name is taken for a compiler.
    monkeypatch.setattr(sys, "executable", "false")
    assert check_accelerators.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{flag}: give some of " in line
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("part", PARTS)
def test_works_of_the_short_form_lower(part: str) -> None:
    mesh = jax.make_mesh((1,), ("batch",), (AxisType.Auto,), devices=jax.devices()[:1])
    works = list(PARTS[part](True))
    assert len({(work.name, work.chips) for work in works}) == len(works) > 0
    for work in works[:3]:
        assert "func.func public @main" in work.lower(mesh).as_text()


def test_what_was_compiled_is_not_compiled_again(path: pathlib.Path) -> None:
    Ledger(path).append(LINE)
    # A process that was killed leaves half a line.
    path.write_text(path.read_text(encoding="utf-8") + '{"chip": "tp', encoding="utf-8")
    again = Ledger(path)
    assert again.holds({**LINE})
    assert json.loads(path.read_text(encoding="utf-8")) == LINE
    for change in ({"program": "beef"}, {"jax": "0.11.0"}, {"chips": 16}):
        assert not again.holds(LINE | change)


def test_what_failed_is_tried_again_and_its_last_line_counts(
    path: pathlib.Path,
) -> None:
    failed = {name: LINE[name] for name in LINE if name != "seconds"}
    ledger = Ledger(path)
    ledger.append(failed | {"error": "too much memory"})
    assert not Ledger(path).holds(LINE)
    ledger.append(LINE)
    assert Ledger(path).holds(LINE)
    assert Ledger(path).lines() == [LINE]


def test_the_table_has_least_times_and_what_fails(
    path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = {"flops": 197e9, "accessed": 819e6 * 3, "bytes": 2**30}
    lines: list[dict[str, Any]] = [LINE | measured]
    lines.append(LINE | {"name": "large"} | measured | {"bytes": 17 * 2**30})
    lines.append({**LINE, "chip": "gpu", "name": "b", "error": "no such type"})
    report.show(lines)
    shown = capsys.readouterr().out
    assert "TPU v5e, blocks: large takes more memory than there is" in shown
    assert "H100, blocks: b fails: no such type" in shown
    report.write(lines, path)
    first, _, last = json.loads(path.read_text(encoding="utf-8"))
    assert first["arithmetic_ms"] == pytest.approx(1)
    assert first["memory_ms"] == pytest.approx(3)
    assert "memory_ms" not in last


@pytest.mark.slow
def test_the_bytes_of_candidates_are_those_of_their_blocks(path: pathlib.Path) -> None:
    """Each of their programs accesses 1 GB now and accessed 2 GB before."""
    titles = block_works.places(settings.space("cifar10"), BLOCK_NAMES, False).values()
    measured = {"accessed": 1e9, "flops": 1.0, "bytes": 0}
    lines = [
        LINE | {"name": f"cifar10 {title} {rule} {part}"} | measured
        for title in titles
        for rule in ("all", "nothing")
        for part in ("forward", "backward")
    ]
    before = [line | {"accessed": 2e9} for line in lines]
    tables.write(lines, before, path)
    blocks = sum(len(chain.blocks) for chain in candidates.sampled(0, 12))
    row = f"| all | {4 * blocks:.3g} | {2 * blocks:.3g} | 0.50 |"
    assert row in path.read_text(encoding="utf-8").splitlines()
