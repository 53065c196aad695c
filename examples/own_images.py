"""The whole method on images of one's own, from Python.

    python examples/own_images.py

Draws 240 pictures of three shapes into a folder, searches a network for them, trains it
and tests it: the settings are small, so that it takes about a minute on 2 CPU cores.
"""

import dataclasses
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
    """The settings that the flags ``--<section>_<field>`` make on the command line."""
    config = gnj.Config(workdir=str(workdir))
    replace = dataclasses.replace
    return replace(
        config,
        data=replace(config.data, name="folder", dir=str(images)),
        space=replace(config.space, min_depth=2, max_depth=4, num_stages=2),
        search=replace(
            config.search, strategy="random", batch=3, population=3, generations=2
        ),
        eval=replace(
            config.eval,
            recipe=replace(config.eval.recipe, epochs=2, batch=32, learning_rate=0.05),
            trained_blocks="all",
        ),
        retrain=replace(
            config.retrain,
            recipe=replace(
                config.retrain.recipe, epochs=20, batch=32, learning_rate=0.05
            ),
        ),
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
