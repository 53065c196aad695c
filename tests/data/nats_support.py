"""A writer of NATS-Bench releases that shares nothing with the package's reader."""

import bz2
import collections
import itertools
import pathlib
import pickle
import random
from typing import Any

import numpy as np

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NAMES = [
    f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    for a, b, c, d, e, f in itertools.product(OPERATIONS, repeat=6)
]
random.Random(88).shuffle(NAMES)

# What was trained on: the seeds and the images that were evaluated.
TRAININGS = {
    "cifar10-valid": ([777, 888, 999], ["x-valid", "ori-test"]),
    "cifar10": ([777, 888, 999], ["ori-test"]),
    "cifar100": ([777, 999], ["x-valid", "x-test", "ori-test"]),
    "ImageNet16-120": ([777], ["x-valid", "x-test", "ori-test"]),
}


def accuracy(index: int, training: str, seed: int, images: str) -> float:
    """Some accuracy in [0, 100), another one for each of all these."""
    return random.Random(f"{index} {training} {seed} {images}").random() * 100


def state(index: int, epochs: int) -> dict[str, Any]:
    """What is known of one cell, trained for 12 or 200 epochs."""
    results = {}
    for training, (seeds, evaluated) in TRAININGS.items():
        for seed in seeds:
            accuracies = {}
            for images in evaluated:
                last = accuracy(index, training, seed, images)
                accuracies[f"{images}@{epochs - 2}"] = last / 2
                accuracies[f"{images}@{epochs - 1}"] = last if epochs == 200 else 1.5
            results[training, seed] = {
                "name": training,
                "net_state_dict": None,
                "train_acc1es": collections.OrderedDict({epochs - 1: 99.5}),
                "arch_config": {"channel": 16, "arch_str": NAMES[index]},
                "params": np.float64(0.25),
                "seed": str(seed),
                "epochs": epochs,
                "latency": [0.01],
                "eval_names": evaluated,
                "eval_acc1es": accuracies,
                "eval_times": {},
                "eval_losses": dict.fromkeys(accuracies, 0.5),
            }
    return {
        "arch_index": index,
        "arch_str": NAMES[index],
        "all_results": results,
        "dataset_seed": {name: seeds for name, (seeds, _) in TRAININGS.items()},
        "clear_net_done": True,
    }


def save(path: pathlib.Path, value: Any) -> None:
    # The least of bz2's blocks: a test writes 15,625 files.
    path.write_bytes(bz2.compress(pickle.dumps(value, 4), 1))


def cell(index: int) -> dict[str, Any]:
    """What the file of one cell holds."""
    return collections.OrderedDict({"12": state(index, 12), "200": state(index, 200)})


def release(folder: pathlib.Path) -> None:
    """Writes a whole release."""
    meta = {"meta_archs": NAMES, "total_archs": len(NAMES), "arch2infos": None}
    save(folder / "meta.pickle.pbz2", meta | {"evaluated_indexes": set()})
    for i in range(len(NAMES)):
        save(folder / f"{i:06d}.pickle.pbz2", cell(i))
