"""Searches in a process with 64-bit types turned on."""

import os
import subprocess
import sys

import pytest

# In a process of its own: JAX keeps constants of 64 bits for programs of 32.
_SEARCHES = """
import gpt_nas_jax as gnj
from gpt_nas_jax.strategies.contract import asked

choices = gnj.spaces.CategoricalSpace((("a", "b", "c"),) * 4)
cells = gnj.spaces.NasBench101Space()
names = "genetic", "regularised_evolution", "local_search", "surrogate"
for name, space in [*((name, choices) for name in names), ("local_search", cells)]:
    asked(name, gnj.strategies.create(name, space, 20), space)
for space in (choices, cells):
    found = gnj.search(space, lambda genome: float(genome.sum()), "random", 10)
    print(len(found))
"""


@pytest.mark.slow
def test_searches_evaluate_all_candidates():
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    command = [sys.executable, "-c", _SEARCHES]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stdout.split() == ["10", "10"], ended.stderr
