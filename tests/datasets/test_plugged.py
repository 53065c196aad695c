"""A user's own data set, named by import path."""

import dataclasses
import pathlib

import numpy as np
import pytest

from gpt_nas_jax import flags
from gpt_nas_jax.checks import check
from gpt_nas_jax.config import Config
from gpt_nas_jax.config.names import DATA_NAMES
from gpt_nas_jax.datasets import Dataset, Images, Source, registry, with_test
from gpt_nas_jax.datasets.plugged import accepted
from gpt_nas_jax.types import UsageError

MODULE = """
import numpy as np
from gpt_nas_jax.datasets import Dataset, Images, Source, with_test
from gpt_nas_jax.types import UsageError

def load(source: Source) -> Dataset:
    side = source.side or 4
    pixels = np.zeros((20, side, side, 3), np.uint8)
    labels = np.arange(20) % 2
    return with_test(source.dir.name, 2, Images(pixels, labels), flip=True)

def nothing(source): return None
def broken(source): return 1 / 0
def refuses(source): raise UsageError("no pictures today")
def unlabelled(source):
    pixels = np.zeros((9, 4, 4, 1), np.uint8)
    return with_test("x", 2, Images(pixels, np.zeros(8)), flip=True)
def of_no_source(): return None
number = 3
"""


@pytest.fixture
def module(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"data_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def loaded(*arguments: str) -> Dataset:
    config = flags.parse(["main", *arguments])
    assert isinstance(config, Config)
    check(config)
    data = config.data
    return registry.load(data.name, data.dir, side=data.side, flip=data.flip)


def test_flags_name_a_loader_and_reach_it(module: str):
    dataset = loaded(
        f"--data_name={module}:load",
        "--data_dir=some/where",
        "--data_side=6",
        "--data_flip=no",
    )
    assert (dataset.name, dataset.num_classes, dataset.flip) == ("where", 2, False)
    assert dataset.train.size == (6, 6, 3)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert dataset.train.labels.dtype == np.int32
    # No folder is required.
    assert loaded(f"--data_name={module}:load").train.size == (4, 4, 3)


def test_settings_name_what_the_registry_holds():
    assert tuple(registry.LOADERS) == DATA_NAMES


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", ":nothing returned NoneType, not gpt_nas_jax.datasets.Dataset"),
        ("broken", r":broken raised ZeroDivisionError: division by zero \(.*line 13\)"),
        ("refuses", "^no pictures today$"),
        ("unlabelled", r"data set x: labels are float64\[8\]; give integers \[9\]"),
        ("of_no_source", ":of_no_source must take one argument, the Source"),
        ("number", ":number is int, not a function of a Source"),
        ("absent", "has no absent"),
    ],
)
def test_what_is_no_loader_of_a_data_set_is_refused(module, name, message):
    with pytest.raises(UsageError, match=message) as raised:
        loaded(f"--data_name={module}:{name}")
    assert "\n" not in str(raised.value)


PIXELS, LABELS = np.zeros((6, 4, 4, 3), np.uint8), np.arange(6) % 3
GOOD = Dataset("own", 3, Images(PIXELS, LABELS), Images(PIXELS, LABELS), flip=False)
BAD = {
    "no test": ({"test": None}, "x: test is NoneType, not gpt_nas_jax.datasets.Images"),
    "no classes": ({"num_classes": 1}, "x: num_classes is 1; give 2 or more"),
    "flip": ({"flip": "no"}, "x: flip is 'no'; give True or False"),
    "names": ({"classes": ("a", "b")}, "x: classes is ('a', 'b'); give a tuple of 3"),
    "no names": ({"classes": (1, 2, 3)}, "give a tuple of 3 names, or ()"),
    "floats": (
        {"train": Images(PIXELS / 255, LABELS)},
        "x: train: images are float64[6, 4, 4, 3]; give uint8[N, H, W, C]",
    ),
    "no channels": (
        {"train": Images(PIXELS[..., 0], LABELS)},
        "x: train: images are uint8[6, 4, 4]; give uint8[N, H, W, C]",
    ),
    "none": (
        {"test": Images(PIXELS[:0], LABELS[:0])},
        "x: test: images are uint8[0, 4, 4, 3]; give",
    ),
    "list": (
        {"train": Images([PIXELS], LABELS)},
        "x: train: images are list; give a NumPy array",
    ),
    "few labels": (
        {"test": Images(PIXELS, LABELS[:5])},
        "x: test: labels are int64[5]; give integers [6]",
    ),
    "high labels": (
        {"test": Images(PIXELS, LABELS + 1)},
        "x: test: labels go from 1 to 3; give 0 to 2, the 3 classes",
    ),
    "negative labels": ({"train": Images(PIXELS, LABELS - 1)}, "go from -1 to 1"),
    "one class": (
        {"train": Images(PIXELS, LABELS * 0)},
        "x: all labels of train are of one class",
    ),
    "two sizes": (
        {"test": Images(PIXELS[:, 1:], LABELS)},
        "x: images of train are 4x4x3, of test 3x4x3; give all one size",
    ),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_a_part_that_cannot_be_used_is_named(changes, message):
    with pytest.raises(UsageError) as raised:
        accepted("x", dataclasses.replace(GOOD, **changes))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


STREAM = {
    "labels": LABELS,
    "size": (4, 4, 3),
    "__len__": lambda self: 6,
    **{name: lambda self: None for name in ("take", "pixels", "moments", "highest")},
    **{name: lambda self: None for name in ("plain", "augmented", "whole")},
}


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("missing", STREAM)
def test_a_stream_that_lacks_a_part_is_refused_in_one_line(part: str, missing: str):
    rest = {name: value for name, value in STREAM.items() if name != missing}
    for members, fits in ((STREAM, True), (rest, False)):
        changed = dataclasses.replace(GOOD, **{part: type("Own", (), members)()})
        if fits:
            assert len(getattr(accepted("x", changed), part)) == 6
            continue
        with pytest.raises(UsageError) as raised:
            accepted("x", changed)
        assert str(raised.value) == (
            f"x: {part} is Own, not gpt_nas_jax.datasets.Images; as a stream it lacks "
            f"{missing}"
        )


def test_the_data_set_itself_is_kept():
    found = accepted("x", GOOD)
    assert found.train.images is PIXELS
    assert found.train.labels.tolist() == LABELS.tolist()
    assert found.test.labels.dtype == np.int32


def test_public_names_are_what_loaders_are_made_of():
    source = Source(pathlib.Path("here"))
    assert (source.side, source.workers) == (0, 0)
    dataset = with_test(
        "own", 3, Images(np.repeat(PIXELS, 3, 0), np.arange(18) % 3), True
    )
    assert accepted("x", dataset).num_classes == 3
