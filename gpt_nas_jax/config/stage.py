"""The stages: what each does, and the settings that it reads."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Stage:
    """A value of ``--stage``.

    Attributes:
      help: one line.
      reads: the sections and single settings of `Config` that it reads.
    """

    help: str
    reads: tuple[str, ...]


_RUN = ("workdir", "seed", "data", "space", "search")
_WHERE = ("executor", "hosts", "ray")
_ALL = (*_RUN, *_WHERE, "prior", "eval", "retrain", "train")
_LOGS = ("log",)

STAGES: Mapping[str, Stage] = {
    "all": Stage("Runs pretrain, search and retrain.", (*_ALL, *_LOGS)),
    "pretrain": Stage(
        "Trains the prior, a GPT and an FCN.",
        (*_RUN, "prior", "train", *_LOGS),
    ),
    "search": Stage(
        "Searches for the architecture of the highest fitness.",
        (*_RUN, *_WHERE, "prior", "eval", "train", *_LOGS),
    ),
    "retrain": Stage(
        "Trains the best architecture of a search from scratch.",
        (*_RUN, *_WHERE, "retrain", "train", *_LOGS),
    ),
    "zoo": Stage("Lists the 36 human networks with their cost.", ("zoo",)),
    "import_benchmark": Stage(
        "Converts a released benchmark to a compact .npz file.", ("imports",)
    ),
    "tables": Stage(
        "Compares strategies, or reproduces a table of the paper.", (*_ALL, "tables")
    ),
    "proxies": Stage(
        "Scores networks of NAS-Bench-201 by zero-cost proxies.",
        ("workdir", "seed", "data", "train", "proxies"),
    ),
    "report": Stage(
        "Writes report.html, the page of the run in --workdir.", ("workdir", "report")
    ),
    "baseline": Stage(
        "Trains a human network by the recipe of retrain.",
        ("workdir", "seed", *_WHERE, "data", "retrain", "train", "baseline", *_LOGS),
    ),
    "predict": Stage(
        "Classifies pictures with the network that a run has trained.",
        ("workdir", "predict"),
    ),
    "export": Stage(
        "Writes the network that a run has trained as files for other programs.",
        ("workdir", "export"),
    ),
}

_PARTS = ("pretrain", "search", "retrain")


def checked(stage: str) -> tuple[str, ...]:
    """The settings that must agree before a stage starts.

    The parts of a run share a workdir and its flags: what would stop a later part is
    reported before the first.
    """
    return STAGES["all" if stage in _PARTS else stage].reads
