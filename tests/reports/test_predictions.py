"""The table of predictions."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

from gpt_nas_jax.inference.predictor import Answer


def test_a_name_that_is_not_utf_8_is_printed(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    answers = [Answer(tmp_path / name, (("cat", 0.75),))]
    code = "import pickle, sys; from gpt_nas_jax.reports import predictions; "
    code += "predictions.show(pickle.load(sys.stdin.buffer))"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(answers),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict", "COLUMNS": "200"},
        check=True,
    )
    assert "caf\N{REPLACEMENT CHARACTER}.jpg" in shown.stdout.decode()
