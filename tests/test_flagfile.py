"""Flagfiles as different editors save them, in any locale."""

import os
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config, fields
from gpt_nas_jax.main import main
from gpt_nas_jax.types import UsageError

ROOT = pathlib.Path(__file__).resolve().parents[1]


def parse(*arguments: str) -> Config:
    config = flags.parse(["main", *arguments])
    assert isinstance(config, Config)
    return config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("flagfiles")


lines = st.sampled_from(
    [
        "",
        "  \t",
        "# --seed=1",
        "   # --seed=1",
        "\t// --seed=1",
        "#--flagfile=no/such.flags",
    ]
)


@given(
    st.permutations(["--seed=3", "--data_dir=/tmp/a b/唐", "  --eval_epochs=9 "]),
    st.lists(lines, min_size=4, max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
)
def test_marks_comments_white_space_and_line_ends_change_nothing(
    folder: pathlib.Path,
    said: list[str],
    between: list[str],
    end: str,
    mark: bool,
    ended: bool,
):
    text = end.join([*sum(zip(between, said, strict=False), ()), between[-1]])
    encoded = (text + end * ended).encode("utf-8-sig" if mark else "utf-8")
    path = folder / "own.flags"
    path.write_bytes(encoded)
    expected = parse("--seed=3", "--data_dir=/tmp/a b/唐", "--eval_epochs=9")
    for argument in (f"--flagfile={path}", f"-flagfile={path}"):
        assert parse(argument) == expected
    for option in ("--flagfile", "-flagfile"):
        assert parse(option, str(path), "--stage=all") == expected


def test_separators_that_end_no_line_of_a_text_file_are_part_of_a_value(
    folder: pathlib.Path,
):
    path, config = folder / "odd.flags", parse("--data_dir=a\u2028b\x85c\x0bd\x1ce")
    path.write_text(fields.to_text(config), encoding="utf-8")
    assert parse(f"--flagfile={path}") == config


def test_nested_files_are_relative_to_the_current_directory(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "deep").mkdir()
    outer, inner = tmp_path / "outer.flags", tmp_path / "deep" / "inner.flags"
    outer.write_bytes(b"--seed=2\n--flagfile=deep/inner.flags\r\n--eval_epochs=8\n")
    inner.write_bytes(b"\xef\xbb\xbf--seed=3\n--eval_epochs=9\n")
    monkeypatch.chdir(tmp_path)
    # Including the same file twice is not a loop.
    twice = ("--flagfile=outer.flags", "--flagfile=outer.flags")
    assert parse(*twice) == parse("--seed=3", "--eval_epochs=8")
    monkeypatch.setenv("HOME", str(tmp_path / "deep"))
    assert parse("--flagfile=~/inner.flags").seed == 3


def test_what_follows_two_dashes_is_no_flagfile():
    with pytest.raises(UsageError, match="unexpected argument '--flagfile=no/such'"):
        parse("--seed=3", "--", "--flagfile=no/such")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_loop_of_flagfiles_is_refused(tmp_path: pathlib.Path, length: int):
    paths = [tmp_path / f"{number}.flags" for number in range(length)]
    for path, following in zip(paths, paths[1:] + paths[:1], strict=True):
        path.write_text(f"--seed=1\n--flagfile={following}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="includes itself, by way of") as raised:
        parse(f"--flagfile={paths[0]}")
    assert all(str(path) in str(raised.value) for path in paths)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "cannot be read: No such file"),
        ("folder", "cannot be read: Is a directory"),
        (b"\xff\xfe-\0-\0s\0", "is not UTF-8 text"),
        ("--data_dir=für".encode("latin-1"), "is not UTF-8 text"),
        (b"\x80\x02}", "is not UTF-8 text"),
        (b"--seed=1\n\0", "is not text"),
    ],
)
def test_a_flagfile_that_cannot_be_used_is_one_line_and_exit_code_2(
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | str | None,
    named: str,
    nested: bool,
):
    path, outer = tmp_path / "bad.flags", tmp_path / "outer.flags"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    outer.write_text(f"--flagfile={path}\n", encoding="utf-8")
    assert main(["main", f"--flagfile={outer if nested else path}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(path) in error
    assert named in error


@pytest.mark.parametrize(
    "arguments",
    [["--flagfile"], ["--flagfile="], ["--flagfile=  "], ["--flagfile", ""]],
)
def test_a_flagfile_without_a_name_is_refused(arguments: list[str]):
    with pytest.raises(UsageError, match="--flagfile names no file"):
        parse("--seed=1", *arguments)


def test_a_name_that_no_file_can_have_is_one_line():
    with pytest.raises(UsageError, match="cannot be read: File name too long") as told:
        parse(f"--flagfile={'n' * 300}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("flag", ["workdir", "data_dir"])
def test_parsing_takes_a_folder_that_cannot_exist(flag: str):
    assert parse(f"--{flag}=/tmp/{'n' * 300}") != Config()


SCRIPT = """
import os, sys
from gpt_nas_jax import flags
from gpt_nas_jax.config import fields
config = flags.parse(["main", *sys.argv[1:]])
text = fields.to_text(config).encode("utf-8")
sys.stdout.buffer.write(os.fsencode(config.data.dir) + b"\\n" + text)
"""


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        pytest.param({"LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"}, marks=pytest.mark.slow),
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "1"}, marks=pytest.mark.slow),
    ],
)
def test_a_flagfile_is_utf_8_in_every_locale(
    tmp_path: pathlib.Path, locale: dict[str, str]
):
    """A path keeps its bytes, from a flagfile or an argument, and when saved."""
    path, value = tmp_path / "唐.flags", "/tmp/a b/唐"
    path.write_text(f"# für 唐\n--data_dir={value}\n", encoding="utf-8")
    for argument in (f"--flagfile={path}", f"--data_dir={value}"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, argument],
            cwd=ROOT,
            env={**os.environ, **locale},
            capture_output=True,
            check=True,
        )
        first, _, text = done.stdout.partition(b"\n")
        assert first == value.encode("utf-8")
        assert f"\n--data_dir={value}\n" in text.decode("utf-8")
