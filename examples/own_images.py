"""The whole method on your own images, from Python.

    python examples/own_images.py

Draws 240 pictures of three shapes into a folder, searches for a network, trains it and
tests it. With these small settings it takes about a minute on 2 CPU cores.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import gpt_nas_jax as gnj

SHAPES = ("circle", "cross", "square")


def draw(folder: Path, count: int, side: int = 16) -> None:
    """Writes train/<shape>/*.png and test/<shape>/*.png, count of each shape."""
    random = np.random.default_rng(0)
    for index in range(count):
        part = "test" if index % 4 == 0 else "train"
        for shape in SHAPES:
            picture = Image.new("RGB", (side, side), _colour(random, 0, 100))
            pen, colour = ImageDraw.Draw(picture), _colour(random, 150, 256)
            x, y = random.integers(1, side - 11, 2).tolist()
            box = (x, y, x + 9, y + 9)
            if shape == "circle":
                pen.ellipse(box, fill=colour)
            elif shape == "square":
                pen.rectangle(box, fill=colour)
            else:
                pen.line(box, fill=colour, width=3)
                pen.line((x, y + 9, x + 9, y), fill=colour, width=3)
            path = folder / part / shape
            path.mkdir(parents=True, exist_ok=True)
            picture.save(path / f"{index}.png")


def _colour(random: np.random.Generator, low: int, high: int) -> tuple[int, ...]:
    return tuple(random.integers(low, high, 3).tolist())


def settings(images: Path, workdir: Path) -> gnj.Config:
    """The settings, by the names of their flags: see docs/flags.md."""
    return gnj.configure(
        workdir=workdir,
        data_name="folder",
        data_dir=images,
        space_min_depth=2,
        space_max_depth=4,
        space_num_stages=2,
        search_strategy="random",
        search_batch=3,
        search_population=3,
        search_generations=2,
        eval_epochs=2,
        eval_batch=32,
        eval_learning_rate=0.05,
        eval_trained_blocks="all",
        retrain_epochs=20,
        retrain_batch=32,
        retrain_learning_rate=0.05,
    )


def main(folder: Path) -> gnj.Run:
    """Draws, searches, trains and tests; returns the run."""
    draw(folder / "images", count=80)
    run = gnj.run(settings(folder / "images", folder / "run"))
    best = run.search.best
    print(f"best of {len(run.search)}: {' '.join(best.details['blocks'])}")
    print(f"test accuracy {run.result['retrain']['test_accuracy']:.4f}")
    return run


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
