"""Searches that are made longer: their first result is set aside."""

from pathlib import Path

from gpt_nas_jax import workdir


def test_a_result_that_was_half_set_aside_stays_whole(tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "architecture.json").write_text("{}", encoding="utf-8")
    # The process was killed between two renamings.
    (tmp_path / "before-0").mkdir()
    (tmp_path / "before-0" / "result.json").write_text("1", encoding="utf-8")
    workdir.set_aside(tmp_path)
    kept = tmp_path / "before-0"
    assert (kept / "result.json").read_text(encoding="utf-8") == "1"
    assert (kept / "best" / "architecture.json").exists()
    assert not (tmp_path / "best").exists()


def test_a_newer_result_replaces_one_that_was_set_aside(tmp_path: Path) -> None:
    for text in ("old", "new"):
        (tmp_path / "best").mkdir()
        (tmp_path / "best" / "name").write_text(text, encoding="utf-8")
        (tmp_path / "result.json").write_text(text, encoding="utf-8")
        workdir.set_aside(tmp_path)
    kept = tmp_path / "before-0"
    assert (kept / "result.json").read_text(encoding="utf-8") == "new"
    assert (kept / "best" / "name").read_text(encoding="utf-8") == "new"
