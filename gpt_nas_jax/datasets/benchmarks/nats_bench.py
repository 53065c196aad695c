"""Reads NAS-Bench-201 as released by NATS-Bench (Dong et al., arXiv 2009.00437)."""

import bz2
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from gpt_nas_jax.datasets.benchmarks import nasbench201, plain_pickle
from gpt_nas_jax.types import UsageError

_EPOCHS = 200
_ADVICE = "give the unpacked folder NATS-tss-v1_0-3ffb9-simple"
# Training set, and images of the final evaluation: on CIFAR-10, the test accuracy is of
# a training that includes the validation images.
_MEASURED = {
    ("cifar10", "val_acc_200"): ("cifar10-valid", "x-valid"),
    ("cifar10", "test_acc_200"): ("cifar10", "ori-test"),
    ("cifar100", "val_acc_200"): ("cifar100", "x-valid"),
    ("cifar100", "test_acc_200"): ("cifar100", "x-test"),
    ("imagenet16_120", "val_acc_200"): ("ImageNet16-120", "x-valid"),
    ("imagenet16_120", "test_acc_200"): ("ImageNet16-120", "x-test"),
}


def read(
    folder: pathlib.Path, advance: Callable[[], object] = lambda: None
) -> nasbench201.NasBench201:
    """Reads the unpacked ``NATS-tss-v1_0-3ffb9-simple``, one file in memory at a time.

    It holds ``meta.pickle.pbz2``, which names the cells, and ``000000.pickle.pbz2`` to
    ``015624.pickle.pbz2``, one per cell. An accuracy is the mean over the seeds trained
    for 200 epochs, after the last epoch. Source: nats_bench/api_utils.py and
    api_topology.py of D-X-Y/NATS-Bench.

    Args:
      folder: the unpacked folder.
      advance: called after each cell.

    Raises:
      UsageError: a file is missing, damaged, of another release, or pickles anything
        but plain data, which is never executed.
    """
    names = _cell_names(folder / "meta.pickle.pbz2")
    paths = [folder / f"{i:06d}.pickle.pbz2" for i in range(len(names))]
    there = {path.name for path in folder.iterdir()}
    if absent := [path for path in paths if path.name not in there]:
        raise UsageError(
            f"{folder}: {len(absent)} of {len(paths)} files are missing, such "
            f"as {absent[0].name}; unpack the archive again"
        )

    def rows() -> Iterator[tuple[str, list[float]]]:
        for name, path in zip(names, paths, strict=True):
            yield name, _accuracies(path, name)
            advance()

    return nasbench201.from_rows(rows(), folder)


def _cell_names(path: pathlib.Path) -> list[str]:
    match _load(path):
        case {"meta_archs": [*names]} if all(isinstance(n, str) for n in names):
            nasbench201.check_cells(names, path)
            return names
    raise UsageError(f"{path}: there is no list meta_archs; {_ADVICE}")


def _accuracies(path: pathlib.Path, name: str) -> list[float]:
    """The six accuracies of a cell, as ``nasbench201.ACCURACIES``."""
    content = _load(path)
    try:
        state = content[str(_EPOCHS)]
        if state["arch_str"] != name:
            raise ValueError(f"it is of {state['arch_str']}, not of {name}")
        return [_mean(state, *_MEASURED[key]) for key in nasbench201.ACCURACIES]
    except KeyError as error:
        raise UsageError(f"{path}: there is no {error}; {_ADVICE}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{path}: {error}; {_ADVICE}") from error


def _mean(state: dict[str, Any], trained: str, images: str) -> float:
    """The mean over the seeds of the accuracy after the last epoch."""
    seeds = state["dataset_seed"][trained]
    trials = [state["all_results"][trained, seed] for seed in seeds]
    if not trials or any(trial["epochs"] != _EPOCHS for trial in trials):
        raise ValueError(f"{trained} was not trained for {_EPOCHS} epochs")
    last = f"{images}@{_EPOCHS - 1}"
    return sum(float(trial["eval_acc1es"][last]) for trial in trials) / len(trials)


def _load(path: pathlib.Path) -> Any:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; {_ADVICE}") from error
    try:
        content = bz2.decompress(packed)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: damaged, unpack the archive again: {error}"
        ) from error
    try:
        return plain_pickle.loads(content)
    except ValueError as error:
        raise UsageError(f"{path}: {error}; {_ADVICE}") from error
