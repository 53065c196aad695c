"""The files of a report: written to a folder, then shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gpt_nas_jax import workdir


def write(folder: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Writes files by their names, each whole or not at all.

    Args:
      folder: created if missing.
      contents: name -> content; text is written in UTF-8.

    Returns:
      The files, in the order of ``contents``.
    """
    for name, content in contents.items():
        data = content.encode() if isinstance(content, str) else content
        workdir.write_bytes(folder / name, data)
    return [folder / name for name in contents]


def show(files: Sequence[Path]) -> None:
    """Prints the Markdown among the files of a report, then the paths of all."""
    for file in files:
        if file.suffix == ".md":
            print(file.read_text(encoding="utf-8"))
    print("written:", ", ".join(map(workdir.shown, files)))
