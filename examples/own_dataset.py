r"""A search on a data set of your own, in one file: coloured shapes drawn by NumPy.

    PYTHONPATH=examples python -m gpt_nas_jax.main --data_name=own_dataset:load \
        --workdir=runs/shapes --search_strategy=regularised_evolution \
        --search_population=4 --search_generations=3 --search_batch=4 \
        --space_min_depth=2 --space_max_depth=4 --space_num_stages=2 \
        --eval_epochs=4 --eval_batch=32 --eval_learning_rate=0.05 --eval_pad=1 \
        --retrain_epochs=20 --retrain_batch=32 --retrain_learning_rate=0.05 \
        --retrain_pad=1

Expect 1 to 2 minutes on 2 CPU cores, 12 candidates, and a test accuracy above 0.95.

`--data_name=module:name` names a function of one argument, the source: its `dir` is
`--data_dir` and its `side` is `--data_side`, if given. It returns a `Dataset`, which is
validated before the search begins.
"""

import numpy as np

from gpt_nas_jax.datasets import Dataset, Images, Source, with_test

CLASSES = ("disc", "square", "cross")
COUNT = 600
SIDE = 16


def load(source: Source) -> Dataset:
    """Draws 600 images of 16x16x3 in 3 classes; a fifth of each is for testing.

    Nothing is read, so ``source.dir`` is not used.
    """
    random = np.random.default_rng(0)
    labels = np.arange(COUNT) % len(CLASSES)
    images = np.stack([draw(random, CLASSES[label]) for label in labels])
    shapes = Images(images, labels)
    return with_test("shapes", len(CLASSES), shapes, flip=True, classes=CLASSES)


def draw(random: np.random.Generator, shape: str) -> np.ndarray:
    """One shape of random colour, size and place on noise, ``uint8[16, 16, 3]``."""
    radius = random.uniform(3, 5.5)
    centre = random.uniform(radius, SIDE - 1 - radius, 2)
    y, x = np.abs(np.indices((SIDE, SIDE)) - centre[:, None, None])
    inside = {
        "disc": y**2 + x**2 <= radius**2,
        "square": np.maximum(y, x) <= 0.85 * radius,
        "cross": (np.minimum(y, x) <= radius / 3) & (np.maximum(y, x) <= radius),
    }[shape]
    colour = random.uniform(100, 256, 3)
    image = np.where(inside[..., None], colour, random.uniform(0, 60, 3))
    image += random.normal(0, 12, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)
