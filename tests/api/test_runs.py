"""``gpt_nas_jax.load`` of a run that has not finished."""

from pathlib import Path

import gpt_nas_jax as gnj
from gpt_nas_jax.workdir import FLAGS, LEDGER, Ledger

RECORD = {
    "genome": [1, 2],
    "fitness": 0.5,
    "reason": None,
    "seconds": 1.0,
    "generation": 0,
}


def test_a_running_search_is_read_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FLAGS).write_text("--stage=search\n", encoding="utf-8")
    ledger, path = Ledger(tmp_path / LEDGER), tmp_path / LEDGER
    for index in range(2):
        ledger.append(RECORD | {"index": index})
    whole = path.read_bytes()
    # The search is still writing its second line.
    path.write_bytes(whole[:-20])
    run = gnj.load(tmp_path)
    assert [trial.index for trial in run.search.trials] == [0]
    assert path.read_bytes() == whole[:-20]
    path.write_bytes(whole)
    assert [trial.index for trial in run.search.trials] == [0, 1]
