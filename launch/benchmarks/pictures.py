"""Writes a folder of PNG pictures by class from CIFAR-10, with unequal classes.

    python launch/benchmarks/pictures.py --data_dir=DIR --out=pictures \
        --classes=airplane:1428,bird:429,cat:143
    python -m gpt_nas_jax.main --flagfile=launch/folder.flags --data_dir=pictures

The pictures are the first of each class among the training images, and the same share
of each class among the test images.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gpt_nas_jax.datasets import registry

_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_TRAIN = 5000
"""Training images of each class of CIFAR-10."""


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data_dir", required=True, help="of CIFAR-10, as TFDS has it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--classes", default="airplane:1428,bird:429,cat:143")
    args = parser.parse_args(argv[1:])
    dataset = registry.load("cifar10", args.data_dir)
    for text in args.classes.split(","):
        name, number = text.split(":")
        label = _NAMES.index(name)
        for part, images in (("train", dataset.train), ("test", dataset.test)):
            rows = np.flatnonzero(images.labels == label)
            count = round(int(number) * len(rows) / _TRAIN)
            folder = args.out / part / name
            folder.mkdir(parents=True, exist_ok=True)
            for place, row in enumerate(rows[:count]):
                Image.fromarray(images.images[row]).save(folder / f"{place:04d}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
