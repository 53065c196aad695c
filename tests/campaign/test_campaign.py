"""A short fault-injection campaign; the long one is ``tests/campaign/run.py``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
def test_a_short_campaign_loses_nothing(tmp_path: Path) -> None:
    options = ("--kills=12", "--damages=16", "--disks=2", "--failures=2")
    done = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("run.py")),
            f"--home={tmp_path}",
            *options,
        ],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
