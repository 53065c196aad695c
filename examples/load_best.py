"""The network that a run has found: loaded, and asked about images.

    python -m gpt_nas_jax.main --flagfile=launch/digits.flags
    python examples/load_best.py runs/digits

Asks it about the test images of scikit-learn's digits.
"""

import sys

import jax
import numpy as np

import gpt_nas_jax as gnj


def main(path: str) -> float:
    """Prints and returns the share of right answers."""
    run = gnj.load(path)
    network, weights = run.network
    said, test = run.architecture, gnj.datasets.load("digits").test
    pixels = test.pixels().astype(np.float32) / 255
    x = (pixels - np.array(said["mean"])) / np.array(said["std"])
    logits = jax.jit(lambda w, x: network.apply(w, x, train=False))(weights, x)
    right = float((np.argmax(logits, -1) == test.labels).mean())
    print(f"{said['params']:,} parameters: {' '.join(said['blocks'])}")
    print(f"{right:.4f} of {len(test)} test images right")
    return right


if __name__ == "__main__":
    main(*sys.argv[1:])
