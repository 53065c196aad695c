"""User images in an ``.npz`` file of arrays."""

import pathlib

import numpy as np

from gpt_nas_jax.datasets.benchmarks import compact
from gpt_nas_jax.datasets.images import Dataset, Images, with_test
from gpt_nas_jax.datasets.source import Source
from gpt_nas_jax.types import UsageError

_NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
"""As in files of Keras and MedMNIST."""

_MOST_CLASSES = 1_000_000
_EXPECTED = " or ".join(", ".join(names) for names in _NAMES)


def load(source: Source) -> Dataset:
    """Reads the arrays `_NAMES` of a file; other arrays are ignored.

    Images are ``uint8[N, H, W]`` or ``uint8[N, H, W, C]`` with C 1 or 3, labels
    integers ``[N]`` or ``[N, 1]`` from 0 to K - 1. Without test arrays, a fifth of each
    class is held out, the same in every run.

    Raises:
      UsageError: the file cannot be read, lacks an array, or an array holds Python
        objects or has the wrong type or shape.
    """
    path = source.dir
    try:
        held = compact.load(path, [name for names in _NAMES for name in names])
    except compact.ObjectsError as error:
        raise UsageError(
            f"{path} holds Python objects, not numbers, in {', '.join(error.names)}; "
            "save images as one uint8 array [N, H, W, C], labels as integers [N]"
        ) from error
    names = next((names for names in _NAMES if {*names[:2]} <= held.keys()), None)
    if names is None:
        raise UsageError(f"{path} should hold the arrays {_EXPECTED}")
    test_there = [name for name in names[2:] if name in held]
    if len(test_there) == 1:
        raise UsageError(
            f"{path} holds {test_there[0]} without the other of {names[2:]}"
        )
    train = _images(path, names[:2], held)
    num_classes = int(train.labels.max()) + 1
    missing = np.setdiff1d(np.arange(num_classes), train.labels)
    if len(missing) or num_classes < 2:
        raise UsageError(
            f"{path}: {names[1]} should name two or more classes, 0 to K - 1, each of "
            f"them; the highest is {num_classes - 1} and {len(missing)} are missing"
        )
    if not test_there:
        return with_test("npz", num_classes, train, flip=True)
    test = _images(path, names[2:], held)
    if test.images.shape[1:] != train.images.shape[1:]:
        raise UsageError(
            f"{path}: images of {names[0]} are {train.images.shape[1:]}, of {names[2]} "
            f"{test.images.shape[1:]}"
        )
    if not {*np.unique(test.labels)} <= {*np.unique(train.labels)}:
        raise UsageError(f"{path}: {names[3]} names classes that {names[1]} does not")
    return Dataset("npz", num_classes, train, test, flip=True)


def _images(
    path: pathlib.Path, names: tuple[str, ...], held: dict[str, np.ndarray]
) -> Images:
    (x_name, y_name), (x, y) = names, (held[name] for name in names)
    if x.dtype != np.uint8 or x.ndim not in (3, 4) or 0 in x.shape:
        raise UsageError(
            f"{path}: {x_name} is {x.dtype}{x.shape}; images are uint8 [N, H, W] or "
            "[N, H, W, C], 0 to 255"
        )
    x = x[..., None] if x.ndim == 3 else x
    if x.shape[-1] not in (1, 3):
        raise UsageError(
            f"{path}: {x_name} is {x.dtype}{x.shape}; the last axis holds channels, 1 "
            "or 3 of them"
        )
    if y.dtype.kind not in "iu" or y.shape not in ((len(x),), (len(x), 1)):
        raise UsageError(
            f"{path}: {y_name} is {y.dtype}{y.shape}; labels are integers [{len(x)}], "
            "one for each image"
        )
    if not 0 <= y.min() <= y.max() < _MOST_CLASSES:
        raise UsageError(f"{path}: {y_name} should hold classes, 0 to K - 1")
    return Images(x, y.reshape(-1).astype(np.int32))
