"""NATS-Bench read from a synthetic release."""

import pathlib

import nats_support
import numpy as np
import pytest

from gpt_nas_jax.datasets.benchmarks import nasbench201, nats_bench
from gpt_nas_jax.types import UsageError

pytestmark = pytest.mark.slow

FIRST = "000000.pickle.pbz2"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("NATS-tss-simple")
    nats_support.release(folder)
    return folder


@pytest.fixture
def release(whole):
    """The release; a test may change its meta file and first cell."""
    kept = {name: (whole / name).read_bytes() for name in ("meta.pickle.pbz2", FIRST)}
    yield whole
    for name, content in kept.items():
        (whole / name).write_bytes(content)


def mean(index: int, training: str, images: str) -> float:
    seeds, _ = nats_support.TRAININGS[training]
    values = [nats_support.accuracy(index, training, s, images) for s in seeds]
    return float(np.mean(values))


@pytest.mark.long
def test_a_release(release):
    counted = []
    benchmark = nats_bench.read(release, lambda: counted.append(1))
    assert len(counted) == len(benchmark) == 15_625
    for i in (0, 1, 4711, 15_624):
        assert nasbench201.to_string(benchmark.ops[i]) == nats_support.NAMES[i]
        assert benchmark.valid[:, i] == pytest.approx(
            [
                mean(i, "cifar10-valid", "x-valid"),
                mean(i, "cifar100", "x-valid"),
                mean(i, "ImageNet16-120", "x-valid"),
            ]
        )
        assert benchmark.test[:, i] == pytest.approx(
            [
                mean(i, "cifar10", "ori-test"),
                mean(i, "cifar100", "x-test"),
                mean(i, "ImageNet16-120", "x-test"),
            ]
        )


def refused(release: pathlib.Path, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        nats_bench.read(release)
    assert "\n" not in str(caught.value)
    assert str(release) in str(caught.value)


def test_a_folder_of_something_else_is_refused(tmp_path):
    refused(tmp_path, "cannot read .*meta.pickle.pbz2: No such file")
    (tmp_path / "meta.pickle.pbz2").write_bytes(b"PK\x03\x04")
    refused(tmp_path, "damaged, unpack")
    for value in ([], {}, {"meta_archs": [1]}, {"meta_archs": "|none~0|"}):
        nats_support.save(tmp_path / "meta.pickle.pbz2", value)
        refused(tmp_path, "no list meta_archs")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (nats_support.NAMES[:-2], "2 of the 15625 cells are missing"),
        ([*nats_support.NAMES, nats_support.NAMES[5]], "1 of .* cells are duplicated"),
        (["32:32:64:64:8", *nats_support.NAMES], "'32:32:64:64:8' is not a cell"),
    ],
)
def test_other_cells_are_refused_before_any_is_read(tmp_path, names, message):
    nats_support.save(tmp_path / "meta.pickle.pbz2", {"meta_archs": names})
    refused(tmp_path, message)


def test_missing_files_are_refused_before_any_is_read(release, tmp_path):
    meta = (release / "meta.pickle.pbz2").read_bytes()
    (tmp_path / "meta.pickle.pbz2").write_bytes(meta)
    (tmp_path / FIRST).write_bytes(b"damaged")
    refused(tmp_path, r"15624 of 15625 files are missing, such as 000001\.pickle")


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_cell_is_refused(release, kept):
    content = (release / FIRST).read_bytes()
    (release / FIRST).write_bytes(content[: int(kept * len(content))])
    refused(release, FIRST)


@pytest.mark.parametrize("place", [0.0, 0.005, 0.1, 0.5, 0.9])
def test_a_changed_byte_of_a_cell_is_refused(release, place):
    content = bytearray((release / FIRST).read_bytes())
    content[int(place * len(content))] ^= 0x10
    (release / FIRST).write_bytes(content)
    refused(release, f"{FIRST}: damaged")


class Malicious:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["meta.pickle.pbz2", FIRST])
def test_a_malicious_pickle_is_refused_and_not_run(release, tmp_path, name):
    made = tmp_path / "made"
    nats_support.save(release / name, {"200": Malicious(made)})
    refused(release, rf"{name}.*it names (pathlib\S*|builtins)\.")
    assert not made.exists()


def without(key: str):
    def change(state) -> None:
        del state[key]

    return change


def trials_with(**changes):
    def change(state) -> None:
        for trial in state["all_results"].values():
            trial.update(changes)

    return change


FAULTS = {
    "another cell": (lambda s: s.update(arch_str=nats_support.NAMES[1]), "it is of"),
    "no results": (without("all_results"), "no 'all_results'"),
    "no seeds": (lambda s: s["dataset_seed"].update(cifar100=[]), "cifar100 was not"),
    "missing seed": (lambda s: s["dataset_seed"].update(cifar100=[1]), "cifar100"),
    "no data set": (lambda s: s["dataset_seed"].pop("cifar10-valid"), "cifar10-valid"),
    "fewer epochs": (trials_with(epochs=12), "not trained for 200 epochs"),
    "no last epoch": (trials_with(eval_acc1es={"x-valid@198": 1.0}), "x-valid@199"),
    "no numbers": (trials_with(eval_acc1es=None), "NoneType"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_a_cell_of_other_content_is_refused(release, fault, message):
    state = nats_support.state(0, 200)
    fault(state)
    nats_support.save(release / FIRST, {"200": state})
    refused(release, f"{FIRST}.*{message}")


@pytest.mark.parametrize("value", [[], None, {"12": {}}, {"200": 3}])
def test_another_kind_of_cell_is_refused(release, value):
    nats_support.save(release / FIRST, value)
    refused(release, FIRST)
