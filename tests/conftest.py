"""Fixtures that the whole test suite shares."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """The folder with NAS-Bench-101 and CIFAR-10, beside the checkout."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"needs the data folder {path.name} beside the checkout")
    return path
