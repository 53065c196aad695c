"""The run that the folder of a trained network belongs to."""

import re
from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config, fields

AGAIN = ("retrain.flags", "baseline.flags")
"""Flagfiles that are saved with a network."""

_PLACES = re.compile(r"(before-\d+/)?best(-\d+)?|baselines/[^/]+")
# A network's flagfile names the network and the side that was chosen for its images;
# those of a run change when its search is extended.
_MAY_DIFFER = {"retrain_genome", "baseline_name", "data_side", "search_generations"}


def owner(home: Path) -> Path | None:
    """The folder of the run that saved a network in a folder.

    None for a copy, even inside the folder of another run.
    """
    for run in (home.parent, home.parent.parent):
        place = home.relative_to(run).as_posix()
        if _PLACES.fullmatch(place) and _saved_by(home, run):
            return run
    return None


def _saved_by(home: Path, run: Path) -> bool:
    """Whether the flags of a network are those of a run."""
    theirs = workdir.flags_in(run / workdir.FLAGS)
    if theirs is None:
        return False
    found = (workdir.flags_in(home / name) for name in AGAIN)
    # Without flags of its own, the network is known by its place alone.
    own = next(filter(None, found), {})
    names = own.keys() & fields.result_text(Config()).keys() - _MAY_DIFFER
    return all(own[name] == theirs.get(name) for name in names)
