"""Settings of the stages that use a network that was trained."""

import dataclasses
import os
from collections.abc import Iterator

from gpt_nas_jax.config.setting import Section, setting


@dataclasses.dataclass(frozen=True)
class PredictConfig(Section):
    """Pictures that the network in --workdir is asked about."""

    files: str = setting(
        "",
        "Comma-separated pictures and folders of pictures; they are prepared as in "
        "training.",
        result=False,
    )
    out: str = setting(
        "",
        "The .csv file to write, a row for each picture: its five most probable "
        "classes, or why it cannot be read; default: print a table.",
        result=False,
        path=True,
    )

    def paths(self) -> tuple[str, ...]:
        """The files one by one; one that is named with its commas is a single file."""
        if os.path.exists(self.files):
            return (self.files,)
        return tuple(filter(None, self.files.split(",")))

    def problems(self) -> Iterator[str]:
        """Yields a line for each contradiction among these settings."""
        if not self.paths():
            yield "--stage=predict needs --predict_files, pictures or folders of them"
        if self.out and not self.out.endswith(".csv"):
            yield f"--predict_out={self.out} must end with .csv"
