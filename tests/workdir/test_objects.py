"""Objects of stores: created once, complete, and listed as soon as they exist."""

import importlib
import pathlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stores_support import KINDS, environment, serving

from gpt_nas_jax.types import UsageError
from gpt_nas_jax.workdir.objects import Objects

SERVERS = [pytest.param(kind, marks=pytest.mark.long) for kind in KINDS]


@pytest.fixture(params=["memory", *SERVERS], scope="module")
def objects(request: pytest.FixtureRequest) -> Iterator[Objects]:
    if request.param == "memory":
        yield Objects("memory://objects/run")
        return
    with serving(request.param) as server, environment(server):
        yield Objects(server.url("objects/run"))


def test_one_of_many_makes_an_object(objects: Objects):
    with ThreadPoolExecutor(8) as threads:
        for number in range(5):
            name = f"made/{number}"
            data = [b"%d" % thread for thread in range(8)]
            made = list(threads.map(lambda one, n=name: objects.create(n, one), data))
            assert made.count(True) == 1
            kept = objects.read(name)
            assert kept == data[made.index(True)]
            # A retry after a lost answer counts as having created it.
            assert objects.create(name, kept)
            assert not objects.create(name, b"other")


@pytest.mark.parametrize(
    "data", [b"", b"\r", b"a\r\n", b"\n\n\r", bytes(range(256)), bytes(6 * 2**20)]
)
def test_files_come_back_as_they_were(
    objects: Objects, tmp_path: pathlib.Path, data: bytes
):
    (tmp_path / "sent").write_bytes(data)
    for _ in range(2):
        objects.upload({"a/b": tmp_path / "sent", "c": tmp_path / "sent"})
    found = tmp_path / "found"
    objects.download({"a/b": found / "d" / "e", "c": found / "c"})
    assert (found / "d" / "e").read_bytes() == (found / "c").read_bytes() == data
    assert objects.read("a/b") == data


def test_names_are_those_of_a_folder(objects: Objects):
    objects.create("names/1", b"")
    objects.create("names/2/3", b"")
    objects.create("names2", b"")
    assert objects.names("names") == ["names/1", "names/2/3"]
    assert {"names/1", "names2"} <= set(objects.names())
    assert objects.names("nothing") == []
    objects.remove(["names/1", "names/nothing"])
    assert objects.names("names") == ["names/2/3"]
    assert objects.read("names/1") is None


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_bucket_is_named_in_one_line(kind: str):
    with serving(kind) as server, environment(server):
        objects = Objects(f"{kind}://other/run")
        assert objects.names() == []
        with pytest.raises(UsageError, match=f"^{kind}://other/run cannot be us") as e:
            objects.create("a", b"")
    assert "\n" not in str(e.value)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    # The registry keeps the class if another test has used it.
    known = importlib.import_module("fsspec.registry")._registry
    monkeypatch.delitem(known, "gs", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'gpt_nas_jax\[gcs\]'") as e:
        Objects("gs://bucket/run")
    assert "\n" not in str(e.value)
